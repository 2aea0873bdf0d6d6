//go:build !testclock

package clock

// Default is the clock of this build.
func Default() Clock { return startSteady() }
