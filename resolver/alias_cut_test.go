// Proofs that come with an alias.

package resolver_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/wire"
)

// exchange asks the last server of a world directly.
func exchange(t *testing.T, w *lab.World, name string, qtype uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(4096, true)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	order := w.Servers()
	server := netip.AddrPortFrom(order[len(order)-1], 53)
	raw, err := w.Exchange(context.Background(), transport.Request{Server: server,
		Via: transport.TCP, Query: packet, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(raw); err != nil {
		t.Fatal(err)
	}
	return m
}

// A signed zone's server may serve an unsigned zone below it, and follow an alias into it: the
// denial of the DS set comes with the alias, without a question for it. It is a proof like any
// other, and is passed on (RFC 4035, section 3.1.4). If it does not verify, it is ignored.
func TestRFC4035DenialOfACutBesideAnAlias(t *testing.T) {
	denials := map[string]lab.Denial{"NSEC": lab.NSEC, "NSEC3": lab.NSEC3,
		"opt-out": lab.NSEC3OptOut}
	for name, denial := range denials {
		for _, forged := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Add(lab.Zone{Name: "cut.example.", Denial: denial,
					Records: "alias CNAME www.sub"})
				w.Add(lab.Zone{Name: "sub.cut.example.", On: "cut.example.",
					Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
				var proof []dns.RR
				for _, rr := range exchange(t, w, "sub.cut.example.", dns.TypeDS).Ns {
					sig, isSig := rr.(*dns.RRSIG)
					soa := rr.Header().Rrtype == dns.TypeSOA
					if soa || isSig && sig.TypeCovered == dns.TypeSOA {
						continue
					}
					if forged && isSig {
						sig = dns.Copy(sig).(*dns.RRSIG)
						sig.Signature = base64.StdEncoding.EncodeToString(make([]byte, 64))
						rr = sig
					}
					proof = append(proof, rr)
				}
				w.Script = func(i lab.Incoming) (lab.Reply, bool) {
					m := i.Honest()
					switch q := i.Question(); {
					case q.Qtype == dns.TypeDS && dns.CanonicalName(q.Name) == "sub.cut.example.":
						m = new(dns.Msg).SetRcode(i.Query, dns.RcodeRefused)
					case dns.CanonicalName(q.Name) == "alias.cut.example." && q.Qtype == dns.TypeA:
						m.Answer, m.Ns = m.Answer[:2], proof // the alias and its signature
					}
					return lab.Messages(m), true
				}
				in := newWorld(t, w, nil)
				a := in.resolve("alias.cut.example.", wire.TypeA)
				passedOn := wire.FindType(a.Authority, wire.TypeNSEC) != nil ||
					wire.FindType(a.Authority, wire.TypeNSEC3) != nil
				good := a.RCode == noError && a.Status == wire.Insecure && len(a.Sets) == 2
				if (good && passedOn) == forged {
					t.Errorf("%s, forged %v: %s %s, %d sets, %d proofs, %v", name, forged,
						a.RCode, a.Status, len(a.Sets), len(a.Authority), a.Failure)
				}
			})
		}
	}
}

// The denial of the cut that an alias leads into may be that of a signed zone in between. It denies
// no name of the alias's own zone, though both have NSEC3 hashes of the same kind (RFC 5155,
// section 5; RFC 8198, section 5).
func TestRFC8198DenialOfACutBesideAnAliasIsOfItsZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		records := []string{"alias CNAME www.leaf.sub"}
		for n := range 20 {
			records = append(records, fmt.Sprintf("host%d A 192.0.2.1", n))
		}
		w.Add(lab.Zone{Name: "cut.example.", Denial: lab.NSEC3,
			Records: strings.Join(records, ";;")})
		w.Add(lab.Zone{Name: "sub.cut.example.", On: "cut.example.", Denial: lab.NSEC3})
		w.Add(lab.Zone{Name: "leaf.sub.cut.example.", On: "cut.example.",
			Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		var proof []dns.RR
		for _, rr := range exchange(t, w, "leaf.sub.cut.example.", dns.TypeDS).Ns {
			sig, isSig := rr.(*dns.RRSIG)
			if rr.Header().Rrtype != dns.TypeSOA && !(isSig && sig.TypeCovered == dns.TypeSOA) {
				proof = append(proof, rr)
			}
		}
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			m := i.Honest()
			if dns.CanonicalName(i.Question().Name) == "alias.cut.example." {
				m.Answer, m.Ns = m.Answer[:2], proof // the alias and its signature
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		in.resolve("missing.cut.example.", wire.TypeA) // so that the zone's SOA is known
		if a := in.resolve("alias.cut.example.", wire.TypeA); a.Failure != nil || len(a.Sets) != 2 {
			t.Fatalf("the alias: %s %v, %d sets", a.RCode, a.Failure, len(a.Sets))
		}
		for n := range 20 {
			name := fmt.Sprintf("host%d.cut.example.", n)
			if a := in.resolve(name, wire.TypeA); a.RCode != noError || len(a.Sets) != 1 {
				t.Errorf("%s: %s %v", name, a.RCode, a.Failure)
			}
		}
	})
}

// No more signatures of a set are cached and sent to clients than the validator looks at: here
// those of an unsigned zone, which are not validated.
func TestSurplusSignaturesAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			m := i.Honest()
			if dns.CanonicalName(i.Question().Name) != "www.unsigned.example." {
				return lab.Reply{}, false
			}
			for n := range uint16(40) {
				h := dns.RR_Header{Name: i.Question().Name, Rrtype: dns.TypeRRSIG,
					Class: dns.ClassINET, Ttl: 300}
				m.Answer = append(m.Answer, &dns.RRSIG{Hdr: h, TypeCovered: dns.TypeA,
					Algorithm: 13, Labels: 3, KeyTag: n, SignerName: "unsigned.example.",
					Signature: "AAAA"})
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		for range 2 {
			a := in.resolve("www.unsigned.example.", wire.TypeA)
			if len(a.Sets) != 1 || a.Sets[0].Sigs.Len() != validator.MaxSignaturesPerSet {
				t.Fatalf("%s %v: %d sets", a.RCode, a.Failure, len(a.Sets))
			}
		}
	})
}
