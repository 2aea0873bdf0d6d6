package transport

import (
	"net/netip"
	"testing"

	"bailiwick/wire"
)

// The network in a reply over UDP decides whether it is accepted (RFC 7871, sections 7.3 and 11.2;
// CVE-2025-5994).
func TestRFC7871SubnetCheck(t *testing.T) {
	sent := netip.MustParsePrefix("198.51.100.0/24")
	reply := func(flags, rcode byte, network string) []byte {
		b := answerTo(question, func(b []byte) { b[2] |= flags; b[3] |= rcode })
		if network == "" {
			return b
		}
		b[11]++
		s := wire.Subnet{Network: netip.MustParsePrefix(network), Scope: 24}
		return wire.AppendOPT(b, 1232, 0, false, wire.Options{}.Append(wire.OptionECS,
			s.AppendTo(nil)))
	}
	known, unknown := SubnetCheck{Sent: sent, Needed: true}, SubnetCheck{Sent: sent}
	for _, c := range []struct {
		name   string
		check  SubnetCheck
		packet []byte
		proven bool
		ok     bool
	}{
		{"nothing was sent", SubnetCheck{}, reply(0, 0, "192.0.2.0/24"), false, true},
		{"what was sent", known, reply(0, 0, "198.51.100.0/24"), false, true},
		{"another address", unknown, reply(0, 0, "198.51.101.0/24"), false, false},
		{"another length", unknown, reply(0, 0, "198.51.100.0/25"), false, false},
		{"another family", unknown, reply(0, 0, "2001:db8::/24"), false, false},
		{"another, proven", unknown, reply(0, 0, "198.51.101.0/24"), true, false},
		{"another, truncated", known, reply(2, 0, "198.51.101.0/24"), false, false},
		{"none, of an unknown server", unknown, reply(0, 0, ""), false, true},
		{"none", known, reply(0, 0, ""), false, false},
		{"none, NXDOMAIN", known, reply(0, 3, ""), false, false},
		{"none, YXDOMAIN", known, reply(0, 6, ""), false, false},
		{"none, proven", known, reply(0, 0, ""), true, true},
		{"none, truncated", known, reply(2, 0, ""), false, true},
		{"none, FORMERR", known, reply(0, 1, ""), false, true},
		{"none, REFUSED", known, reply(0, 5, ""), false, true},
	} {
		if ok := c.check.passes(c.packet, c.proven); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
	packet := reply(0, 0, "198.51.100.0/24")
	if n := testing.AllocsPerRun(100, func() { known.passes(packet, false) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
