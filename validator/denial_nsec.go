// Denial with NSEC (RFC 4035, section 5.4; RFC 6840, section 4; RFC 9824).

package validator

import "bailiwick/wire"

// nsecRecord is a verified NSEC record of a zone.
type nsecRecord struct {
	owner wire.Name
	next  wire.Name
	types wire.TypeBitmap
	apex  wire.Name
}

// newNSEC reads a record; owner and next have to be in the zone (CVE-2026-13321).
func newNSEC(zone wire.Name, s *wire.RRset) (nsecRecord, bool) {
	if s.Len() != 1 { // with two NSEC records at one name, neither is credible
		return nsecRecord{}, false
	}
	n, err := wire.ParseNSEC(s.Data.First())
	if err != nil || !s.Name.Within(zone) || !n.Next.Within(zone) {
		return nsecRecord{}, false
	}
	return nsecRecord{s.Name, n.Next, n.Types, zone}, true
}

// covers reports whether name is strictly between owner and next (RFC 4034, section 4.1.1). The
// last record's next is the apex.
func (n *nsecRecord) covers(name wire.Name) bool {
	if !name.Within(n.apex) || n.owner.Compare(name) >= 0 {
		return false
	}
	return n.next == n.apex || name.Compare(n.next) < 0
}

// encloser returns the closest encloser of a name that n covers: its longest ancestor that n shows
// to exist (RFC 5155, section 1.3).
func (n *nsecRecord) encloser(name wire.Name) wire.Name {
	a, b := name.CommonAncestor(n.owner), name.CommonAncestor(n.next)
	if a.Len() > b.Len() {
		return a
	}
	return b
}

// aboveCut reports whether n can deny nothing about name, as its owner is a delegation or a DNAME
// above name (RFC 6840, section 4.1).
func (n *nsecRecord) aboveCut(name wire.Name) bool {
	return name.Below(n.owner) && (parentSide(n.types) || n.types.Has(wire.TypeDNAME))
}

// proveNSEC returns what the NSEC records show.
func (d *denial) proveNSEC(name wire.Name, t wire.Type) proof {
	for i := range d.nsec {
		if d.nsec[i].owner == name {
			return atName(name, d.nsec[i].types, t)
		}
	}
	for i := range d.nsec {
		n := &d.nsec[i]
		if !n.covers(name) || n.aboveCut(name) {
			continue
		}
		if n.next.Below(name) {
			return proofEmpty // RFC 4592, section 2.2.2
		}
		if p := d.wildcardNSEC(n.encloser(name), t); p != proofNone {
			return p
		}
	}
	return proofNone
}

// wildcardNSEC returns what is shown about the wildcard below the closest encloser: that it does
// not exist, or lacks the type.
func (d *denial) wildcardNSEC(encloser wire.Name, t wire.Type) proof {
	wildcard, ok := encloser.Wildcard()
	if !ok {
		return proofNXDomain // no such name can exist
	}
	for i := range d.nsec {
		n := &d.nsec[i]
		switch {
		case n.owner == wildcard:
			if hasData(n.types, t) || parentSide(n.types) && t != wire.TypeDS {
				return proofNone
			}
			return proofNoData
		case n.covers(wildcard) && !n.aboveCut(wildcard):
			if n.next.Below(wildcard) {
				return proofNoData // the wildcard is an empty non-terminal
			}
			return proofNXDomain
		}
	}
	return proofNone
}
