package trouble

import (
	"sync"
	"time"
)

// Lines allows a number of lines, or of anything else, in a second: an attack must not fill the
// disk.
type Lines struct {
	Most int

	mu     sync.Mutex
	second int64 // guarded by mu, as is all below
	lines  int
	left   int // left out since the last line
}

// Take reports whether a line may be written, and how many were left out before it.
func (l *Lines) Take(now time.Time) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second {
		l.second, l.lines = s, 0
	}
	if l.lines >= l.Most {
		l.left++
		return 0, false
	}
	l.lines++
	left, l.left = l.left, 0
	return left, true
}

// LeaveOut counts a line that its writer leaves out for reasons of its own.
func (l *Lines) LeaveOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left++
}
