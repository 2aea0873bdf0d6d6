package fleet

import "time"

// Limits of what a store, other nodes and clients can make a node wait for and hold.
const (
	// maxSecrets is how many secrets are accepted: the one that writes, and the one before it or
	// after it while they change.
	maxSecrets = 2
	// askTime is how long the store may take for one reply: one in the same data centre takes a
	// fiftieth of it.
	askTime = 10 * time.Millisecond
	// waitTime is how long a resolution waits for the store and for other nodes, all together: less
	// than a query to most servers takes.
	waitTime = 20 * time.Millisecond
	// pollTime is the pause between two looks for what another node resolves.
	pollTime = 2 * time.Millisecond
	// maxClaims is how many nodes resolve a question while others wait for them, and claimStep how
	// long the ones before have had when the next begins: one may have died, or be slow.
	maxClaims = 3
	claimStep = waitTime / maxClaims
	// LeaseTime is how long a claim is seen. Who has not resolved the question by then is not
	// waited for.
	LeaseTime = time.Second

	// maxAsks is how many questions to the store are under way; beyond it none is asked.
	maxAsks = 256
	// maxQueued is how many records wait to be written, maxQueuedBytes how many octets they have
	// together; others are dropped.
	maxQueued      = 4096
	maxQueuedBytes = 8 << 20
	// maxBatch is how many are written at once, and writeTime how long that may take.
	maxBatch  = 64
	writeTime = time.Second
	// maxRecord is the largest record, in octets: a message over TCP has no more, and most records
	// have 300.
	maxRecord = 64 << 10
	// minLife is the least time that a record has to live, to be written and to be read: less is
	// over before it is of use.
	minLife = 2 * time.Second
	// maxSkew is how far the clocks of two nodes may differ: a record that was stored later than
	// that is not used. Without NTP no clock is worse for long.
	maxSkew = 5 * time.Second

	// maxFailures is after how many failures in a row the store is not asked for a while:
	// breakFirst at first, then twice as long each time, up to breakMost.
	maxFailures = 5
	breakFirst  = time.Second
	breakMost   = 30 * time.Second
	// dialTime is how long a connection to the store may take, stallTime how long its replies may
	// be overdue until it is ended.
	dialTime  = time.Second
	stallTime = time.Second

	// leaveTime is the least time between two connections that are left because the store is a
	// replica, for the primary that may be at its address now.
	leaveTime = 5 * time.Second

	// maxHeard is how many octets of messages a node listens to in a second: more than a hundred
	// nodes have to say, each of which says some 60.
	maxHeard = 64 << 10
	// asideTime is how long the store may take for what no resolution waits for.
	asideTime = time.Second

	// maxFlushes is how many flushes are remembered one by one; further ones count for all names.
	maxFlushes = 64
)
