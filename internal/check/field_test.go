// What others reported of tools that check zones, where it is not a finding, or how it is told.

package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/check"
	"bailiwick/internal/check/probe"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// rightZones are zones that others blamed for nothing.
var rightZones = []scene{
	{name: "the first packet of each question is lost", seen: "zonemaster/zonemaster#1193",
		zone: lab.Zone{Servers: []lab.ServerFaults{{lab.LoseFirst}, {lab.LoseFirst}}}},
	{name: "one server of the parent is out of order", seen: "zonemaster/zonemaster#363",
		parent: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.Refusing}, {lab.Dead}}}},
	{name: "names below a DNAME", seen: "dnsviz/dnsviz#152",
		names: []string{"x.tree/A", "y.x.tree/AAAA", "tree/A"}},
	{name: "a wildcard and a random name that it answers", zone: lab.Zone{
		Records: ordinary + ";;* A 192.0.2.8"}, names: []string{"x/A", "www/A", "a.b.ent/A"}},
	{name: "NSEC3 with opt-out and a wildcard at the apex", seen: "zonemaster/zonemaster#1153",
		want: []string{"nsec3-opt-out"}, zone: lab.Zone{Denial: lab.NSEC3OptOut,
			Records: ordinary + ";;* A 192.0.2.8"}, names: []string{"x/A", "x.wild/A"}},
	{name: "a name server's name is in a zone below", seen: "zonemaster/zonemaster-engine#363",
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if q := in.Question(); strings.EqualFold(q.Name, "ns2."+zoneName) &&
				q.Qtype != dns.TypeNS && ofZone(w, in) {
				m.Authoritative, m.Answer = false, nil
				m.Ns = []dns.RR{record("ns2." + zoneName + " NS ns1." + zoneName)}
			}
			return m
		}},
	{name: "an unsigned zone below on the same servers", names: []string{"www.sub/A"},
		build: func(w *lab.World) {
			w.Add(lab.Zone{Name: "sub." + zoneName, On: zoneName, Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.7"})
		}},
	{name: "the same data in another order and letter case",
		seen: "zonemaster/zonemaster-engine#1381",
		alter: at(zoneName, dns.TypeNS, true,
			func(_ *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				for i, rr := range m.Answer {
					if ns, ok := rr.(*dns.NS); ok {
						ns = dns.Copy(ns).(*dns.NS)
						ns.Ns = strings.ToUpper(ns.Ns)
						m.Answer[i] = ns
					}
				}
				slices.Reverse(m.Answer[:2])
				return m
			})},
	{name: "a server that demands cookies", zone: lab.Zone{Servers: []lab.ServerFaults{nil, nil}},
		alter: func(_ *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if c := cookieOf(in.Query); len(c) == 16 && !in.TCP {
				m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeBadCookie
				m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{
					Code: dns.EDNS0COOKIE, Cookie: c + "1111111111111111"})
			}
			return m
		}, given: true, alone: true},
	{name: "a zone of one label below the root", zone: lab.Zone{Name: "top."},
		alone: true, given: true},
}

func TestRightZonesHaveNoFinding(t *testing.T) {
	for _, s := range rightZones {
		t.Run(s.name, func(t *testing.T) { s.play(t) })
	}
}

// One address behind the names of several servers is one server, asked twice, and no fault
// (zonemaster/zonemaster#1343).
func TestOneAddressOfSeveralNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example."})
		w.Add(lab.Zone{Name: zoneName, Servers: good, Records: ordinary})
		at := netip.AddrPortFrom(w.AddressOf(zoneName), 53)
		o := &check.Observations{Zone: wire.MustParseName(zoneName), Given: true, Now: time.Now(),
			Servers: []*check.Server{{Name: wire.MustParseName("a.example."), Addr: at},
				{Name: wire.MustParseName("b.example."), Addr: at}}}
		probe.New(probe.Config{Over: w, Timeout: time.Second}, o.Zone).Run(t.Context(), o)
		if found := check.Judge(o); len(found) > 0 {
			t.Errorf("found %v", found)
		}
	})
}

// Before a delegation only the servers that are given are asked: those of today are not concerned,
// and may not even answer (zonemaster/zonemaster-engine#1451, #1529).
func TestGivenServersAloneAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example."})
		w.Add(lab.Zone{Name: zoneName, Records: ordinary, Servers: good})
		w.Add(lab.Zone{Name: "other.example."})
		first := w.AddressOf(zoneName)
		o := &check.Observations{Zone: wire.MustParseName(zoneName), Given: true, Now: time.Now(),
			Servers: []*check.Server{{Addr: netip.AddrPortFrom(first, 53)}}}
		probe.New(probe.Config{Over: w, Timeout: time.Second}, o.Zone).Run(t.Context(), o)
		for _, e := range w.Transcript() {
			if e.Server != first {
				t.Errorf("%s was asked for %s %s", e.Server, e.Name, e.Type)
			}
		}
	})
}

// What all servers share is one finding, which names them (dnsviz/dnsviz#75,
// zonemaster/zonemaster-engine#923), and a silent server is asked no more than it takes to know it
// (zonemaster/zonemaster-engine#96).
func TestOneFaultIsOneFinding(t *testing.T) {
	s := scene{name: "expired", want: []string{"signature-expired"},
		zone: lab.Zone{Faults: lab.Faults{lab.Expired}}}
	found := s.play(t)
	if len(found) != 1 || len(found[0].Servers) != 2 || len(found[0].Questions) < 10 {
		t.Errorf("found %v", found)
	}
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Servers: []lab.ServerFaults{{lab.Dead}}})
		o := &check.Observations{Zone: wire.MustParseName("example."), Given: true,
			Now: time.Now(), Servers: []*check.Server{{Addr: netip.AddrPortFrom(
				w.AddressOf("example."), 53)}}}
		p := probe.New(probe.Config{Over: w, Timeout: time.Second}, o.Zone)
		p.Run(t.Context(), o)
		if n := p.Queries(); n > 3*(check.MaxTries+check.MaxTCPTries) {
			t.Errorf("a silent server was asked %d times", n)
		}
	})
}

// A finding about a question names it: "not accessible" sent people to look for the wrong fault
// (zonemaster/zonemaster-engine#563).
func TestFindingsNameTheQuestion(t *testing.T) {
	s := scene{name: "silent to AAAA", want: []string{"question-unanswered"},
		alter: at("ns1."+zoneName, dns.TypeAAAA, true, silent)}
	found := s.play(t)
	if len(found) != 1 ||
		!slices.Equal(found[0].Questions, []string{"ns1." + zoneName + " AAAA"}) ||
		len(found[0].Servers) != 1 || !strings.HasPrefix(found[0].Servers[0], "ns2.") {
		t.Errorf("found %v", found)
	}
}

// Names that the parent has, and all of whose servers are silent, are told as such, and not as a
// delegation that is missing (zonemaster/zonemaster#1165, #459).
func TestAllServersAreSilent(t *testing.T) {
	s := scene{name: "all silent", want: []string{"server-silent"},
		zone: lab.Zone{Servers: []lab.ServerFaults{{lab.Dead}, {lab.Dead}}}}
	if found := s.play(t); len(found) != 1 || len(found[0].Servers) != 2 {
		t.Errorf("found %v", found)
	}
}
