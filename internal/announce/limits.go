package announce

import "time"

// Limits of what a server, a routing daemon and the store can make an announcement do.
const (
	// maxRoutes is how many routes one process announces: a node has a few service addresses.
	maxRoutes = 64
	// maxDoublings is how often the time is doubled that a server has to be well before it is
	// announced again: with 10 s, for ten minutes.
	maxDoublings = 6
	// ackTime is how long ExaBGP may take to read lines and to confirm them, which no check waits
	// longer for. The log has it then, and the lines are repeated every repeatTime in any case.
	ackTime = time.Second
	// repeatTime is how often the routing daemon is told again what holds: one that has restarted,
	// or that somebody has changed by hand, is right after that.
	repeatTime = 10 * time.Second
	// birdTime is how long BIRD may take for a command.
	birdTime = 2 * time.Second
	// maxReply is the longest line, in octets, that is read of a routing daemon.
	maxReply = 4096
	// permitTime is how long a permit of the fleet to be withdrawn is held without being renewed:
	// it is renewed at each check, and a node that dies gives it back by that.
	permitTime = 30 * time.Second
	// maxPermits is how many nodes of a fleet may be withdrawn at once, at most.
	maxPermits = 64
)
