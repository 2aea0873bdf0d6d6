// Bailiwick: what of a response may be believed (RFC 2181, section 5.4.1; CVE-2025-11411).

package resolver

import (
	"bailiwick/validator"
	"bailiwick/wire"
)

// scrub keeps of a reply what the servers of zone may speak of: names in the zone, class IN,
// records whose RDATA fit their type (CVE-2025-11411 and the older poisonings). How many there are
// is no matter: a set may be as large as a message (virus signatures in TXT, SRV of a large
// directory), and no work here or in the validator grows with the square of it (CVE-2024-1737).
// BIND's default of 100 records of a type refuses those. damaged reports whether an answer lost
// records that cannot be of their type; dropped is how many sets it may not speak of.
//
// Of a forwarder's replies the denials of zones above are kept too, to judge the question with:
// proof is the zone that they have to be in.
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

// fit drops records that cannot be of their type, and reports whether none was.
func fit(s *wire.RRset) (whole bool) {
	var kept wire.RDataList
	for d := range s.Data.All() {
		if wire.FitsType(s.Type, d) {
			kept = kept.Append(d)
		}
	}
	if whole = len(kept) == len(s.Data); !whole {
		s.Data = kept
	}
	// No more are looked at: nobody has to store or send what is not.
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
