//go:build linux || darwin

package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime returns how long the machine has run, suspends included; false if that is unknown.
func uptime() (time.Duration, bool) {
	var t unix.Timespec
	if unix.ClockGettime(uptimeClock, &t) != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
