package cache

import (
	"encoding/base32"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// maker makes values from octets: the same from the same, and zero when there are no more.
type maker struct{ b []byte }

func (m *maker) octet() byte {
	if len(m.b) == 0 {
		return 0
	}
	o := m.b[0]
	m.b = m.b[1:]
	return o
}

func (m *maker) below(n int) int { return int(m.octet()) % n }

func (m *maker) flag() bool { return m.octet()&1 != 0 }

// number returns one at or near the limits of what is stored.
func (m *maker) number() int64 {
	return [...]int64{0, 1, 127, 128, 300, math.MaxUint16, math.MaxInt32,
		math.MaxUint32}[m.below(8)]
}

// octets returns up to n of them; most often few.
func (m *maker) octets(n int) []byte {
	n = [...]int{0, 1, 4, 16, 64, 127, 128, n}[m.below(8)]
	b := make([]byte, n)
	copy(b, m.b)
	m.b = m.b[min(n, len(m.b)):]
	return b
}

// name returns the base, one above, below or beside it, or any.
func (m *maker) name(base wire.Name) wire.Name {
	child := func(n wire.Name, label string) wire.Name {
		if c, ok := n.Child(label); ok {
			return c
		}
		return n
	}
	switch m.below(7) {
	case 0:
		return base
	case 1:
		return base.Parent()
	case 2:
		return child(base, "a")
	case 3:
		return child(child(base.Parent(), "beside"), string(m.octets(63)))
	case 4:
		return wire.Root
	case 5:
		return child(base, strings.Repeat("l", 63))
	}
	n := wire.MustParseName("elsewhere.test")
	for range m.below(4) {
		n = child(n, string(m.octets(63)))
	}
	return n
}

func (m *maker) set(key wire.Name, t wire.Type) *wire.RRset {
	s := &wire.RRset{Name: key, Type: t, Class: wire.ClassIN, TTL: uint32(m.number()),
		Until: uint32(m.number()), Security: wire.Security(m.below(int(wire.Secure) + 1))}
	if m.flag() {
		s.Class = wire.Class(m.number())
	}
	if m.flag() {
		s.Name = m.name(key)
	}
	for range 1 + m.below(3) {
		s.Data = s.Data.Append(m.octets(math.MaxUint16))
	}
	for range m.below(3) {
		s.Sigs = s.Sigs.Append(m.octets(600))
	}
	return s
}

func (m *maker) sets(key wire.Name) (sets []*wire.RRset) {
	for range m.below(4) {
		sets = append(sets, m.set(key, wire.Type(m.number())))
	}
	return sets
}

func (m *maker) failure() (f *cause.Failure) {
	all := cause.All()
	for range m.below(maxUnder + 1) {
		f = &cause.Failure{Cause: all[m.below(len(all))], Zone: string(m.octets(255)),
			Server: string(m.octets(40)), Detail: string(m.octets(300)), Under: f}
	}
	return f
}

func (m *maker) rrset(k Key) RRset {
	r := RRset{Set: m.set(k.Name, k.Type), Stored: m.number()}
	r.Expires = r.Stored + m.number()
	if m.flag() {
		r.Beside = &Beside{m.failure(), m.sets(k.Name)}
	}
	return r
}

func (m *maker) negative(k Key) *Negative {
	n := &Negative{Status: wire.Security(m.below(int(wire.Secure) + 1)), NXDomain: m.flag(),
		UnsignedCut: m.flag(), Bare: m.flag(), Stored: m.number(), Until: uint32(m.number())}
	n.Expires = n.Stored + m.number()
	if m.flag() {
		n.Zone = m.name(k.Name)
	}
	if m.flag() {
		n.SOA = m.set(k.Name, wire.TypeSOA)
	}
	n.Failure, n.Proofs = m.failure(), m.sets(k.Name)
	return n
}

func (m *maker) delegation(zone wire.Name) *Delegation {
	d := &Delegation{Zone: zone, Stored: m.number()}
	d.Expires = d.Stored + m.number()
	for range m.below(5) {
		ns := NameServer{Name: m.name(zone)}
		for range m.below(4) {
			if m.flag() {
				ns.Addrs = append(ns.Addrs, netip.AddrFrom4([4]byte{m.octet(), 0, 0, m.octet()}))
			} else {
				ns.Addrs = append(ns.Addrs, netip.AddrFrom16([16]byte{m.octet(), 15: m.octet()}))
			}
		}
		d.Servers = append(d.Servers, ns)
	}
	for range m.below(4) {
		d.Own = append(d.Own, m.name(zone))
	}
	return d
}

// kept encodes a value and reads it back unchanged. With an octet changed or the end cut off it is
// refused, or is a value that is kept itself.
func kept[K comparable, V any](t *testing.T, m *maker, c memcache.Codec[K, V], k K, v V) {
	t.Helper()
	if again, ok := c.ParseKey(c.AppendKey(nil, k)); !ok || again != k {
		t.Fatalf("key %v came back as %v", k, again)
	}
	b := c.Append(nil, k, v)
	if got, ok := c.Parse(k, b); !ok || !reflect.DeepEqual(got, v) {
		t.Fatalf("%+v came back as %+v", v, got)
	}
	at := (m.below(256)<<8 | m.below(256)) % len(b)
	if b[at] ^= m.octet(); m.flag() {
		b = b[:at]
	}
	damaged, ok := c.Parse(k, b)
	if !ok {
		return
	}
	if again, ok := c.Parse(k, c.Append(nil, k, damaged)); !ok ||
		!reflect.DeepEqual(again, damaged) {
		t.Fatalf("damaged, %+v came back as %+v", damaged, again)
	}
}

// denialKept makes a record of an NSEC or NSEC3 set, if it may be used, and reads it back.
func denialKept(t *testing.T, m *maker, zone wire.Name) {
	t.Helper()
	s := m.set(zone, wire.TypeNSEC)
	s.Class, s.Name, s.Data = wire.ClassIN, m.name(zone), nil
	types := m.octets(40)
	if m.flag() {
		next := m.name(zone)
		s.Data = s.Data.Append(append([]byte(next.Wire()), types...))
		r, ok := newNSECRecord(zone, s, m.number(), m.number())
		if !ok {
			return
		}
		if got := r.set(zone); !reflect.DeepEqual(got, s) || r.owner() != s.Name ||
			r.after() != next || r.order() != string(s.Name.AppendOrder(nil)) ||
			r.next() != string(next.AppendOrder(nil)) {
			t.Fatalf("%+v came back as %+v", s, got)
		}
		return
	}
	hash := m.octets(20)
	var fits bool
	if s.Name, fits = zone.Child(strings.ToLower(base32.HexEncoding.EncodeToString(hash))); !fits {
		return
	}
	salt, next := m.octets(255), m.octets(20)
	d := append([]byte{1, m.octet(), 0, m.octet(), byte(len(salt))}, salt...)
	s.Type = wire.TypeNSEC3
	s.Data = s.Data.Append(append(append(append(d, byte(len(next))), next...), types...))
	r, n, ok := newNSEC3Record(s, m.number(), m.number())
	if !ok {
		return
	}
	if got := r.set(zone); !reflect.DeepEqual(got, s) || r.order() != string(hash) ||
		r.next() != string(next) || string(n.Salt) != string(salt) {
		t.Fatalf("%+v came back as %+v", s, got)
	}
}

// FuzzPacked makes values of every kind that is kept in packed form, with all that a value may
// have. They come back as they were, and no damage of their octets does any harm.
func FuzzPacked(f *testing.F) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for kind := range byte(4) {
		for i := range 8 {
			f.Add(kind, all[i*31:])
		}
	}
	// NSEC and NSEC3 with a bitmap
	nsec := []byte{0, 0, 1, 0, 0, 0, 1, 0, 0, 3, 0, 6, 0x40, 0, 0, 0, 0, 3, 1}
	f.Add(byte(3), nsec)
	f.Add(byte(3), append(nsec, 0, 0, 1, 0, 2, 3, 4))
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		m := &maker{b}
		key := m.name(wire.MustParseName("www.example"))
		k := Key{Name: key, Type: wire.Type(m.number()), Unchecked: m.flag(),
			Realm: uint16(m.number())}
		switch kind % 4 {
		case 0:
			kept(t, m, rrsetCodec, k, m.rrset(k))
		case 1:
			kept(t, m, negativeCodec, k, m.negative(k))
		case 2:
			kept(t, m, delegationCodec, ZoneKey{key, uint16(m.number())}, m.delegation(key))
		default:
			denialKept(t, m, key)
		}
	})
}
