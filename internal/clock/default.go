//go:build !testclock

package clock

// Default returns the clock of this build.
func Default() Clock { return newSteady(nil, uptime) }
