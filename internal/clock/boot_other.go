//go:build !linux

package clock

// bootID returns "": no name of the time since the machine was started is known here.
func bootID() string { return "" }
