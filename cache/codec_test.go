package cache

import (
	"net/netip"
	"reflect"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// A look-up that misses, as for each query of a flood of random names, allocates nothing.
func TestPackedMissAllocates(t *testing.T) {
	s := ofSize(1 << 20)
	k := Key{Name: name(1), Type: wire.TypeA}
	if n := testing.AllocsPerRun(100, func() {
		s.LookupRRset(k, now)
		s.LookupNegative(k, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The hash of a key is that of its encoded form, as the shards have nothing else.
func TestHashOfOctets(t *testing.T) {
	for i := range 100 {
		k := Key{Name: name(i), Type: wire.Type(i), Unchecked: i%2 == 0,
			Realm: uint16(i % 3 * 255)}
		b := appendKey(nil, k)
		if hashKey(b) != k.hash() {
			t.Fatalf("%v: %x and %x", k, hashKey(b), k.hash())
		}
		if got, ok := parseKey(b); !ok || got != k {
			t.Fatalf("%v came back as %v", k, got)
		}
		zone := ZoneKey{k.Name, k.Realm}
		if b := AppendZone(nil, zone); HashPackedZone(b) != zone.Hash() {
			t.Fatalf("%v", zone)
		} else if got, ok := ParseZone(b); !ok || got != zone {
			t.Fatalf("%v came back as %v", zone, got)
		}
	}
}

var why = &cause.Failure{Cause: cause.KeyMissing, Zone: "example.", Detail: "DS 5",
	Under: &cause.Failure{Cause: cause.Timeout, Server: "192.0.2.1"}}

func signed(n wire.Name) *wire.RRset {
	s := set(n, 300, 40)
	s.Data = s.Data.Append([]byte("second"))
	s.Sigs = s.Sigs.Append(make([]byte, 90))
	return s
}

// A stored value is read back unchanged.
func TestCodecs(t *testing.T) {
	n, other := wire.MustParseName("www.example"), wire.MustParseName("ns.example.net")
	chaos := set(n, 5, 3)
	chaos.Class = wire.ClassCH
	for i, r := range []RRset{
		{Set: set(n, 300, 4), Stored: 1000, Expires: 1300},
		{Set: signed(n), Stored: now.Unix(), Expires: now.Unix() + 300},
		{Set: chaos, Stored: 0, Expires: 5},
		{Set: signed(n), Stored: 1, Expires: 301, Beside: &Beside{Failure: why}},
		{Set: signed(n), Stored: 1, Expires: 301,
			Beside: &Beside{Proofs: []*wire.RRset{nsec("example", "b.example"), signed(other),
				soa()}}},
	} {
		k := Key{Name: n, Type: r.Set.Type}
		if got, ok := rrsetCodec.Parse(k, rrsetCodec.Append(nil, k, r)); !ok ||
			!reflect.DeepEqual(got, r) {
			t.Errorf("set %d: %+v came back as %+v", i, r, got)
		}
	}
	for i, x := range []*Negative{
		{Status: wire.Insecure, UnsignedCut: true, Bare: true, Zone: wire.MustParseName("example"),
			Stored: 7, Expires: 9},
		{Status: wire.Secure, NXDomain: true, Zone: wire.Root, SOA: soa(),
			Proofs: []*wire.RRset{signed(n), nsec("example", "z.example")}, Stored: 7, Expires: 9},
		{Status: wire.Indeterminate, Failure: why, Expires: 1},
	} {
		k := Key{Name: n, Type: wire.TypeDS}
		if got, ok := negativeCodec.Parse(k, negativeCodec.Append(nil, k, x)); !ok ||
			!reflect.DeepEqual(got, x) {
			t.Errorf("denial %d: %+v came back as %+v", i, x, got)
		}
	}
	for i, d := range []*Delegation{
		{Zone: n, Stored: 1, Expires: 2},
		{Zone: n, Stored: 1, Expires: 2, Servers: []NameServer{{Name: other},
			{Name: wire.MustParseName("ns.www.example"),
				Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"),
					netip.MustParseAddr("2001:db8::1")}},
			{Name: wire.Root}, {Name: wire.MustParseName("example")}}, Own: []wire.Name{other, n}},
	} {
		if got, ok := delegationCodec.Parse(ZoneKey{Name: d.Zone},
			delegationCodec.Append(nil, ZoneKey{Name: d.Zone}, d)); !ok ||
			!reflect.DeepEqual(got, d) {
			t.Errorf("delegation %d: %+v came back as %+v", i, d, got)
		}
	}
}

// Malformed input is refused, and no length in it is believed beyond the input's end.
func FuzzCodecs(f *testing.F) {
	n := wire.MustParseName("www.example")
	k := Key{Name: n, Type: wire.TypeA}
	f.Add(rrsetCodec.Append(nil, k, RRset{Set: signed(n),
		Beside: &Beside{why, []*wire.RRset{soa()}}}))
	f.Add(negativeCodec.Append(nil, k, &Negative{SOA: soa(), Failure: why,
		Proofs: []*wire.RRset{signed(n)}}))
	f.Add(delegationCodec.Append(nil, ZoneKey{Name: n}, &Delegation{Zone: n,
		Servers: []NameServer{{Name: n, Addrs: []netip.Addr{netip.IPv4Unspecified()}}},
		Own:     []wire.Name{n}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := rrsetCodec.Parse(k, b); ok {
			if again, ok := rrsetCodec.Parse(k, rrsetCodec.Append(nil, k, r)); !ok ||
				!reflect.DeepEqual(again, r) {
				t.Errorf("%+v came back as %+v", r, again)
			}
		}
		if x, ok := negativeCodec.Parse(k, b); ok {
			if again, ok := negativeCodec.Parse(k, negativeCodec.Append(nil, k, x)); !ok ||
				!reflect.DeepEqual(again, x) {
				t.Errorf("%+v came back as %+v", x, again)
			}
		}
		if d, ok := delegationCodec.Parse(ZoneKey{Name: n}, b); ok {
			if again, ok := delegationCodec.Parse(ZoneKey{Name: n}, delegationCodec.Append(nil,
				ZoneKey{Name: n}, d)); !ok ||
				!reflect.DeepEqual(again, d) {
				t.Errorf("%+v came back as %+v", d, again)
			}
		}
	})
}
