package main

import (
	"testing"
	"time"
)

// patience is how long a process may take for what it does at once when all is well, and nothing
// else is to be done. It is the limit of no rule.
const patience = 2 * time.Minute

// until waits until a condition holds; what says how it is while it does not.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}
