// Package logtest keeps what is logged, for tests.
package logtest

import (
	"strings"
	"sync"
)

// Log is a log in memory that goroutines may write to while it is read. The zero value is ready to
// use. A strings.Builder is not enough in a bubble of testing/synctest either: what writes next may
// be woken by a timer, and a timer does not wait for who has read.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
