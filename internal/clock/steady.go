// A steady clock made of the machine's three clocks: one that can be set, one that stops while the
// machine is suspended, and one that does neither.

package clock

import (
	"sync/atomic"
	"time"
)

// slack is how far the time of day may move against the monotonic clock before the machine's
// uptime is read again. The two are read one after the other, and a thread may have to wait in
// between. NTP slews both together.
const slack = 10 * time.Millisecond

// steady is the clock of servers. Its ages cannot be set, and include suspends, which Go's
// monotonic clock leaves out on most systems. It costs no more than time.Now, which reads the time
// of day and the monotonic clock. The uptime is read only when their difference has changed: then
// the time of day was set, or the machine was suspended.
type steady struct {
	clocks func() (day time.Time, mono time.Duration) // nil for time.Now's
	uptime func() (time.Duration, bool)               // with suspends; false if unknown

	began time.Time     // the start
	day   int64         // the time of day then, in Unix nanoseconds
	first time.Duration // the uptime then

	state atomic.Pointer[readings]
}

// readings are the results of the last reading of the uptime, since the start. They are immutable.
type readings struct {
	set   int64         // how far the time of day went ahead of the monotonic clock, in nanoseconds
	slept time.Duration // how far the uptime did
	moved bool          // one of the two may not be 0
}

// newSteady returns a clock made of others, nil for time.Now. It shows the time of day until that
// is set.
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

// read returns the time of day, and how far the monotonic clock has advanced since the start.
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

// look reads all three clocks. Now never goes back by the result.
func (s *steady) look() *readings {
	old := s.state.Load()
	up, ok := s.uptime() // first: a delay in between makes the suspend shorter, not longer
	now, mono := s.read()
	found := &readings{set: now.UnixNano() - s.day - int64(mono), slept: old.slept, moved: true}
	if slept := up - s.first - mono; ok && slept > old.slept+slack {
		found.slept = slept
	}
	if !s.state.CompareAndSwap(old, found) {
		return s.state.Load() // another goroutine has looked
	}
	return found
}
