// The encoding of the values of the packed caches. Names are written relative to the name of the
// key.

package cache

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// Unpacker reads encoded values. After malformed input Bad is true, and all further values are
// zero.
type Unpacker struct {
	b   []byte
	Bad bool
}

// NewUnpacker returns a reader of b.
func NewUnpacker(b []byte) *Unpacker { return &Unpacker{b: b} }

// take returns the next n bytes; they alias the input.
func (u *Unpacker) take(n uint64) []byte {
	if u.Bad || n > uint64(len(u.b)) {
		u.Bad = true
		return nil
	}
	d := u.b[:n:n]
	u.b = u.b[n:]
	return d
}

// Octet reads one octet.
func (u *Unpacker) Octet() byte {
	if d := u.take(1); d != nil {
		return d[0]
	}
	return 0
}

// Int reads an integer that binary.AppendUvarint has written.
func (u *Unpacker) Int() int64 {
	v, n := binary.Uvarint(u.b)
	if n <= 0 {
		u.Bad = true
		return 0
	}
	u.b = u.b[n:]
	return int64(v)
}

// Left returns how many octets have not been read.
func (u *Unpacker) Left() int { return len(u.b) }

// sized reads bytes that are preceded by their length.
func (u *Unpacker) sized() []byte { return u.take(uint64(u.Int())) }

func appendInt(b []byte, v int64) []byte { return binary.AppendUvarint(b, uint64(v)) }

func appendSized(b []byte, d string) []byte { return append(appendInt(b, int64(len(d))), d...) }

// appendName writes the number of labels that n shares with base, and the labels before them.
func appendName(b []byte, n, base wire.Name) []byte {
	if n.IsZero() {
		return append(b, 0xff)
	}
	common := n.CommonAncestor(base)
	return appendSized(append(b, byte(common.Labels())), n.Wire()[:n.Len()-common.Len()])
}

func (u *Unpacker) name(base wire.Name) wire.Name {
	labels := int(u.Octet())
	if labels == 0xff || u.Bad {
		return wire.Name{}
	}
	before := u.sized()
	if labels > base.Labels() {
		u.Bad = true
		return wire.Name{}
	}
	common := base.Ancestor(labels)
	if len(before) == 0 {
		return common
	}
	var buf [2 * wire.MaxNameLen]byte
	n, err := wire.NameFromWire(append(append(buf[:0], before...), common.Wire()...))
	u.Bad = u.Bad || err != nil
	return n
}

// flag returns bit if set is true, and 0 otherwise.
func flag(bit byte, set bool) byte {
	if set {
		return bit
	}
	return 0
}

// Flags of an encoded set, next to the three bits of its security.
const (
	setForeignClass = 1 << (3 + iota) // not IN: the class follows
	setForeignName                    // not the key's: the name follows
	setSigned
	setUntil // the end of the signature follows
)

// AppendSet encodes a set. The key implies its type, and often its name.
func AppendSet(b []byte, key wire.Name, s *wire.RRset) []byte {
	flags := byte(s.Security) | flag(setForeignClass, s.Class != wire.ClassIN) |
		flag(setForeignName, s.Name != key) | flag(setSigned, len(s.Sigs) > 0) |
		flag(setUntil, s.Until != 0)
	b = appendInt(append(b, flags), int64(s.TTL))
	if flags&setUntil != 0 {
		b = appendInt(b, int64(s.Until))
	}
	if flags&setForeignClass != 0 {
		b = appendInt(b, int64(s.Class))
	}
	if flags&setForeignName != 0 {
		b = appendName(b, s.Name, key)
	}
	b = appendInt(b, int64(len(s.Data)))
	if flags&setSigned != 0 {
		b = appendInt(b, int64(len(s.Sigs)))
	}
	return append(append(b, s.Data...), s.Sigs...)
}

// Set reads a set that AppendSet wrote.
func (u *Unpacker) Set(key wire.Name, t wire.Type) *wire.RRset {
	flags := u.Octet()
	s := &wire.RRset{Name: key, Type: t, Class: wire.ClassIN, TTL: uint32(u.Int()),
		Security: wire.Security(flags & 7)}
	if flags&setUntil != 0 {
		s.Until = uint32(u.Int())
	}
	if flags&setForeignClass != 0 {
		s.Class = wire.Class(u.Int())
	}
	if flags&setForeignName != 0 {
		s.Name = u.name(key)
	}
	data, sigs := uint64(u.Int()), uint64(0)
	if flags&setSigned != 0 {
		sigs = uint64(u.Int())
	}
	if data > uint64(len(u.b)) || sigs > uint64(len(u.b)) {
		u.Bad = true
	}
	all := append([]byte(nil), u.take(data+sigs)...)
	if u.Bad || !wire.RDataList(all[:data]).Valid() || !wire.RDataList(all[data:]).Valid() ||
		s.Security > wire.Secure {
		u.Bad = true
		return nil
	}
	s.Data = all[:data:data]
	if sigs > 0 {
		s.Sigs = all[data:]
	}
	return s
}

// appendSets encodes sets of any type.
func appendSets(b []byte, key wire.Name, sets []*wire.RRset) []byte {
	b = appendInt(b, int64(len(sets)))
	for _, s := range sets {
		b = AppendSet(appendInt(b, int64(s.Type)), key, s)
	}
	return b
}

func (u *Unpacker) sets(key wire.Name) (sets []*wire.RRset) {
	for n := u.Int(); n > 0 && !u.Bad; n-- {
		sets = append(sets, u.Set(key, wire.Type(u.Int())))
	}
	return sets
}

// AppendFailure encodes a failure, which may be nil.
func AppendFailure(b []byte, f *cause.Failure) []byte {
	for n := 0; f != nil && n < maxUnder; n++ {
		b = appendInt(b, int64(f.Cause))
		for _, s := range []string{f.Zone, f.Server, f.Detail} {
			b = appendSized(b, s)
		}
		f = f.Under
	}
	return appendInt(b, int64(cause.None))
}

// Failure reads a failure that AppendFailure wrote.
func (u *Unpacker) Failure() (f *cause.Failure) {
	last := &f
	for n := 0; n <= maxUnder; n++ {
		c := cause.Cause(u.Int())
		if u.Bad = u.Bad || !c.Known(); c == cause.None || u.Bad {
			return f
		}
		*last = &cause.Failure{Cause: c, Zone: string(u.sized()), Server: string(u.sized()),
			Detail: string(u.sized())}
		last = &(*last).Under
	}
	u.Bad = true
	return nil
}

// appendTimes writes when an entry ends, and its lifetime from when it was stored.
func appendTimes(b []byte, stored, expires int64) []byte {
	return appendInt(appendInt(b, expires), expires-stored)
}

func (u *Unpacker) times() (stored, expires int64) {
	expires = u.Int()
	return expires - u.Int(), expires
}

// appendWire writes a name as a key.
func appendWire(b []byte, n wire.Name) []byte { return append(b, n.Wire()...) }

// ParseName reads a name that appendWire wrote.
func ParseName(b []byte) (wire.Name, bool) {
	n, err := wire.NameFromWire(b)
	return n, err == nil
}

// keySuffix is how many octets of the type and the flags follow the name in the key of a set or a
// denial. The realm follows, unless it is what is shared.
const keySuffix = 3

func appendKey(b []byte, k Key) []byte {
	b = append(binary.BigEndian.AppendUint16(appendWire(b, k.Name), uint16(k.Type)),
		flag(1, k.Unchecked))
	return appendRealm(b, k.Realm)
}

func hashKey(b []byte) uint64 {
	n := nameLen(b)
	if len(b) < n+keySuffix {
		return 0 // it is none
	}
	return maphash.Bytes(seed, b[:n]) ^ typeHash(wire.Type(binary.BigEndian.Uint16(b[n:]))) ^
		realmHash(packedRealm(b[n+keySuffix:]))
}

func parseKey(b []byte) (k Key, ok bool) {
	n := nameLen(b)
	if rest := len(b) - n; rest != keySuffix && rest != keySuffix+realmLen {
		return k, false
	}
	k.Name, ok = ParseName(b[:n])
	k.Type, k.Unchecked = wire.Type(binary.BigEndian.Uint16(b[n:])), b[n+2] != 0
	k.Realm = packedRealm(b[n+keySuffix:])
	return k, ok
}

var rrsetCodec = memcache.Codec[Key, RRset]{
	AppendKey: appendKey, HashKey: hashKey, ParseKey: parseKey,
	Append: func(b []byte, k Key, r RRset) []byte {
		b = AppendSet(appendTimes(b, r.Stored, r.Expires), k.Name, r.Set)
		if r.Beside != nil {
			b = appendSets(AppendFailure(b, r.Beside.Failure), k.Name, r.Beside.Proofs)
		}
		return b
	},
	Parse: func(k Key, b []byte) (r RRset, ok bool) {
		u := Unpacker{b: b}
		r.Stored, r.Expires = u.times()
		r.Set = u.Set(k.Name, k.Type)
		if len(u.b) > 0 && !u.Bad {
			r.Beside = &Beside{u.Failure(), u.sets(k.Name)}
		}
		return r, !u.Bad
	},
}

// Flags of an encoded denial, next to the three bits of its status.
const (
	negativeNXDomain = 1 << (3 + iota)
	negativeUnsignedCut
	negativeBare
	negativeSOA
	negativeMore // a failure and proofs follow
)

var negativeCodec = memcache.Codec[Key, *Negative]{
	AppendKey: appendKey, HashKey: hashKey, ParseKey: parseKey,
	Append: func(b []byte, k Key, n *Negative) []byte {
		flags := byte(n.Status) | flag(negativeNXDomain, n.NXDomain) | flag(negativeUnsignedCut,
			n.UnsignedCut) | flag(negativeBare, n.Bare) |
			flag(negativeSOA, n.SOA != nil) | flag(negativeMore, n.Failure != nil ||
			len(n.Proofs) > 0)
		b = appendInt(appendTimes(append(b, flags), n.Stored, n.Expires), int64(n.Until))
		b = appendName(b, n.Zone, k.Name)
		if n.SOA != nil {
			b = AppendSet(b, k.Name, n.SOA)
		}
		if flags&negativeMore != 0 {
			b = appendSets(AppendFailure(b, n.Failure), k.Name, n.Proofs)
		}
		return b
	},
	Parse: func(k Key, b []byte) (*Negative, bool) {
		u := Unpacker{b: b}
		flags := u.Octet()
		n := &Negative{Status: wire.Security(flags & 7), NXDomain: flags&negativeNXDomain != 0,
			UnsignedCut: flags&negativeUnsignedCut != 0, Bare: flags&negativeBare != 0}
		n.Stored, n.Expires = u.times()
		n.Until = uint32(u.Int())
		n.Zone = u.name(k.Name)
		if flags&negativeSOA != 0 {
			n.SOA = u.Set(k.Name, wire.TypeSOA)
		}
		if flags&negativeMore != 0 {
			n.Failure, n.Proofs = u.Failure(), u.sets(k.Name)
		}
		return n, !u.Bad && n.Status <= wire.Secure
	},
}

var delegationCodec = memcache.Codec[ZoneKey, *Delegation]{
	AppendKey: AppendZone, HashKey: HashPackedZone, ParseKey: ParseZone,
	Append: func(b []byte, k ZoneKey, d *Delegation) []byte {
		zone := k.Name
		b = appendInt(appendTimes(b, d.Stored, d.Expires), int64(len(d.Servers)))
		for _, ns := range d.Servers {
			b = append(appendName(b, ns.Name, zone), byte(ns.By))
			b = appendInt(b, int64(len(ns.Addrs)))
			for _, a := range ns.Addrs {
				b = appendSized(b, string(a.AsSlice()))
			}
		}
		b = appendInt(b, int64(len(d.Own)))
		for _, name := range d.Own {
			b = appendName(b, name, zone)
		}
		return b
	},
	Parse: func(k ZoneKey, b []byte) (*Delegation, bool) {
		u, zone := Unpacker{b: b}, k.Name
		d := &Delegation{Zone: zone}
		d.Stored, d.Expires = u.times()
		for n := u.Int(); n > 0 && !u.Bad; n-- {
			ns := NameServer{Name: u.name(zone), By: NamedBy(u.Octet())}
			for m := u.Int(); m > 0 && !u.Bad; m-- {
				a, ok := netip.AddrFromSlice(u.sized())
				u.Bad = u.Bad || !ok
				ns.Addrs = append(ns.Addrs, a)
			}
			d.Servers = append(d.Servers, ns)
		}
		for n := u.Int(); n > 0 && !u.Bad; n-- {
			d.Own = append(d.Own, u.name(zone))
		}
		return d, !u.Bad
	},
}
