// The digest of a whole zone (RFC 8976).

package zone

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"hash"
	"slices"

	"bailiwick/wire"
)

// TypeZONEMD is the type of a zone's digest.
const TypeZONEMD wire.Type = 63

// The errors of a zone's digest.
var (
	// ErrNoDigest is the error of a zone without a ZONEMD record.
	ErrNoDigest = errors.New("the zone has no ZONEMD record")
	// ErrDigestUnknown is the error of a zone whose ZONEMD records are all of schemes and
	// algorithms that are not known, or do not count.
	ErrDigestUnknown = errors.New("the zone has no ZONEMD record of a known scheme and algorithm")
	errDigestWrong   = errors.New("the zone's ZONEMD record is that of other data")
)

// Schemes and algorithms (RFC 8976, sections 2.2.2 and 2.2.3).
const (
	schemeSimple = 1
	sha384       = 1
	sha512Whole  = 2
)

// CheckDigest returns nil if a ZONEMD record of the zone is right (RFC 8976, section 4, steps 4 and
// 5). Whether the record itself is genuine is for DNSSEC to say.
func (z *Zone) CheckDigest() error {
	apex, _ := z.lookup(z.apex)
	set := apex.get(z.apex, TypeZONEMD)
	if set == nil {
		return ErrNoDigest
	}
	kinds := map[[2]byte]int{} // of scheme and algorithm: one that occurs twice does not count
	for d := range set.Data.All() {
		if len(d) >= 6 {
			kinds[[2]byte(d[4:6])]++
		}
	}
	verdict := ErrDigestUnknown
	for d := range set.Data.All() {
		// serial (4), scheme, algorithm, digest
		if len(d) < 6 || kinds[[2]byte(d[4:6])] > 1 || d[4] != schemeSimple {
			continue
		}
		var h hash.Hash
		switch {
		case d[5] == sha384 && len(d) == 6+sha512.Size384:
			h = sha512.New384()
		case d[5] == sha512Whole && len(d) == 6+sha512.Size:
			h = sha512.New()
		default:
			continue
		}
		if binary.BigEndian.Uint32(d) == z.soa.Serial {
			if z.digest(h); bytes.Equal(h.Sum(nil), d[6:]) {
				return nil
			}
		}
		verdict = errDigestWrong
	}
	return verdict
}

// digest feeds the zone to a hash: all records but the apex's ZONEMD set and its signatures, in
// canonical order and form (RFC 8976, section 3.3).
func (z *Zone) digest(h hash.Hash) {
	var room, canonical []byte
	for i := range z.nodes {
		name, at := z.whole(uint32(i))
		put := func(t wire.Type, ttl uint32, rdata []byte) {
			canonical = wire.AppendCanonical(canonical[:0], t, rdata)
			room = append(room[:0], name.Wire()...)
			room = binary.BigEndian.AppendUint16(room, uint16(t))
			room = binary.BigEndian.AppendUint16(room, uint16(wire.ClassIN))
			room = binary.BigEndian.AppendUint32(room, ttl)
			room = binary.BigEndian.AppendUint16(room, uint16(len(canonical)))
			h.Write(append(room, canonical...))
		}
		sets := slices.Collect((node{z, at}).sets())
		excluded := func(s set) bool { return name == z.apex && s.t == TypeZONEMD }
		signatures := func() {
			for _, s := range sets {
				for d := range s.signatures.All() {
					if !excluded(s) {
						put(wire.TypeRRSIG, s.sigs, d)
					}
				}
			}
		}
		signed := false
		for _, s := range sets {
			if s.t > wire.TypeRRSIG && !signed {
				signatures()
				signed = true
			}
			for d := range s.data.All() {
				if !excluded(s) {
					put(s.t, s.ttl, d)
				}
			}
		}
		if !signed {
			signatures()
		}
	}
}
