// What an authoritative server answers from a zone (RFC 1034, section 4.3.2; RFC 4035, section 3.1;
// RFC 5155, section 7.2).

package zone

import (
	"encoding/base32"
	"sort"

	"bailiwick/wire"
)

// Answer returns what a server of the zone would answer to a question for a name in it. It shares
// no memory with the zone.
func (z *Zone) Answer(q wire.Question) *wire.Message {
	a := &answer{z: z, q: q, m: &wire.Message{Question: q}}
	a.m.QDCount = 1
	a.m.Flags = wire.FlagQR | wire.FlagAA
	a.fill()
	return a.m
}

// answer is an answer in the making.
type answer struct {
	z *Zone
	q wire.Question
	m *wire.Message
}

// fill goes from the apex down to the name.
func (a *answer) fill() {
	encloser := a.z.apex
	for labels := a.z.apex.Labels(); labels <= a.q.Name.Labels(); labels++ {
		name := a.q.Name.Ancestor(labels)
		n, exists := a.z.lookup(name)
		if !exists {
			a.absent(encloser, name)
			return
		}
		encloser = name
		// DS at a cut is the parent's (RFC 4035, section 3.1.4.1).
		if name != a.z.apex && n.has(wire.TypeNS) &&
			(name != a.q.Name || a.q.Type != wire.TypeDS) {
			a.refer(name, n)
			return
		}
		if name != a.q.Name && n.has(wire.TypeDNAME) {
			a.add(&a.m.Answer, n.get(name, wire.TypeDNAME))
			return
		}
		if name == a.q.Name && !a.data(name, n) {
			a.noData(name)
		}
	}
}

// add adds a set to a section, if there is one that is not there yet.
func (a *answer) add(section *[]*wire.RRset, s *wire.RRset) {
	if s != nil && wire.Find(*section, s.Name, s.Type) == nil {
		*section = append(*section, s)
	}
}

// data answers with the data of a node, under a name; false if it has none for the question.
func (a *answer) data(name wire.Name, n node) bool {
	for s := range n.sets() {
		switch {
		case a.q.Type == wire.TypeRRSIG && len(s.signatures) > 0:
			sigs := set{t: wire.TypeRRSIG, ttl: s.sigs, data: s.signatures}
			a.m.Answer = append(a.m.Answer, sigs.copy(name))
		case len(s.data) == 0:
		case s.t == a.q.Type, a.q.Type == wire.TypeANY,
			s.t == wire.TypeCNAME && a.q.Type != wire.TypeRRSIG && a.q.Type != wire.TypeNSEC:
			a.m.Answer = append(a.m.Answer, s.copy(name))
		}
	}
	return len(a.m.Answer) > 0
}

// refer answers with a referral: the NS set of a cut, its DS set or the proof that there is none,
// and glue.
func (a *answer) refer(cut wire.Name, n node) {
	a.m.Flags &^= wire.FlagAA
	ns := n.get(cut, wire.TypeNS)
	a.add(&a.m.Authority, ns)
	if ds := n.get(cut, wire.TypeDS); ds != nil {
		a.add(&a.m.Authority, ds)
	} else {
		a.denyType(cut)
	}
	for d := range ns.Data.Head(maxGlue).All() {
		host, ok := wire.TargetName(d)
		if !ok || !host.Within(a.z.apex) {
			continue
		}
		glue, _ := a.z.lookup(host)
		for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
			a.add(&a.m.Additional, glue.get(host, t))
		}
	}
}

// noData denies the type at a name that exists.
func (a *answer) noData(name wire.Name) {
	a.soa()
	a.denyType(name)
}

// soa adds the SOA set.
func (a *answer) soa() { a.add(&a.m.Authority, a.z.SOASet()) }

// denyType adds the proof that a name which exists lacks a type: its own NSEC, or the one before it
// if it is an empty non-terminal; its NSEC3, or the proof that it is in an opt-out span.
func (a *answer) denyType(name wire.Name) {
	if len(a.z.nsec3) == 0 {
		a.cover(name)
		return
	}
	if a.hashed(name, false) {
		return
	}
	for encloser := name; encloser != a.z.apex; {
		next := encloser
		encloser = encloser.Parent()
		if a.hashed(encloser, false) {
			a.hashed(next, true)
			return
		}
	}
}

// absent answers for a name that does not exist, with a wildcard's data or a denial. next is the
// name below the closest encloser that does not exist.
func (a *answer) absent(encloser, next wire.Name) {
	source, ok := encloser.Wildcard()
	n, exists := node{}, false
	if ok {
		n, exists = a.z.lookup(source)
	}
	if exists {
		if a.data(a.q.Name, n) {
			a.denyName(encloser, next, false)
			return
		}
		a.soa()
		a.denyName(encloser, next, true)
		a.denyType(source)
		return
	}
	a.m.Flags |= uint16(wire.RCodeNXDomain)
	a.soa()
	a.denyName(encloser, next, true)
	switch {
	case !ok:
	case len(a.z.nsec3) == 0:
		a.cover(source)
	default:
		a.hashed(source, true)
	}
}

// denyName adds the proof that the name which is asked for does not exist. For NSEC3 it is that of
// the closest encloser, unless a wildcard's answer shows it, and of the next closer name (RFC 5155,
// sections 7.2.1 and 7.2.6).
func (a *answer) denyName(encloser, next wire.Name, whole bool) {
	if len(a.z.nsec3) == 0 {
		a.cover(a.q.Name)
		return
	}
	if whole {
		a.hashed(encloser, false)
	}
	a.hashed(next, true)
}

// cover adds the NSEC set whose span a name is in, or begins.
func (a *answer) cover(name wire.Name) {
	if owner, n := a.z.covering(name); n.z != nil {
		a.add(&a.m.Authority, n.get(owner, wire.TypeNSEC))
	}
}

// hashed adds the NSEC3 set of a name, or the one whose span its hash is in. It reports whether
// there is one.
func (a *answer) hashed(name wire.Name, cover bool) bool {
	z := a.z
	if len(z.nsec3) == 0 || z.param.iterations > maxIterations {
		return false
	}
	h := wire.NSEC3Hash(name, z.param.iterations, z.param.salt)
	label := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(h[:])
	owner, ok := z.apex.Child(label)
	if !ok {
		return false
	}
	i := sort.Search(len(z.nsec3), func(i int) bool {
		n, _ := z.within(z.nsec3[i])
		return n.Compare(z.relative(owner)) > 0
	}) - 1
	if i < 0 {
		i = len(z.nsec3) - 1 // the last span goes round to the first
	}
	found, n := z.owned(z.nsec3[i])
	if !cover && found != owner {
		return false
	}
	a.add(&a.m.Authority, n.get(found, wire.TypeNSEC3))
	return true
}
