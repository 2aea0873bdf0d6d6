package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// Load balancers sign, for each question, a denial whose bitmap leaves out more than what was asked
// for. Such a record answers its own question, again from the cache, and denies nothing else (RFC
// 8198, section 5): neither at the name nor at a wildcard, with NSEC3 nor, where the bitmap cannot
// be right, with NSEC.
func TestRFC8198BalancersBitmapTakesNothingAway(t *testing.T) {
	for _, c := range []struct {
		name   string
		denial lab.Denial
		bitmap []uint16
	}{
		{"NSEC3", lab.NSEC3, []uint16{dns.TypeTXT, dns.TypeRRSIG}},
		{"NSEC without itself and RRSIG", lab.NSEC, []uint16{dns.TypeTXT}},
		{"NSEC without RRSIG", lab.NSEC, []uint16{dns.TypeTXT, dns.TypeNSEC}},
		{"NSEC with an SOA", lab.NSEC, []uint16{dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC}},
	} {
		for _, first := range []wire.Type{wire.TypeAAAA, wire.TypeHTTPS} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.New(time.Now())
				w.Add(lab.Zone{Name: "example."})
				w.Add(lab.Zone{Name: "lb.example.", Denial: c.denial,
					Records: "www A 192.0.2.1;;*.wild A 192.0.2.2"})
				w.Script = func(q lab.Incoming) (lab.Reply, bool) {
					name := strings.ToLower(q.Question().Name)
					if !strings.HasSuffix(name, ".lb.example.") || q.Question().Qtype == dns.TypeA {
						return lab.Reply{}, false
					}
					m := q.Honest()
					var kept []dns.RR
					for _, rr := range m.Ns { // the SOA and its signature stay
						if sig, ok := rr.(*dns.RRSIG); rr.Header().Rrtype == dns.TypeSOA || ok &&
							sig.TypeCovered == dns.TypeSOA {
							kept = append(kept, rr)
						}
					}
					var denial dns.RR = &dns.NSEC{Hdr: dns.RR_Header{Name: name,
						Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 60},
						NextDomain: `\000.` + name, TypeBitMap: c.bitmap}
					if c.denial == lab.NSEC3 {
						hash := dns.HashName(name, dns.SHA1, 0, "")
						denial = &dns.NSEC3{Hdr: dns.RR_Header{Name: strings.ToLower(hash) +
							".lb.example.", Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 60},
							Hash: 1, HashLength: 20, NextDomain: hash[:31] +
								"V", TypeBitMap: c.bitmap}
					}
					m.Ns = append(append(kept, denial), w.Sign("lb.example.", denial)...)
					return lab.Messages(m), true
				}
				in := newWorld(t, w, nil)
				for _, name := range []string{"www.lb.example.", "x.wild.lb.example."} {
					for i := range 2 {
						a := in.resolve(name, first)
						if a.RCode != noError || len(a.Sets) != 0 || a.Status != wire.Secure {
							t.Fatalf("%s: %s %s: %s %s (%v)", c.name, name, first, a.RCode,
								a.Status, a.Failure)
						}
						if asked := in.transcript(); i == 1 && asked != "" {
							t.Errorf("%s: its own question is asked again\n%s", c.name, asked)
						}
					}
					if a := in.resolve(name, wire.TypeA); len(a.Sets) != 1 ||
						a.Status != wire.Secure {
						t.Errorf("%s: %s A after %s: %s, %d sets (%v)", c.name, name, first,
							a.RCode, len(a.Sets), a.Failure)
					}
				}
			})
		}
	}
}
