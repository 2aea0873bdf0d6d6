// Package testtime has the time that tests of real processes and sockets give them.
package testtime

import (
	"os"
	"time"
)

// Patience is how long a test waits for what comes by itself. It is the limit of no rule: all of it
// comes within seconds where there is nothing else to do. internal/mutate gives less, as it tries
// tests that are to fail, many of them because something never comes.
var Patience = patience(os.Getenv("TEST_PATIENCE"))

// patience returns the time that a text says, or two minutes.
func patience(text string) time.Duration {
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	return 2 * time.Minute
}
