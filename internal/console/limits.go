package console

import "time"

// Limits of those who may reach the admin listener or the control socket.
const (
	// maxConnections is the largest number of open connections of the admin listener, where a new
	// one displaces one without an operation, and of the control socket, where others wait.
	// A few scrapers and people are usual, and descriptors are needed for resolving. seatTime is
	// how long a connection has before: enough for requests that come all at once.
	maxConnections = 32
	seatTime       = 100 * time.Millisecond
	// maxHeader is the largest header of a request, in octets, and headerTime the longest time that
	// it may take.
	maxHeader  = 16 << 10
	headerTime = 5 * time.Second
	// idleTime is how long a connection is kept for the next request: scrapers come that often.
	idleTime = time.Minute
	// controlTimeout is the longest silence on a connection in which a request or a reply is under
	// way: that of an upgrade, with some room. An operation may take longer, of which the control
	// socket tells meanwhile, and so may a text of any length, of which each piece may take that
	// long.
	controlTimeout = 40 * time.Second
	// finishTime is how long the end of the process waits for operations in work.
	finishTime = time.Second

	// maxBody is the largest request for an operation, in octets: one that sets every forward zone
	// that a request may have, with room. bodyTime is the longest time that it may take.
	maxBody  = 64 << 10
	bodyTime = 10 * time.Second
	// maxText is the longest text of an argument, in octets: a name with every octet escaped is
	// 1,020 long. maxItems is how many items a list or a map may have, and maxValue how many octets
	// all of them.
	maxText  = 1024
	maxItems = 256
	maxValue = 32 << 10
	// maxLogged is how much of a value is in the audit line, in octets.
	maxLogged = 256

	// maxTokens is how many tokens a file may have, and minToken how many octets each has at least:
	// who guesses has no chance. maxTokenFile is how many octets of a file are read.
	maxTokens    = 256
	minToken     = 24
	maxToken     = 512
	maxTokenFile = 1 << 20
	// maxRefusedLines is how many refused requests are logged in a minute.
	maxRefusedLines = 10
)
