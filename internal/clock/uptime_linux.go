package clock

import "golang.org/x/sys/unix"

// uptimeClock counts suspends; CLOCK_MONOTONIC, which Go's is, does not.
const uptimeClock = unix.CLOCK_BOOTTIME
