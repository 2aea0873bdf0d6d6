// DNS64 in a server's configuration.

package main

import (
	"net"
	"testing"

	"github.com/miekg/dns"
)

// TestDNS64ForSomeClients asks from two addresses of this machine, one of which is behind a
// translator, while reloads put it behind and take it away again. Neither gets the other's answer,
// and nobody one that was prepared under another configuration.
func TestDNS64ForSomeClients(t *testing.T) {
	const dns64 = plain + "policy: {dns64: {enabled: true, non_global: true, " +
		"clients: [127.0.0.2]}}\n"
	s := reloadable(t, dns64)
	addresses := func(from string) int {
		c := dns.Client{Timeout: patience, Dialer: &net.Dialer{
			LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}}
		q := new(dns.Msg).SetQuestion("x.wild.ed25519.example.", dns.TypeAAAA)
		m, _, err := c.Exchange(q, s.udp)
		if err != nil || m.Rcode != dns.RcodeSuccess {
			t.Fatalf("%s: %v %v", from, m, err)
		}
		return len(m.Answer)
	}
	for _, c := range []struct {
		what, config   string
		others, behind int
	}{
		{"for some", dns64, 0, 1},
		{"for all", plain + "policy: {dns64: {enabled: true, non_global: true}}\n", 1, 1},
		{"off", plain, 0, 0},
		{"for some again", dns64, 0, 1},
		{"none of the public Internet", plain + "policy: {dns64: {enabled: true}}\n", 0, 0},
	} {
		s.change(c.config)
		for range 4 {
			if n := addresses("127.0.0.1"); n != c.others {
				t.Errorf("%s: others get %d addresses", c.what, n)
			}
			if n := addresses("127.0.0.2"); n != c.behind {
				t.Errorf("%s: who is behind it gets %d addresses", c.what, n)
			}
		}
	}
}
