package resolver

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/validator"
	"bailiwick/wire"
)

// received is a message as it comes from a server: answer, authority and additional section.
func received(t *testing.T, rcode int, sections ...[]string) *wire.Message {
	t.Helper()
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Rcode: rcode}}
	for i, to := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		if i == len(sections) {
			break
		}
		for _, line := range sections[i] {
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Fatal(err)
			}
			*to = append(*to, rr)
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := wire.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func questionOf(name string, t wire.Type) wire.Question {
	return wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN}
}

var example = wire.MustParseName("example.")

// RFC 1034, section 4.2.1: glue is the address of a name below the zone that was asked; other
// addresses are looked up in their own zones, even if the scrubber had let them through.
func TestRFC1034GlueIsBelowTheZone(t *testing.T) {
	m := received(t, 0, nil,
		[]string{"sub.example. NS ns.sub.example.", "sub.example. NS ns.victim.test."},
		[]string{"ns.sub.example. A 192.0.2.1", "ns.victim.test. A 192.0.2.66"})
	d := referralFrom(m.Authority[0], m.Additional, example)
	if len(d.servers) != 2 || len(d.servers[0].Addrs) != 1 || len(d.servers[1].Addrs) != 0 {
		t.Errorf("got %+v", d.servers)
	}
}

// NRDelegation (CVE-2022-2795): the number of a delegation's servers that are kept is limited.
func TestCVE20222795NameServersOfADelegation(t *testing.T) {
	limittest.Met(t, limit.NameServers)
	var ns []string
	for i := range 2 * MaxNameServers {
		ns = append(ns, fmt.Sprintf("sub.example. NS ns%d.sub.example.", i))
	}
	d := referralFrom(received(t, 0, nil, ns).Authority[0], nil, example)
	if len(d.servers) != MaxNameServers {
		t.Errorf("%d servers", len(d.servers))
	}
}

// RFC 4035, section 3.1.4.1: DS is the parent's. A referral to the child comes from a server too
// old to know DS, and counts as a denial.
func TestRFC4035ReferralToTheChildDeniesItsDS(t *testing.T) {
	referral := received(t, 0, nil, []string{"sub.example. NS ns.sub.example."})
	for name, want := range map[string]wire.Kind{
		"sub.example.": wire.KindNoData, "a.sub.example.": wire.KindReferral,
	} {
		r := classify(referral, questionOf(name, wire.TypeDS), example, false, true)
		if r.kind != want {
			t.Errorf("%s DS: got %d, want %d", name, r.kind, want)
		}
	}
}

// RFC 2181, section 10.1: a name has one CNAME.
func TestRFC2181OneCNAMEAName(t *testing.T) {
	m := received(t, 0, []string{"a.example. CNAME b.example.", "a.example. CNAME c.example."})
	r := classify(m, questionOf("a.example.", wire.TypeA), example, false, true)
	if r.kind != wire.KindNone || r.fault != cause.ServerUnexpected {
		t.Errorf("got %d, %v", r.kind, r.fault)
	}
	m = received(t, 0, []string{"a.example. CNAME b.example.", "a.example. CNAME b.example."})
	r = classify(m, questionOf("a.example.", wire.TypeA), example, false, true)
	if r.kind != wire.KindAlias {
		t.Errorf("one CNAME, sent twice: got %d", r.kind)
	}
}

// Only class IN is kept, and names below the zone that was asked.
func TestRFC2181ScrubbedByClassAndZone(t *testing.T) {
	m := received(t, 0,
		[]string{"a.example. A 192.0.2.1", "a.example. CH A \\# 4 c0000242",
			"a.test. A 192.0.2.66"},
		[]string{"example. NS ns.example.", "test. NS ns.example."},
		[]string{"ns.test. A 192.0.2.66"})
	scrub(m, example, wire.Root, true)
	if len(m.Answer) != 1 || len(m.Authority) != 1 || len(m.Additional) != 0 {
		t.Errorf("kept %d, %d and %d sets", len(m.Answer), len(m.Authority), len(m.Additional))
	}
}

// YXDOMAIN without a DNAME above the name is an error of the server (RFC 6672, section 2.2).
func TestRFC6672YXDomainOfAnotherDNAMEIsAFault(t *testing.T) {
	m := received(t, dns.RcodeYXDomain, []string{"d.example. DNAME test."},
		[]string{"example. SOA a. b. 1 2 3 4 5"})
	r := classify(m, questionOf("a.example.", wire.TypeA), example, false, true)
	if r.kind != wire.KindNone || r.fault != cause.ServerUnexpected {
		t.Errorf("got %d, %v", r.kind, r.fault)
	}
}

// CVE-2026-3592: the number of a server's addresses that are kept is limited, like that of a
// delegation's servers.
func TestCVE20263592AddressesOfAServer(t *testing.T) {
	limittest.Met(t, limit.Addresses)
	var lines []string
	for i := range 3 * maxAddresses {
		lines = append(lines, fmt.Sprintf("ns.example. A 192.0.2.%d", i+1))
	}
	if as := addresses(received(t, 0, lines).Answer[0]); len(as) != maxAddresses {
		t.Errorf("%d addresses", len(as))
	}
}

// RFC 6890 and RFC 1122, section 3.2.1.3: addresses that cannot be a server's are not asked,
// whoever gives them. Nor is the resolver's own (CVE-2026-50251), unless the operator allows it.
func TestRFC6890AddressesOfNobody(t *testing.T) {
	r := &Resolver{routes: routesEverywhere{}, cfg: Config{DoNotQueryLocalhost: true,
		DoNotQuery: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}}
	for a, want := range map[string]cause.Cause{
		"0.0.0.0": cause.NoServers, "::": cause.NoServers, "224.0.0.1": cause.NoServers,
		"255.255.255.255": cause.NoServers, "ff02::1": cause.NoServers,
		"::ffff:224.0.0.1": cause.NoServers, "127.0.0.1": cause.NoServers, "::1": cause.NoServers,
		"198.51.100.7":           cause.NoServers,
		"::ffff:255.255.255.255": cause.NoServers, "::ffff:198.51.100.7": cause.NoServers,
		"8.8.8.8": cause.None, "2620:fe::fe": cause.None,
	} {
		if got := r.mayAsk(netip.MustParseAddr(a), false, families{true, true}); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

// MaxQueries packets are sent for a client query and all that it causes, and then none.
func TestMaxQueries(t *testing.T) {
	b := &budget{}
	b.fill(newFetches(nil, nil, 1), nil, validator.NewBudget())
	for i := range MaxQueries {
		if f := b.pay(); f != nil {
			t.Fatalf("packet %d: %v", i+1, f)
		}
	}
	if f := b.pay(); f == nil || f.Cause != cause.LimitQueries {
		t.Errorf("one more: %v", f)
	}
}

// RFC 1034, section 4.2.1: a referral leads below the zone that was asked: not to itself, upwards
// or sideways, even if the scrubber had let it through.
func TestRFC1034ReferralLeadsBelowTheZone(t *testing.T) {
	for cut, want := range map[string]wire.Kind{"sub.example.": wire.KindReferral,
		"example.": wire.KindNone, ".": wire.KindNone, "other.example.": wire.KindNone} {
		m := received(t, 0, nil, []string{cut + " NS ns.example."})
		r := classify(m, questionOf("a.sub.example.", wire.TypeA), example, false, true)
		if r.kind != want || want == wire.KindNone && r.fault != cause.Lame {
			t.Errorf("to %s: got %d %v, want %d", cut, r.kind, r.fault, want)
		}
	}
}

// NXNSAttack (CVE-2020-8616): look-ups that fail are counted over all that a query causes, and for
// each zone that is asked, which may be the victim.
func TestCVE2020_8616LookupsAtAZone(t *testing.T) {
	b := &budget{}
	b.fill(newFetches(nil, nil, 1), nil, validator.NewBudget())
	other := wire.MustParseName("other.example.")
	for range MaxFailedLookupsPerZone {
		if !b.mayLookUp(example) {
			t.Fatal("no more look-ups at a zone before its limit")
		}
		b.lookupFailed(example)
	}
	if b.mayLookUp(example) || !b.mayLookUp(other) {
		t.Error("the limit of a zone is not the zone's")
	}
	for i := MaxFailedLookupsPerZone; i < MaxFailedLookups; i++ {
		b.lookupFailed(wire.MustParseName(fmt.Sprintf("z%d.example.", i)))
	}
	if b.mayLookUp(other) {
		t.Error("more look-ups than a query may cause")
	}
}

// RFC 9156, section 2.3: a name of which every label is a zone is asked for in shortened form a few
// times, and then as a whole.
func TestRFC9156MaxMinimised(t *testing.T) {
	limittest.Met(t, limit.Minimised)
	q := questionOf("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.", wire.TypeA)
	m := minimiser{q: q}
	shortened := 0
	for labels := range q.Name.Labels() - 1 {
		if _, final := m.next(q.Name.Ancestor(labels)); !final {
			shortened++
		}
	}
	if shortened != maxMinimised {
		t.Errorf("%d steps with a shortened name", shortened)
	}
}

// CVE-2025-11411: a zone's own NS set adds servers, and no more than a delegation may have.
func TestCVE2025_11411OwnServersAreBounded(t *testing.T) {
	var ns []string
	for i := range 3 * MaxNameServers {
		ns = append(ns, fmt.Sprintf("sub.example. NS ns%d.sub.example.", i))
	}
	own := ownServers(received(t, 0, ns).Answer[0], &cache.Delegation{Zone: example})
	if len(own) != MaxNameServers {
		t.Errorf("%d servers", len(own))
	}
}
