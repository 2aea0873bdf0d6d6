package resolver_test

import (
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
		var server netip.Addr
		plain := newWorld(t, world, nil)
		plain.resolve("www.secure.example.", wire.TypeA)
		for _, e := range world.Transcript() {
			if e.Name == "www.secure.example." {
				server = e.Server
			}
		}
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
