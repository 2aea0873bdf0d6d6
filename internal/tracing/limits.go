package tracing

import "time"

// Limits of what resolutions can make the exporter hold and send.
const (
	// maxQueued is how many resolutions wait to be sent; further ones are dropped. One has no more
	// events than the recorder keeps of it.
	maxQueued = 128
	// maxBatch is how many are sent at once.
	maxBatch = 32
	// maxBody is how many octets of a batch there are, before compression, when no further
	// resolution is added: proxies in front of collectors refuse more than 1 MiB (nginx's
	// client_max_body_size).
	maxBody = 512 << 10
	// maxPerSecond is how many resolutions are taken in a second: an attack fails thousands, which
	// are alike.
	maxPerSecond = 100
	// gatherTime is how long the first one waits for others.
	gatherTime = time.Second
	// sendTime is how long the receiver may take for a batch, and maxTries how often a batch is
	// sent that it cannot take now.
	sendTime = 10 * time.Second
	maxTries = 4
	// backoffFirst is the pause before a batch is sent again, doubling, and backoffMost the longest
	// that the receiver is granted.
	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
	// closeTime is how long the end of the server waits for what is not sent yet.
	closeTime = 2 * time.Second
	// maxResponse is how many octets of the receiver's response are read.
	maxResponse = 64 << 10
)
