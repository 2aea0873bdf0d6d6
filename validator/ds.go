// DS records: which are usable, and which key they match (RFC 4035, section 5.2; RFC 4509).

package validator

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Digest types (IANA, "Delegation Signer Digest Algorithms").
const (
	digestSHA1   = 1
	digestSHA256 = 2
	digestSHA384 = 4
)

// supportsDigest reports whether DS digests of a type are computed. SHA-1 is: a collision does not
// help to find a key for the digest of another one, and IANA's registry recommends to validate it.
// RFC 9905 is about signatures.
func supportsDigest(digest uint8) bool {
	return digest == digestSHA256 || digest == digestSHA384 || digest == digestSHA1
}

// Digest computes the DS digest of a key (RFC 4034, section 5.1.4); nil for a type that is not
// supported.
func Digest(typ uint8, zone wire.Name, rdata []byte) []byte {
	data := append([]byte(zone.Wire()), rdata...)
	switch typ {
	case digestSHA1:
		d := sha1.Sum(data)
		return d[:]
	case digestSHA256:
		d := sha256.Sum256(data)
		return d[:]
	case digestSHA384:
		d := sha512.Sum384(data)
		return d[:]
	}
	return nil
}

// digestSize returns the length of a digest of a supported type, in octets.
func digestSize(typ uint8) int {
	switch typ {
	case digestSHA1:
		return sha1.Size
	case digestSHA256:
		return sha256.Size
	}
	return sha512.Size384
}

// UsableDS returns the records of a DS set with a supported algorithm and digest. If there is none,
// the delegation is insecure for the cause returned (RFC 4035, section 5.2; RFC 6840, section 5.2).
// A SHA-1 digest is left out if there is a better one of the same key tag and algorithm (RFC 4509,
// section 3). A better one of another key does not count: the two keys may be those of two
// providers, or of two steps of a roll-over.
func (v *Validator) UsableDS(set *wire.RRset) ([]wire.DS, cause.Cause) {
	why := cause.AlgorithmUnsupported
	var use []wire.DS
	better := map[[3]byte]bool{} // the tags and algorithms that have a digest better than SHA-1
	id := func(ds *wire.DS) [3]byte {
		return [3]byte{byte(ds.KeyTag >> 8), byte(ds.KeyTag),
			ds.Algorithm}
	}
	for d := range set.Data.All() {
		ds, err := wire.ParseDS(d)
		if err != nil || !v.SupportsAlgorithm(ds.Algorithm) {
			continue
		}
		if !supportsDigest(ds.Digest) {
			why = cause.DigestUnsupported
			continue
		}
		if ds.Digest != digestSHA1 {
			better[id(&ds)] = true
		}
		use = append(use, ds)
	}
	use = slices.DeleteFunc(use, func(ds wire.DS) bool {
		return ds.Digest == digestSHA1 &&
			better[id(&ds)]
	})
	if len(use) == 0 {
		return nil, why
	}
	return use, cause.None
}

// MatchDS finds the keys of a DNSKEY set that the DS records name, and verifies that one of them
// signed the set. Any one is enough (RFC 4035, section 5.2; RFC 6840, section 5.11), except under
// [Config.AllAlgorithms]. ds is a result of UsableDS, or a trust anchor. The result is Insecure if
// every DS names a key, by its digest, that is outside the limits: then the zone is signed in a way
// that cannot be checked here, as with an algorithm that is not supported. A forger cannot cause
// this by adding or removing records, as the digests are the parent's.
func (v *Validator) MatchDS(ds []wire.DS, set *wire.RRset, at Instant, b *Budget) (*KeySet,
	Result) {
	ks := v.KeysFor(ds, set)
	signers := &KeySet{Zone: set.Name, algorithms: ks.algorithms}
	worst, refused := cause.DSMismatch, 0
	for i, d := range ds {
		k, f := matchOne(d, ks, b)
		if f == cause.None && refused == i { // one refused key of several does not matter
			f = k.refusal(b)
		}
		switch {
		case f == cause.LimitDigests || f == cause.LimitSignatures:
			return nil, bogus(cause.New(f, set.Name, "DS %d", d.KeyTag))
		case f == cause.KeyRefused:
			refused++
			worst = f
		case f == cause.DSMismatch:
		case f != cause.None:
			worst = f
		case !slices.Contains(signers.keys, k):
			signers.keys = append(signers.keys, k)
		}
	}
	if len(signers.keys) == 0 {
		if worst == cause.DSMismatch && len(ks.all()) > 0 && !ks.zoneKeys() {
			worst = cause.KeyNotZone // the flag is part of what a DS is made of
		}
		why := cause.New(worst, set.Name, "%s", compared(ds, ks, worst))
		if refused == len(ds) {
			why.Cause = cause.KeysRefused
			return nil, Result{Status: wire.Insecure, TTL: set.TTL, Failure: why}
		}
		return nil, bogus(why)
	}
	slices.SortFunc(signers.keys, func(a, b *key) int { return a.compare(b.tag, b.Algorithm) })
	if set.Sigs.Len() > 0 && !signers.signedBy(set) && !signers.refused() {
		// Other keys may have signed the set; that of a key which a DS names is missing.
		return nil, bogus(cause.New(cause.KeySignatureMissing, set.Name, "%s/%s key %s",
			set.Name, set.Type, tagList(signers.Tags())))
	}
	r := v.VerifySet(set, signers, at, b)
	if r.Status != wire.Secure {
		if r.Failure.Cause == cause.KeyNotFound && signers.refused() {
			r.Failure.Cause = cause.KeyRefused
		}
		return nil, r
	}
	return ks, r
}

// matchOne returns the key that a DS names, or the cause why there is none that may sign.
func matchOne(d wire.DS, ks *KeySet, b *Budget) (*key, cause.Cause) {
	for _, k := range ks.named(d.KeyTag, d.Algorithm) {
		if len(d.Hash) != digestSize(d.Digest) {
			break
		}
		if !b.digest() {
			return nil, cause.LimitDigests
		}
		if bytes.Equal(Digest(d.Digest, ks.Zone, k.rdata), d.Hash) {
			return k, k.fault()
		}
		b.mismatch()
	}
	return nil, cause.DSMismatch
}

// refusal returns the cause why a key that a DS names cannot be used, or None.
func (k *key) refusal(b *Budget) cause.Cause {
	switch _, err := k.checker(); {
	case err == nil:
		return cause.None
	case errors.Is(err, errRefused):
		return cause.KeyRefused
	case !b.failed(): // CVE-2025-8677
		return cause.LimitSignatures
	}
	return cause.KeyUnusable
}

// Matches reports whether a DS record is of a key, given as DNSKEY RDATA: tag, algorithm and
// digest. It is for people, and charges no budget.
func Matches(ds wire.DS, zone wire.Name, rdata []byte) bool {
	k, err := wire.ParseDNSKEY(rdata)
	return err == nil && k.Algorithm == ds.Algorithm && wire.KeyTag(rdata) == ds.KeyTag &&
		supportsDigest(ds.Digest) && bytes.Equal(Digest(ds.Digest, zone, rdata), ds.Hash)
}
