// What a failure's detail says: the facts that whoever has to mend it needs.

package validator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// dated returns the times of a signature that are at fault for a cause, behind a space; "" for
// causes that are not about times. They are in UTC, to the minute.
func dated(c cause.Cause, sig *wire.RRSIG) string {
	const form = "2006-01-02T15:04Z"
	begins := time.Unix(int64(sig.Inception), 0).UTC().Format(form)
	ends := time.Unix(int64(sig.Expiration), 0).UTC().Format(form)
	switch c {
	case cause.SignatureExpired:
		return " expired " + ends
	case cause.SignatureNotYetValid:
		return " begins " + begins
	case cause.SignatureReversed:
		return " " + begins + " to " + ends
	}
	return ""
}

// compared returns the key tags that DS records expect and those that a DNSKEY set has; and, where
// no key matches, whether one has the tag and algorithm of a DS.
func compared(ds []wire.DS, ks *KeySet, c cause.Cause) string {
	var expected, found []uint16
	differs := ""
	for _, d := range ds {
		expected = append(expected, d.KeyTag)
		if c == cause.DSMismatch && len(ks.named(d.KeyTag, d.Algorithm)) > 0 {
			differs = " digest differs"
		}
	}
	for _, k := range ks.all() {
		found = append(found, k.tag)
	}
	return fmt.Sprintf("DS %s%s, DNSKEY %s", tagList(expected), differs, tagList(found))
}

// tagList returns key tags, or other numbers, as text: each once, the first maxTagsTold of them,
// and how many more there are.
func tagList(tags []uint16) string {
	slices.Sort(tags)
	tags = slices.Compact(tags)
	var words []string
	for _, tag := range tags[:min(len(tags), maxTagsTold)] {
		words = append(words, fmt.Sprint(tag))
	}
	if more := len(tags) - maxTagsTold; more > 0 {
		words = append(words, fmt.Sprintf("+%d", more))
	}
	return strings.Join(words, " ")
}

// Unsupported returns what the records of a DS set have of which none is usable, for the cause that
// UsableDS returns: their algorithms, or the types of the digests of those whose algorithm is
// supported.
func (v *Validator) Unsupported(set *wire.RRset, why cause.Cause) string {
	var algorithms, digests []uint16
	for d := range set.Data.All() {
		ds, err := wire.ParseDS(d)
		switch {
		case err != nil:
		case !v.SupportsAlgorithm(ds.Algorithm):
			algorithms = append(algorithms, uint16(ds.Algorithm))
		default:
			digests = append(digests, uint16(ds.Digest))
		}
	}
	switch {
	case why == cause.DigestUnsupported:
		return "digest type " + tagList(digests)
	case len(algorithms) > 0:
		return "algorithm " + tagList(algorithms)
	}
	return "" // no record can be read
}

// zoneKeys reports whether a key of the set is a zone key (RFC 4034, section 2.1.1).
func (ks *KeySet) zoneKeys() bool {
	return slices.ContainsFunc(ks.all(), func(k *key) bool {
		return k.Flags&wire.KeyFlagZone != 0
	})
}

// signedBy reports whether a signature of a set names one of the keys, by tag and algorithm.
func (ks *KeySet) signedBy(set *wire.RRset) bool {
	n := 0
	for d := range set.Sigs.All() {
		if n++; n > MaxSignaturesPerSet {
			break
		}
		if sig, err := wire.ParseRRSIGOf(set.Name, d); err == nil &&
			len(ks.named(sig.KeyTag, sig.Algorithm)) > 0 {
			return true
		}
	}
	return false
}
