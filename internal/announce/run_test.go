package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleettest"
)

// node is a node of a test: a server whose health is set, and a routing daemon that remembers.
type node struct {
	mu     sync.Mutex
	health Health
	fails  error    // of the daemon
	told   []string // the places that the daemon was told, with the second
	begun  time.Time
}

func (n *node) Check(context.Context) (Health, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.health == Fine {
		return Fine, nil
	}
	return n.health, errors.New("it is said to be so")
}

func (n *node) Put(_ context.Context, to Place) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, fmt.Sprintf("%d %v", int(time.Since(n.begun).Seconds()), to))
	return n.fails
}

func (n *node) Gone() <-chan struct{} { return nil }

func (n *node) set(h Health, fails error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.health, n.fails = h, fails
}

// last returns where the daemon was told last to put the routes.
func (n *node) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, place, _ := strings.Cut(n.told[len(n.told)-1], " ")
	return place
}

// run announces until the end of a context.
func (n *node) run(ctx context.Context, rules Rules, p *Permits) {
	n.begun = time.Now()
	a := &Announcer{Probe: n, Daemon: n, Permits: p, Every: time.Second,
		Log: slog.New(slog.DiscardHandler), Saw: func(Health) {}, Moved: func(Place) {}}
	_ = a.Run(ctx, rules)
}

// It begins and ends with the routes withdrawn (github.com/Exa-Networks/exabgp/pull/908,
// github.com/unixsurfer/anycast_healthchecker/issues/27), says what holds again every repeatTime
// and not with each check (github.com/Exa-Networks/exabgp/issues/895, 1241 and 370), and what the
// daemon did not do at once: others believed that it had
// (github.com/Exa-Networks/exabgp/issues/1383).
func TestDaemonIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		n := &node{}
		var all sync.WaitGroup
		all.Go(func() { n.run(ctx, DefaultRules(), nil) })
		time.Sleep(26*time.Second + time.Millisecond)
		n.set(Absent, errors.New("the daemon fails"))
		time.Sleep(5 * time.Second)
		n.set(Absent, nil)
		time.Sleep(3 * time.Second)
		end()
		all.Wait()
		want := []string{"0 withdrawn", "5 announced", "15 announced", "25 announced",
			"29 withdrawn", "30 withdrawn", "31 withdrawn", "32 withdrawn", "34 withdrawn"}
		if !slices.Equal(n.told, want) {
			t.Errorf("told %q\nwant %q", n.told, want)
		}
	})
}

// However many nodes fail at once, for one reason that all of them have, no more than the permits
// are withdrawn: in October 2021 the name servers of Facebook withdrew all their routes, as none of
// them reached the data centres
// (https://engineering.fb.com/2021/10/05/networking-traffic/outage-details/). Those that are not
// there are withdrawn in any case, and a node that is well gives its permit back.
func TestMaxPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		store := fleettest.New()
		rules := DefaultRules()
		rules.Lower = false
		var all sync.WaitGroup
		nodes := make([]*node, 10)
		for i := range nodes {
			nodes[i] = &node{}
			p := &Permits{Store: store, Group: "anycast", Node: fmt.Sprintf("n%d", i), Most: 3}
			all.Go(func() { nodes[i].run(ctx, rules, p) })
		}
		withdrawn := func() (n int) {
			for _, x := range nodes {
				if x.last() == "withdrawn" {
					n++
				}
			}
			return n
		}
		each := func(h Health) {
			for _, x := range nodes {
				x.set(h, nil)
			}
		}
		after := func(what string, d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			if n := withdrawn(); n != want {
				t.Errorf("%s: %d nodes are withdrawn, want %d", what, n, want)
			}
		}
		after("all are fine", 20*time.Second, 0)
		each(Poor)
		after("all are poor", time.Minute, 3)
		after("for long", 10*time.Minute, 3)
		each(Silent)
		after("all have too much to do", time.Minute, 3)
		each(Fine)
		after("all are fine again", 2*time.Minute, 0)
		each(Poor)
		after("and poor again", time.Minute, 3)
		nodes[0].set(Absent, nil)
		nodes[1].set(Ending, nil)
		for _, x := range nodes[2:] {
			x.set(Fine, nil)
		}
		after("one is not there, one ends", 20*time.Minute, 2)
		end()
		all.Wait()
	})
}

// A server that is not there, or that its operator ends, is withdrawn though there is no permit.
func TestAbsentNeedsNoPermit(t *testing.T) {
	for _, h := range []Health{Absent, Ending} {
		synctest.Test(t, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			store := fleettest.New()
			first := &Permits{Store: store, Group: "anycast", Node: "first", Most: 1}
			if ours, err := first.Take(ctx); !ours || err != nil {
				t.Fatalf("%v, %v", ours, err)
			}
			n := &node{}
			var all sync.WaitGroup
			all.Go(func() {
				n.run(ctx, DefaultRules(), &Permits{Store: store, Group: "anycast", Node: "n",
					Most: 1})
			})
			time.Sleep(10 * time.Second)
			n.set(h, nil)
			if time.Sleep(10 * time.Second); n.last() != "withdrawn" {
				t.Errorf("%v: %s", h, n.last())
			}
			end()
			all.Wait()
		})
	}
}

// A store that does not work gives no permits.
func TestNoPermitsWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		store.Delay = time.Hour
		p := &Permits{Store: store, Group: "anycast", Node: "n", Most: 3}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if ours, err := p.Take(ctx); ours || err == nil {
			t.Errorf("%v, %v", ours, err)
		}
	})
}

// A permit ends with its node, and whoever has it then keeps it.
func TestPermitTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctx := fleettest.New(), t.Context()
		a := &Permits{Store: store, Group: "anycast", Node: "a", Most: 1}
		b := &Permits{Store: store, Group: "anycast", Node: "b", Most: 1}
		other := &Permits{Store: store, Group: "other", Node: "b", Most: 1}
		take := func(p *Permits) bool { ours, err := p.Take(ctx); return ours && err == nil }
		if !take(a) || take(b) || !take(other) {
			t.Error("not one of a group")
		}
		for range 5 {
			if time.Sleep(permitTime - time.Second); !take(a) || take(b) {
				t.Error("it is not renewed")
			}
		}
		if time.Sleep(permitTime); !take(b) || take(a) {
			t.Error("it does not end")
		}
		if err := a.Give(ctx); err != nil || !take(b) || take(a) {
			t.Error("another node's is given back")
		}
		if err := b.Give(ctx); err != nil || !take(a) {
			t.Error("it is not given back")
		}
	})
	for _, p := range []Permits{{Group: "a b", Node: "n", Most: 1}, {Group: "a", Most: 1},
		{Group: "a", Node: "n"}, {Group: "a", Node: "n", Most: maxPermits + 1}} {
		p.Store = fleet.Store(fleettest.New())
		if p.Check() == nil {
			t.Errorf("%+v", p)
		}
	}
}
