// The machine's clocks: one that can be set, one that stops while the machine sleeps, and one
// that does neither.

package clock

import (
	"sync/atomic"
	"time"
)

// slack is how far the time of day may move against the monotonic clock before the machine's
// uptime is read again. The two are read one after the other, and a thread may have to wait in
// between; both are slewed together.
const slack = 10 * time.Millisecond

// steady is the machine's clock. Its ages cannot be set, and count the time of a suspend, which
// Go's monotonic clock leaves out on most systems. It costs what time.Now does: that reads the
// time of day and the monotonic clock, and only a change of their difference, by which the time
// of day was set or the machine has slept, has the uptime read anew.
type steady struct {
	clocks func() (day time.Time, mono time.Duration) // nil for time.Now's
	uptime func() (time.Duration, bool)               // the machine's, with suspends; false: none

	began time.Time     // the start
	day   int64         // the time of day then, in Unix nanoseconds
	first time.Duration // the uptime then

	state atomic.Pointer[readings]
}

// readings are what was found when the uptime was read last, since the start. They are immutable.
type readings struct {
	set   int64         // what the time of day went ahead of the monotonic clock, in nanoseconds
	slept time.Duration // what the uptime did
	moved bool          // one of the two is more than nothing
}

// startSteady returns the machine's clock, which shows the time of day, until that is set.
func startSteady() *steady { return newSteady(nil, uptime) }

func newSteady(clocks func() (time.Time, time.Duration),
	uptime func() (time.Duration, bool)) *steady {
	s := &steady{clocks: clocks, uptime: uptime, began: time.Now()}
	if clocks != nil {
		s.began, _ = clocks()
	}
	s.day = s.began.UnixNano()
	s.first, _ = uptime()
	s.state.Store(&readings{})
	return s
}

// read reads the time of day, and how far the monotonic clock has gone on since the start.
func (s *steady) read() (now time.Time, mono time.Duration) {
	if s.clocks != nil {
		return s.clocks()
	}
	now = time.Now()
	return now, now.Sub(s.began)
}

// Now implements Clock.
func (s *steady) Now() time.Time {
	now, mono := s.read()
	r := s.state.Load()
	off := now.UnixNano() - s.day - int64(mono) - r.set
	if uint64(off+int64(slack)) > 2*uint64(slack) {
		r = s.look()
	}
	if !r.moved {
		return now
	}
	return time.Unix(0, s.day+int64(mono+r.slept))
}

// Ahead implements Clock.
func (s *steady) Ahead() time.Duration {
	r := s.state.Load()
	return time.Duration(r.set) - r.slept
}

// look reads all three clocks. What is found never takes back what has passed.
func (s *steady) look() *readings {
	old := s.state.Load()
	up, ok := s.uptime() // first: whatever comes in between makes the suspend shorter, not longer
	now, mono := s.read()
	found := &readings{set: now.UnixNano() - s.day - int64(mono), slept: old.slept, moved: true}
	if slept := up - s.first - mono; ok && slept > old.slept+slack {
		found.slept = slept
	}
	if !s.state.CompareAndSwap(old, found) {
		return s.state.Load() // somebody else has looked
	}
	return found
}
