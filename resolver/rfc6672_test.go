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
	"bailiwick/wire"
)

// Section 5.3.1: below a DNAME every type follows the alias, or is answered with the CNAME that is
// made from it. ANY was SERVFAIL once: the unsigned CNAME was taken for data of the name.
func TestRFC6672DNAMEComesFirst(t *testing.T) {
	const (
		a, any, cname, dname = wire.TypeA, wire.TypeANY, wire.TypeCNAME, wire.TypeDNAME
		ds, rrsig            = wire.TypeDS, wire.TypeRRSIG
	)
	for _, c := range []struct {
		typ    wire.Type
		want   []wire.Type
		status wire.Security
	}{
		{a, []wire.Type{dname, cname, a}, wire.Secure},
		{any, []wire.Type{dname, cname, a}, wire.Secure},
		{cname, []wire.Type{dname, cname}, wire.Secure},
		{dname, []wire.Type{dname, cname}, wire.Secure},
		{ds, []wire.Type{dname, cname}, wire.Secure},
		{rrsig, []wire.Type{dname, cname, rrsig}, wire.Insecure},
	} {
		for _, zone := range []string{"secure.example.", "nsec3.example.", "unsigned.example."} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Script = answerSignatures(w, zone)
				in := newWorld(t, w, nil)
				status := c.status
				if zone == "unsigned.example." {
					if c.typ == rrsig {
						return
					}
					status = wire.Insecure
				}
				for range 2 {
					got := in.resolve("leaf.tree."+zone, c.typ)
					if got.RCode != noError || got.Status != status ||
						!slices.Equal(types(got.Sets), c.want) {
						t.Errorf("%s %s: %s %s %v (%v)", zone, c.typ, got.RCode, got.Status,
							types(got.Sets), got.Failure)
					}
				}
			})
		}
	}
}

// answerSignatures makes a zone's servers answer RRSIG questions for a name's addresses, which the
// lab's do not know.
func answerSignatures(w *lab.World, zone string) lab.Script {
	return func(q lab.Incoming) (lab.Reply, bool) {
		if q.Question().Qtype != dns.TypeRRSIG ||
			!strings.HasPrefix(strings.ToLower(q.Question().Name), "leaf.deep.") {
			return lab.Reply{}, false
		}
		m := new(dns.Msg).SetReply(q.Query)
		m.Authoritative = true
		m.Answer = w.Sign(zone, &dns.A{Hdr: dns.RR_Header{Name: strings.ToLower(q.Question().Name),
			Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, A: []byte{192, 0, 2, 4}})
		return lab.Messages(m), true
	}
}

// longTarget is a DNAME's target of 200 octets.
var longTarget = strings.Repeat("a23456789.", 19) + "example."

// longWorld has a DNAME that makes long names too long. Its servers answer YXDOMAIN, or leave it to
// the resolver.
func longWorld(rcode int, signed bool) *lab.World {
	alg := uint8(0)
	if !signed {
		alg = lab.Unsigned
	}
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "long.example.", Algorithm: alg, Records: "d DNAME " + longTarget})
	w.Script = func(q lab.Incoming) (lab.Reply, bool) {
		name := strings.ToLower(q.Question().Name)
		m := new(dns.Msg).SetReply(q.Query)
		m.Authoritative = true
		var rr dns.RR
		switch {
		case name == "alias.long.example.":
			rr = &dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME,
				Class: dns.ClassINET, Ttl: 300}, Target: tooLong}
		case strings.HasSuffix(name, ".d.long.example."):
			m.Rcode = rcode
			rr = &dns.DNAME{Hdr: dns.RR_Header{Name: "d.long.example.", Rrtype: dns.TypeDNAME,
				Class: dns.ClassINET, Ttl: 300}, Target: longTarget}
		default:
			return lab.Reply{}, false
		}
		m.Answer = []dns.RR{rr}
		if signed {
			m.Answer = append(m.Answer, w.Sign("long.example.", rr)...)
		}
		return lab.Messages(m), true
	}
	return w
}

var tooLong = strings.Repeat("x23456789.", 8) + "d.long.example."

// Sections 2.2 and 3.2: a name that a DNAME makes too long is answered with YXDOMAIN, the DNAME and
// its signature, whatever the RCODE that the authority found for it, and from the cached DNAME for
// the next name. It was SERVFAIL once.
func TestRFC6672TooLongANameIsYXDomain(t *testing.T) {
	for _, rcode := range []int{dns.RcodeYXDomain, dns.RcodeSuccess} {
		for _, signed := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, longWorld(rcode, signed), nil)
				status := wire.Secure
				if !signed {
					status = wire.Insecure
				}
				for _, name := range []string{tooLong, "y" + tooLong[1:], tooLong} {
					for _, typ := range []wire.Type{wire.TypeA, wire.TypeCNAME, wire.TypeANY} {
						a := in.resolve(name, typ)
						if a.RCode != wire.RCodeYXDomain || a.Status != status ||
							!slices.Equal(types(a.Sets), []wire.Type{wire.TypeDNAME}) {
							t.Fatalf("%s: %s %s %v (%v)", typ, a.RCode, a.Status, types(a.Sets),
								a.Failure)
						}
						if signed != (a.Sets[0].Sigs.Len() > 0) || a.Failure == nil ||
							a.Failure.Cause != cause.AliasTooLong {
							t.Errorf("%d signatures, %v", a.Sets[0].Sigs.Len(), a.Failure)
						}
					}
					if name == tooLong {
						in.transcript()
					} else if asked := in.transcript(); signed && asked != "" {
						t.Errorf("with the DNAME in the cache, asked\n%s", asked)
					}
				}
				// The same at the end of a chain.
				a := in.resolve("alias.long.example.", wire.TypeA)
				if a.RCode != wire.RCodeYXDomain ||
					!slices.Equal(types(a.Sets), []wire.Type{wire.TypeCNAME, wire.TypeDNAME}) {
					t.Errorf("behind an alias: %s %v (%v)", a.RCode, types(a.Sets), a.Failure)
				}
				// The DNAME still works for shorter names, and their answers have no EDE about long
				// ones.
				a = in.resolve("z.d.long.example.", wire.TypeA)
				if a.RCode != nxDomain || a.Failure != nil {
					t.Errorf("a shorter name: %s (%v)", a.RCode, a.Failure)
				}
			})
		}
	}
}
