// Keys, DS records and their algorithms.

package check

import (
	"fmt"
	"math/big"
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// standing is what RFC 9904 and RFC 9905 say of signing with an algorithm, or of delegating with a
// digest.
type standing uint8

// The standings.
const (
	unknown     standing = iota // in no table: few validators have it
	usable                      // MAY or better
	discouraged                 // NOT RECOMMENDED
	outdated                    // MUST NOT
)

// algorithms has the standing of each algorithm for signing.
var algorithms = map[uint8]standing{1: outdated, 3: outdated, 5: outdated, 6: outdated,
	7: outdated, 8: usable, 10: discouraged, 12: outdated, 13: usable, 14: usable, 15: usable,
	16: usable}

// outdatedDigests are the digests of DS that must not be made any more.
var outdatedDigests = map[uint8]string{1: "SHA-1", 3: "GOST R 34.11-94"}

// keys judges the keys of each server and the DS that leads to them.
func (j *judge) keys() {
	if p := j.o.Parent; p != nil && p.Status == wire.Bogus && p.Failure != nil {
		j.add("parent-bogus", where{}, "%s", p.Failure.Error())
	}
	signed := false
	for _, s := range j.o.Servers {
		j.trust[s] = j.trustOf(s)
		if set := answerOf(s, ask(j.o.Zone, wire.TypeDNSKEY)); set != nil {
			signed = true
			j.keySet(s, set)
			j.matches(s, set)
			j.present(s, set)
		}
	}
	ds := j.anchor()
	switch {
	case ds != nil:
		j.digests(ds)
	case signed && j.deniesDS():
		j.add("ds-absent", where{}, "zone %s", j.o.Parent.Zone)
	case !signed && j.anyAnswers():
		j.add("unsigned", where{}, "there is neither DNSKEY nor DS")
	}
	if ds != nil && j.o.Parent != nil && j.o.Parent.Status == wire.Insecure {
		j.add("parent-insecure", where{}, "zone %s", j.o.Parent.Zone)
	}
	above := j.published()
	if j.o.Proposed != nil && j.o.Parent != nil &&
		(above == nil || !above.Data.Equal(j.o.Proposed.Data)) {
		have := "none"
		if above != nil {
			have = setText(above)
		}
		j.add("ds-pending", where{}, "the parent has %s; proposed: %s", have,
			setText(j.o.Proposed))
	}
}

// deniesDS reports whether the parent denies that there is a DS.
func (j *judge) deniesDS() bool {
	if j.o.Parent == nil {
		return false
	}
	return slices.ContainsFunc(j.o.Parent.Servers, j.deniesDSAt)
}

// deniesDSAt reports whether a server denies, for the parent, that there is a DS.
func (j *judge) deniesDSAt(s *Server) bool {
	q := ask(j.o.Zone, wire.TypeDS)
	m := s.reply(q, Usual).Msg
	if !classify(q, m).kind.IsDenial() {
		return false
	}
	soa := wire.FindType(m.Authority, wire.TypeSOA)
	return soa == nil || j.o.Zone.Below(soa.Name) // not the zone itself, which has no DS
}

// anyAnswers reports whether a server has the zone.
func (j *judge) anyAnswers() bool {
	for _, s := range j.o.Servers {
		if answerOf(s, ask(j.o.Zone, wire.TypeSOA)) != nil {
			return true
		}
	}
	return false
}

// digests judges the DS records themselves.
func (j *judge) digests(ds *wire.RRset) {
	for d := range ds.Data.All() {
		r, err := wire.ParseDS(d)
		if err != nil {
			continue
		}
		if name, old := outdatedDigests[r.Digest]; old {
			j.add("ds-digest-outdated", where{}, "DS of key %d has digest %d (%s)", r.KeyTag,
				r.Digest, name)
		}
		_, why := j.v.UsableDS(&wire.RRset{Name: j.o.Zone, Type: wire.TypeDS,
			Data: (wire.RDataList{}).Append(d)})
		if why == cause.DigestUnsupported {
			j.add("ds-digest-unknown", where{}, "DS of key %d has digest %d", r.KeyTag, r.Digest)
		}
	}
}

// matches judges which DS records are of keys of a server. One is enough; keys that are to come
// have a DS beforehand (RFC 7583, section 3.3).
func (j *judge) matches(s *Server, keys *wire.RRset) {
	ds := j.anchor()
	if ds == nil {
		return
	}
	matched := 0
	var not []wire.DS
	for d := range ds.Data.All() {
		r, err := wire.ParseDS(d)
		if err != nil {
			continue
		}
		usable, _ := j.v.UsableDS(&wire.RRset{Name: j.o.Zone, Type: wire.TypeDS,
			Data: (wire.RDataList{}).Append(d)})
		if len(usable) == 0 {
			continue
		}
		if j.ofKey(usable, keys) {
			matched++
		} else {
			not = append(not, r)
		}
	}
	if matched == 0 {
		return // that is ds-mismatch
	}
	for _, r := range not {
		j.add("ds-unmatched", where{server: s}, "DS of key %d (algorithm %d, digest type %d)",
			r.KeyTag, r.Algorithm, r.Digest)
	}
}

// present judges the parent's DS where another one is proposed: resolvers have it until it is
// replaced, and for its TTL afterwards.
func (j *judge) present(s *Server, keys *wire.RRset) {
	above := j.published()
	if j.o.Proposed == nil || above == nil {
		return
	}
	if usable, _ := j.v.UsableDS(above); len(usable) > 0 && !j.ofKey(usable, keys) {
		j.add("ds-published-mismatch", where{s, text(ask(j.o.Zone, wire.TypeDNSKEY))},
			"DS: %s; DNSKEY: %s", setText(above), setText(keys))
	}
}

// ofKey reports whether one of the keys has one of the digests, whatever it signs.
func (j *judge) ofKey(ds []wire.DS, keys *wire.RRset) bool {
	set, r := j.v.MatchDS(ds, keys, j.at, validator.NewBudget())
	return set != nil || r.Failure == nil || !isMismatch(r.Failure)
}

// keySet judges the DNSKEY set of a server.
func (j *judge) keySet(s *Server, set *wire.RRset) {
	tags := map[string]int{}
	for d := range set.Data.All() {
		at := where{server: s}
		k, err := wire.ParseDNSKEY(d)
		if err != nil {
			j.add("key-unusable", at, "it is too short")
			continue
		}
		tag := wire.KeyTag(d)
		if k.Protocol != 3 {
			j.add("key-unusable", at, "key %d has protocol %d, not 3", tag, k.Protocol)
		}
		if k.Flags&wire.KeyFlagZone == 0 {
			continue // not for this purpose
		}
		id := fmt.Sprintf("%d/%d", tag, k.Algorithm)
		if tags[id]++; tags[id] == 2 {
			j.add("key-tag-collision", at, "key %d, algorithm %d", tag, k.Algorithm)
		}
		j.algorithm(at, tag, k)
	}
}

// algorithm judges the algorithm and the size of a key.
func (j *judge) algorithm(at where, tag uint16, k wire.DNSKEY) {
	id := map[standing]string{unknown: "algorithm-unknown", discouraged: "algorithm-discouraged",
		outdated: "algorithm-outdated"}[algorithms[k.Algorithm]]
	if id != "" {
		j.add(id, at, "key %d has algorithm %d", tag, k.Algorithm)
	}
	switch k.Algorithm {
	case 5, 7, 8, 10:
		n := modulus(k.Key)
		switch {
		case n == 0:
			j.add("key-unusable", at, "RSA key %d cannot be read", tag)
		case n < 1024:
			j.add("key-short", at, "key %d has %d bits", tag, n)
		case n < 2048:
			j.add("key-1024", at, "key %d has %d bits", tag, n)
		}
	}
}

// modulus returns the bits of an RSA key's modulus (RFC 3110, section 2), 0 if it cannot be read.
func modulus(key []byte) int {
	if len(key) < 3 {
		return 0
	}
	at, exponent := 1, int(key[0])
	if exponent == 0 {
		at, exponent = 3, int(key[1])<<8|int(key[2])
	}
	if exponent == 0 || at+exponent >= len(key) {
		return 0
	}
	return new(big.Int).SetBytes(key[at+exponent:]).BitLen()
}
