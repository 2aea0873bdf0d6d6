// A panic in a goroutine that no client runs in: it ends that goroutine, the queries that need its
// result fail, and no failure is remembered.
package resolver_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// faulty is a network that panics at given questions.
type faulty struct {
	transport.Exchanger
	mu     sync.Mutex
	at     map[wire.Question]bool // guarded by mu
	caught []guard.Place          // guarded by mu
}

func (n *faulty) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	var q wire.Query
	if err := wire.ParseQuery(r.Query, &q); err != nil {
		return nil, err
	}
	n.mu.Lock()
	hit := n.at[q.Question]
	n.mu.Unlock()
	if hit || r.Via.Encrypted() {
		panic("a fault")
	}
	return n.Exchanger.Exchange(ctx, r)
}

func (n *faulty) places() []guard.Place {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.caught)
}

// newFaulty is the lab's internet behind such a network.
func newFaulty(t *testing.T, change func(*resolver.Config), at ...wire.Question) (
	*faulty, *internet) {
	w := lab.Internet(time.Now())
	n := &faulty{Exchanger: w, at: map[wire.Question]bool{}}
	for _, q := range at {
		n.at[q] = true
	}
	in := newNetwork(t, w, n, change)
	in.parts.Guard = guard.New(slog.New(slog.NewTextHandler(io.Discard, nil)), func(p guard.Place) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.caught = append(n.caught, p)
	}, func() {})
	return n, in.withMemory(cache.DefaultMemory)
}

func question(name string, t wire.Type) wire.Question {
	return wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN}
}

// The keys of a zone are fetched ahead, in a goroutine of their own. If that panics, the query that
// needs them fails for this reason: no server is blamed, the answer is not bogus, and once the
// fault is gone the same question is answered at once.
func TestPanicOfAFetchAheadIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := question("secure.example.", wire.TypeDNSKEY)
		n, in := newFaulty(t, nil, keys)
		a := in.resolve("www.secure.example.", wire.TypeA)
		if a.Failure == nil || a.Failure.Cause != cause.InternalError || a.Status == wire.Bogus {
			t.Fatalf("got %v, %v", a.Status, a.Failure)
		}
		if got := n.places(); !slices.Equal(got, []guard.Place{guard.Fetch}) {
			t.Errorf("caught %v, want one of a fetch", got)
		}
		if s := in.r.Stats(); s.Fetches != 0 {
			t.Errorf("%d fetches are left", s.Fetches)
		}
		if s := in.cache.Failures.Stats(); s.Entries != 0 {
			t.Errorf("%d failures are remembered", s.Entries)
		}
		n.mu.Lock()
		delete(n.at, keys)
		n.mu.Unlock()
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("when all is well: %v, %v", a.Status, a.Failure)
		}
	})
}

// A refresh that panics leaves the old answer as it is, and the next one may try again.
func TestPanicOfARefreshLeavesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, in := newFaulty(t, func(c *resolver.Config) { c.Prefetch = true })
		q := question("www.secure.example.", wire.TypeA)
		if a := in.r.Resolve(t.Context(), q, resolver.Options{}); a.Status != wire.Secure {
			t.Fatal(a.Failure)
		}
		n.mu.Lock()
		n.at[q] = true
		n.mu.Unlock()
		time.Sleep(280 * time.Second) // of 300
		for range 2 {
			a := in.r.Known(q, false, true, &resolver.Checks{})
			if a == nil || a.Status != wire.Secure {
				t.Fatalf("got %v", a)
			}
			synctest.Wait()
		}
		if got := n.places(); !slices.Equal(got, []guard.Place{guard.Fetch, guard.Fetch}) {
			t.Errorf("caught %v, want two of a fetch", got)
		}
		if s := in.r.Stats(); s.Fetches != 0 {
			t.Errorf("%d fetches are left", s.Fetches)
		}
	})
}

// A probe for encryption that panics is not counted any more, and the question goes on.
func TestPanicOfAProbeEndsTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, in := newFaulty(t, func(c *resolver.Config) {
			c.Opportunistic = []transport.Protocol{transport.DoT}
		})
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Fatal(a.Failure)
		}
		synctest.Wait()
		got := n.places()
		if len(got) == 0 || slices.ContainsFunc(got, func(p guard.Place) bool {
			return p != guard.Probe
		}) {
			t.Errorf("caught %v, want probes", got)
		}
	})
}
