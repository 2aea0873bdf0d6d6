package policy

import (
	"net/netip"
	"testing"
)

func TestDecide(t *testing.T) {
	p := netip.MustParsePrefix
	var private []Rule
	for _, n := range Private {
		private = append(private, Rule{p(n), Allow})
	}
	byDefault := NewACL(private)
	for _, c := range []struct {
		name string
		acl  *ACL
		addr string
		want Action
	}{
		{"loopback by default", byDefault, "127.0.0.1", Allow},
		{"private by default", byDefault, "192.168.7.7", Allow},
		{"link-local with a zone", byDefault, "fe80::1%eth0", Allow},
		{"public by default", byDefault, "192.0.2.1", Refuse},
		{"public IPv6 by default", byDefault, "2001:db8::1", Refuse},
		{"longest prefix", NewACL([]Rule{{p("10.0.0.0/8"), Allow}, {p("10.1.0.0/16"), Drop}}), "10.1.2.3", Drop},
		{"order does not matter", NewACL([]Rule{{p("10.1.0.0/16"), Drop}, {p("10.0.0.0/8"), Allow}}), "10.1.2.3", Drop},
		{"the later of two", NewACL([]Rule{{p("10.0.0.0/8"), Allow}, {p("10.0.0.0/8"), Refuse}}), "10.1.2.3", Refuse},
		{"no rules", NewACL(nil), "127.0.0.1", Refuse},
	} {
		if got := c.acl.Decide(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s: %s: got %d, want %d", c.name, c.addr, got, c.want)
		}
	}
}
