package dnstap

import "time"

// MaxText is the most octets of the identity and of the version, which each message has.
const MaxText = 255

// Limits of what messages can make the sender hold, and of how long it waits.
const (
	// maxQueued is how many octets of messages wait for the writer; further messages are dropped.
	// The writer holds as many again at most. It is a tenth of a second of 100,000 queries a
	// second, with their answers.
	maxQueued = 4 << 20
	// gatherTime is how long the first message waits for others, and so how late a reader is.
	gatherTime = 50 * time.Millisecond
	// handshakeTime is how long a reader may take to accept the stream, and writeTime to take what
	// is written; then the connection is closed.
	handshakeTime = 5 * time.Second
	writeTime     = 5 * time.Second
	// backoffFirst and backoffMost are the pauses before a socket is tried again, doubling.
	backoffFirst = 250 * time.Millisecond
	backoffMost  = 8 * time.Second
	// closeTime is how long the end of the server waits for messages that are not written yet, and
	// for the reader to acknowledge the end of the stream.
	closeTime = 2 * time.Second
)
