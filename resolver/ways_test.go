package resolver_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// TestWays: a zone with several transports is asked over the first that works, in their order and
// each with the identity of its own, and over nothing else. One that fails is passed over once it
// is known to be down, and used again when probes find it back.
func TestWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := lab.Internet(time.Now())
		w := &wires{World: world, cut: map[transport.Protocol]error{}}
		server := serverOf(t, world, "www.secure.example.")
		peers := map[transport.Protocol]*transport.Peer{transport.DoT: {Name: "dot.example"},
			transport.DoH: {Name: "doh.example", Path: "/"}, transport.DoQ: {Name: "doq.example"}}
		in := newNetwork(t, world, w, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("secure.example."),
				Addrs: []netip.AddrPort{netip.AddrPortFrom(server, 853)}, Via: transport.DoT,
				Peer: peers[transport.DoT], Then: []resolver.Way{
					{Via: transport.DoH, Peer: peers[transport.DoH]},
					{Via: transport.DoQ, Peer: peers[transport.DoQ]}}}}
		})
		names, n := []string{"www", "txt", "no", "a.wild", "b.wild", "c.wild", "d.wild", "e.wild",
			"f.wild", "g.wild", "h.wild", "i.wild", "j.wild", "k.wild"}, 0
		ask := func() (status wire.Security, over []transport.Protocol) {
			w.took()
			a := in.resolve(names[n]+".secure.example.", wire.TypeA)
			n++
			w.mu.Lock()
			defer w.mu.Unlock()
			for i, p := range w.asked {
				if w.server[i].Addr() != server {
					continue
				}
				if !p.Encrypted() {
					t.Errorf("asked over %v", p)
				}
				if w.server[i].Port() != p.Port() || w.peers[i] != peers[p] {
					t.Errorf("%v at %v as %v", p, w.server[i], w.peers[i])
				}
				over = append(over, p)
			}
			return a.Status, slices.Compact(over) // minimised names ask twice
		}
		expect := func(when string, want ...transport.Protocol) {
			t.Helper()
			if status, over := ask(); status != wire.Secure || !slices.Equal(over, want) {
				t.Errorf("%s: %v, over %v, want %v", when, status, over, want)
			}
		}
		ask() // with the zone's keys
		expect("all work", transport.DoT)
		w.setCut(transport.DoT, transport.ErrIdentity)
		expect("DoT is of somebody else", transport.DoT, transport.DoH)
		w.setCut(transport.DoH, transport.ErrUnreachable)
		expect("DoH is closed", transport.DoT, transport.DoH, transport.DoQ)
		w.setCut(transport.DoQ, transport.ErrUnreachable)
		if status, over := ask(); status == wire.Secure || !slices.Contains(over, transport.DoQ) {
			t.Errorf("none works: %v over %v", status, over)
		}
		w.setCut(transport.DoQ, nil)
		for range 3 {
			time.Sleep(2 * time.Second)
			ask()
		}
		time.Sleep(time.Second)
		expect("DoT and DoH are down", transport.DoQ)
		w.setCut(transport.DoT, nil)
		time.Sleep(time.Minute)
		expect("DoT is back", transport.DoT)
	})
}

// slowWires is wires of which some bring nothing for a time, and then an error.
type slowWires struct {
	wires
	wait map[transport.Protocol]time.Duration
}

func (s *slowWires) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if d := s.wait[r.Via]; d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.wires.Exchange(ctx, r)
}

// TestWaysAfterALateFailure: a transport that was given up as silent, and then turns out to be of
// somebody else, says nothing of the later ones: they are asked all the same.
func TestWaysAfterALateFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := lab.Internet(time.Now())
		server := serverOf(t, world, "www.secure.example.")
		w := &slowWires{wires{World: world, cut: map[transport.Protocol]error{
			transport.DoT: transport.ErrIdentity, transport.DoH: transport.ErrTimeout}},
			map[transport.Protocol]time.Duration{transport.DoT: time.Second,
				transport.DoH: time.Hour}}
		in := newNetwork(t, world, w, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("secure.example."),
				Addrs: []netip.AddrPort{netip.AddrPortFrom(server, 853)}, Via: transport.DoT,
				Peer: &transport.Peer{Name: "dot.example"}, Then: []resolver.Way{
					{Via: transport.DoH, Peer: &transport.Peer{Name: "doh.example", Path: "/"}},
					{Via: transport.DoQ, Peer: &transport.Peer{Name: "doq.example"}}}}}
		})
		a := in.resolve("www.secure.example.", wire.TypeA)
		if over := w.took(); a.Status != wire.Secure || !slices.Contains(over, transport.DoQ) {
			t.Errorf("%v, over %v", a.Status, over)
		}
	})
}

// serverOf returns the address of the server that is asked for a name in the end.
func serverOf(t *testing.T, world *lab.World, name string) (server netip.Addr) {
	t.Helper()
	newWorld(t, world, nil).resolve(name, wire.TypeA)
	for _, e := range world.Transcript() {
		if e.Name == name {
			server = e.Server
		}
	}
	return server
}
