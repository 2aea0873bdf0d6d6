// Lists of servers whose memory is used again.

package resolver

import (
	"net/netip"
	"testing"

	"bailiwick/wire"
)

// What a question has learnt of a zone's servers is gone when the memory serves another zone, and
// the memory is left alone while a try in a goroutine of its own may still read it.
func TestServerListsAreUsedAgainEmpty(t *testing.T) {
	filled := func() (l *serverList) {
		l = &serverList{zone: wire.MustParseName("example.")}
		for range 3 {
			c := l.another()
			c.addr = netip.MustParseAddrPort("192.0.2.1:53")
			c.tries, c.spent, c.ladder.tcpOnly = 2, true, true
		}
		return l
	}
	l := filled()
	before := l.known
	l.reuse()
	if len(l.known) != 0 || !l.zone.IsZero() {
		t.Errorf("the list has %d servers of %v", len(l.known), l.zone)
	}
	for i := range before {
		c := l.another()
		if c != before[i] {
			t.Error("the memory of a server is not used again")
		}
		if *c != (candidate{}) {
			t.Errorf("a new server has %+v of another question", *c)
		}
	}

	l = filled()
	l.held = true
	if l.reuse(); len(l.known) != 3 || l.known[0].tries != 2 {
		t.Error("a list is emptied while a try may hold its servers")
	}

	l = &serverList{}
	for range maxKeptCandidates + 1 {
		l.another()
	}
	if l.reuse(); cap(l.known) > maxKeptCandidates {
		t.Errorf("a list keeps the memory of %d servers", cap(l.known))
	}
}
