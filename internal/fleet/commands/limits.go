package commands

import "time"

// Limits of what a store and other nodes can make a node hold, read and do.
const (
	// maxNodes is how many nodes a fleet may have: each has one of so many places in the store.
	maxNodes = 256
	// roundEvery is how often a node looks at the store, at all places.
	roundEvery = time.Second
	// maxHeeded is how many hints of others have a round begin in a second, besides the one that
	// comes anyway: forged ones cost no more.
	maxHeeded = 2
	// listenAgain is the pause before a node listens to hints again when the connection has ended.
	listenAgain = 5 * time.Second
	// freshTime is for how long what a node tells of itself is believed. Nothing that is older can
	// be replayed.
	freshTime = 15 * time.Second
	// maxSkew is how far the clocks of two nodes may differ: what is from later is not used.
	maxSkew = 5 * time.Second
	// greetTime is how long a node tells another one that it has heard of it.
	greetTime = time.Minute
	// goneTime is how long a node that is silent is listed.
	goneTime = 24 * time.Hour
	// headLife, journalLife and factsLife are how long the store keeps what a node writes, unless
	// it writes it again.
	headLife    = time.Minute
	journalLife = 7 * 24 * time.Hour
	factsLife   = 5 * time.Minute
	factsEvery  = 10 * time.Second

	// maxHead, maxJournal and maxFacts are the most octets of what a node tells of itself, of its
	// commands, and of what is broken there.
	maxHead    = 32 << 10
	maxJournal = 56 << 10
	maxFacts   = 56 << 10
	// maxCommands is how many commands of one node hold at once. Of more than maxOnce that hold for
	// no name of their own (flushes) the oldest two become one of everything.
	maxCommands = 128
	maxOnce     = 32
	// MaxLife is how long a command may hold: as long as a maintenance window ends ahead.
	MaxLife = 91 * 24 * time.Hour
	// maxArgs and maxArg are how many arguments a command has, and of how many octets.
	maxArgs = 16
	maxArg  = 1024
	// maxText is how long the name of a node, of who commands, or a reason is, in octets.
	maxText = 128
	// maxFailed is how many commands that failed here are told to others.
	maxFailed = 16
	// maxJournals is how many journals are read in one round.
	maxJournals = 8

	// ackTime is how long an operator waits for nodes to apply a command.
	ackTime = 4 * time.Second
	// repeatEvery is how often commands that a node lacks are written into the store again.
	repeatEvery = 2 * time.Second
	// gapTime is how long commands that others have may be missing until that is told.
	gapTime = 10 * time.Second

	// maxAudit is how many commands the audit trail has, and auditEvery how often it is saved for
	// acknowledgements alone.
	maxAudit   = 256
	auditEvery = 10 * time.Second

	// secretsEvery is how often clients' cookies and session tickets get another secret, and
	// secretsLead how long nodes have it before any uses it. secretsKept is how many are accepted.
	secretsEvery = 24 * time.Hour
	secretsLead  = 30 * time.Second
	secretsKept  = 3
	// secretsLease is how long a node has for making them; others wait that long.
	secretsLease = 20 * time.Second

	// maxIncidents is how many incidents a node tells others.
	maxIncidents = 100
)
