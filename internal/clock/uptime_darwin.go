package clock

import "golang.org/x/sys/unix"

// uptimeClock is CLOCK_MONOTONIC, which here goes on while the machine sleeps, as
// mach_continuous_time does; Go's monotonic clock is mach_absolute_time, which does not.
const uptimeClock = unix.CLOCK_MONOTONIC
