// The limit of log lines a second: an attack must not fill the disk.

package server

import (
	"sync"
	"time"
)

// lineLimit allows a fixed number of lines a second.
type lineLimit struct {
	most   int
	mu     sync.Mutex
	second int64 // guarded by mu, as is all below
	lines  int
	left   int // left out since the last line
}

// take reports whether a line may be written, and how many were left out before it.
func (l *lineLimit) take(now time.Time) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second {
		l.second, l.lines = s, 0
	}
	if l.lines >= l.most {
		l.left++
		return 0, false
	}
	l.lines++
	left, l.left = l.left, 0
	return left, true
}
