// What a look has seen of the chain of trust.

package watch

import (
	"encoding/hex"
	"time"

	"bailiwick/internal/check"
	"bailiwick/internal/rollover"
	"bailiwick/validator"
	"bailiwick/wire"
)

// ends returns the set whose signatures end first, of those that a look has seen.
func ends(c *check.Chain) (set string, at time.Time) {
	for _, sets := range [][]check.Served{c.Keys, c.Data} {
		for i := range sets {
			last := lasts(&sets[i])
			if !last.IsZero() && (at.IsZero() || last.Before(at)) {
				set, at = sets[i].Set.Type.String(), last
			}
		}
	}
	return set, at
}

// lasts returns the end of the signature of a set that ends last: it keeps the set valid.
func lasts(s *check.Served) (last time.Time) {
	for _, by := range s.Signers {
		if by.Expires.After(last) {
			last = by.Expires
		}
	}
	return last
}

// seen returns what a look has seen of a zone's keys. Keys that are revoked, or not of the zone,
// are of no use to the chain of trust.
func seen(zone wire.Name, c *check.Chain, at time.Time) rollover.Seen {
	s := rollover.Seen{At: at, Partial: c.Partial}
	for _, d := range c.DS {
		set := rollover.DSSet{TTL: d.TTL}
		for _, r := range d.Usable {
			set.DS = append(set.DS, rollover.DS{Tag: r.KeyTag, Algorithm: r.Algorithm,
				Type: r.Digest, Digest: hex.EncodeToString(r.Hash)})
		}
		s.DS = append(s.DS, set)
	}
	for i := range c.Keys {
		k := &c.Keys[i]
		set := rollover.KeySet{Signers: signers(k), TTL: ttl(k), Ends: lasts(k)}
		for d := range k.Set.Data.All() {
			if key, err := wire.ParseDNSKEY(d); err == nil && key.Flags&wire.KeyFlagZone != 0 &&
				key.Flags&wire.KeyFlagRevoke == 0 {
				set.Keys = append(set.Keys, keyOf(zone, d, &key))
			}
		}
		s.Keys = append(s.Keys, set)
	}
	for i := range c.Data {
		d := &c.Data[i]
		s.Data = append(s.Data, rollover.DataSet{Type: d.Set.Type.String(), Signers: signers(d),
			TTL: ttl(d), Ends: lasts(d)})
	}
	return s
}

// keyOf returns a key with the digests that a DS of it has.
func keyOf(zone wire.Name, rdata []byte, key *wire.DNSKEY) rollover.Key {
	k := rollover.Key{Tag: wire.KeyTag(rdata), Algorithm: key.Algorithm,
		Entry: key.Flags&wire.KeyFlagSEP != 0}
	for i, t := range rollover.DigestTypes() {
		k.Digests[i] = hex.EncodeToString(validator.Digest(t, zone, rdata))
	}
	return k
}

// signers returns who signs a set.
func signers(s *check.Served) (list []rollover.Signer) {
	for _, by := range s.Signers {
		list = append(list, rollover.Signer{Tag: by.Tag, Algorithm: by.Algorithm})
	}
	return list
}

// ttl returns the TTL of a set.
func ttl(s *check.Served) time.Duration { return time.Duration(s.Set.TTL) * time.Second }
