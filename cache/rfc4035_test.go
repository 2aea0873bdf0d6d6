package cache

import (
	"encoding/base32"
	"testing"

	"bailiwick/wire"
)

// A denial record with an impossible bitmap answers only the question that it came for, and that
// question does not come here (RFC 4035, sections 2.1 to 2.5). Seen in practice: load balancers
// that sign NSEC without the types NSEC and RRSIG, or list SOA at every name.
func TestRFC4035RecordsThatBreakItAreNotUsed(t *testing.T) {
	apexSOA := soa()
	const (
		a, ns, soa, mx       = wire.TypeA, wire.TypeNS, wire.TypeSOA, wire.TypeMX
		ds, rrsig, nsec, key = wire.TypeDS, wire.TypeRRSIG, wire.TypeNSEC, wire.TypeDNSKEY
	)
	types := func(ts ...wire.Type) []wire.Type { return ts }
	for _, c := range []struct {
		name        string
		apex        bool
		types       []wire.Type // of the NSEC; the NSEC3 has the same without NSEC
		nsec, nsec3 bool        // whether they are used
	}{
		{"a name", false, types(a, mx, rrsig, nsec), true, true},
		// its span is used: the bitmap is checked later
		{"without RRSIG", false, types(a, nsec), true, false},
		{"without NSEC", false, types(a, rrsig), true, true},
		{"without either", false, types(a), false, false},
		{"with nothing", false, nil, false, true}, // an empty non-terminal, for NSEC3
		{"the apex", true, types(ns, soa, rrsig, nsec, key), true, true},
		// a hash has no apex
		{"the apex without SOA", true, types(ns, rrsig, nsec, key), false, true},
		{"the apex without NS", true, types(soa, rrsig, nsec, key), false, false},
		{"the apex without DNSKEY", true, types(ns, soa, rrsig, nsec), false, false},
		{"SOA elsewhere", false, types(a, soa, rrsig, nsec), false, false},
		{"SOA, NS and DNSKEY elsewhere", false, types(ns, soa, rrsig, nsec, key), false, true},
		{"a delegation", false, types(ns, ds, rrsig, nsec), true, true},
		{"an unsigned delegation", false, types(ns, rrsig, nsec), true, true},
		{"an unsigned delegation's NSEC3", false, types(ns), false, true},
	} {
		owner := "m.example"
		if c.apex {
			owner = "example"
		}
		d := newDenials(1 << 20)
		rd := append([]byte(wire.MustParseName("x.example").Wire()), bitmap(c.types...)...)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{apexSOA, denial(owner, nsec, rd)}, now)
		if used := len(owners(d, "p.example", now)) > 0; used != c.nsec {
			t.Errorf("%s: NSEC used: %v", c.name, used)
		}
		var hashed []wire.Type
		for _, x := range c.types {
			if x != nsec {
				hashed = append(hashed, x)
			}
		}
		h := wire.NSEC3Hash(zone, 0, nil)
		rd = append([]byte{1, 0, 0, 0, 0, 20}, make([]byte, 20)...)
		s := denial(base32.HexEncoding.EncodeToString(h[:])+".example", wire.TypeNSEC3,
			append(rd, bitmap(hashed...)...))
		d = newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{apexSOA, s}, now)
		if _, z, ok := d.zoneOf(nil, zone); (ok && len(z.nsec3) > 0) != c.nsec3 {
			t.Errorf("%s: NSEC3 used: %v", c.name, !c.nsec3)
		}
	}
}
