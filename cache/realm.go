// Realms: parts of the caches that some clients have for themselves.

package cache

import (
	"encoding/binary"
	"hash/maphash"

	"bailiwick/wire"
)

// Realm is the part of the caches that belongs to one way of resolving: what is at and below its
// names is kept apart under its number, and all else is shared. A nil Realm is all that is shared.
// It is immutable.
type Realm struct {
	number uint16
	names  map[wire.Name]struct{}
}

// NewRealm returns the realm of a number, which is not 0, at and below names.
func NewRealm(number uint16, names []wire.Name) *Realm {
	r := &Realm{number, make(map[wire.Name]struct{}, len(names))}
	for _, n := range names {
		r.names[n] = struct{}{}
	}
	return r
}

// Of returns the number of the realm that a name is in, 0 for what is shared.
func (r *Realm) Of(name wire.Name) uint16 {
	if r == nil {
		return 0
	}
	for {
		if _, own := r.names[name]; own {
			return r.number
		}
		if name.IsRoot() || name.IsZero() {
			return 0
		}
		name = name.Parent()
	}
}

// Own reports whether a name is kept apart.
func (r *Realm) Own(name wire.Name) bool { return r.Of(name) != 0 }

// Key returns a key with the realm of its name.
func (r *Realm) Key(k Key) Key {
	k.Realm = r.Of(k.Name)
	return k
}

// Zone returns the key of a zone.
func (r *Realm) Zone(zone wire.Name) ZoneKey { return ZoneKey{zone, r.Of(zone)} }

// ZoneKey is the key of what is kept of a zone.
type ZoneKey struct {
	Name  wire.Name
	Realm uint16 // 0: shared
}

// Hash is the hash that distributes zones over a cache. HashPackedZone is the same for a key that
// AppendZone wrote.
func (k ZoneKey) Hash() uint64 { return maphash.String(seed, k.Name.Wire()) ^ realmHash(k.Realm) }

// HashPackedZone is Hash for the key's octets.
func HashPackedZone(b []byte) uint64 {
	n := nameLen(b)
	return maphash.Bytes(seed, b[:n]) ^ realmHash(packedRealm(b[n:]))
}

func realmHash(realm uint16) uint64 { return uint64(realm) * 0xD6E8FEB86659FD93 }

// AppendZone writes the key of a zone: its name, and its realm unless that is shared.
func AppendZone(b []byte, k ZoneKey) []byte { return appendRealm(appendWire(b, k.Name), k.Realm) }

// ParseZone reads a key that AppendZone wrote.
func ParseZone(b []byte) (k ZoneKey, ok bool) {
	n := nameLen(b)
	if rest := len(b) - n; rest != 0 && rest != realmLen {
		return k, false
	}
	k.Name, ok = ParseName(b[:n])
	k.Realm = packedRealm(b[n:])
	return k, ok
}

// realmLen is the length of a realm in a packed key, in octets.
const realmLen = 2

func appendRealm(b []byte, realm uint16) []byte {
	if realm == 0 {
		return b
	}
	return binary.BigEndian.AppendUint16(b, realm)
}

// packedRealm reads the realm of a packed key from the octets that follow its name and type.
func packedRealm(b []byte) uint16 {
	if len(b) < realmLen {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

// nameLen returns the length of the name that a packed key begins with, in octets; that of the
// whole key if it is none.
func nameLen(b []byte) int {
	for i := 0; i < len(b); i += int(b[i]) + 1 {
		if b[i] == 0 {
			return i + 1
		}
	}
	return len(b)
}

// KeyOf returns the name and the realm that a saved record is of; false if it is malformed.
func (r Record) KeyOf() (k ZoneKey, ok bool) {
	if r.Section == SectionRRsets || r.Section == SectionNegatives {
		at, ok := parseKey(r.Key)
		return ZoneKey{at.Name, at.Realm}, ok
	}
	return ParseZone(r.Key)
}

// InRealm returns the record with another realm in its key. The key has to be well-formed.
func (r Record) InRealm(realm uint16) Record {
	n := nameLen(r.Key)
	if r.Section == SectionRRsets || r.Section == SectionNegatives {
		n += keySuffix
	}
	r.Key = appendRealm(r.Key[:n:n], realm)
	return r
}

// FlushRealms forgets all that is in realms, but not what is shared, and returns the number of
// entries.
func (s *Store) FlushRealms(in func(realm uint16) bool) (n int) {
	s.flushes.Add(1)
	hit := func(realm uint16) bool { return realm != 0 && in(realm) }
	n += s.RRsets.RemoveFunc(func(k Key) bool { return hit(k.Realm) })
	n += s.Negatives.RemoveFunc(func(k Key) bool { return hit(k.Realm) })
	n += s.Failures.RemoveFunc(func(k Key, _ *Failure) bool { return hit(k.Realm) })
	n += s.Delegations.RemoveFunc(func(k ZoneKey) bool { return hit(k.Realm) })
	n += s.Denials.zones.RemoveFunc(func(k ZoneKey, _ *zoneDenials) bool { return hit(k.Realm) })
	return n
}
