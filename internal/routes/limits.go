package routes

import "time"

// Limits of what is remembered of servers' addresses, which zones choose.
const (
	// remembered is how long a result is remembered: a machine that moves to another network sees
	// that within seconds.
	remembered = 5 * time.Second
	// maxRemembered is for how many addresses; those used least recently give way. Asking the
	// kernel again costs some microseconds.
	maxRemembered = 1024
)
