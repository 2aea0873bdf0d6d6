package querylog

import "time"

// Limits of what queries can make the log hold and write.
const (
	// maxWaiting is how many lines wait for the writer; further ones are dropped. A disk that
	// stands still for a tenth of a second loses nothing at 40,000 queries a second.
	maxWaiting = 4096
	// gatherTime is how long the first line waits for others.
	gatherTime = 20 * time.Millisecond
	// maxBatch is how many lines are written at once.
	maxBatch = 512
	// sendTime is how long a datagram may wait for a daemon that does not read, and retryTime how
	// long the log waits after an error before it opens a file or a socket again.
	sendTime  = time.Second
	retryTime = time.Second
	// closeTime is how long the end of the server waits for lines that are not written yet.
	closeTime = 2 * time.Second
)
