// Keys that are or may become trust anchors (RFC 5011).

package validator

import (
	"bytes"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// EntryPoints returns the keys of a DNSKEY set that may be trust anchors: zone keys with the SEP
// bit that can be used here. Those that are revoked are apart, and without the REVOKE bit, which is
// part of the RDATA and of the key tag: they have it and have signed the set, whoever else has (RFC
// 5011, section 2.1). The caller reports whether the set is signed by a key that is trusted.
func (v *Validator) EntryPoints(set *wire.RRset, at Instant, b *Budget) (keys, revoked [][]byte) {
	ks := NewKeySet(set)
	for _, k := range ks.all() {
		if k.fault() == cause.None && v.entryPoint(k) {
			keys = append(keys, bytes.Clone(k.rdata))
		}
	}
	var records canonical
	tried := 0
	for rdata := range set.Sigs.All() {
		if tried++; tried > MaxSignaturesPerSet {
			limit.SignaturesPerSet.Met()
			break
		}
		sig, err := wire.ParseRRSIGOf(set.Name, rdata)
		if err != nil || v.formFault(set, &sig, set.Name) != cause.None ||
			v.timeFault(&sig, at) != cause.None {
			continue
		}
		named := ks.named(sig.KeyTag, sig.Algorithm)
		for _, k := range named[:min(len(named), maxKeysPerTag)] {
			if k.fault() != cause.KeyRevoked || !v.entryPoint(k) {
				continue
			}
			data := appendSignedData(nil, set, &records, rdata, &sig)
			if v.check(k, data, sig.Signature, b) == checkGood {
				plain := bytes.Clone(k.rdata)
				plain[1] &^= byte(wire.KeyFlagRevoke)
				revoked = append(revoked, plain)
			}
		}
	}
	return keys, revoked
}

// entryPoint reports whether a key has the SEP bit and can be used here.
func (v *Validator) entryPoint(k *key) bool {
	if k.Flags&wire.KeyFlagSEP == 0 || !v.SupportsAlgorithm(k.Algorithm) {
		return false
	}
	_, err := k.checker()
	return err == nil
}
