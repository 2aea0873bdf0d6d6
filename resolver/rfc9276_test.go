package resolver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// A cold name of ip6.arpa has 34 labels. Up to the accepted number of iterations it is denied with
// a proof, above it without (RFC 9276, section 3.2), and never SERVFAIL. The number of packets
// upstream is the same.
func TestRFC9276ColdReverseName(t *testing.T) {
	name := strings.Repeat("1.", 24) + "8.b.d.0.1.0.0.2.ip6.arpa."
	for _, c := range []struct {
		iterations uint16
		status     wire.Security
		why        cause.Cause
	}{{0, wire.Secure, cause.None}, {20, wire.Secure, cause.None}, {50, wire.Secure,
		cause.None}, {51, wire.Insecure, cause.NSEC3Iterations}} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.New(time.Now())
			w.Add(lab.Zone{Name: "arpa.", Denial: lab.NSEC3, Iterations: c.iterations,
				Salt: strings.Repeat("ab", 64)})
			w.Add(lab.Zone{Name: "ip6.arpa.", Denial: lab.NSEC3, Iterations: c.iterations,
				Salt: strings.Repeat("ab", 64)})
			in := newWorld(t, w, nil)
			a := in.resolve(name, wire.TypePTR)
			got := cause.None
			if a.Failure != nil {
				got = a.Failure.Cause
			}
			if a.RCode != nxDomain || a.Status != c.status || got != c.why {
				t.Errorf("%d iterations: %s %s (%v), want %s %s", c.iterations, a.RCode, a.Status,
					a.Failure, c.status, c.why)
			}
			if asked := strings.Count(in.transcript(), "\n"); asked > 16 {
				t.Errorf("%d iterations: %d packets", c.iterations, asked)
			}
		})
	}
}

// A zone with more NSEC3 iterations than are computed cannot prove that an empty non-terminal is no
// unsigned delegation. A signed zone below it is secure all the same, whatever was asked for
// before; one without DS is insecure.
func TestRFC9276SignedZoneBelowAnUnprovenName(t *testing.T) {
	for _, before := range []struct {
		name string
		typ  wire.Type
	}{{}, {"b.high.example.", wire.TypeDS}, {"b.high.example.", wire.TypeA},
		{"www.unsigned.b.high.example.", wire.TypeA}, {"nothing.b.high.example.", wire.TypeA}} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "high.example.", Denial: lab.NSEC3, Iterations: 100})
			w.Add(lab.Zone{Name: "signed.b.high.example.", Records: "www A 192.0.2.1"})
			w.Add(lab.Zone{Name: "unsigned.b.high.example.", Records: "www A 192.0.2.2",
				Algorithm: lab.Unsigned})
			in := newWorld(t, w, nil)
			if before.name != "" {
				in.resolve(before.name, before.typ)
			}
			for _, c := range []struct {
				zone string
				want wire.Security
			}{{"signed", wire.Secure}, {"unsigned", wire.Insecure}} {
				a := in.resolve("www."+c.zone+".b.high.example.", wire.TypeA)
				if a.RCode != noError || a.Status != c.want {
					t.Errorf("after %q: %s is %s %s %v\n%s", before.name, c.zone, a.RCode, a.Status,
						a.Failure, in.transcript())
				}
			}
		})
	}
}

// CVE-2023-50868: if a limit ends the validation, no other server is asked.
func TestCVE202350868LimitEndsTheSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "hashed.", Denial: lab.NSEC3,
			Servers: []lab.ServerFaults{nil, nil, nil, nil}, Records: "www A 192.0.2.1"})
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			if !strings.EqualFold(q.Question().Name, "no.hashed.") {
				return lab.Reply{}, false
			}
			m := q.Honest()
			for i := range 40 {
				n := &dns.NSEC3{Hdr: dns.RR_Header{Name: fmt.Sprintf("%032d.hashed.", i),
					Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 60},
					Hash: 1, HashLength: 20, NextDomain: fmt.Sprintf("%032d", i+1)}
				m.Ns = append(append([]dns.RR{n}, w.Sign("hashed.", n)...), m.Ns...)
			}
			if !q.TCP {
				m.Answer, m.Ns, m.Truncated = nil, nil, true
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		in.resolve("www.hashed.", wire.TypeA)
		in.transcript()
		a := in.resolve("no.hashed.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.LimitNSEC3 {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
		if asked := strings.Count(in.transcript(), "\n"); asked != 2 {
			t.Errorf("%d packets, want one over UDP and one over TCP", asked)
		}
	})
}

// Many valid signatures are within the budget (CVE-2023-50387 is about invalid ones): ANY with as
// many signed sets as are validated, after a cold chain of trust, whatever the algorithm, and an
// alias chain over eight cold zones that ends in a denial.
func TestCVE202350387ColdChains(t *testing.T) {
	var records strings.Builder
	for i := range resolver.MaxAnySets {
		fmt.Fprintf(&records, "many TYPE%d \\# 1 %02x;;", 65280+i, i)
	}
	for _, alg := range []uint8{dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.RSASHA256,
		dns.ED25519, lab.AlgorithmEd448} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.New(time.Now())
			w.Add(lab.Zone{Name: "example.", Algorithm: alg, Denial: lab.NSEC3})
			w.Add(lab.Zone{Name: "any.example.", Algorithm: alg, Denial: lab.NSEC3,
				Records: records.String()})
			a := newWorld(t, w, nil).resolve("many.any.example.", wire.TypeANY)
			if a.Status != wire.Secure || len(a.Sets) != resolver.MaxAnySets {
				t.Errorf("algorithm %d: %s %s, %d sets (%v)", alg, a.RCode, a.Status, len(a.Sets),
					a.Failure)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		const zones = 8
		for i := range zones {
			tld := fmt.Sprintf("tld%d.", i)
			w.Add(lab.Zone{Name: tld, Denial: lab.NSEC3})
			w.Add(lab.Zone{Name: "zone." + tld, Denial: lab.NSEC3,
				Records: fmt.Sprintf("alias CNAME alias.zone.tld%d.", i+1)})
		}
		w.Add(lab.Zone{Name: fmt.Sprintf("tld%d.", zones), Denial: lab.NSEC3})
		a := newWorld(t, w, nil).resolve("alias.zone.tld0.", wire.TypeA)
		if a.RCode != nxDomain || a.Status != wire.Secure ||
			!slices.Equal(types(a.Sets), slices.Repeat([]wire.Type{wire.TypeCNAME}, zones)) {
			t.Errorf("got %s %s, %d links (%v)", a.RCode, a.Status, len(a.Sets), a.Failure)
		}
	})
}
