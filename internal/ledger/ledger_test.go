package ledger

import "testing"

// The accounts together never hold more than the total.
func TestDrawStopsAtTheTotal(t *testing.T) {
	l := New(1000)
	for _, a := range All() {
		if !l.Draw(a, 200) {
			t.Errorf("%s finds no room for the 200 of it", a.Label())
		}
	}
	for _, a := range All() {
		if l.Draw(a, 1) {
			t.Errorf("%s finds room in a full ledger", a.Label())
		}
		if l.Held(a) != 200 {
			t.Errorf("%s holds %d", a.Label(), l.Held(a))
		}
	}
	l.Add(Queries, -200)
	if !l.Draw(Messages, 150) || l.Draw(Upstream, 51) || !l.Draw(Upstream, 50) {
		t.Error("what is given back is not drawn again, and no more")
	}
	l.Add(Messages, 1)
	if !l.Full() {
		t.Error("Add has exceeded the total, and the ledger is not full")
	}
}

// While memory is short the side that holds more than its half gives way, and the other one does
// not, however little is left.
func TestSideAboveItsHalfGivesWay(t *testing.T) {
	for _, c := range []struct {
		name             string
		clients, work    int64
		cutting, working bool // which side is above
	}{
		{"there is room", 800, 0, false, false},
		{"connections hold most", 600, 280, true, false},
		{"queries hold most", 280, 600, false, true},
		{"both hold more than half of what may be held", 440, 450, true, true},
	} {
		l := New(1000)
		cut := 0
		l.OnShort(func() { cut++; l.Add(Messages, -100) })
		l.Add(Messages, c.clients)
		l.Add(Queries, c.work)
		if l.Above(Clients) != c.cutting || l.Above(Work) != c.working {
			t.Errorf("%s: above: clients %v, work %v", c.name, l.Above(Clients), l.Above(Work))
		}
		if !l.Draw(Connections, 1) || (cut == 1) != c.cutting {
			t.Errorf("%s: cut %d times", c.name, cut)
		}
	}
}

// What is cut makes room for the draw that needs it.
func TestDrawCutsAndThenFits(t *testing.T) {
	l := New(1000)
	l.Add(Messages, 1000)
	if l.Draw(Queries, 10) {
		t.Fatal("nobody gives way, and there is room")
	}
	l.OnShort(func() { l.Add(Messages, -500) })
	if !l.Draw(Queries, 10) || l.Held(Messages) != 500 {
		t.Errorf("%d held of messages, %d of queries", l.Held(Messages), l.Held(Queries))
	}
}

// Without a ledger nothing is refused.
func TestNoLedgerHasNoLimit(t *testing.T) {
	var l *Ledger
	l.OnShort(func() {})
	l.Add(Queries, 1<<50)
	if !l.Draw(Queries, 1<<50) || !l.Try(Queries, 1<<50) || l.Short() || l.Full() ||
		l.Above(Work) || l.Held(Queries) != 0 || l.Total() != 0 {
		t.Error("a nil ledger counts")
	}
}
