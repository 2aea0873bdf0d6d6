// Views with zones, exceptions from validation and DNS64 of their own.

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/console"
	"bailiwick/transport"
	"bailiwick/wire"
)

// housesExchanger is the network with two servers besides the lab's: 10.9.9.1 and 10.9.9.2 answer
// every question for an address, and the latter one for no other name than www.
type housesExchanger struct{ transport.Exchanger }

func (h *housesExchanger) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	var own net.IP
	switch r.Server.Addr().String() {
	case "10.9.9.1":
		own = net.IPv4(10, 0, 0, 1)
	case "10.9.9.2":
		own = net.IPv4(10, 0, 0, 2)
	default:
		return h.Exchanger.Exchange(ctx, r)
	}
	q := new(dns.Msg)
	if err := q.Unpack(r.Query); err != nil {
		return nil, err
	}
	m := new(dns.Msg).SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	m.SetEdns0(1232, true)
	if asked := q.Question[0]; asked.Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{A: own, Hdr: dns.RR_Header{Name: asked.Name,
			Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}}}
	}
	return m.Pack()
}

func newResolvingViews(t *testing.T, text string) *reloaded {
	t.Helper()
	return reloadableOver(t, text, func(w transport.Exchanger) transport.Exchanger {
		return &housesExchanger{w}
	})
}

const resolvingText = plain + `
views:
  - name: office
    clients: [127.0.2.0/24]
    forward_zones: [{name: corp.example, addresses: [10.9.9.1], insecure: true}]
    insecure: [expired.faulty]
  - name: kids
    clients: [127.0.3.0/24]
    stub_zones:
      - {name: corp.example, addresses: ["10.9.9.2 weight 1"], insecure: true}
    validator_zones: [{zone: wrong-keys.faulty, mode: permissive}]
`

// Each view's clients get its zones' data and its exceptions, all others those of all, from the
// servers, from the cache and prepared. A reload has them begin, change and end at once.
func TestViewsResolveTheirOwnWay(t *testing.T) {
	s := newResolvingViews(t, resolvingText)
	s.says("at first", map[string]string{
		office + " host.corp.example.":     "NOERROR 10.0.0.1",
		kids + " host.corp.example.":       "NOERROR 10.0.0.2",
		others + " host.corp.example.":     "NXDOMAIN",
		office + " www.expired.faulty.":    "NOERROR 192.0.2.1",
		kids + " www.expired.faulty.":      "SERVFAIL",
		others + " www.expired.faulty.":    "SERVFAIL",
		office + " www.wrong-keys.faulty.": "SERVFAIL",
		kids + " www.wrong-keys.faulty.":   "NOERROR 192.0.2.1",
		others + " www.wrong-keys.faulty.": "SERVFAIL",
		office + " www.secure.example.":    public,
		others + " www.secure.example.":    public,
	})
	s.change(strings.NewReplacer("10.9.9.1", "10.9.9.2", "insecure: [expired.faulty]",
		"insecure: []").Replace(resolvingText))
	s.says("after a reload", map[string]string{
		office + " host.corp.example.":  "NOERROR 10.0.0.2",
		kids + " host.corp.example.":    "NOERROR 10.0.0.2",
		others + " host.corp.example.":  "NXDOMAIN",
		office + " www.expired.faulty.": "SERVFAIL",
	})
	s.change(plain + "resolver: {forward_zones: [{name: corp.example, addresses: [10.9.9.1], " +
		"insecure: true}]}\nviews: [{name: guests, clients: [127.0.3.0/24], forward_zones: []}]\n")
	s.says("a view without the zones of all others", map[string]string{
		office + " host.corp.example.": "NOERROR 10.0.0.1",
		others + " host.corp.example.": "NOERROR 10.0.0.1",
		kids + " host.corp.example.":   "NXDOMAIN",
	})
	s.change(plain)
	s.says("without views", map[string]string{office + " host.corp.example.": "NXDOMAIN",
		kids + " host.corp.example.": "NXDOMAIN", others + " host.corp.example.": "NXDOMAIN"})
}

// Views that resolve alike have the same data and the same prepared answers, however they say it.
func TestViewsThatResolveAlikeShareIt(t *testing.T) {
	s := newResolvingViews(t, plain+`
resolver: {forward_zones: [{name: a.example, addresses: [10.9.9.1]}]}
views:
  - {name: a, clients: [127.0.2.0/24], stub_zones: [{name: b.example, addresses: [10.9.9.2]}]}
  - {name: b, clients: [127.0.3.0/24], stub_zones: [{name: b.example, addresses: [10.9.9.2]}],
     forward_zones: [{name: a.example, addresses: [10.9.9.1]}]}
  - {name: c, clients: [127.0.4.0/24], forward_zones: [{name: a.example, addresses: [10.9.9.1]}]}
  - {name: d, clients: [127.0.5.0/24], forward_zones: [{name: a.example, addresses: [10.9.9.2]}]}
`)
	var got []string
	for _, p := range s.now().Policies {
		got = append(got, fmt.Sprint(p.Realm, p.Class))
	}
	if text := strings.Join(got, ", "); text != "0 0, 1 1, 1 1, 0 0, 2 4" {
		t.Errorf("ways of resolving and classes: %s", text)
	}
}

// DNS64 of a view is for its clients, with its own prefix; so is what clients find the prefix by
// (RFC 7050).
func TestViewsHaveTheirOwnDNS64(t *testing.T) {
	s := newResolvingViews(t, plain+`
policy: {dns64: {enabled: true, non_global: true, clients: [127.0.5.0/24]}}
views:
  - {name: a, clients: [127.0.2.0/24],
     dns64: {enabled: true, prefixes: ["2001:db8:a::/96"], clients: []}}
  - {name: b, clients: [127.0.3.0/24], dns64: {clients: [127.0.3.128/25]}}
  - {name: c, clients: [127.0.5.128/25], dns64: {enabled: false}}
`)
	ask := func(client, name string) string {
		c := dns.Client{Timeout: patience, Dialer: &net.Dialer{
			LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}}}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeAAAA), s.udp)
		if err != nil {
			t.Fatal(err)
		}
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.AAAA); ok {
				return netip.PrefixFrom(netip.AddrFrom16([16]byte(a.AAAA)), 120).Masked().String()
			}
		}
		return "none"
	}
	for range 3 {
		for client, want := range map[string][2]string{
			"127.0.2.1":   {"2001:db8:a::c000:200/120", "2001:db8:a::c000:0/120"},
			"127.0.3.1":   {"none", "none"},
			"127.0.3.200": {"64:ff9b::c000:200/120", "64:ff9b::c000:0/120"},
			"127.0.5.1":   {"64:ff9b::c000:200/120", "64:ff9b::c000:0/120"},
			"127.0.5.200": {"none", "none"}, "127.0.0.1": {"none", "none"},
		} {
			if got := ask(client, "x.wild.ed25519.example."); got != want[0] {
				t.Errorf("%s: %s, want %s", client, got, want[0])
			}
			if got := ask(client, "ipv4only.arpa."); got != want[1] {
				t.Errorf("%s: ipv4only.arpa is %s, want %s", client, got, want[1])
			}
		}
	}
}

// Forward zones of a view are changed while the server runs, for its clients alone. A view that had
// those of all others goes on with them.
func TestViewsForwardsAreChangedAtRunTime(t *testing.T) {
	s := newResolvingViews(t, resolvingText+
		"resolver: {forward_zones: [{name: all.example, addresses: [10.9.9.1], insecure: true}]}\n")
	set := func(command string, args ...string) error {
		q := console.Request{Command: command, Caller: "test", Args: map[string]string{}}
		for i := 0; i < len(args); i += 2 {
			q.Args[args[i]] = args[i+1]
		}
		_, err := s.setForward(q)
		return err
	}
	s.says("at first", map[string]string{kids + " x.all.example.": "NOERROR 10.0.0.1",
		office + " x.all.example.": "NXDOMAIN", others + " x.all.example.": "NOERROR 10.0.0.1"})
	if err := set("forwards set", "zone", "new.faulty", "servers", "10.9.9.2", "view",
		"kids"); err != nil {
		t.Fatal(err)
	}
	// The zone is below a signed one and not insecure, so its names are bogus for the view.
	s.says("with another one", map[string]string{kids + " x.new.faulty.": "SERVFAIL",
		others + " x.new.faulty.": "NXDOMAIN", kids + " x.all.example.": "NOERROR 10.0.0.1",
		office + " host.corp.example.": "NOERROR 10.0.0.1"})
	if err := set("forwards set", "zone", "corp.example", "servers", "10.9.9.2", "view",
		"office"); err != nil {
		t.Fatal(err)
	}
	s.says("with another server", map[string]string{office + " host.corp.example.": "NOERROR " +
		"10.0.0.2", others + " host.corp.example.": "NXDOMAIN"})
	if err := set("forwards remove", "zone", "corp.example", "view", "office"); err != nil {
		t.Fatal(err)
	}
	s.says("without it", map[string]string{office + " host.corp.example.": "NXDOMAIN",
		kids + " host.corp.example.": "NOERROR 10.0.0.2"})
	for what, args := range map[string][]string{
		"no such view":         {"zone", "a.example", "servers", "10.9.9.1", "view", "nobody"},
		"a stub of the view":   {"zone", "corp.example", "servers", "10.9.9.1", "view", "kids"},
		"of all other clients": {"zone", "corp.example", "servers", "", "view", ""},
	} {
		if err := set("forwards set", args...); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	r, err := s.forwards(console.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var views []string
	for _, row := range r.Rows {
		views = append(views, fmt.Sprint(row[0], " ", row[len(row)-1]))
	}
	if got := strings.Join(views, ", "); got != "all.example. -, corp.example. kids, "+
		"new.faulty. kids" {
		t.Errorf("listed are %s", got)
	}
}

// Views share how all others resolve again when the last forward zone of all has been removed, as
// they did before there was one: they had a part of the cache of their own.
func TestViewsShareAgainWhenAForwardZoneIsRemoved(t *testing.T) {
	s := newResolvingViews(t, plain+"views: [{name: kids, clients: [127.0.3.0/24]}]\n")
	for _, command := range []string{"forwards set", "forwards remove"} {
		q := console.Request{Command: command, Args: map[string]string{"zone": "all.example",
			"servers": "10.9.9.1"}}
		if _, err := s.setForward(q); err != nil {
			t.Fatal(err)
		}
		if p := s.now().Policies[1]; p.Realm != 0 || p.Class != 0 {
			t.Errorf("%s: way of resolving %d, class %d", command, p.Realm, p.Class)
		}
	}
}

// A negative trust anchor that is added while the server runs is for the clients of all views, and
// ends for all.
func TestViewsHaveNegativeAnchorsInCommon(t *testing.T) {
	s := newResolvingViews(t, resolvingText)
	q := console.Request{Caller: "test", Args: map[string]string{"zone": "expired.faulty"}}
	if _, err := s.addNegativeAnchor(q); err != nil {
		t.Fatal(err)
	}
	all := func(answer string) map[string]string {
		return map[string]string{kids + " www.expired.faulty.": answer,
			others + " www.expired.faulty.": answer, office + " www.expired.faulty.": public}
	}
	s.says("with it", all(public))
	if _, err := s.removeNegativeAnchor(q); err != nil {
		t.Fatal(err)
	}
	s.says("without it", all("SERVFAIL"))
}

// A flush is for the clients of all views.
func TestViewsAreFlushedTogether(t *testing.T) {
	s := newResolvingViews(t, resolvingText)
	for _, client := range []string{office, kids, others} {
		s.askAs(client, s.udp, "host.corp.example.")
	}
	if n := s.now().resolver.Flush(wire.MustParseName("corp.example."), true); n < 3 {
		t.Errorf("%d entries were forgotten", n)
	}
}

// What people wanted of views elsewhere, or what went wrong where clients had servers of their own,
// by public reports.
func TestViewsResolvingReports(t *testing.T) {
	for _, c := range []struct {
		situation, reference, views string
		want                        map[string]string
	}{
		{situation: "forwarders by the client's network filled one cache for all",
			reference: "CZ-NIC/knot-resolver #89, #121, 0xERR0R/blocky #81",
			views: `{name: a, clients: [127.0.2.0/24], forward_zones: [{name: ., addresses: ` +
				`[10.9.9.1], insecure: true}]}, {name: b, clients: [127.0.3.0/24], ` +
				`forward_zones: [{name: ., addresses: [10.9.9.2], insecure: true}]}`,
			want: map[string]string{office + " www.secure.example.": "NOERROR 10.0.0.1",
				kids + " www.secure.example.":   "NOERROR 10.0.0.2",
				others + " www.secure.example.": public}},
		{situation: "guests were to have other resolvers, and the local names of all",
			reference: "NLnetLabs/unbound #1369, #210",
			views: `{name: guests, clients: [127.0.3.0/24], forward_zones: [{name: ., ` +
				`addresses: [10.9.9.2], insecure: true}], local_records: ["printer.home.arpa ` +
				`A 10.0.0.9"]}`,
			want: map[string]string{kids + " www.secure.example.": "NOERROR 10.0.0.2",
				kids + " printer.home.arpa.":      "NOERROR 10.0.0.9",
				others + " www.secure.example.":   public,
				others + " www.unsigned.example.": public}},
		{situation: "a private zone was not asked once servers of zones above were known",
			reference: "NLnetLabs/unbound #292",
			views: `{name: a, clients: [127.0.2.0/24], stub_zones: [{name: in.secure.example, ` +
				`addresses: [10.9.9.1], insecure: true}]}`,
			want: map[string]string{office + " www.secure.example.": public,
				office + " x.in.secure.example.": "NOERROR 10.0.0.1",
				others + " x.in.secure.example.": "NXDOMAIN"}},
		{situation: "names of a private domain were denied for an hour after the root was asked",
			reference: "NLnetLabs/unbound #451",
			views: `{name: a, clients: [127.0.2.0/24], forward_zones: [{name: example.private, ` +
				`addresses: [10.9.9.1], insecure: true}]}`,
			want: map[string]string{others + " x.example.private.": "NXDOMAIN",
				others + " private.":             "NXDOMAIN",
				office + " private.":             "NXDOMAIN",
				office + " x.example.private.":   "NOERROR 10.0.0.1",
				office + " y.x.example.private.": "NOERROR 10.0.0.1"}},
		{situation: "a part of a reverse zone of private addresses was not forwarded",
			reference: "NLnetLabs/unbound #1416, opnsense/core #1725",
			views: `{name: a, clients: [127.0.2.0/24], forward_zones: [{name: ` +
				`0.232.10.in-addr.arpa, addresses: [10.9.9.1], insecure: true}]}`,
			want: map[string]string{office + " 24.0.232.10.in-addr.arpa.": "NOERROR 10.0.0.1",
				office + " 24.1.232.10.in-addr.arpa.": "NXDOMAIN",
				others + " 24.0.232.10.in-addr.arpa.": "NXDOMAIN"}},
	} {
		t.Run(c.reference, func(t *testing.T) {
			s := newResolvingViews(t, plain+"views: ["+c.views+"]\n")
			s.says(c.situation, c.want)
		})
	}
}
