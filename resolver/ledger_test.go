// What resolutions draw from the ledger of the process.

package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/ledger"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// withLedger returns the same internet with another resolver, which draws from a ledger.
func (in *internet) withLedger(l *ledger.Ledger) *internet {
	other := *in
	other.parts.Ledger = l
	return other.withMemory(cache.DefaultMemory)
}

// asked starts a query of a client.
func (in *internet) asked(name, client string) <-chan *resolver.Answer {
	done := make(chan *resolver.Answer, 1)
	go func() {
		done <- in.ask(name, wire.TypeA,
			resolver.Options{Client: netip.MustParsePrefix(client)})
	}()
	synctest.Wait()
	return done
}

// ended reports whether a query has given way.
func ended(done <-chan *resolver.Answer) bool {
	synctest.Wait()
	select {
	case a := <-done:
		return a.Failure != nil && a.Failure.Cause == cause.Overload
	default:
		return false
	}
}

// While memory is short and work has more than its half of it, each new query ends two old ones, so
// that less and less is held. While connections hold the memory, queries stay.
func TestWhileMemoryIsShortOldQueriesGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ledger.New(1 << 20)
		in := newWorld(t, lab.Internet(time.Now()), nil).withLedger(l)
		old := make([]<-chan *resolver.Answer, 4)
		for i := range old {
			old[i] = in.asked(fmt.Sprintf("n%d.dead.faulty.", i), "192.0.2.0/24")
		}
		l.Add(ledger.Messages, 1<<20)
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("while connections hold the memory: %s %v", a.RCode, a.Failure)
		}
		for i := range old {
			if ended(old[i]) {
				t.Errorf("query %d gives way to connections", i)
			}
		}
		l.Add(ledger.Messages, -1<<20)
		l.Add(ledger.Queries, 1<<20)
		if a := in.resolve("www.nsec3.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("the newest: %s %v", a.RCode, a.Failure)
		}
		for i := range old {
			if got, want := ended(old[i]), i < 2; got != want {
				t.Errorf("query %d: ended %v, want %v", i, got, want)
			}
		}
		l.Add(ledger.Queries, -1<<20)
	})
}

// Where a query has to give way, it is one of the client network that has most: the flood of one
// network does not end the older query of another.
func TestDenseNetworkGivesWayFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, lab.Internet(time.Now()),
			func(c *resolver.Config) { c.MaxFlights = 4 })
		honest := in.asked("honest.dead.faulty.", "198.51.100.0/24")
		var flood []<-chan *resolver.Answer
		for i := range 10 {
			flood = append(flood, in.asked(fmt.Sprintf("n%d.dead.faulty.", i), "192.0.2.0/24"))
		}
		if ended(honest) {
			t.Error("the query of the network with one gives way")
		}
		for i := range flood {
			if got, want := ended(flood[i]), i < 7; got != want {
				t.Errorf("query %d of the flood: ended %v, want %v", i, got, want)
			}
		}
	})
}

// A refresh takes memory while it runs, and is put off without.
func TestRefreshIsDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ledger.New(1 << 20)
		in := newWorld(t, lab.Internet(time.Now()),
			func(c *resolver.Config) { c.Prefetch = true }).withLedger(l)
		const name = "www.slow.faulty."
		in.resolve(name, wire.TypeA)
		time.Sleep(285 * time.Second)
		l.Add(ledger.Messages, 1<<20)
		in.r.Known(question(name, wire.TypeA), false, true, &resolver.Checks{})
		synctest.Wait()
		if n := in.r.Stats().Refreshes; n != 0 {
			t.Errorf("%d refreshes without memory", n)
		}
		l.Add(ledger.Messages, -1<<20)
		in.r.Known(question(name, wire.TypeA), false, true, &resolver.Checks{})
		synctest.Wait()
		if n := in.r.Stats().Refreshes; n != 1 || l.Held(ledger.Upstream) == 0 {
			t.Errorf("%d refreshes, %d bytes are held", n, l.Held(ledger.Upstream))
		}
		time.Sleep(resolver.MaxTime)
		if l.Held(ledger.Upstream) != 0 {
			t.Errorf("%d bytes are held in the end", l.Held(ledger.Upstream))
		}
	})
}

// Tries beyond the first of their question take memory while they are open. Without memory a new
// one replaces the oldest, and in the end nothing is held.
func TestTriesBesideAreDrawn(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := ledger.New(1 << 20)
			in := newWorld(t, manyServers(lab.Dead), nil).withLedger(l)
			if full {
				l.Add(ledger.Messages, 1<<20)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				in.r.Resolve(ctx, question("www.many.", wire.TypeA), resolver.Options{})
			}()
			most, bytes := 0, int64(0)
			for range resolver.MaxTime / (10 * time.Millisecond) {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				most, bytes = max(most, in.r.OpenTries()), max(bytes, l.Held(ledger.Upstream))
			}
			stop()
			<-done
			switch {
			case full && (most != 0 || bytes != 0):
				t.Errorf("without memory %d are open beside, with %d bytes", most, bytes)
			case !full && (most == 0 || bytes != int64(most)*resolver.TryBytes):
				t.Errorf("%d are open beside, and %d bytes are held", most, bytes)
			case l.Held(ledger.Upstream) != 0:
				t.Errorf("%d bytes are held in the end", l.Held(ledger.Upstream))
			}
		})
	}
}
