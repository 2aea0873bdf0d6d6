// Keys of a zone, and their match with DS records.

package validator

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"sync"
	"sync/atomic"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// KeySet is the DNSKEY set of a zone.
type KeySet struct {
	Zone wire.Name
	set  *wire.RRset // what the keys are read from, when they are needed
	once sync.Once
	keys []*key
}

// key is a DNSKEY, its public key parsed at first use.
type key struct {
	wire.DNSKEY
	tag   uint16
	rdata []byte

	once   sync.Once
	public checker
	err    error

	uses   atomic.Int32 // checks without a table
	tabled atomic.Bool
}

// NewKeySet takes a DNSKEY set as it is; whether it may be trusted is not its business.
func NewKeySet(set *wire.RRset) *KeySet {
	return &KeySet{Zone: set.Name, set: set}
}

// all returns the keys, which it reads at its first call.
func (ks *KeySet) all() []*key {
	ks.once.Do(func() {
		if ks.set == nil {
			return
		}
		for d := range ks.set.Data.All() {
			if k, err := wire.ParseDNSKEY(d); err == nil {
				ks.keys = append(ks.keys, &key{DNSKEY: k, tag: wire.KeyTag(d), rdata: d})
			}
		}
	})
	return ks.keys
}

// Set is the set as it came.
func (ks *KeySet) Set() *wire.RRset { return ks.set }

// Size is about the memory that it takes, in octets, when its keys have been read.
func (ks *KeySet) Size() int { return ks.set.Size() + 600*ks.set.Len() }

// Tags lists the key tags, for people.
func (ks *KeySet) Tags() (tags []uint16) {
	for _, k := range ks.all() {
		tags = append(tags, k.tag)
	}
	return tags
}

// checker parses the public key once.
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

// fault says why the key may not verify anything, or None.
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

// Digest types (IANA, "Delegation Signer Digest Algorithms").
const (
	DigestSHA1   = 1
	DigestSHA256 = 2
	DigestSHA384 = 4
)

// digestStrength orders the digests that are implemented; 0 is none (RFC 4509, section 3: SHA-256 before SHA-1).
func (v *Validator) digestStrength(digest uint8) int {
	switch digest {
	case DigestSHA384:
		return 3
	case DigestSHA256:
		return 2
	case DigestSHA1:
		if v.policy.SHA1 {
			return 1
		}
	}
	return 0
}

// digest computes the DS digest of a key (RFC 4034, section 5.1.4).
func digest(typ uint8, zone wire.Name, rdata []byte) []byte {
	data := append([]byte(zone.Wire()), rdata...)
	switch typ {
	case DigestSHA1:
		d := sha1.Sum(data)
		return d[:]
	case DigestSHA256:
		d := sha256.Sum256(data)
		return d[:]
	case DigestSHA384:
		d := sha512.Sum384(data)
		return d[:]
	}
	return nil
}

// UsableDS picks from a DS set what decides: of the records with a supported algorithm and digest those with the
// strongest digest. Where there is none, the delegation is insecure for the cause returned (RFC 4035, section 5.2; RFC 6840, section 5.2).
func (v *Validator) UsableDS(set *wire.RRset) ([]wire.DS, cause.Cause) {
	top, why := 0, cause.AlgorithmUnsupported
	var all []wire.DS
	for d := range set.Data.All() {
		ds, err := wire.ParseDS(d)
		if err != nil || !v.SupportsAlgorithm(ds.Algorithm) {
			continue
		}
		if v.digestStrength(ds.Digest) == 0 {
			why = cause.DigestUnsupported
			continue
		}
		top = max(top, v.digestStrength(ds.Digest))
		all = append(all, ds)
	}
	var use []wire.DS
	for _, ds := range all {
		// RFC 4509, section 3: where a stronger digest is there, weaker ones are ignored.
		if v.digestStrength(ds.Digest) == top {
			use = append(use, ds)
		}
	}
	if len(use) == 0 {
		return nil, why
	}
	return use, cause.None
}

// MatchDS finds the keys of a DNSKEY set that the DS records name, and verifies that one of them signed the set
// (RFC 4035, section 5.2). ds is what UsableDS picked, or a trust anchor.
func (v *Validator) MatchDS(ds []wire.DS, set *wire.RRset, at Instant, b *Budget) (*KeySet, Result) {
	ks := NewKeySet(set)
	named := &KeySet{Zone: set.Name}
	worst := cause.DSMismatch
	for _, d := range ds {
		for _, k := range ks.all() {
			if k.tag != d.KeyTag || k.Algorithm != d.Algorithm || named.has(k) {
				continue
			}
			if !b.digest() {
				return nil, bogus(cause.New(cause.LimitDigests, set.Name, "DS %d", d.KeyTag))
			}
			if !bytes.Equal(digest(d.Digest, set.Name, k.rdata), d.Hash) {
				b.mismatch()
				continue
			}
			if f := k.fault(); f != cause.None {
				worst = f
				continue
			}
			named.keys = append(named.keys, k)
		}
	}
	if len(named.keys) == 0 {
		return nil, bogus(cause.New(worst, set.Name, "DS %d", ds[0].KeyTag))
	}
	r := v.VerifySet(set, named, at, b)
	if r.Status != wire.Secure {
		return nil, r
	}
	return ks, r
}

func (ks *KeySet) has(k *key) bool {
	for _, x := range ks.keys {
		if x == k {
			return true
		}
	}
	return false
}
