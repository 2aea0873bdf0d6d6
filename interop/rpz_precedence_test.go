// The precedence of rules of policy zones beside BIND and PowerDNS Recursor.

package interop

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// precedence is a case of section 5 of draft-vixie-dnsop-dns-rpz-00: several rules hold for one
// question, and one of them decides. Rules have an address as their data, 10.0.ZONE.RULE, by which
// the one that decided is known.
type precedence struct {
	rule     string // of the draft, by its title there
	one, two string // owners of the zones' rules, the first one 10.0.ZONE.1; parted by blanks
	client   string
	name     string
	want     string // the address of the rule that the draft has decide
	// What another resolver may have in its place, by what it does.
	bind, recursor departure
}

// departure is what a resolver does in another way than the draft, and what comes of that.
type departure struct{ does, has string }

// What BIND and PowerDNS Recursor do in other ways.
const (
	addressesLast = "looks at the addresses of an answer where no other rule holds"
	namesFirst    = "looks at clients and names in all zones first"
	serversFirst  = "looks at servers while it resolves, before there is an answer"
	lastServer    = "takes the rule of the server that it looks at last"
	firstServer   = "takes the rule of the server that it asks first"
	firstAddress  = "takes the rule of the first address of the answer"
	askedServers  = "looks at the addresses of those servers alone that it asks"
)

// network is the owner of a rule about an address, without its mark.
func network(a netip.Addr, bits int) string {
	p := netip.PrefixFrom(a, bits).Masked().Addr().As4()
	return fmt.Sprintf("%d.%d.%d.%d.%d", bits, p[3], p[2], p[1], p[0])
}

// precedences are the cases. Each has names, servers and clients of its own.
func precedences(w *lab.World) []precedence {
	ip := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, last}) }
	server := func(zone string, bits int) string {
		return network(w.AddressOf(zone), bits) + ".rpz-nsip"
	}
	client := func(a string, bits int) string {
		return network(netip.MustParseAddr(a), bits) + ".rpz-client-ip"
	}
	return []precedence{{
		rule: "CNAME or DNAME Chain Position", one: "end.p1.example", two: "alias.p1.example",
		name: "alias.p1.example.", want: "10.0.2.1",
	}, {
		rule: "RPZ Ordering: an address before a name", name: "www.p2.example.",
		one: network(ip(4), 32) + ".rpz-ip", two: "www.p2.example", want: "10.0.1.1",
		bind: departure{addressesLast, "10.0.2.1"}, recursor: departure{namesFirst, "10.0.2.1"},
	}, {
		rule: "RPZ Ordering: a server's address before a name", name: "www.p3.example.",
		one: server("p3.example.", 32), two: "www.p3.example", want: "10.0.1.1",
		recursor: departure{namesFirst, "10.0.2.1"},
	}, {
		rule: "RPZ Ordering: a server's name before a client", name: "www.p4.example.",
		client: "127.0.4.4", one: "ns1.p4.example.rpz-nsdname", two: client("127.0.4.4", 32),
		want:     "10.0.1.1",
		recursor: departure{namesFirst, "10.0.2.1"},
	}, {
		rule: "RPZ Ordering: a server's name before an address", name: "www.p5.example.",
		one: "ns1.p5.example.rpz-nsdname", two: network(ip(10), 32) + ".rpz-ip", want: "10.0.1.1",
	}, {
		rule: "Domain Name Matching: the name before a wildcard", name: "a.b.p6.example.",
		one: "*.b.p6.example a.b.p6.example", want: "10.0.1.2",
	}, {
		rule: "Domain Name Matching: the longest wildcard", name: "a.b.p7.example.",
		one: "*.p7.example *.b.p7.example", want: "10.0.1.2",
	}, {
		rule: "Domain Name Matching: a server's name before a wildcard", name: "www.p8.example.",
		one: "*.p8.example.rpz-nsdname ns1.p8.example.rpz-nsdname", want: "10.0.1.2",
		bind: departure{lastServer, "10.0.1.1"}, recursor: departure{firstServer, "10.0.1.1"},
	}, {
		rule: "Trigger Type: a client before a name", name: "www.p9.example.",
		client: "127.0.4.9", one: "www.p9.example " + client("127.0.4.9", 32), want: "10.0.1.2",
	}, {
		rule: "Trigger Type: a name before an address", name: "www.p10.example.",
		one: network(ip(20), 32) + ".rpz-ip www.p10.example", want: "10.0.1.2",
	}, {
		rule: "Trigger Type: an address before a server's name", name: "www.p11.example.",
		one: "ns1.p11.example.rpz-nsdname " + network(ip(22), 32) + ".rpz-ip", want: "10.0.1.2",
		bind: departure{addressesLast, "10.0.1.1"}, recursor: departure{serversFirst, "10.0.1.1"},
	}, {
		rule: "Trigger Type: a server's name before its address", name: "www.p12.example.",
		one: server("p12.example.", 32) + " ns1.p12.example.rpz-nsdname", want: "10.0.1.2",
	}, {
		rule: "Trigger Type: a wildcard before a longer address", name: "www.p13.example.",
		one: network(ip(26), 32) + ".rpz-ip *.p13.example", want: "10.0.1.2",
	}, {
		rule: "Name Order: the smallest server", name: "www.p14.example.",
		one: "ns2.p14.example.rpz-nsdname ns1.p14.example.rpz-nsdname", want: "10.0.1.2",
		bind: departure{lastServer, "10.0.1.1"}, recursor: departure{firstServer, "10.0.1.1"},
	}, {
		rule: "Prefix Length: the longest of one address", name: "www.p15.example.",
		one:  network(ip(30), 31) + ".rpz-ip " + network(ip(30), 32) + ".rpz-ip",
		want: "10.0.1.2",
	}, {
		rule: "Prefix Length: the longest of several addresses", name: "two.p16.example.",
		one:      network(ip(64), 31) + ".rpz-ip " + network(ip(96), 32) + ".rpz-ip",
		want:     "10.0.1.2",
		recursor: departure{firstAddress, "10.0.1.1"},
	}, {
		rule: "Prefix Length: the longest of a client", name: "www.p17.example.",
		client: "127.0.4.17", one: client("127.0.4.17", 31) + " " + client("127.0.4.17", 32),
		want: "10.0.1.2",
	}, {
		rule: "Prefix Length: the longest of a server", name: "www.p18.example.",
		one: server("p18.example.", 31) + " " + server("p18.example.", 32), want: "10.0.1.2",
		recursor: departure{firstServer, "10.0.1.1"},
	}, {
		rule: "IP Address Order: the smallest address", name: "two.p19.example.",
		one:      network(ip(160), 32) + ".rpz-ip " + network(ip(128), 32) + ".rpz-ip",
		want:     "10.0.1.2",
		recursor: departure{firstAddress, "10.0.1.1"},
	}, {
		rule: "a zone above has the server", name: "www.sub.p20.example.",
		one: "ns1.p20.example.rpz-nsdname", want: "10.0.1.1",
	}, {
		rule: "a zone above has the server's address", name: "www.sub.p21.example.",
		one: server("p21.example.", 32), want: "10.0.1.1",
		recursor: departure{askedServers, "192.0.2.202"},
	}, {
		rule: "a server in another zone", name: "www.p22.example.",
		one: "*.p23.example.rpz-nsdname", want: "10.0.1.1",
	}}
}

// precedenceWorld is an internet of the names of the cases.
func precedenceWorld() *lab.World {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	more := map[int]string{1: "alias CNAME end", 16: "two A 192.0.2.64;;two A 192.0.2.96",
		19: "two A 192.0.2.160;;two A 192.0.2.128"}
	for i := 23; i >= 0; i-- { // the 22nd is on the servers of the one before it
		z := lab.Zone{Name: fmt.Sprintf("p%d.example.", i), Algorithm: lab.Unsigned,
			Records: fmt.Sprintf("www A 192.0.2.%d;;end A 192.0.2.200;;a.b A 192.0.2.201;;", 2*i) +
				more[i], Servers: []lab.ServerFaults{nil, nil}}
		if i == 22 {
			z.Servers, z.On = nil, "p23.example."
		}
		w.Add(z)
		if i == 20 || i == 21 {
			w.Add(lab.Zone{Name: "sub." + z.Name, Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.202"})
		}
	}
	w.Add(lab.Zone{Name: "garden.example.", Algorithm: lab.Unsigned, Records: "www A 198.51.100.1"})
	return w
}

// TestPrecedenceOfPolicyZonesBeside compares which rule decides with what the draft says, and with
// BIND and PowerDNS Recursor.
func TestPrecedenceOfPolicyZonesBeside(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "named", "pdns_recursor"})
		return
	}
	loopback(t)
	w := precedenceWorld()
	root, dir := listen(t, w), folder(t.TempDir())
	dir.write(t, "hints", root.hints())
	cases := precedences(w)
	var zones []enforced
	for i, zone := range []string{"one", "two"} {
		text := "$TTL 60\n@ SOA ns. host. 1 3600 600 86400 60\n@ NS ns.\n"
		for _, c := range cases {
			for n, owner := range strings.Fields([]string{c.one, c.two}[i]) {
				text += fmt.Sprintf("%s A 10.0.%d.%d\n", owner, i+1, n+1)
			}
		}
		dir.write(t, zone+".rpz", text)
		dir.write(t, zone+".pdns", "$ORIGIN "+zone+".rpz.\n"+text)
		zones = append(zones, enforced{name: zone})
	}
	dir.enforcingOwn(t, zones)
	dir.enforcingBIND(t, zones)
	dir.enforcingRecursor(t, zones)
	for _, at := range []string{bindAddr, bailiwickAddr, recursorAddr} {
		awaitGarden(t, at)
	}
	departed := map[string]int{}
	for _, c := range cases {
		client := cmp.Or(c.client, "127.0.0.1")
		for _, r := range []struct {
			name, at string
			may      departure
		}{{"Bailiwick", bailiwickAddr, departure{}}, {"BIND", bindAddr, c.bind},
			{"PowerDNS", recursorAddr, c.recursor}} {
			for range 2 { // resolved, from the cache
				got := heard("udp", client, r.at, c.name, dns.TypeA)
				got = got[strings.LastIndexByte(got, '\t')+1:]
				switch {
				case got == c.want:
				case got == r.may.has:
					departed[r.name+" "+r.may.does]++
				default:
					t.Errorf("%s: %s has %q, want %s", c.rule, r.name, got, c.want)
				}
			}
		}
	}
	t.Logf("%d cases; %v", len(cases), departed)
}

// heard is what a client without DO hears: the RCODE and the data, "truncated" or "no answer".
func heard(network, client, at, name string, qt uint16) string {
	c := dns.Client{Net: network, Dialer: &net.Dialer{
		LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}}}
	if network == "tcp" {
		c.Dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(client)}
	}
	m := patiently(&c, new(dns.Msg).SetQuestion(name, qt), at)
	switch {
	case m == nil:
		return "no answer"
	case m.Truncated:
		return "truncated"
	}
	return verdict(m)
}

// patiently asks a server that may have nothing to say: nil if it has not answered twice.
func patiently(c *dns.Client, q *dns.Msg, at string) *dns.Msg {
	for _, wait := range []time.Duration{700 * time.Millisecond, 3 * time.Second} {
		if c.Timeout = wait; c.Dialer != nil {
			c.Dialer.Timeout = wait
		}
		if m, _, err := c.Exchange(q.Copy(), at); err == nil {
			return m
		}
	}
	return nil
}
