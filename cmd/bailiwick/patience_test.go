package main

import (
	"testing"
	"time"

	"bailiwick/internal/lab/testtime"
)

// patience is how long a process may take for what it does at once when all is well.
var patience = testtime.Patience

// until waits until a condition holds; what says how it is while it does not.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}
