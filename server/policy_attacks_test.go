// What somebody may do to a server with policy: whoever writes a policy zone, and whoever asks.

package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
	"bailiwick/zone"
)

// policyZone is a policy zone of lines, named as no other.
func policyZone(t testing.TB, name string, lines ...string) rpz.Zone {
	t.Helper()
	apex := wire.MustParseName(name)
	z, err := zone.Parse(strings.NewReader("@ 60 SOA ns. host. 1 60 60 86400 30\n@ NS ns.\n"+
		strings.Join(lines, "\n")+"\n"), apex, "", 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	return rpz.Zone{Name: apex, BreakDNSSEC: true, Reason: cause.Blocked, Rules: rpz.New(z),
		Uses: new(rpz.Uses)}
}

// enforces has the front enforce policy zones, and serve local records before them.
func (f *front) enforces(records []string, zones ...rpz.Zone) {
	f.t.Helper()
	b := localdata.NewBuilder(nil)
	for _, r := range records {
		if err := b.AddText(r); err != nil {
			f.t.Fatal(err)
		}
	}
	d, err := b.Data()
	if err != nil {
		f.t.Fatal(err)
	}
	f.Handler = f.server.Handler(private(), &policy.View{Class: 1, Generation: 1, Local: d.Answer,
		Zones: &rpz.Set{Zones: zones}})
}

// A name with five thousand records of its own, more than a message holds, is answered by as much
// as fits, and truncated; so it is over TCP. Of a rule's records a client gets a hundred. Nothing
// else suffers.
func TestAttackThousandsOfRecordsForOneName(t *testing.T) {
	f := newFront(t, nil)
	var lines, own []string
	for i := range 5000 {
		lines = append(lines, fmt.Sprintf("big.example A 10.0.%d.%d", i/250, i%250))
		own = append(own, fmt.Sprintf("big.corp. A 10.0.%d.%d", i/250, i%250))
	}
	f.enforces(own, policyZone(t, "rpz.", lines...))
	for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
		m := f.askFrom(someone, p, "big.corp.", dns.TypeA, withEDNS)
		if m == nil || !m.Truncated || len(m.Answer) == 5000 {
			t.Errorf("%s: %s, %d records", p, heardOf(m), len(m.Answer))
		}
		m = f.askFrom(someone, p, "big.example.", dns.TypeA, withEDNS)
		if m == nil || m.Truncated != (p == transport.UDP) || len(m.Answer) > 100 {
			t.Errorf("%s: %s, %d records of a rule", p, heardOf(m), len(m.Answer))
		}
	}
	f.says(someone, transport.UDP, "www.secure.example. A",
		"NOERROR AD www.secure.example. A")
}

// Two thousand policy zones have a rule for one name: the first decides, and the uses of those that
// are only tried out are logged within the limit of lines, with the number of those left out.
func TestAttackThousandsOfRulesForOneName(t *testing.T) {
	var log bytes.Buffer
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(&log, nil)), nil,
		func(*resolver.Config) {}, &quiet{})
	var zones []rpz.Zone
	for i := range 2000 {
		z := policyZone(t, fmt.Sprintf("p%d.", i), "www.secure.example CNAME .")
		z.Overrides, z.Override = true, rpz.LogOnly
		zones = append(zones, z)
	}
	last := policyZone(t, "last.", "www.secure.example CNAME *.")
	f.enforces(nil, append(zones, last)...)
	f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR EDE 15 + SOA last.")
	if n := strings.Count(log.String(), "\n"); n == 0 || n > 100 {
		t.Errorf("%d lines", n)
	}
	f.Handler = f.server.Handler(private(), &policy.View{Class: 2, Generation: 1})
	f.says(someone, transport.UDP, "www.secure.example. A",
		"NOERROR AD www.secure.example. A")
}

// An alias of a rule that leads to a local alias, and this one back to the name of the rule, ends
// after so many steps; so does a chain through local records that a rule continues.
func TestAttackLoopOfLocalAliasesAndRules(t *testing.T) {
	f := newFront(t, nil)
	f.enforces([]string{"a.corp. CNAME b.corp.", "b.corp. CNAME bad.example.",
		"self.corp. CNAME self.corp."},
		policyZone(t, "rpz.", "bad.example CNAME a.corp.", "x.example CNAME self.corp.",
			"*.loop.example CNAME *.loop.example."))
	for _, name := range []string{"a.corp.", "bad.example.", "x.example.", "y.loop.example."} {
		m := f.askFrom(someone, transport.TCP, name, dns.TypeA, withEDNS)
		if m == nil || len(m.Answer) > 40 || m.Rcode == dns.RcodeSuccess {
			t.Errorf("%s: %s", name, heardOf(m))
		}
	}
	f.says(someone, transport.UDP, "www.secure.example. A",
		"NOERROR AD www.secure.example. A")
}

// A policy zone that blocks all names, all servers and all addresses blocks what clients ask for,
// and nothing that the resolver asks for itself: a name that an earlier zone lets through is
// resolved from the root on and validated.
func TestAttackPolicyZoneBlocksTheRoot(t *testing.T) {
	all := []string{"* CNAME .", "*.rpz-nsdname CNAME .", "example CNAME .", "*.example CNAME ."}
	for _, half := range []string{"1.0.0.0.0", "1.0.0.0.128"} {
		all = append(all, half+".rpz-ip CNAME .", half+".rpz-nsip CNAME .")
	}
	f := newFront(t, nil)
	f.enforces(nil, policyZone(t, "own.", "www.secure.example CNAME rpz-passthru."),
		policyZone(t, "all.", all...))
	const blocked = "NXDOMAIN EDE 15 + SOA all."
	f.says(someone, transport.UDP, "www.nsec3.example. A", blocked)
	f.says(someone, transport.UDP, "com. NS", blocked)
	f.says(someone, transport.UDP, "www.secure.example. A",
		"NOERROR AD www.secure.example. A")
	f.says(someone, transport.UDP, "secure.example. DNSKEY", blocked)
	if m := f.askFrom(someone, transport.TCP, ".", dns.TypeNS, withEDNS); m.Rcode !=
		dns.RcodeSuccess || len(m.Answer) == 0 {
		t.Errorf("the root's servers: %s", heardOf(m))
	}
}

// Addresses of ten thousand prefixes that forge, with another /64 of the prefix for each query, are
// limited in a table of fixed size and logged within the limit of lines; a client that proves its
// address meanwhile is always answered.
func TestAttackRotationOfPrefixes(t *testing.T) {
	var log bytes.Buffer
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(&log, nil)), nil,
		func(*resolver.Config) {}, &quiet{})
	counts := f.limit(func(l *policy.Limits) { l.PerPrefix, l.Slip = 1, 0 })
	const prefixes = 10_000
	inFull := 0
	for i := range prefixes {
		for n := range 3 {
			from := fmt.Sprintf("[fd00:%x:0:%x%02x::1]:53", i/256, i%256, n)
			if f.outcome(from, transport.UDP, nil) == "answer" {
				inFull++
			}
		}
		if i%100 == 0 && f.outcome(fmt.Sprintf("[fd00:%x:0:%x03::1]:53", i/256, i%256),
			transport.TCP, nil) != "answer" {
			t.Fatalf("a client over TCP is not answered after %d prefixes", i)
		}
	}
	if inFull != prefixes || counts["rate_queries dropped"] != 2*prefixes {
		t.Errorf("%d answered, %v", inFull, counts)
	}
	if n := strings.Count(log.String(), "\n"); n == 0 || n > 100 {
		t.Errorf("%d lines", n)
	}
}
