// What queries draw from the ledger of the process.

package server

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/ledger"
)

// A query takes memory until it is answered. Without memory it is refused, with the cause.
func TestQueryWithoutMemoryIsRefused(t *testing.T) {
	l := ledger.New(queryBytes)
	s := &Server{prefixes: map[netip.Prefix]int{}, ledger: l}
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	if f := s.admit(a, true); f != nil || l.Held(ledger.Queries) != queryBytes {
		t.Fatalf("%v, %d bytes are held", f, l.Held(ledger.Queries))
	}
	if f := s.admit(b, true); f == nil || f.Cause != cause.Overload {
		t.Errorf("one more: %v", f)
	}
	s.release(a, true) // hung up: its place is kept, but not its memory
	if l.Held(ledger.Queries) != 0 || s.serving.Load() != 1 {
		t.Errorf("%d bytes are held, %d places taken", l.Held(ledger.Queries), s.serving.Load())
	}
	if f := s.admit(b, true); f != nil {
		t.Errorf("later: %v", f)
	}
}

// While memory is short, a client network with as many queries as others have on average is
// refused, and one with few is not.
func TestWhileMemoryIsShortNetworksWithFewQueriesEnter(t *testing.T) {
	l := ledger.New(80 * queryBytes)
	s := &Server{prefixes: map[netip.Prefix]int{}, ledger: l}
	dense := netip.MustParseAddr("192.0.2.1")
	n := 0
	for ; n < 80; n++ {
		if f := s.admit(dense, true); f != nil {
			if f.Cause != cause.LimitClient {
				t.Errorf("query %d: %v", n+1, f)
			}
			break
		}
	}
	if n != 71 { // seven eighths, and the one with which memory is short
		t.Errorf("%d queries of one network enter", n)
	}
	for i := range byte(9) {
		if f := s.admit(netip.AddrFrom4([4]byte{198, 51, i, 1}), false); f != nil {
			t.Errorf("network %d: %v", i, f)
		}
	}
	if f := s.admit(netip.MustParseAddr("203.0.113.1"), true); f == nil ||
		f.Cause != cause.Overload {
		t.Errorf("without any memory: %v", f)
	}
}

// Answers that are held back for the sake of pace take memory until they are sent. Without memory
// they are dropped.
func TestAnswersHeldBackAreDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ledger.New(20 * answerBytes)
		o := &counting{}
		p := newPacer(o, nil, l)
		a := netip.MustParseAddr("192.0.2.1")
		sent := pulse(p, a, MaxPulse+50)
		if o.paced.Load() != 20 || o.dropped.Load() != 30 ||
			l.Held(ledger.Answers) != 20*answerBytes {
			t.Errorf("%d held back, %d dropped, %d bytes", o.paced.Load(), o.dropped.Load(),
				l.Held(ledger.Answers))
		}
		time.Sleep(time.Second)
		if sent.Load() != MaxPulse+20 || l.Held(ledger.Answers) != 0 {
			t.Errorf("%d sent, %d bytes are held", sent.Load(), l.Held(ledger.Answers))
		}
		pulse(p, a, MaxPulse+5)
		p.close()
		if l.Held(ledger.Answers) != 0 {
			t.Errorf("%d bytes are held after the end", l.Held(ledger.Answers))
		}
	})
}
