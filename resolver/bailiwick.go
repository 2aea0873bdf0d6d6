// Bailiwick: the part of a response that may be believed (RFC 2181, section 5.4.1; CVE-2025-11411).

package resolver

import (
	"bailiwick/validator"
	"bailiwick/wire"
)

// scrub drops from a reply all but names in the servers' zone, class IN, and records whose RDATA
// fit their type (CVE-2025-11411 and the older poisonings). The number of records is not limited: a
// set may be as large as a message (virus signatures in TXT, SRV of a large directory), and no work
// here or in the validator grows with the square of it (CVE-2024-1737). BIND's default limit of 100
// records of a type refuses such sets. damaged reports whether an answer lost records that do not
// fit their type; dropped is the number of sets of other names and classes.
//
// For a forwarder, denials from zones above are kept too, as they may prove its answer. They have
// to be within proof.
func scrub(m *wire.Message, zone, proof wire.Name, hardenGlue bool) (damaged bool, dropped int) {
	for i, section := range []*[]*wire.RRset{&m.Answer, &m.Authority, &m.Additional} {
		kept := (*section)[:0]
		for _, s := range *section {
			outside := !s.Name.Within(zone) && !(i == 1 && isDenial(s.Type) && s.Name.Within(proof))
			if outside && (i < 2 || hardenGlue) || s.Class != wire.ClassIN {
				dropped++
				continue
			}
			if !fit(s) && i == 0 {
				damaged = true
			}
			if len(s.Data) > 0 {
				kept = append(kept, s)
			}
		}
		*section = kept
	}
	return damaged, dropped
}

// isDenial reports whether a type belongs to the authority section of a denial.
func isDenial(t wire.Type) bool {
	return t == wire.TypeSOA || t == wire.TypeNSEC || t == wire.TypeNSEC3
}

// fit drops records that do not fit their type, and reports whether there were none.
func fit(s *wire.RRset) (whole bool) {
	whole = true
	for d := range s.Data.All() {
		whole = whole && wire.FitsType(s.Type, d)
	}
	if !whole {
		var kept wire.RDataList
		for d := range s.Data.All() {
			if wire.FitsType(s.Type, d) {
				kept = kept.Append(d)
			}
		}
		s.Data = kept
	}
	// The validator looks at no more signatures, so no more are stored or sent.
	s.Sigs = s.Sigs.Head(validator.MaxSignaturesPerSet)
	return whole
}

// within returns the sets whose owners are in a zone.
func within(sets []*wire.RRset, zone wire.Name) (kept []*wire.RRset) {
	for _, s := range sets {
		if s.Name.Within(zone) {
			kept = append(kept, s)
		}
	}
	return kept
}
