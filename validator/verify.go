// Verifying the signatures of an RRset (RFC 4035, section 5.3).

package validator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// Instant is the time that signatures are judged at, in seconds since 1970 modulo 2^32.
type Instant uint32

// InstantOf converts a time.
func InstantOf(t time.Time) Instant { return Instant(uint32(t.Unix())) }

// Result is the result of verifying a set.
type Result struct {
	Status  wire.Security
	Failure *cause.Failure // why it is not Secure
	TTL     uint32         // seconds that the set may be kept: RFC 4035, section 5.3.3
	Until   uint32         // second at which the signature ends; 0 if that does not matter

	// Encloser is the closest encloser of the owner if the set was expanded from a wildcard (RFC
	// 4035, section 5.3.4); zero if not.
	Encloser wire.Name
}

// Of returns a copy of a set with the results of its verification. It shares the RDATA.
func (r *Result) Of(s *wire.RRset) *wire.RRset {
	c := s.WithSecurity(r.Status)
	c.TTL, c.Until = r.TTL, r.Until
	return c
}

func bogus(f *cause.Failure) Result { return Result{Status: wire.Bogus, Failure: f} }

// VerifySet looks for one signature of the set that a key of its zone made. The set is Secure with
// the first that verifies, or, under [Config.AllAlgorithms], with one of each algorithm that is
// demanded; otherwise it is Bogus.
func (v *Validator) VerifySet(set *wire.RRset, ks *KeySet, at Instant, b *Budget) Result {
	var worst *cause.Failure
	var records canonical
	var all everyAlgorithm
	tried := 0
	for rdata := range set.Sigs.All() {
		if tried++; tried > MaxSignaturesPerSet {
			limit.SignaturesPerSet.Met()
			break
		}
		sig, err := wire.ParseRRSIGOf(set.Name, rdata)
		if err != nil {
			continue
		}
		r := v.verifyOne(set, &records, rdata, &sig, ks, at, b)
		if r.Status == wire.Secure {
			if all.add(&r, sig.Algorithm, ks.algorithms) {
				return all.Result
			}
			continue
		}
		if worst == nil || r.Failure.Cause.Rank() > worst.Cause.Rank() {
			worst = r.Failure
		}
	}
	switch {
	case all.count > 0:
		f := cause.New(cause.AlgorithmMissing, ks.Zone, "%s/%s", set.Name, set.Type)
		f.Under = worst
		worst = f
	case worst == nil:
		worst = cause.New(cause.SignatureMissing, ks.Zone, "%s/%s", set.Name, set.Type)
	}
	return bogus(worst)
}

// everyAlgorithm joins the results of signatures of several algorithms: the set is valid for as
// long as all of them are.
type everyAlgorithm struct {
	Result
	seen  [4]uint64 // the algorithms, one bit each
	count int       // of the demanded ones
}

// add adds the result of a signature that verified, and reports whether that is enough: it always
// is if no algorithm is demanded. Signatures with different wildcards do not sign the same data.
func (e *everyAlgorithm) add(r *Result, algorithm uint8, demanded []uint8) bool {
	switch bit := uint64(1) << (algorithm % 64); {
	case len(demanded) == 0:
		e.Result = *r
		return true
	case !slices.Contains(demanded, algorithm) || e.seen[algorithm/64]&bit != 0:
		return false
	case e.count == 0:
		e.Result = *r
		e.seen[algorithm/64] |= bit
	case e.Encloser != r.Encloser:
		return false
	default:
		e.TTL, e.Until = min(e.TTL, r.TTL), wire.EarlierEnd(e.Until, r.Until)
		e.seen[algorithm/64] |= bit
	}
	e.count++
	return e.count == len(demanded)
}

// verifyOne verifies one signature.
func (v *Validator) verifyOne(set *wire.RRset, records *canonical, rdata []byte, sig *wire.RRSIG,
	ks *KeySet, at Instant, b *Budget) Result {
	fail := func(c cause.Cause) Result {
		return bogus(cause.New(c, ks.Zone, "%s/%s key %d%s", set.Name, set.Type, sig.KeyTag,
			dated(c, sig)))
	}
	if c := v.formFault(set, sig, ks.Zone); c != cause.None {
		return fail(c)
	}
	if c := v.timeFault(sig, at); c != cause.None {
		return fail(c)
	}
	worst := cause.KeyNotFound
	room := buffers.Get().(*[]byte)
	defer buffers.Put(room)
	var data []byte
	for i, k := range ks.named(sig.KeyTag, sig.Algorithm) {
		if i == maxKeysPerTag {
			worst = cause.KeyTagCollision
			break
		}
		if f := k.fault(); f != cause.None {
			worst = f
			continue
		}
		if data == nil {
			data = appendSignedData((*room)[:0], set, records, rdata, sig)
			*room = data
		}
		switch v.check(k, data, sig.Signature, b) {
		case checkGood:
			return v.secured(set, sig, at)
		case checkBad:
			worst = cause.SignatureInvalid
		case checkUnusable:
			worst = cause.KeyUnusable
		case checkRefused:
			worst = cause.KeyRefused
		case checkOverBudget:
			return fail(cause.LimitSignatures)
		}
	}
	return fail(worst)
}

// formFault checks everything that does not need a key (RFC 4035, section 5.3.1).
func (v *Validator) formFault(set *wire.RRset, sig *wire.RRSIG, zone wire.Name) cause.Cause {
	labels := set.Name.Labels()
	if set.Name.IsWildcard() { // RFC 4034, section 3.1.3: the asterisk is not counted
		labels--
	}
	switch {
	case sig.Covered != set.Type || sig.Signer != zone || !set.Name.Within(zone):
		return cause.SignerMismatch
	case int(sig.Labels) > labels:
		return cause.SignatureLabels
	case int(sig.Labels) < zone.Labels(): // CVE-2026-44690: a "wildcard" above the zone
		return cause.SignatureLabels
	case !v.SupportsAlgorithm(sig.Algorithm):
		return cause.KeyNotFound
	}
	return cause.None
}

// timeFault checks inception and expiration in serial arithmetic (RFC 4034, section 3.1.5; RFC
// 1982).
func (v *Validator) timeFault(sig *wire.RRSIG, at Instant) cause.Cause {
	if v.cfg.IgnoreTimes {
		return cause.None
	}
	if int32(sig.Expiration-sig.Inception) < 0 { // at no time is it valid
		return cause.SignatureReversed
	}
	skew := int32(v.cfg.Skew / time.Second)
	if int32(sig.Expiration-uint32(at)) < -skew {
		return cause.SignatureExpired
	}
	if int32(uint32(at)-sig.Inception) < -skew {
		return cause.SignatureNotYetValid
	}
	return cause.None
}

// secured returns the result for a signature that verified.
func (v *Validator) secured(set *wire.RRset, sig *wire.RRSIG, at Instant) Result {
	r := Result{Status: wire.Secure, TTL: min(set.TTL, sig.OrigTTL)}
	if !v.cfg.IgnoreTimes {
		r.TTL = min(r.TTL, uint32(max(0, int32(sig.Expiration-uint32(at)))))
		r.Until = sig.Expiration
	}
	labels := set.Name.Labels()
	if set.Name.IsWildcard() {
		labels--
	}
	if int(sig.Labels) < labels {
		r.Encloser = set.Name.Ancestor(int(sig.Labels))
	}
	return r
}

// appendSignedData appends to data, which is empty, what is signed: the RRSIG's RDATA without the
// signature, then the records in canonical form and order (RFC 4034, section 3.1.8.1). Nothing is
// appended if the RDATA is not as long as its parts.
func appendSignedData(data []byte, set *wire.RRset, records *canonical, rdata []byte,
	sig *wire.RRSIG) []byte {
	if len(rdata)-len(sig.Signature) != 18+sig.Signer.Len() {
		return data
	}
	data = append(data, rdata[:18]...)
	data = append(data, sig.Signer.Wire()...) // canonical: lower case
	owner := set.Name
	if labels := owner.Labels(); int(sig.Labels) < labels {
		if w, ok := owner.Ancestor(int(sig.Labels)).Wildcard(); ok {
			owner = w
		}
	}
	if set.Len() == 1 {
		return appendSigned(data, owner, set, sig, set.Data.First())
	}
	for _, d := range records.of(set) {
		data = appendSigned(data, owner, set, sig, d)
	}
	return data
}

// appendSigned appends one record in the form that is signed.
func appendSigned(data []byte, owner wire.Name, set *wire.RRset, sig *wire.RRSIG, d []byte) []byte {
	data = append(data, owner.Wire()...)
	data = binary.BigEndian.AppendUint16(data, uint16(set.Type))
	data = binary.BigEndian.AppendUint16(data, uint16(set.Class))
	data = binary.BigEndian.AppendUint32(data, sig.OrigTTL)
	length := len(data)
	data = wire.AppendCanonical(append(data, 0, 0), set.Type, d)
	binary.BigEndian.PutUint16(data[length:], uint16(len(data)-length-2))
	return data
}

// canonical is a set's RDATA in canonical form, sorted, without repeats (RFC 4034, section 6.3). It
// is made once for all signatures of the set.
type canonical struct{ records [][]byte }

func (c *canonical) of(set *wire.RRset) [][]byte {
	if c.records == nil {
		all := make([][]byte, 0, set.Len())
		for d := range set.Data.All() {
			all = append(all, wire.AppendCanonical(nil, set.Type, d))
		}
		slices.SortFunc(all, wire.CompareCanonical)
		c.records = slices.CompactFunc(all, bytes.Equal)
	}
	return c.records
}

// checkResult is the result of one signature with one key.
type checkResult uint8

const (
	checkGood checkResult = iota
	checkBad
	checkUnusable
	checkRefused
	checkOverBudget
)

// buffers are for what is signed, and for the input of checkID.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// checkID returns a hash of the parts and their lengths.
func checkID(parts ...[]byte) [sha256.Size]byte {
	room := buffers.Get().(*[]byte)
	defer buffers.Put(room)
	in := (*room)[:0]
	for _, p := range parts {
		in = append(binary.BigEndian.AppendUint32(in, uint32(len(p))), p...)
	}
	*room = in
	return sha256.Sum256(in)
}

// check verifies a signature, or takes the result from the cache. The key of the cache is a hash of
// everything that goes into the check, so that a result never applies to other content.
func (v *Validator) check(k *key, data, sig []byte, b *Budget) checkResult {
	id := checkID(k.rdata, data, sig)
	good, known := v.results.get(&id)
	if known {
		v.hits.Add(1)
	} else {
		c, err := k.checker()
		switch {
		// refused by its size: this costs nothing, and there may be a valid signature too
		case errors.Is(err, errRefused):
			return checkRefused
		case err != nil:
			b.failed() // CVE-2025-8677: keys that cannot be read count
			return checkUnusable
		case !b.signature(weight(c)):
			return checkOverBudget
		}
		v.misses.Add(1)
		good = v.fastest(k, c).check(data, sig)
		v.results.add(&id, good)
	}
	if !good {
		b.failed()
		return checkBad
	}
	return checkGood
}
