// Package rollover follows how a zone changes its keys (RFC 6781, section 4.1; RFC 7583), by what
// its servers and those of its parent are seen to have. It does no I/O and reads no clock:
// [History.Advance] takes what was seen at a time, and tells what has happened.
//
// What may be done when is not decided by the kind of a rollover, but by what caches may hold: a DS
// set, a DNSKEY set and signatures from before, each for its TTL. As long as every combination of
// these has a chain of trust, no resolver is hurt, however the rollover is done. The first that has
// none is what is wrong with it.
package rollover

import (
	"cmp"
	"slices"
	"time"
)

// Key is a DNSKEY of a zone.
type Key struct {
	Tag       uint16
	Algorithm uint8
	Entry     bool      // it has the SEP bit
	Digests   [3]string // that a DS of it has, by the type: SHA-1, SHA-256 and SHA-384
}

// DigestTypes returns the types of DS digests, in the order of Digests.
func DigestTypes() [3]uint8 { return [3]uint8{1, 2, 4} }

// DS is a DS record.
type DS struct {
	Tag             uint16
	Algorithm, Type uint8
	Digest          string
}

// of reports whether the record leads to a key.
func (d DS) of(k Key) bool {
	types := DigestTypes()
	i := slices.Index(types[:], d.Type)
	return i >= 0 && d.Tag == k.Tag && d.Algorithm == k.Algorithm && d.Digest == k.Digests[i]
}

// Signer is a key that has signed something, as a signature names it.
type Signer struct {
	Tag       uint16
	Algorithm uint8
}

// DSSet is a DS set of the parent; one without records is a denial.
type DSSet struct {
	DS  []DS
	TTL time.Duration
}

// KeySet is a DNSKEY set, and the keys that sign it.
type KeySet struct {
	Keys    []Key
	Signers []Signer
	TTL     time.Duration
	Ends    time.Time // its last signature
}

// DataSet is who signs a set of data.
type DataSet struct {
	Type    string
	Signers []Signer
	TTL     time.Duration
	Ends    time.Time // the last signature
}

// Seen is what all servers have at a time, each different set once.
type Seen struct {
	At   time.Time
	DS   []DSSet
	Keys []KeySet
	Data []DataSet
	// Partial reports whether servers have not answered: what is not seen may still be there.
	Partial bool
}

// leads reports whether one of the records leads to a key.
func (s *DSSet) leads(k Key) bool {
	return slices.ContainsFunc(s.DS, func(d DS) bool { return d.of(k) })
}

// leadsTo reports whether one of the records leads to one of the keys, or is one of those.
func (s *DSSet) leadsTo(keys []Key, or []DS) bool {
	return slices.ContainsFunc(keys, s.leads) ||
		slices.ContainsFunc(or, func(d DS) bool { return slices.Contains(s.DS, d) })
}

// named reports whether signers name a key.
func named(signers []Signer, k Key) bool {
	return slices.Contains(signers, Signer{k.Tag, k.Algorithm})
}

// names reports whether signers name one of the keys.
func names(signers []Signer, keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return named(signers, k) })
}

// trusts reports whether a DS set leads to a key that signs the DNSKEY set (RFC 4035, section 5.2).
// Without a DS the zone is insecure, and there is nothing to prove.
func (s *DSSet) trusts(keys *KeySet) bool {
	return len(s.DS) == 0 || slices.ContainsFunc(keys.Keys, func(k Key) bool {
		return s.leads(k) && named(keys.Signers, k)
	})
}

// has reports whether the set has a key that the DS set leads to, whatever it signs.
func (s *KeySet) has(ds *DSSet) bool { return slices.ContainsFunc(s.Keys, ds.leads) }

// verifies reports whether a key of the set has signed data.
func (s *KeySet) verifies(d *DataSet) bool { return names(d.Signers, s.Keys) }

// normal returns a copy in which lists are sorted, and no longer than is kept.
func (s Seen) normal() Seen {
	signers := func(list []Signer) []Signer {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b Signer) int {
			return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Algorithm, b.Algorithm))
		})
		list = slices.Compact(list)
		return list[:min(len(list), maxKeys)]
	}
	out, types := Seen{At: s.At, Partial: s.Partial}, DigestTypes()
	for _, d := range s.DS {
		d.DS = slices.DeleteFunc(slices.Clone(d.DS), func(r DS) bool {
			// Resolvers ignore a DS whose digest they do not compute (RFC 4035, section 5.2): it
			// belongs to no rollover.
			return !slices.Contains(types[:], r.Type)
		})
		slices.SortFunc(d.DS, func(a, b DS) int {
			return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Algorithm, b.Algorithm),
				cmp.Compare(a.Type, b.Type), cmp.Compare(a.Digest, b.Digest))
		})
		d.DS = d.DS[:min(len(d.DS), maxKeys)]
		out.DS = append(out.DS, d)
	}
	for _, k := range s.Keys {
		k.Keys, k.Signers = slices.Clone(k.Keys), signers(k.Signers)
		slices.SortFunc(k.Keys, func(a, b Key) int {
			return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Algorithm, b.Algorithm),
				cmp.Compare(a.Digests[1], b.Digests[1]))
		})
		k.Keys = k.Keys[:min(len(k.Keys), maxKeys)]
		out.Keys = append(out.Keys, k)
	}
	for _, d := range s.Data {
		d.Signers = signers(d.Signers)
		out.Data = append(out.Data, d)
	}
	return out
}
