package service

import "time"

// Limits of a hand-over.
const (
	// ReadyTime is how long a new process may take until it serves: certificates and zones are
	// loaded before that, the cache is not.
	ReadyTime = 30 * time.Second
	// releaseTime is how long it waits with QUIC for the process before.
	releaseTime = 10 * time.Second
)
