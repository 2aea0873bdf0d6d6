package resolver

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
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

// RFC 1034, section 4.2.1: glue is the address of a name below the zone that was asked; whatever
// else comes along is looked up where it belongs, even if the scrubber had let it through.
func TestRFC1034GlueIsBelowTheZone(t *testing.T) {
	m := received(t, 0, nil,
		[]string{"sub.example. NS ns.sub.example.", "sub.example. NS ns.victim.test."},
		[]string{"ns.sub.example. A 192.0.2.1", "ns.victim.test. A 192.0.2.66"})
	d := delegationFrom(m.Authority[0], m.Additional, example)
	if len(d.Servers) != 2 || len(d.Servers[0].Addrs) != 1 || len(d.Servers[1].Addrs) != 0 {
		t.Errorf("got %+v", d.Servers)
	}
}

// NRDelegation (CVE-2022-2795): of a delegation's servers a few are kept.
func TestCVE20222795NameServersOfADelegation(t *testing.T) {
	var ns []string
	for i := range 2 * MaxNameServers {
		ns = append(ns, fmt.Sprintf("sub.example. NS ns%d.sub.example.", i))
	}
	d := delegationFrom(received(t, 0, nil, ns).Authority[0], nil, example)
	if len(d.Servers) != MaxNameServers {
		t.Errorf("%d servers", len(d.Servers))
	}
}

// RFC 4035, section 3.1.4.1: DS is the parent's. A server that refers to the child for it is too
// old to know DS, and says that there is none.
func TestRFC4035ReferralToTheChildDeniesItsDS(t *testing.T) {
	referral := received(t, 0, nil, []string{"sub.example. NS ns.sub.example."})
	for name, want := range map[string]replyKind{
		"sub.example.": replyNoData, "a.sub.example.": replyReferral,
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
	if r.kind != replyFault || r.fault != cause.ServerUnexpected {
		t.Errorf("got %d, %v", r.kind, r.fault)
	}
	m = received(t, 0, []string{"a.example. CNAME b.example.", "a.example. CNAME b.example."})
	r = classify(m, questionOf("a.example.", wire.TypeA), example, false, true)
	if r.kind != replyAlias {
		t.Errorf("one CNAME, sent twice: got %d", r.kind)
	}
}

// Class IN alone is kept, and names below the zone that was asked.
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

// YXDOMAIN without the DNAME that would show why makes no sense (RFC 6672, section 2.2).
func TestRFC6672YXDomainOfAnotherDNAMEIsAFault(t *testing.T) {
	m := received(t, dns.RcodeYXDomain, []string{"d.example. DNAME test."},
		[]string{"example. SOA a. b. 1 2 3 4 5"})
	r := classify(m, questionOf("a.example.", wire.TypeA), example, false, true)
	if r.kind != replyFault || r.fault != cause.ServerUnexpected {
		t.Errorf("got %d, %v", r.kind, r.fault)
	}
}
