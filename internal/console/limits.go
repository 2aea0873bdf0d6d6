package console

import "time"

// Limits of those who may reach the admin listener.
const (
	// maxConnections is the largest number of open connections of the admin listener; others wait.
	// A few scrapers and people are usual, and descriptors are needed for resolving.
	maxConnections = 32
	// maxHeader is the largest header of a request, in octets, and headerTime the longest time that
	// it may take.
	maxHeader  = 16 << 10
	headerTime = 5 * time.Second
	// idleTime is how long a connection is kept for the next request: scrapers come that often.
	idleTime = time.Minute
	// controlTimeout is the longest time of a command on the control socket: that of an upgrade,
	// with some room.
	controlTimeout = 40 * time.Second
)
