package resolver_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// watched is a resolver whose readiness is watched.
type watched struct {
	*internet
	line *cable

	mu   sync.Mutex
	told []string // what Watch has reported; guarded by mu
}

func watch(t *testing.T, down bool, w *lab.World, change func(*resolver.Config),
	insecure ...string) *watched {
	line := &cable{World: w}
	line.pull(down)
	h := &watched{internet: newNetwork(t, w, line, change), line: line}
	for _, zone := range insecure {
		if err := h.parts.Anchors.AddNegative(zone); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.r.Watch(ctx, func(why *cause.Failure) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if why == nil {
				h.told = append(h.told, "ready")
			} else {
				h.told = append(h.told, why.Cause.Label())
			}
		})
	}()
	t.Cleanup(func() { stop(); <-ended })
	return h
}

// said waits, and returns the last report of Watch.
func (h *watched) said(after time.Duration) string {
	time.Sleep(after)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.told) == 0 {
		return "nothing"
	}
	return h.told[len(h.told)-1]
}

// The root is asked once before the first client. After that the resolver is ready until it seems
// that no server replies.
func TestReadyOnceTheRootHasReplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := watch(t, false, lab.Internet(time.Now()), nil)
		if got := h.said(time.Second); got != "ready" {
			t.Errorf("told %s", got)
		}
		h.transcript()
		if got := h.said(time.Hour); got != "ready" || len(h.told) != 1 {
			t.Errorf("told %v", h.told)
		}
		if got := h.transcript(); got != "" {
			t.Errorf("asked without need:\n%s", got)
		}
	})
}

// Without a network the resolver is not ready, with the reason; with it, it is ready after a few
// seconds, though no client came meanwhile.
func TestReadyNotWithoutANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := watch(t, true, lab.Internet(time.Now()), nil)
		if got := h.said(20 * time.Second); got == "ready" || got == "nothing" {
			t.Errorf("told %s", got)
		}
		h.line.pull(false)
		if got := h.said(7 * time.Second); got != "ready" {
			t.Errorf("with the network: told %s", got)
		}
	})
}

// The loss of the network is noticed with clients' questions, and so is its return.
func TestReadyEndsWhenTheNetworkIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := watch(t, false, lab.Internet(time.Now()), nil)
		if got := h.said(time.Second); got != "ready" {
			t.Fatalf("told %s", got)
		}
		h.line.pull(true)
		for _, n := range []string{"www.secure.example.", "www.unsigned.example.", "nic.example."} {
			h.resolve(n, wire.TypeA)
		}
		if got := h.said(20 * time.Second); got == "ready" {
			t.Error("ready without a network")
		}
		h.line.pull(false)
		if got := h.said(7 * time.Second); got != "ready" {
			t.Errorf("with the network: told %s", got)
		}
	})
}

// A dead zone does not mean that the network is down: clients that ask for it do not make the
// resolver unready.
func TestReadyIsNotEndedByADeadZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := watch(t, false, lab.Internet(time.Now()), nil)
		h.said(time.Second)
		for range 5 {
			h.resolve("www.dead.faulty.", wire.TypeA)
			h.said(10 * time.Second)
		}
		if i := slices.IndexFunc(h.told, func(s string) bool { return s != "ready" }); i >= 0 {
			t.Errorf("told %v", h.told)
		}
	})
}

// If everything is forwarded, the forwarder is asked. If there is no root but a zone of the
// operator's, that zone is asked for; it has to be insecure or have a trust anchor.
func TestReadyWithServersOfTheOperator(t *testing.T) {
	for _, c := range []struct {
		zone              string
		forward, insecure bool
		want              string
	}{
		{".", true, false, "ready"},
		{"corp.", false, true, "ready"},
		{"corp.", false, false, "timeout"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			_, root := w.Roots()
			w.Add(lab.Zone{Name: "intranet.example.", Algorithm: lab.Unsigned})
			at := w.Servers()[len(w.Servers())-1]
			if c.zone == "." {
				at = root[0]
			}
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				switch {
				case i.Server != at:
					return lab.Reply{}, true // no other server replies
				case c.zone == ".":
					return lab.Reply{}, false
				}
				r := new(dns.Msg).SetReply(i.Query)
				r.Authoritative = true
				rr, err := dns.NewRR("corp. 300 SOA ns.corp. host.corp. 1 2 3 4 5")
				if err != nil {
					t.Error(err)
				}
				r.Answer = []dns.RR{rr}
				return lab.Messages(r), true
			}
			var insecure []string
			if c.insecure {
				insecure = append(insecure, c.zone)
			}
			h := watch(t, false, w, func(rc *resolver.Config) {
				rc.CaseRandomisation = false
				rc.Zones = []resolver.Zone{{Name: wire.MustParseName(c.zone), Forward: c.forward,
					Addrs: []netip.AddrPort{netip.AddrPortFrom(at, 53)}}}
			}, insecure...)
			if got := h.said(20 * time.Second); got != c.want {
				t.Errorf("%s: told %v, asked\n%s", c.zone, h.told, h.transcript())
			}
		})
	}
}
