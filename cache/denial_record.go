// One encoded denial record: its sort keys, and the set.

package cache

import (
	"encoding/base32"
	"slices"
	"strings"
	"unsafe"

	"bailiwick/wire"
)

// denialRecord is one NSEC or NSEC3 record with when it ends.
type denialRecord struct {
	// octets is the concatenation of: the sort key of the owner (for NSEC the owner as
	// wire.Name.AppendOrder has it, for NSEC3 the hash); the sort key of the next owner; for NSEC,
	// the owner and the next name; and the set.
	octets   string
	expires  int64        // second from which it may not be used any more
	ends     int64        // when its TTL ends
	prepared *spanAnswers // for names in the span, nil if none was made yet
	parts    [4]uint16    // where each part of octets ends
}

// recordOverhead is the memory of a record besides its octets, in bytes: the struct, and at worst
// as much again in a list that has just grown.
const recordOverhead = 96

func newDenialRecord(s *wire.RRset, expires, ends int64, order, next []byte, owner,
	after string) denialRecord {
	var buf [1024]byte
	r := denialRecord{expires: expires, ends: ends}
	b := buf[:0]
	for i, part := range []string{string(order), string(next), owner, after} {
		b = append(b, part...)
		r.parts[i] = uint16(len(b))
	}
	r.octets = string(AppendSet(b, s.Name, s))
	return r
}

// newNSECRecord makes the record of a zone's NSEC set. It returns false if the set is malformed, or
// may not be used for other questions. A set whose bitmap lacks NSEC or RRSIG still has a usable
// span (see [wire.TypeBitmap.Lawful]).
func newNSECRecord(zone wire.Name, s *wire.RRset, expires, ends int64) (denialRecord, bool) {
	n, err := wire.ParseNSEC(s.Data.First())
	if err != nil || !plausible(n.Types, s.Name == zone) ||
		!n.Types.Has(wire.TypeNSEC) && !n.Types.Has(wire.TypeRRSIG) {
		return denialRecord{}, false
	}
	return newDenialRecord(s, expires, ends, s.Name.AppendOrder(nil), n.Next.AppendOrder(nil),
		s.Name.Wire(), n.Next.Wire()), true
}

// newNSEC3Record makes the record of an NSEC3 set, and returns the set's content. It returns false
// if the set is malformed, or may not be used for other questions. Types for which the zone is
// authoritative are signed (RFC 5155, section 7.1).
func newNSEC3Record(s *wire.RRset, expires, ends int64) (r denialRecord, n wire.NSEC3, ok bool) {
	n, err := wire.ParseNSEC3(s.Data.First())
	if err != nil || !plausible(n.Types, n.Types.Has(wire.TypeSOA)) {
		return r, n, false
	}
	if !n.Types.Has(wire.TypeRRSIG) &&
		slices.ContainsFunc(n.Types.Types(), func(t wire.Type) bool { return t != wire.TypeNS }) {
		return r, n, false
	}
	hash, err := base32.HexEncoding.DecodeString(strings.ToUpper(s.Name.Label()))
	if err != nil {
		return r, n, false
	}
	return newDenialRecord(s, expires, ends, hash, n.Next, "", ""), n, true
}

// plausible reports whether a bitmap is possible for its name: an apex has NS and DNSKEY next to
// SOA, and no other name has SOA. If the signer got this wrong, the record answers the question
// that it came for, and no other (RFC 8198, section 5).
func plausible(types wire.TypeBitmap, apex bool) bool {
	return types.Has(wire.TypeSOA) == apex &&
		(!apex || types.Has(wire.TypeNS) && types.Has(wire.TypeDNSKEY))
}

func (r *denialRecord) order() string    { return r.octets[:r.parts[0]] }
func (r *denialRecord) next() string     { return r.octets[r.parts[0]:r.parts[1]] }
func (r *denialRecord) owner() wire.Name { return wire.NameOf(r.octets[r.parts[1]:r.parts[2]]) }
func (r *denialRecord) after() wire.Name { return wire.NameOf(r.octets[r.parts[2]:r.parts[3]]) }

// size returns the memory of a record, in bytes.
func (r *denialRecord) size() int { return len(r.octets) + recordOverhead + r.prepared.size() }

// set decodes the set; the zone completes an NSEC3's name.
func (r *denialRecord) set(zone wire.Name) *wire.RRset {
	name, t := r.owner(), wire.TypeNSEC
	if name.IsZero() {
		name, _ = zone.Child(strings.ToLower(base32.HexEncoding.EncodeToString([]byte(r.order()))))
		t = wire.TypeNSEC3
	}
	set := r.octets[r.parts[3]:]
	u := NewUnpacker(unsafe.Slice(unsafe.StringData(set), len(set))) // it reads, and keeps nothing
	return u.Set(name, t)
}
