package policy

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestACLDecides(t *testing.T) {
	rule := func(net string, a Action) Rule {
		return Rule{Net: netip.MustParsePrefix(net),
			Action: a}
	}
	byDefault := NewACL(Default().Access.Rules())
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

// Clients of some networks have a view of their own, all others that of the listener. Whether they
// may ask is another question: the longest network decides each.
func TestClientsOfSomeNetworksHaveAView(t *testing.T) {
	own, inner, p := &View{Class: 1}, &View{Class: 2}, netip.MustParsePrefix
	a := NewACL([]Rule{{Net: p("0.0.0.0/0")}, {Net: p("::/0")},
		{Net: p("10.1.0.0/16"), Action: Drop}}, Clients{p("10.0.0.0/8"), own},
		Clients{p("10.1.2.0/24"), inner}, Clients{p("2001:db8::/32"), own})
	for addr, want := range map[string]decision{"192.0.2.1": {Allow, nil}, "10.2.2.3": {Allow, own},
		"10.1.1.3": {Drop, own}, "10.1.2.3": {Drop, inner}, "2001:db9::1": {Allow, nil},
		"2001:db8::1": {Allow, own}} {
		action, v := a.Decide(netip.MustParseAddr(addr))
		if action != want.action || v != want.view {
			t.Errorf("%s: %v, %v", addr, action, v)
		}
	}
	if action, v := NewACL(nil, Clients{p("10.0.0.0/8"), own}).Decide(
		netip.MustParseAddr("10.0.0.1")); action != Refuse || v != own {
		t.Errorf("a view allows nobody: %v", action)
	}
}

// The operator's rules are added to what holds by default, unless they replace it; for one network
// theirs applies.
func TestAccessExtendsTheDefaultsUnlessItReplacesThem(t *testing.T) {
	own := []Rule{{netip.MustParsePrefix("192.0.2.0/24"), Allow},
		{netip.MustParsePrefix("10.0.0.0/8"), Refuse}}
	for _, c := range []struct {
		addr           string
		added, instead Action
	}{{"192.0.2.1", Allow, Allow}, {"10.1.2.3", Refuse, Refuse}, {"127.0.0.1", Allow, Refuse},
		{"fd00::1", Allow, Refuse}, {"198.51.100.1", Refuse, Refuse}} {
		for replace, want := range map[bool]Action{false: c.added, true: c.instead} {
			a := NewACL(Access{Own: own, Replace: replace}.Rules())
			if got, _ := a.Decide(netip.MustParseAddr(c.addr)); got != want {
				t.Errorf("%s, replace %v: %v", c.addr, replace, got)
			}
		}
	}
}

// networks returns rules for so many networks.
func networks(n int) (rules []Rule, views []Clients) {
	v := &View{}
	for i := range n {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24)
		rules, views = append(rules, Rule{p, Allow}), append(views, Clients{p, v})
	}
	return rules, views
}

// A decision costs the same, whether there are ten networks or ten thousand, and nothing is
// allocated for it.
func BenchmarkACL(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		rules, views := networks(n)
		a := NewACL(rules, views...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				j := i * 7919 % n
				a.Decide(netip.AddrFrom4([4]byte{20, byte(j >> 8), byte(j), 9}))
			}
		})
	}
}

// A decision allocates nothing, however many networks there are.
func TestACLDecidesWithoutAllocating(t *testing.T) {
	rules, views := networks(10_000)
	a := NewACL(rules, views...)
	for _, addr := range []string{"20.39.15.9", "192.0.2.1", "fe80::1%eth0"} {
		at := netip.MustParseAddr(addr)
		if n := testing.AllocsPerRun(100, func() { a.Decide(at) }); n != 0 {
			t.Errorf("%s: %v allocations", addr, n)
		}
	}
}

// Clients of some networks have another view in place of the one that they would have: that of
// their own network, of the one around it, or of the listener.
func TestWithinGivesAnotherView(t *testing.T) {
	base, office, lab := &View{Name: "base"}, &View{Name: "office"}, &View{Name: "lab"}
	net := netip.MustParsePrefix
	all := Within([]Clients{{net("10.0.0.0/8"), office}, {net("10.1.2.0/24"), lab}}, base,
		[]netip.Prefix{net("10.1.0.0/16"), net("192.0.2.0/24"), net("10.1.2.0/24")},
		func(v *View) *View { return &View{Name: v.Name + "64"} })
	acl := NewACL([]Rule{{net("0.0.0.0/0"), Allow}}, all...)
	for client, want := range map[string]string{"10.9.0.1": "office", "10.1.9.1": "office64",
		"10.1.2.3": "lab64", "192.0.2.1": "base64", "198.51.100.1": ""} {
		got := ""
		if _, v := acl.Decide(netip.MustParseAddr(client)); v != nil {
			got = v.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", client, got, want)
		}
	}
}
