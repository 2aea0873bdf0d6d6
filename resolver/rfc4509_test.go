package resolver_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// delegated makes example. delegate secure.example. with this DS set: in answers and in referrals.
func delegated(w *lab.World, ds ...*dns.DS) lab.Script {
	var set []dns.RR
	for _, d := range ds {
		d.Hdr = dns.RR_Header{Name: "secure.example.", Rrtype: dns.TypeDS, Class: dns.ClassINET,
			Ttl: 300}
		set = append(set, d)
	}
	return func(q lab.Incoming) (lab.Reply, bool) {
		m := q.Honest()
		for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
			var kept []dns.RR
			replace := false
			for _, rr := range *section {
				sig, _ := rr.(*dns.RRSIG)
				if rr.Header().Name != "secure.example." || rr.Header().Rrtype != dns.TypeDS &&
					(sig == nil || sig.TypeCovered != dns.TypeDS) {
					kept = append(kept, rr)
					continue
				}
				replace = true
			}
			if replace {
				*section = append(append(kept, set...), w.Sign("example.", set...)...)
			}
		}
		return lab.Messages(m), true
	}
}

// own is the DS that secure.example. has.
func own(w *lab.World, digest uint8) *dns.DS {
	rr, err := dns.NewRR(w.AnchorOf("secure.example."))
	if err != nil {
		panic(err)
	}
	ds := rr.(*dns.DS)
	if digest != ds.DigestType {
		ds.DigestType, ds.Digest = digest, strings.Repeat("5a", 48)
	}
	return ds
}

// A change of the provider: the DS set has the DS of the next key, with another digest, and that of
// the key that signs. The zone stays secure (RFC 4035, section 5.2; RFC 4509, section 3).
func TestRFC4509ProviderChangeStaysSecure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		next := &dns.DS{KeyTag: 4711, Algorithm: dns.ECDSAP384SHA384, DigestType: dns.SHA384,
			Digest: strings.Repeat("ab", 48)}
		w.Script = delegated(w, next, own(w, dns.SHA256))
		in := newWorld(t, w, nil)
		for _, name := range []string{"www.secure.example.", "www.sub.secure.example."} {
			if a := in.resolve(name, wire.TypeA); a.Status != wire.Secure {
				t.Errorf("%s: %s %v", name, a.RCode, a.Failure)
			}
		}
	})
}

// refusedKey is an RSA key with an exponent of 36 bits, and its DS.
func refusedKey() (*dns.DNSKEY, *dns.DS) {
	pub := append([]byte{5, 0x0F, 0, 0, 0, 1}, make([]byte, 128)...)
	pub[6], pub[len(pub)-1] = 0x80, 1
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "secure.example.", Rrtype: dns.TypeDNSKEY,
		Class: dns.ClassINET, Ttl: 300},
		Flags: 257, Protocol: 3, Algorithm: dns.RSASHA256,
		PublicKey: base64.StdEncoding.EncodeToString(pub)}
	return k, k.ToDS(dns.SHA256)
}

// RFC 3110: a zone whose every DS names a key that is too expensive to use is insecure, and clients
// are told why. With a DS that names another key it is not, whatever keys are added to its DNSKEY
// set.
func TestRFC3110ZoneOfRefusedKeys(t *testing.T) {
	key, refused := refusedKey()
	for _, c := range []struct {
		name    string
		refused bool // the DS set names the refused key
		digests []uint8
		status  wire.Security
		why     cause.Cause
	}{
		{"all refused", true, nil, wire.Insecure, cause.KeysRefused},
		{"a good one beside", true, []uint8{dns.SHA256}, wire.Secure, cause.None},
		{"one of no key beside", true, []uint8{dns.SHA384}, wire.Bogus, cause.KeyRefused},
		{"a forger's addition", false, []uint8{dns.SHA384}, wire.Bogus, cause.DSMismatch},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			var ds []*dns.DS
			if c.refused {
				ds = append(ds, refused)
			}
			for _, digest := range c.digests {
				ds = append(ds, own(w, digest))
			}
			parent := delegated(w, ds...)
			w.Script = func(q lab.Incoming) (lab.Reply, bool) {
				if q.Question().Qtype != dns.TypeDNSKEY ||
					!strings.EqualFold(q.Question().Name, "secure.example.") {
					return parent(q)
				}
				m := q.Honest()
				var keys []dns.RR
				for _, rr := range m.Answer {
					if k, ok := rr.(*dns.DNSKEY); ok {
						keys = append(keys, k)
					}
				}
				keys = append(keys, key)
				m.Answer = append(keys, w.Sign("secure.example.", keys...)...)
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			for _, q := range []struct {
				name string
				typ  wire.Type
			}{
				{"www.secure.example.", wire.TypeA}, {"no.secure.example.", wire.TypeA},
				{"secure.example.", wire.TypeDNSKEY}, {"www.secure.example.", wire.TypeA},
			} {
				a := in.resolve(q.name, q.typ)
				got := cause.None
				if a.Failure != nil {
					got = a.Failure.Cause
				}
				if a.Status != c.status || got != c.why ||
					(a.RCode == servFail) != (c.status == wire.Bogus) {
					t.Errorf("%s, %s: got %s %s (%v), want %s %s", c.name, q.name, a.RCode,
						a.Status,
						a.Failure, c.status, c.why)
				}
			}
		})
	}
}
