package guard

import "time"

// Limits of panics before the process ends.
const (
	// MaxPanics is how many panics within window end the process. It is more than one, so that a
	// packet that finds a fault in the code costs only its sender's query, and few, because a
	// process with damaged state panics with every query. It bounds the stacks in the log as well.
	MaxPanics = 10
	// window is the time within which panics are counted together.
	window = time.Minute

	// maxText is the longest text of a panic in the log, in bytes.
	maxText = 1 << 10
)
