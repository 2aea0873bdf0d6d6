package resolver_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// has counts the sets of a type.
func has(sets []*wire.RRset, t wire.Type) (n int) {
	for _, s := range sets {
		if s.Type == t && s.Sigs.Len() > 0 {
			n++
		}
	}
	return n
}

// Sections 3.1.3.3 and 3.2.1: a client may have an anchor that the resolver does not have. The
// proof that comes with a wildcard's answer is passed on even if the resolver does not need it,
// from the cache too; an answer of the name itself needs none.
func TestRFC4035WildcardProofIsPassedOn(t *testing.T) {
	world := func() *lab.World {
		w := lab.Internet(time.Now())
		const records = "*.wild A 192.0.2.2;;*.names CNAME www;;www A 192.0.2.1"
		w.Add(lab.Zone{Name: "island.example.", NoDS: true, Records: records})
		w.Add(lab.Zone{Name: "island3.example.", NoDS: true, Denial: lab.NSEC3, Records: records})
		w.Script = func(q lab.Incoming) (lab.Reply, bool) { // a proof that is not needed
			zone, own := strings.CutPrefix(strings.ToLower(q.Question().Name), "www.")
			if !own || q.Question().Qtype != dns.TypeA || !strings.HasPrefix(zone, "island") {
				return lab.Reply{}, false
			}
			var denial dns.RR = &dns.NSEC{Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeNSEC,
				Class: dns.ClassINET, Ttl: 60}, NextDomain: zone}
			if zone == "island3.example." {
				denial = &dns.NSEC3{Hdr: dns.RR_Header{Name: strings.Repeat("0", 32) + "." + zone,
					Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 60}, Hash: 1, HashLength: 20,
					NextDomain: strings.Repeat("0", 31) + "1"}
			}
			m := q.Honest()
			m.Ns = append(append(m.Ns, denial), w.Sign(zone, denial)...)
			return lab.Messages(m), true
		}
		return w
	}
	for _, c := range []struct {
		name    string
		anchors bool
		cd      bool
		status  wire.Security
	}{
		{"insecure", true, false, wire.Insecure},
		{"insecure, CD", true, true, wire.Unchecked},
		{"no anchor", false, false, wire.Indeterminate},
		{"no anchor, CD", false, true, wire.Indeterminate},
	} {
		for zone, proof := range map[string]wire.Type{"island.example.": wire.TypeNSEC,
			"island3.example.": wire.TypeNSEC3} {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, world(), nil)
				if !c.anchors {
					in.parts.Anchors = &trustanchor.Set{}
					in = in.withMemory(1 << 20)
				}
				for i := range 2 {
					for _, name := range []string{"x.wild.", "x.names."} {
						a := in.ask(name+zone, wire.TypeA, resolver.Options{CheckingDisabled: c.cd})
						if a.RCode != noError || a.Status != c.status ||
							has(a.Authority, proof) == 0 {
							t.Errorf("%s: %s%s, time %d: %s %s, %d proofs", c.name, name, zone, i+1,
								a.RCode, a.Status, has(a.Authority, proof))
						}
					}
					in.transcript()
				}
				if c.cd && c.anchors { // with CD all is passed on as it came
					return
				}
				if a := in.ask("www."+zone, wire.TypeA,
					resolver.Options{CheckingDisabled: c.cd}); has(a.Authority, proof) != 0 {
					t.Errorf("%s: a name of its own comes with %d proofs", c.name,
						has(a.Authority, proof))
				}
			})
		}
	}
}

// Section 2.2: RRSIGs are not signed. A question for RRSIG is answered with the servers' reply,
// even if the signatures do not verify: that is what such questions are used for. The reply is not
// secure, not cached and not used for another question, and nothing else is asked for.
func TestRFC4035RRSIGsArePassedOnAndNotSecure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		forged := w.Sign("secure.example.", &dns.A{Hdr: dns.RR_Header{Name: "www.secure.example.",
			Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300},
			A: []byte{203, 0, 113, 66}})[0].(*dns.RRSIG)
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			if q.Question().Qtype != dns.TypeRRSIG && q.Question().Qtype != dns.TypeANY {
				return lab.Reply{}, false
			}
			m := new(dns.Msg).SetReply(q.Query)
			m.Authoritative = true
			for _, typ := range []uint16{dns.TypeMX, dns.TypeA} {
				sig := dns.Copy(forged).(*dns.RRSIG)
				sig.Hdr.Name, sig.TypeCovered = q.Question().Name, typ
				m.Answer = append(m.Answer, sig)
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		for _, typ := range []wire.Type{wire.TypeRRSIG, wire.TypeANY} {
			for _, name := range []string{"www.secure.example.", "www.forging.faulty.",
				"www.unsigned.example."} {
				for turn := range 2 {
					in.transcript()
					a := in.resolve(name, typ)
					n := 0
					for _, s := range a.Sets {
						n += s.Len()
					}
					if a.RCode != noError || a.Status != wire.Insecure || n != 2 ||
						a.Sets[0].Type != wire.TypeRRSIG {
						t.Errorf("%s %s: got %s %s %v (%v)", name, typ, a.RCode, a.Status,
							types(a.Sets), a.Failure)
					}
					if asked := strings.Count(in.transcript(), "\n"); turn == 1 && asked != 1 {
						t.Errorf("%s %s: %d questions", name, typ, asked)
					}
				}
			}
		}
		a := in.resolve("www.secure.example.", wire.TypeA)
		if a.Status != wire.Secure {
			t.Errorf("A afterwards: %s (%v)", a.Status, a.Failure)
		}
		a = in.resolve("www.forging.faulty.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.SignatureInvalid {
			t.Errorf("bogus data afterwards: %s (%v)", a.RCode, a.Failure)
		}
	})
}

// SIG (RFC 2535) is a set like others: in a secure zone it needs an RRSIG.
func TestRFC4035SIGIsAnOrdinarySet(t *testing.T) {
	for _, signed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Script = func(q lab.Incoming) (lab.Reply, bool) {
				if q.Question().Qtype != dns.TypeSIG {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(q.Query)
				m.Authoritative = true
				sig := &dns.RFC3597{Hdr: dns.RR_Header{Name: "www.secure.example.",
					Rrtype: dns.TypeSIG, Class: dns.ClassINET, Ttl: 300},
					Rdata: "00010d0200000e10" + strings.Repeat("00", 10) + "00" + "abcd"}
				if m.Answer = []dns.RR{sig}; signed {
					m.Answer = append(m.Answer, w.Sign("secure.example.", sig)...)
				}
				return lab.Messages(m), true
			}
			a := newWorld(t, w, nil).resolve("www.secure.example.", wire.TypeSIG)
			if signed && (a.RCode != noError || a.Status != wire.Secure ||
				!slices.Equal(types(a.Sets), []wire.Type{wire.TypeSIG})) {
				t.Errorf("signed: %s %s (%v)", a.RCode, a.Status, a.Failure)
			}
			if !signed && (a.RCode != servFail || a.Failure.Cause != cause.SignatureMissing) {
				t.Errorf("not signed: %s (%v)", a.RCode, a.Failure)
			}
		})
	}
}

// Section 3.1.4.1: DS is asked at the parent. A server that does not know DS answers with its
// referral to the child: below an unsigned zone that is NODATA, which is not cached as it has no
// SOA; a signed parent has to prove it.
func TestRFC4035ReferralAsTheDenialOfItsDS(t *testing.T) {
	for _, c := range []struct {
		parent string
		rcode  wire.RCode
		cause  cause.Cause
	}{
		{"plain.", wire.RCodeNoError, cause.None},
		{"example.", wire.RCodeServFail, cause.DenialMissing},
	} {
		for _, aa := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				child := "old." + c.parent
				w.Add(lab.Zone{Name: child, Algorithm: lab.Unsigned})
				w.Script = func(in lab.Incoming) (lab.Reply, bool) {
					q := in.Question()
					if q.Qtype != dns.TypeDS || in.Server != w.AddressOf(c.parent) {
						return lab.Reply{}, false
					}
					m := new(dns.Msg).SetReply(in.Query)
					m.Authoritative = aa
					m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: child, Rrtype: dns.TypeNS,
						Class: dns.ClassINET, Ttl: 300}, Ns: "ns1." + child}}
					return lab.Messages(m), true
				}
				in := newWorld(t, w, nil)
				for range 2 {
					in.transcript()
					a := in.resolve(child, wire.TypeDS)
					asked := in.transcript()
					if a.RCode != c.rcode || len(a.Sets) != 0 ||
						c.cause != cause.None && a.Failure.Cause != c.cause {
						t.Errorf("%s, AA %v: %s %v", child, aa, a.RCode, a.Failure)
					}
					if c.rcode == wire.RCodeNoError && !strings.Contains(asked, child+" DS") {
						t.Errorf("%s, AA %v: kept", child, aa)
					}
				}
			})
		}
	}
}

// Section 3.1.4.1: the DS of a zone is its parent's. The servers of an unsigned zone, or somebody
// in their place, deny the zone's own name. That answers all other types, and is kept; the
// parent's proof that there is no DS is heard all the same.
func TestRFC4035DSIsTheParentsWhateverTheZoneDenies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", TTL: 5, Minimum: 5})
		w.Add(lab.Zone{Name: "sub.example.", Algorithm: lab.Unsigned})
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			m := in.Honest()
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			m.Ns = []dns.RR{rr("sub.example. 300 SOA ns. mbox. 1 1 1 1 300")}
			return lab.Messages(m), in.Server == w.AddressOf("sub.example.")
		}
		in := newWorld(t, w, nil)
		in.resolve("sub.example.", wire.TypeA)
		in.transcript()
		for range 2 {
			time.Sleep(10 * time.Second) // what the parent has said is forgotten
			if a := in.resolve("sub.example.", wire.TypeMX); a.RCode != nxDomain {
				t.Errorf("MX: %s %v", a.RCode, a.Failure)
			}
			for range 2 {
				a := in.resolve("sub.example.", wire.TypeDS)
				if a.RCode != noError || a.Status != wire.Secure {
					t.Errorf("DS: %s %v", a.RCode, a.Status)
				}
			}
		}
		if asked := in.transcript(); strings.Count(asked, "sub.example. DS") != 2 ||
			strings.Contains(asked, "MX") {
			t.Errorf("asked\n%s", asked)
		}
	})
}
