package main

import (
	"net/netip"
	"testing"

	"bailiwick/internal/console"
	"bailiwick/internal/routes"
)

// TestNetworksThatAreLeft: what a network has announced ends when the interface is not in it any
// more, though nobody tells, and when what is announced next is refused.
func TestNetworksThatAreLeft(t *testing.T) {
	s := reloadable(t, plain)
	forwarded := func() int { n, _, _ := s.networks.counts(s.now().Config); return n }
	used := func() (n int) {
		for _, z := range s.now().Config.Zones {
			if z.Network != "" {
				n++
			}
		}
		return n
	}
	set := func(server string) error {
		_, err := s.setNetwork(console.Request{Args: map[string]string{"interface": "lo",
			"servers": server, "zones": "home.arpa"}})
		return err
	}
	expect := func(when string, want int) {
		t.Helper()
		if forwarded() != want || used() != want {
			t.Errorf("%s: %d zones are to be forwarded, %d are", when, forwarded(), used())
		}
	}
	if err := set("192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	expect("announced", 1)
	s.networkChanged(routes.Change{})
	expect("another network has changed", 1)
	if err := set("127.0.0.1"); err == nil {
		t.Error("this machine is a server of a network")
	}
	expect("refused", 0)
	if err := set("192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	s.networks.mu.Lock()
	left := *s.networks.networks["lo"]
	left.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")}
	s.networks.heard = map[announcer]announcement{{Interface: "lo"}: {network: &left}}
	s.networks.mu.Unlock()
	expect("its address has gone", 1)
	s.networkChanged(routes.Change{})
	expect("that is noticed", 0)
}
