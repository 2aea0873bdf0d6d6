//go:build !linux

package clock

// BootID returns "": no name of the time since the machine was started is known here.
func BootID() string { return "" }
