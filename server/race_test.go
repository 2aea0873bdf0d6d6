//go:build race

package server_test

// The race detector has pools drop some of what they hold, so that it is made anew.
func init() { remade = 1 }
