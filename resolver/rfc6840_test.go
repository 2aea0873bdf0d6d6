package resolver_test

import (
	"crypto"
	"net/netip"
	"slices"
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

// RFC 6840, section 5.9 has questions to forwarders carry CD, as they are validated here. A
// forwarder that is asked without EDNS sends no signatures: it may validate itself, and one that
// does not implement CD, as systemd-resolved once, answers (systemd issue 17218).
func TestRFC6840CDComesWithDO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "stub.example.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
		var with, without []bool
		only(w, "stub.example.", func(q lab.Incoming) (lab.Reply, bool) {
			m := q.Honest()
			if opt := q.Query.IsEdns0(); opt != nil {
				with = append(with, q.Query.CheckingDisabled && opt.Do())
				m.Rcode, m.Answer, m.Ns, m.Extra = dns.RcodeNotImplemented, nil, nil, nil
			} else {
				without = append(without, q.Query.CheckingDisabled)
			}
			return lab.Messages(m), true
		})
		in := newWorld(t, w, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("stub.example."), Forward: true,
				Addrs: []netip.AddrPort{netip.AddrPortFrom(w.AddressOf("stub.example."), 53)}}}
		})
		if a := in.resolve("www.stub.example.", wire.TypeA); len(a.Sets) != 1 {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
		if len(with) == 0 || slices.Contains(with, false) || len(without) == 0 ||
			slices.Contains(without, true) {
			t.Errorf("CD with EDNS %v, without %v", with, without)
		}
	})
}

// RFC 6840, section 5.9: what a client has set itself is passed on in every form, as the forwarder
// would else validate for who does so (RFC 4035, section 3.2.2).
func TestRFC6840CDOfAClientIsPassedOnWithoutEDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "stub.example.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
		only(w, "stub.example.", func(q lab.Incoming) (lab.Reply, bool) {
			m := q.Honest()
			switch {
			case q.Query.IsEdns0() != nil:
				m.Rcode, m.Answer, m.Ns, m.Extra = dns.RcodeFormatError, nil, nil, nil
			case !q.Query.CheckingDisabled:
				m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			}
			return lab.Messages(m), true
		})
		in := newWorld(t, w, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("stub.example."), Forward: true,
				Addrs: []netip.AddrPort{netip.AddrPortFrom(w.AddressOf("stub.example."), 53)}}}
		})
		for _, cd := range []bool{false, true} {
			a := in.ask("www.stub.example.", wire.TypeA, resolver.Options{CheckingDisabled: cd})
			if (len(a.Sets) == 1) != cd {
				t.Errorf("CD %v: %s %v", cd, a.RCode, a.Failure)
			}
		}
	})
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
