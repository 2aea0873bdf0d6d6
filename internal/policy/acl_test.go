package policy

import (
	"net/netip"
	"testing"
)

func TestACLDecides(t *testing.T) {
	rule := func(net string, a Action) Rule {
		return Rule{Net: netip.MustParsePrefix(net),
			Action: a}
	}
	byDefault := NewACL(Default().Access)
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
		{"longest prefix", NewACL([]Rule{rule("10.0.0.0/8", Allow), rule("10.1.0.0/16", Drop)}),
			"10.1.2.3", Drop},
		{"order does not matter", NewACL([]Rule{rule("10.1.0.0/16", Drop),
			rule("10.0.0.0/8", Allow)}),
			"10.1.2.3", Drop},
		{"the later of two", NewACL([]Rule{rule("10.0.0.0/8", Allow), rule("10.0.0.0/8", Refuse)}),
			"10.1.2.3", Refuse},
		{"no rules", NewACL(nil), "127.0.0.1", Refuse},
	} {
		if got, _ := c.acl.Decide(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s: %s: got %d, want %d", c.name, c.addr, got, c.want)
		}
	}
}

// A rule may give its clients a view; all others have that of the listener.
func TestRuleGivesItsClientsAView(t *testing.T) {
	own, p := &View{Class: 1}, netip.MustParsePrefix
	a := NewACL([]Rule{{Net: p("0.0.0.0/0")}, {Net: p("::/0")}, {Net: p("10.0.0.0/8"), View: own},
		{Net: p("2001:db8::/32"), View: own}})
	for addr, want := range map[string]*View{"192.0.2.1": nil, "10.1.2.3": own, "2001:db9::1": nil,
		"2001:db8::1": own} {
		if action, v := a.Decide(netip.MustParseAddr(addr)); action != Allow || v != want {
			t.Errorf("%s: %v, %v", addr, action, v)
		}
	}
}
