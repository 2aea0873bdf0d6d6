package resolver_test

import (
	"crypto"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// RFC 6840, section 5.11 lets one valid signature do; an operator may demand one by each algorithm
// of the zone's DS set. The zone has two keys and signs its data with one. Whoever has broken that
// algorithm could have done so too: the data are bogus for the operator who demands both, at the
// first question and for as long as the trust in the zone is remembered.
func TestRFC6840AllAlgorithmsAreRememberedWithTheTrust(t *testing.T) {
	for _, c := range []struct {
		all  bool
		want wire.Security
	}{{true, wire.Bogus}, {false, wire.Secure}} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			second := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "secure.example.",
				Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300}, Flags: 257, Protocol: 3,
				Algorithm: dns.ED25519}
			private, err := second.Generate(256)
			if err != nil {
				t.Fatal(err)
			}
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				m := in.Honest()
				switch name := dns.CanonicalName(in.Question().Name); {
				case in.Question().Qtype == dns.TypeDNSKEY && name == "secure.example.":
					keys := []dns.RR{m.Answer[0], second}
					sig := &dns.RRSIG{Hdr: second.Hdr, Algorithm: second.Algorithm,
						KeyTag: second.KeyTag(), SignerName: name,
						Inception:  uint32(time.Now().Unix()) - 60,
						Expiration: uint32(time.Now().Unix()) + 86400}
					if err := sig.Sign(private.(crypto.Signer), keys); err != nil {
						t.Error(err)
					}
					m.Answer = append(append(keys, sig), w.Sign(name, keys...)...)
				case w.AddressOf("example.") == in.Server:
					m.Ns = withSecondDS(w, m.Ns, second)
					m.Answer = withSecondDS(w, m.Answer, second)
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, func(cfg *resolver.Config) {
				cfg.Validation.AllAlgorithms = c.all
			})
			for _, name := range []string{"www.secure.example.", "txt.secure.example.",
				"a.b.ent.secure.example."} {
				qtype := wire.TypeA
				if name == "txt.secure.example." {
					qtype = wire.TypeTXT
				}
				a := in.resolve(name, qtype)
				if a.Status != c.want || c.all && a.Failure.Cause != cause.AlgorithmMissing {
					t.Errorf("all %v, %s: %s, %v; want %s", c.all, name, a.Status, a.Failure,
						c.want)
				}
			}
		})
	}
}

// withSecondDS adds the DS of a second key to one that is there, and signs the set.
func withSecondDS(w *lab.World, section []dns.RR, second *dns.DNSKEY) (out []dns.RR) {
	for _, rr := range section {
		switch rr := rr.(type) {
		case *dns.DS:
			if rr.Hdr.Name == "secure.example." {
				ds := second.ToDS(dns.SHA256)
				ds.Hdr.Ttl = rr.Hdr.Ttl
				set := []dns.RR{rr, ds}
				out = append(append(out, set...), w.Sign("example.", set...)...)
				continue
			}
		case *dns.RRSIG:
			if rr.Hdr.Name == "secure.example." && rr.TypeCovered == dns.TypeDS {
				continue
			}
		}
		out = append(out, rr)
	}
	return out
}
