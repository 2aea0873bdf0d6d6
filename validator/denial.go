// Proofs of non-existence: their results, and the choice between NSEC and NSEC3.

package validator

import (
	"slices"

	"bailiwick/wire"
)

// proof is the result of a proof: what a set of denial records shows about a question.
type proof uint8

const (
	proofNone        proof = iota // nothing
	proofNXDomain                 // the name does not exist
	proofNoData                   // the name exists without the type
	proofEmpty                    // the name is an empty non-terminal
	proofUnsignedCut              // as proofNoData for DS, at an unsigned delegation
	// an opt-out span covers the name: an unsigned delegation may be there (RFC 5155, section 6)
	proofOptOut
	proofNameOptOut // the name does not exist, except perhaps as an unsigned delegation
	proofIterations // not computed: more iterations than the policy allows
	proofOverBudget // not computed: the budget of the query is spent
)

// denial holds the verified denial records of one zone in a response.
type denial struct {
	zone   wire.Name
	nsec   []nsecRecord
	nsec3  []nsec3Record
	hashes *hasher

	tooMany bool // more NSEC3 than maxNSEC3Records
	// high is the number of iterations of an NSEC3 that has more than the policy allows; 0 if none
	// has.
	high uint16
}

// newDenial sorts verified sets of a zone into NSEC and NSEC3.
func (v *Validator) newDenial(zone wire.Name, sets []*wire.RRset, maxIterations int,
	b *Budget) *denial {
	d := &denial{zone: zone, hashes: &hasher{memory: v.hashes, budget: b}}
	for _, s := range sets {
		switch s.Type {
		case wire.TypeNSEC:
			if r, ok := newNSEC(zone, s); ok {
				d.nsec = append(d.nsec, r)
			}
		case wire.TypeNSEC3:
			d.addNSEC3(s, maxIterations)
		}
	}
	return d
}

// empty reports whether there are no records for a proof.
func (d *denial) empty() bool { return len(d.nsec) == 0 && len(d.nsec3) == 0 && d.high == 0 }

// prove returns what the records show about a question whose answer is a denial.
func (d *denial) prove(name wire.Name, t wire.Type) proof {
	if d.tooMany {
		return proofOverBudget
	}
	if len(d.nsec) > 0 {
		if p := d.proveNSEC(name, t); p != proofNone {
			return p
		}
	}
	switch {
	case len(d.nsec3) > 0:
		return d.proveNSEC3(name, t)
	case d.high > 0:
		return proofIterations
	}
	return proofNone
}

// belowUnsignedCut reports whether a record shows an unsigned delegation at the name or above it:
// then data that the zone's own servers send for the name are not the zone's.
func (d *denial) belowUnsignedCut(name wire.Name) bool {
	for i := range d.nsec {
		n := &d.nsec[i]
		if name.Within(n.owner) && n.owner != d.zone && parentSide(n.types) &&
			!n.types.Has(wire.TypeDS) {
			return true
		}
	}
	if len(d.nsec3) == 0 {
		return false
	}
	for a := name; a != d.zone && a.Within(d.zone) && !d.hashes.over; a = a.Parent() {
		if m := d.match(a); m != nil && parentSide(m.types) && !m.types.Has(wire.TypeDS) {
			return true
		}
	}
	return false
}

// proveExpansion shows that no name closer to name than the wildcard below encloser exists (RFC
// 4035, section 5.3.4; RFC 5155, section 8.8). The proof is proofNXDomain, proofNameOptOut, or one
// of the failures.
func (d *denial) proveExpansion(name, encloser wire.Name) proof {
	for _, n := range d.nsec {
		if n.covers(name) && n.encloser(name) == encloser && !n.aboveCut(name) {
			return proofNXDomain
		}
	}
	switch {
	case d.tooMany:
		return proofOverBudget
	case len(d.nsec3) > 0:
		return d.proveExpansionNSEC3(name, encloser)
	case d.high > 0:
		return proofIterations
	}
	return proofNone
}

// atName returns what the record of a name shows about a type there (RFC 4035, section 5.4; RFC
// 5155, sections 8.5 and 8.6).
func atName(name wire.Name, types wire.TypeBitmap, t wire.Type) proof {
	switch {
	case types.Has(wire.TypeNXNAME): // RFC 9824, sections 3.4 and 4
		return proofNXDomain
	case hasData(types, t):
		return proofNone
	case t == wire.TypeDS:
		// RFC 6840, section 4.4 with RFC 4035, section 5.2: DS is denied by the parent, whose
		// record has no SOA here.
		if types.Has(wire.TypeSOA) && !name.IsRoot() {
			return proofNone
		}
		if parentSide(types) {
			return proofUnsignedCut
		}
	case parentSide(types):
		return proofNone // the parent is authoritative only for DS and NSEC
	}
	return proofNoData
}

// parentSide reports whether types are those of the parent's record at a delegation.
func parentSide(types wire.TypeBitmap) bool {
	return types.Has(wire.TypeNS) && !types.Has(wire.TypeSOA)
}

// hasData reports whether a name with these types has the type of the question, or an alias. ANY is
// denied only if the name has no types but those of its own denial.
func hasData(types wire.TypeBitmap, t wire.Type) bool {
	if t != wire.TypeANY {
		return types.Has(t) || types.Has(wire.TypeCNAME)
	}
	for _, x := range types.Types() {
		if x != wire.TypeNSEC && x != wire.TypeRRSIG && x != wire.TypeNXNAME {
			return true
		}
	}
	return false
}

// compact reports whether the record of a name itself denies the name (RFC 9824, section 3.1; with
// NSEC3 section 4).
func (d *denial) compact(name wire.Name) bool {
	for i := range d.nsec {
		if d.nsec[i].owner == name {
			return d.nsec[i].types.Has(wire.TypeNXNAME)
		}
	}
	if len(d.nsec3) == 0 {
		return false
	}
	m := d.match(name)
	return m != nil && m.types.Has(wire.TypeNXNAME)
}

// ProveCached returns what verified denial records of a zone, from the cache, show about a question
// (RFC 8198, section 5); ok is false if they show nothing. It concludes nothing from an opt-out
// span, nor from an NSEC that breaks RFC 4035. It concludes nothing about the types of a name from
// an NSEC3: for each question, load balancers sign one whose bitmap lacks types that the name has,
// and it is right for that question alone.
func (v *Validator) ProveCached(zone wire.Name, sets []*wire.RRset, q wire.Question,
	b *Budget) (wire.Kind, bool) {
	d := v.newDenial(zone, sets, v.cfg.MaxIterations, b)
	switch d.prove(q.Name, q.Type) {
	case proofNXDomain:
		if d.compact(q.Name) {
			return wire.KindNoData, true
		}
		return wire.KindNXDomain, true
	case proofNoData, proofEmpty:
		unlawful := func(n nsecRecord) bool { return !n.types.Lawful() }
		return wire.KindNoData, len(d.nsec3) == 0 && !slices.ContainsFunc(d.nsec, unlawful)
	}
	return 0, false
}
