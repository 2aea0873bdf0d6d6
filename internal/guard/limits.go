package guard

import "time"

// Limits of what may go wrong before the process is given up.
const (
	// MaxPanics within window end the process. Ten: a packet that finds a fault in the code costs
	// its sender's query and no more, while a process that has lost a part of its state panics
	// with every query and is of no use to anybody. They bound the stacks in the log as well.
	MaxPanics = 10
	// window is the time in which they are counted.
	window = time.Minute

	// maxText bounds what a panic says of itself in the log, in octets.
	maxText = 1 << 10
)
