// Limits: what steps must not take.

package hook

import "time"

const (
	// MaxSteps is how many steps there may be: each is called for each question that memory does
	// not answer.
	MaxSteps = 16
	// slowTime is how long a call may take before it counts as slow: it holds up all whose packets
	// the same goroutine reads.
	slowTime = 5 * time.Millisecond
)
