package netzones_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"bailiwick/internal/netzones"
	"bailiwick/wire"
)

// own are the addresses of the interface of the tests.
var own = []netip.Prefix{netip.MustParsePrefix("192.168.7.9/24"),
	netip.MustParsePrefix("10.1.18.2/20"), netip.MustParsePrefix("fd00:1:2:3::4/64"),
	netip.MustParsePrefix("198.51.100.7/24"), netip.MustParsePrefix("172.16.0.3/24")}

func network(t *testing.T, zones ...string) *netzones.Network {
	t.Helper()
	n, err := netzones.Make("wlan0", "cafe", []string{"192.168.7.1"}, zones, own)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAnnouncedZones: what a network may have without a proof are names that are never public, and
// reverse names of the interface's own private addresses. Names of the Internet need a proof or the
// user, and some a network never gets, whatever the user says.
func TestAnnouncedZones(t *testing.T) {
	const (
		never    = netzones.Refused
		proof    = netzones.Unproven
		yes      = netzones.Forwarded
		approved = true
	)
	for _, c := range []struct {
		zone string
		want netzones.Verdict
		then netzones.Verdict // if the user has approved it
	}{
		{"home.arpa", yes, yes}, {"kitchen.home.arpa", yes, yes}, {"internal", yes, yes},
		{"corp.internal", yes, yes}, {"HOME.Arpa.", yes, yes},
		// Hostile ones.
		{".", never, never}, {"com", never, never}, {"lan", never, never}, {"arpa", never, never},
		{"in-addr.arpa", never, never}, {"ip6.arpa", never, never}, {"uri.arpa", never, never},
		{"google.com", proof, yes}, {"www.google.com", proof, yes}, {"corp.example", proof, yes},
		{"co.uk", proof, yes},
		{"localhost", never, never}, {"a.localhost", never, never}, {"onion", never, never},
		{"x.onion", never, never}, {"local", never, never}, {"printer.local", never, never},
		{"ipv4only.arpa", never, never}, {"resolver.arpa", never, never},
		{"notinternal", never, never}, {"internal.com", proof, yes}, {"xhome.arpa", never, never},
		// Reverse names: of the interface's private addresses alone.
		{"7.168.192.in-addr.arpa", yes, yes}, {"9.7.168.192.in-addr.arpa", yes, yes},
		{"8.168.192.in-addr.arpa", never, never}, {"168.192.in-addr.arpa", never, never},
		{"192.in-addr.arpa", never, never}, {"10.in-addr.arpa", never, never},
		{"1.10.in-addr.arpa", never, never}, {"17.1.10.in-addr.arpa", yes, yes},
		{"0.16.172.in-addr.arpa", yes, yes}, {"16.172.in-addr.arpa", never, never},
		{"32.1.10.in-addr.arpa", never, never}, {"100.51.198.in-addr.arpa", never, never},
		{"8.8.8.in-addr.arpa", never, never}, {"x.7.168.192.in-addr.arpa", never, never},
		{"1.9.7.168.192.in-addr.arpa", never, never}, {"127.in-addr.arpa", never, never},
		{`\046.7.168.192.in-addr.arpa`, never, never}, {"d.f.ip6.arpa", never, never},
		{"3.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa", yes, yes},
		{"4.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa", never, never},
		{"8.b.d.0.1.0.0.2.ip6.arpa", never, never},
	} {
		n := network(t, c.zone)
		if len(n.Zones) != 1 {
			t.Errorf("%s is left out", c.zone)
			continue
		}
		got := netzones.Judge(n, n.Zones[0], false, netzones.Proven)
		if got.Verdict != c.want || got.Reason == "" {
			t.Errorf("%s: %v", c.zone, got)
		}
		if got := netzones.Judge(n, n.Zones[0], approved, netzones.Private); got.Verdict != c.then {
			t.Errorf("%s, approved: %v", c.zone, got)
		}
		if got := netzones.Judge(n, n.Zones[0], false, netzones.Private); c.want == proof &&
			got.Verdict != never {
			t.Errorf("%s, without proofs: %v", c.zone, got)
		}
		if got := netzones.Judge(n, n.Zones[0], approved, netzones.Off); got.Verdict != never {
			t.Errorf("%s, off: %v", c.zone, got)
		}
	}
}

// TestMaxZones: a network is taken at its first words, and what it says besides is counted; what is
// no name takes nothing else with it.
func TestMaxZones(t *testing.T) {
	var many []string
	for i := range 10_000 {
		many = append(many, "z"+strconv.Itoa(i)+".internal")
	}
	if n := network(t, many...); len(n.Zones) != netzones.MaxZones ||
		n.LeftOut != len(many)-netzones.MaxZones {
		t.Errorf("%d zones, %d left out", len(n.Zones), n.LeftOut)
	}
	n := network(t, strings.Repeat("a.", 10_000), "a..b", "", strings.Repeat("x", 64)+".internal",
		"home.arpa", "home.arpa")
	if len(n.Zones) != 1 || n.LeftOut != 4 {
		t.Errorf("%v, %d left out", n.Zones, n.LeftOut)
	}
}

// TestMaxServers: no more servers are asked, and none that are no servers of a network.
func TestMaxServers(t *testing.T) {
	many := []string{"192.168.7.1", "192.168.7.1", "192.168.7.2", "192.168.7.3", "192.168.7.4",
		"192.168.7.5", "192.168.7.6"}
	n, err := netzones.Make("wlan0", "", many, nil, own)
	if err != nil || len(n.Servers) != netzones.MaxServers || n.LeftOut != 2 {
		t.Errorf("%v, %v", n, err)
	}
	for _, s := range []string{"127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.251", "ns.example",
		"192.168.7.9", "::ffff:192.168.7.9",
		"$(reboot)", ""} {
		if _, err := netzones.Make("wlan0", "", []string{s}, nil, own); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	none, err := netzones.Make("wlan0", "", nil, []string{"home.arpa"}, own)
	if err != nil {
		t.Fatal(err)
	}
	if j := netzones.Judge(none, none.Zones[0], true, netzones.Proven); j.Verdict !=
		netzones.Refused {
		t.Errorf("without servers: %v", j)
	}
	if _, err := netzones.Make(strings.Repeat("w", 65), "", nil, nil, own); err == nil {
		t.Error("a long name of an interface is taken")
	}
}

// TestRemains: a network is left when the interface has lost an IPv4 address, though another
// network has the same prefix, and the link-local address is the same everywhere.
func TestRemains(t *testing.T) {
	const link = "fe80::1/64"
	for _, c := range []struct {
		was, now string
		want     bool
	}{
		{"192.168.1.9/24", "192.168.1.9/24", true},
		{"192.168.1.9/24", "192.168.1.9/24 10.0.0.1/8", true},
		{"192.168.1.9/24", "", false},
		{"192.168.1.9/24", "192.168.1.10/24", false},
		{"192.168.1.9/24", "192.168.1.9/16", false},
		{"192.168.1.9/24 " + link, link, false},
		{"192.168.1.9/24 fd00::1/64", "fd00::1/64", false},
		{"192.168.1.9/24 fd00::1/64", "192.168.1.9/24 fd00::2/64", true},
		{"fd00::1/64 fd00::2/64", "fd00::2/64 " + link, true},
		{"fd00::1/64", "fd00::2/64", false},
	} {
		n := &netzones.Network{Prefixes: prefixes(c.was)}
		if got := n.Remains(prefixes(c.now)); got != c.want {
			t.Errorf("%q, now %q: %v", c.was, c.now, got)
		}
	}
	for _, none := range []string{"", link, "169.254.1.1/16"} {
		if _, err := netzones.Make("wlan0", "", nil, nil, prefixes(none)); err == nil {
			t.Errorf("an interface with %q is in a network", none)
		}
	}
}

// prefixes reads addresses with the bits of their networks.
func prefixes(text string) (list []netip.Prefix) {
	for _, s := range strings.Fields(text) {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// TestNamesOfNetworksArePrintable: a network cannot write to the terminal of who lists it.
func TestNamesOfNetworksArePrintable(t *testing.T) {
	for name, want := range map[string]string{"Café 5 GHz": "Café 5 GHz", "x\x1b[2J": "",
		"a\nb": "", "\xff\xfe": "", "\u202egro": ""} {
		n, err := netzones.Make("wlan0", name, nil, nil, own)
		if err != nil || n.Name != want {
			t.Errorf("%q: %+v, %v", name, n, err)
		}
	}
}

// TestApprovals: an approval is of a zone with all below it, and of no network that merely has the
// name of another one's interface: anybody may call his network eth0.
func TestApprovals(t *testing.T) {
	office := &netzones.Network{Interface: "eth0", Name: "office"}
	evil := &netzones.Network{Interface: "wlan0", Name: "eth0"}
	unnamed := &netzones.Network{Interface: "wlan0"}
	for _, c := range []struct {
		of   netzones.Approval
		by   *netzones.Network
		zone string
		want bool
	}{
		{netzones.Approval{Zone: "corp.example"}, unnamed, "corp.example", true},
		{netzones.Approval{Zone: "corp.example"}, unnamed, "a.corp.example", true},
		{netzones.Approval{Zone: "corp.example"}, unnamed, "example", false},
		{netzones.Approval{Zone: "corp.example"}, unnamed, "xcorp.example", false},
		{netzones.Approval{Zone: "corp.example", Interface: "eth0"}, office, "corp.example", true},
		{netzones.Approval{Zone: "corp.example", Interface: "eth0"}, evil, "corp.example", false},
		{netzones.Approval{Zone: "corp.example", Network: "office"}, office, "corp.example", true},
		{netzones.Approval{Zone: "corp.example", Network: "eth0"}, office, "corp.example", false},
		{netzones.Approval{Zone: "corp.example", Network: "office"}, unnamed, "corp.example",
			false},
		{netzones.Approval{Zone: "corp.example", Network: "office", Interface: "wlan0"}, office,
			"corp.example", false},
		{netzones.Approval{Zone: "a..b"}, unnamed, "corp.example", false},
	} {
		if got := c.of.Holds(c.by, wire.MustParseName(c.zone)); got != c.want {
			t.Errorf("%+v of %+v for %s: %v", c.of, c.by, c.zone, got)
		}
	}
}

// FuzzJudge: whatever a network says, it gets no name without a proof but those that are never
// public.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{"home.arpa", "com", "7.168.192.in-addr.arpa", "x.internal", "."} {
		f.Add(s)
	}
	never := []wire.Name{wire.MustParseName("internal"), wire.MustParseName("home.arpa"),
		wire.MustParseName("7.168.192.in-addr.arpa"), wire.MustParseName("1.10.in-addr.arpa"),
		wire.MustParseName("3.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa")}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := netzones.Make("wlan0", "", []string{"192.168.7.1"}, []string{text}, own)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range n.Zones {
			if netzones.Judge(n, z, false, netzones.Proven).Verdict != netzones.Forwarded {
				continue
			}
			ok := false
			for _, top := range never {
				ok = ok || z.Within(top)
			}
			if !ok {
				t.Errorf("%s is forwarded", z)
			}
		}
	})
}

// TestLinkLocalServers: a server with a link-local address is on the interface's link and no other;
// DHCPv6 and router advertisements name it without the interface (RFC 8106, section 5.1).
func TestLinkLocalServers(t *testing.T) {
	n, err := netzones.Make("wlan0", "", []string{"fe80::1", "fe80::1%wlan0", "fd00:1::1"}, nil,
		own)
	if err != nil || len(n.Servers) != 2 || n.Servers[0].Zone() != "wlan0" ||
		n.Servers[1].Zone() != "" {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := netzones.Make("wlan0", "", []string{"fe80::1%eth0"}, nil, own); err == nil {
		t.Error("a server is on the link of another interface")
	}
}

// TestJoin: what a network says by several ways is within the same limits as what it says by one.
func TestJoin(t *testing.T) {
	var parts []*netzones.Network
	for i := range 3 {
		var zones, servers []string
		for j := range 20 {
			zones = append(zones, "z"+strconv.Itoa(10*i+j)+".internal")
		}
		for j := range 3 {
			servers = append(servers, "192.168.7."+strconv.Itoa(10+2*i+j))
		}
		n, err := netzones.Make("wlan0", []string{"", "cafe", "x"}[i], servers, zones, own)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, n)
	}
	n := netzones.Join(parts...)
	if n.Name != "cafe" || len(n.Servers) != netzones.MaxServers ||
		len(n.Zones) != netzones.MaxZones || n.LeftOut != 8+1+3 ||
		len(n.Prefixes) != len(own) || len(parts[0].Zones) != 20 {
		t.Errorf("%+v", n)
	}
}
