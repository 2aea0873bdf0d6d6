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

	// settle is how long nothing more has to happen before a change of the network is reported, and
	// settleMost the longest time that it is held back: with a routing daemon there is always
	// something. pollEvery is how often the clocks are compared, and the network is looked at where
	// the system reports no changes; pollAnyway is how often where it does, as reports may be lost.
	settle     = 100 * time.Millisecond
	settleMost = time.Second
	pollEvery  = 2 * time.Second
	pollAnyway = 30 * time.Second
	// sleepLeast is how long the machine has to sleep for that to be a change: a stopped process
	// and a busy machine are not a sleep, but the two clocks are not read at once either.
	sleepLeast = 5 * time.Second
)
