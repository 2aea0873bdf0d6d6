package server

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/lab/labtest"
)

// counting counts the answers that are held back and those that are dropped.
type counting struct {
	labtest.Observer
	paced, dropped atomic.Int32
}

func (c *counting) Paced() { c.paced.Add(1) }
func (c *counting) Limit(why cause.Cause) {
	if why == cause.LimitPulse {
		c.dropped.Add(1)
	}
}

// pulse makes n answers to one address ready at once, long after they were asked for.
func pulse(p *pacer, a netip.Addr, n int) (sent *atomic.Int32) {
	sent = new(atomic.Int32)
	for range n {
		p.enter(a)
	}
	time.Sleep(time.Second)
	for range n {
		p.pass(a, func() { sent.Add(1) }, nil)
		p.leave(a)
	}
	return sent
}

// The answers held back are bounded, for one address and for all; further ones are dropped and
// counted. When all have been sent, no address has any state left.
func TestMaxPacedAndMaxPacedInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &counting{}
		p := newPacer(o, nil, nil)
		one := netip.MustParseAddr("192.0.2.1")
		sent := pulse(p, one, MaxPulse+maxPaced+50)
		if sent.Load() != MaxPulse || o.paced.Load() != maxPaced || o.dropped.Load() != 50 {
			t.Errorf("%d sent, %d held back, %d dropped", sent.Load(), o.paced.Load(),
				o.dropped.Load())
		}
		time.Sleep(time.Second)
		if sent.Load() != MaxPulse+maxPaced {
			t.Errorf("%d sent in the end", sent.Load())
		}
		for a := one; o.paced.Load() < 2*maxPaced+maxPacedInAll &&
			o.dropped.Load() < 100; a = a.Next() {
			for range MaxPulse + maxPaced {
				p.enter(a)
			}
			for range MaxPulse + maxPaced {
				p.pass(a, func() {}, nil)
				p.leave(a)
			}
		}
		if held := o.paced.Load() - maxPaced; held != maxPacedInAll {
			t.Errorf("%d held back in all", held)
		}
		time.Sleep(time.Second)
		p.mu.Lock()
		if len(p.clients) != 0 || p.held != 0 {
			t.Errorf("%d addresses and %d answers are left", len(p.clients), p.held)
		}
		p.mu.Unlock()
		p.close()
	})
}

// The answers held back are sent when the server is closed.
func TestPacedAnswersAreSentAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(&counting{}, nil, nil)
		a := netip.MustParseAddr("192.0.2.1")
		sent := pulse(p, a, 100)
		p.close()
		if sent.Load() != 100 || len(p.clients) != 0 {
			t.Errorf("%d are sent, %d addresses are left", sent.Load(), len(p.clients))
		}
	})
}

// told counts the events of each kind, and keeps the last one.
type told struct {
	n    map[event.Kind]int
	last event.Event
}

func (s *told) Event(e event.Event) { s.n[e.Kind]++; s.last = e }

// An answer that is held back has one event, and a dropped one has two: the limit, and the end
// without a response.
func TestEventsTellOfAnswersHeldBackAndDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &told{n: map[event.Kind]int{}}
		s := New(Default(), Parts{Clock: clock.Real{}, Observer: &counting{}})
		r := &request{server: s, rules: &Rules{Events: sink}, number: 7}
		a := netip.MustParseAddr("192.0.2.1")
		for range MaxPulse + maxPaced + 50 {
			s.pace.enter(a)
		}
		time.Sleep(time.Second)
		for range MaxPulse + maxPaced + 50 {
			s.pace.pass(a, func() {}, r.paced)
			s.pace.leave(a)
		}
		if n := sink.n; n[event.Paced] != maxPaced || n[event.Limit] != 50 ||
			n[event.ClientResponse] != 50 {
			t.Errorf("events: %v", n)
		}
		if e := sink.last; e.Query != 7 || e.Origin != event.OriginNone ||
			e.Cause != cause.LimitPulse {
			t.Errorf("the last: %+v", e)
		}
		s.Close()
	})
}
