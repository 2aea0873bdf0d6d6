// Keys of a zone, and their match with DS records.

package validator

import (
	"cmp"
	"crypto"
	"crypto/elliptic"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// KeySet is the DNSKEY set of a zone.
type KeySet struct {
	Zone wire.Name
	set  *wire.RRset // the keys are read from it when they are needed
	once sync.Once
	keys []*key
	// algorithms are the algorithms that all have to sign the zone's sets (Config.AllAlgorithms);
	// empty: any one is enough.
	algorithms []uint8
}

// key is a DNSKEY, its public key parsed at first use.
type key struct {
	wire.DNSKEY
	tag   uint16
	rdata []byte

	once   sync.Once
	public checker
	err    error

	standardOnce sync.Once
	standard     checker // see standardChecker

	uses   atomic.Int32 // checks without a table
	tabled atomic.Bool
}

// NewKeySet returns the keys of a DNSKEY set, and the algorithms that all have to sign the zone's
// sets, if any. It does not check whether the keys may be trusted.
func NewKeySet(set *wire.RRset, demanded ...uint8) *KeySet {
	return &KeySet{Zone: set.Name, set: set, algorithms: demanded}
}

// Demanded returns the algorithms that all have to sign the zone's sets; none if any one will do.
func (ks *KeySet) Demanded() []uint8 { return ks.algorithms }

// KeysFor returns the keys of a zone that have been validated. Its DS records determine which
// algorithms have to sign.
func (v *Validator) KeysFor(ds []wire.DS, set *wire.RRset) *KeySet {
	return NewKeySet(set, v.demanded(ds)...)
}

// demanded returns the algorithms of DS records, each once, if each has to sign.
func (v *Validator) demanded(ds []wire.DS) (algorithms []uint8) {
	if !v.cfg.AllAlgorithms {
		return nil
	}
	for _, d := range ds {
		if !slices.Contains(algorithms, d.Algorithm) {
			algorithms = append(algorithms, d.Algorithm)
		}
	}
	return algorithms
}

// all returns the keys, ordered by tag and algorithm, and reads them at its first call. Signatures
// and DS records name keys by both: in a set of thousands each costs a search.
func (ks *KeySet) all() []*key {
	ks.once.Do(func() {
		if ks.set == nil {
			return
		}
		n := ks.set.Len()
		room := make([]key, n)
		ks.keys = make([]*key, 0, n)
		for d := range ks.set.Data.All() {
			if read, err := wire.ParseDNSKEY(d); err == nil {
				k := &room[len(ks.keys)]
				k.DNSKEY, k.tag, k.rdata = read, wire.KeyTag(d), d
				ks.keys = append(ks.keys, k)
			}
		}
		slices.SortStableFunc(ks.keys, func(a, b *key) int { return a.compare(b.tag, b.Algorithm) })
	})
	return ks.keys
}

// named returns the keys with a tag and an algorithm.
func (ks *KeySet) named(tag uint16, algorithm uint8) []*key {
	all := ks.all()
	from, _ := slices.BinarySearchFunc(all, tag,
		func(k *key, tag uint16) int { return k.compare(tag, algorithm) })
	to := from
	for to < len(all) && all[to].compare(tag, algorithm) == 0 {
		to++
	}
	return all[from:to]
}

// compare orders keys by tag and algorithm.
func (k *key) compare(tag uint16, algorithm uint8) int {
	return cmp.Or(cmp.Compare(k.tag, tag), cmp.Compare(k.Algorithm, algorithm))
}

// Set returns the DNSKEY set as it was received.
func (ks *KeySet) Set() *wire.RRset { return ks.set }

// Size returns the approximate memory of the set once its keys have been read, in bytes: the values
// computed from an RSA modulus are as long as the modulus.
func (ks *KeySet) Size() int {
	return ks.set.Size() + 650*ks.set.Len() + len(ks.set.Data)*5/4
}

// Tags returns the key tags, for people.
func (ks *KeySet) Tags() (tags []uint16) {
	for _, k := range ks.all() {
		tags = append(tags, k.tag)
	}
	return tags
}

// checker returns the parsed public key; it is parsed once.
func (k *key) checker() (checker, error) {
	k.once.Do(func() {
		if a, ok := algorithms[k.Algorithm]; ok {
			k.public, k.err = a.key(k.Key)
		} else {
			k.err = errKeySize
		}
	})
	return k.public, k.err
}

// standardChecker returns the checker of the standard library for a key whose own is c.
func (k *key) standardChecker(c checker) checker {
	if _, own := c.(p256Checker); !own {
		return c
	}
	k.standardOnce.Do(func() {
		// The key has been read before, so it is a point of the curve.
		k.standard, _ = standardECDSA(elliptic.P256(), crypto.SHA256, k.Key)
	})
	return k.standard
}

// fault returns the cause why the key may not verify anything, or None.
func (k *key) fault() cause.Cause {
	switch {
	case k.Flags&wire.KeyFlagZone == 0: // RFC 4034, section 2.1.1
		return cause.KeyNotZone
	case k.Protocol != 3: // RFC 4034, section 2.1.2
		return cause.KeyUnusable
	case k.Flags&wire.KeyFlagRevoke != 0: // RFC 5011, section 2.1
		return cause.KeyRevoked
	}
	return cause.None
}

// refused reports whether one of the keys, of the first few, is outside the limits.
func (ks *KeySet) refused() bool {
	return slices.ContainsFunc(ks.keys[:min(len(ks.keys), MaxSignaturesPerSet)], (*key).refused)
}

// refused reports whether the key is outside the limits.
func (k *key) refused() bool {
	_, err := k.checker()
	return errors.Is(err, errRefused)
}
