// One denial, packed: what it is searched by, and the set.

package cache

import (
	"encoding/base32"
	"slices"
	"strings"

	"bailiwick/wire"
)

// denialRecord is one NSEC or NSEC3 record with when it ends.
type denialRecord struct {
	// octets are one behind the other: what the record is sorted by, which is an NSEC's owner, as
	// wire.Name.AppendOrder has it, or an NSEC3's hash; the same of what comes after its span; an
	// NSEC's owner and the name after the span; and the set.
	octets   string
	expires  int64        // when it denies nothing any more
	ends     int64        // when its TTL ends
	prepared *spanAnswers // for names in the span, nil if none was made yet
	parts    [4]uint16    // where each of octets' parts ends
}

// recordOverhead is what a record takes besides its octets: itself, and at worst as much again in a
// list that has just grown.
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

// newNSECRecord makes the record of a zone's NSEC set; false if it is none, or not to be used for
// other questions. One that lacks either NSEC or RRSIG still has a span that can be used (see
// [wire.TypeBitmap.Lawful]).
func newNSECRecord(zone wire.Name, s *wire.RRset, expires, ends int64) (denialRecord, bool) {
	n, err := wire.ParseNSEC(s.Data.First())
	if err != nil || !plausible(n.Types, s.Name == zone) ||
		!n.Types.Has(wire.TypeNSEC) && !n.Types.Has(wire.TypeRRSIG) {
		return denialRecord{}, false
	}
	return newDenialRecord(s, expires, ends, s.Name.AppendOrder(nil), n.Next.AppendOrder(nil),
		s.Name.Wire(), n.Next.Wire()), true
}

// newNSEC3Record makes the record of an NSEC3 set, and returns the set's content; false if it is
// none, or not to be used for other questions. Types that are the zone's own are signed (RFC 5155,
// section 7.1).
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

// plausible reports whether a name can be what its types say: an apex has NS and DNSKEY beside SOA,
// and nothing else has SOA. The record of a signer that is wrong about that answers the question
// that it came for, and is used for no other (RFC 8198, section 5).
func plausible(types wire.TypeBitmap, apex bool) bool {
	return types.Has(wire.TypeSOA) == apex &&
		(!apex || types.Has(wire.TypeNS) && types.Has(wire.TypeDNSKEY))
}

func (r *denialRecord) order() string    { return r.octets[:r.parts[0]] }
func (r *denialRecord) next() string     { return r.octets[r.parts[0]:r.parts[1]] }
func (r *denialRecord) owner() wire.Name { return wire.NameOf(r.octets[r.parts[1]:r.parts[2]]) }
func (r *denialRecord) after() wire.Name { return wire.NameOf(r.octets[r.parts[2]:r.parts[3]]) }

// size is what a record takes, in octets.
func (r *denialRecord) size() int { return len(r.octets) + recordOverhead + r.prepared.size() }

// set unpacks the set; the zone that it is of tells an NSEC3's name.
func (r *denialRecord) set(zone wire.Name) *wire.RRset {
	name, t := r.owner(), wire.TypeNSEC
	if name.IsZero() {
		name, _ = zone.Child(strings.ToLower(base32.HexEncoding.EncodeToString([]byte(r.order()))))
		t = wire.TypeNSEC3
	}
	u := NewUnpacker([]byte(r.octets[r.parts[3]:]))
	return u.Set(name, t)
}
