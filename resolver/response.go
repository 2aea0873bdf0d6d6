// Classification of a response: an answer, an alias, a denial, a referral, or none of these.

package resolver

import (
	"cmp"
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// reply is a classified reply.
type reply struct {
	kind  wire.Kind
	fault cause.Cause // why it is of no use, for KindNone
	// weak reports whether the reply is used only if no other server has a better one: it came
	// without AA from an authority, or is empty.
	weak bool

	sets    []*wire.RRset // answer or alias, in order
	tooLong bool          // the answer is a DNAME that makes too long a name
	target  wire.Name     // of an alias
	// hollow reports whether it is a denial that is not cached, as it has neither SOA nor AA nor
	// proof (RFC 2308, section 5).
	hollow    bool
	own       *wire.RRset   // the NS set of a denial that has neither SOA nor proof
	rest      []*wire.RRset // further answer sets, for the chain
	nxdomain  bool          // the RCODE, which is that of the chain's end
	authority []*wire.RRset // SOA, NSEC, NSEC3; for a referral also DS

	referral *referral
}

// classify decides what a reply to q, from the servers of zone, is. The sections have been
// scrubbed. forwarder means that the server is a resolver and not an authority.
func classify(m *wire.Message, q wire.Question, zone wire.Name, forwarder, hardenGlue bool) reply {
	if c := faultOf(m.FullRCode()); c != cause.None {
		return reply{fault: c}
	}
	if m.RCode() == wire.RCodeYXDomain && wire.FindType(m.Answer, wire.TypeDNAME) == nil {
		// Only a DNAME leads to YXDOMAIN (RFC 6672, section 2.2), so the reply is not believed.
		return reply{fault: cause.ServerUnexpected}
	}
	authoritative := forwarder || m.Has(wire.FlagAA)
	r := reply{weak: !authoritative, nxdomain: m.RCode() == wire.RCodeNXDomain}
	for _, s := range m.Authority {
		if s.Type == wire.TypeSOA || s.Type == wire.TypeNSEC || s.Type == wire.TypeNSEC3 ||
			s.Type == wire.TypeDS {
			r.authority = append(r.authority, s)
		}
	}
	soa := wire.FindType(r.authority, wire.TypeSOA)
	var cut *wire.RRset
	if !authoritative && m.RCode() == wire.RCodeNoError &&
		(soa == nil || q.Name.Below(soa.Name)) {
		cut = cutIn(m.Answer, q, zone)
	}
	if cut == nil && r.positive(m.Answer, q) {
		return r
	}
	if m.RCode() == wire.RCodeYXDomain { // no DNAME explains it
		return reply{fault: cause.ServerUnexpected}
	}
	ns := cmp.Or(cut, wire.FindType(m.Authority, wire.TypeNS))
	if ns == nil && !authoritative {
		// Some servers have a referral's NS set in the answer section; BIND follows it too.
		ns = wire.FindType(m.Answer, wire.TypeNS)
	}
	switch {
	case m.RCode() == wire.RCodeNXDomain:
		r.kind = wire.KindNXDomain
	case ns != nil && ns.Name.Below(zone) && leadsTo(ns.Name, q) &&
		(soa == nil || !authoritative && ns.Name.Below(soa.Name)):
		// With the SOA of a zone above the NS set, and without AA, it is no denial: that would be
		// by a zone which the name is not in. Knot Resolver and PowerDNS follow it, too; Unbound
		// takes it for an empty answer.
		r.kind, r.weak = wire.KindReferral, false
		glue := zone
		if !hardenGlue {
			glue = wire.Root
		}
		r.referral = referralFrom(ns, m.Additional, glue)
		r.authority = slices.DeleteFunc(r.authority,
			func(s *wire.RRset) bool { return s.Type == wire.TypeDS && s.Name != ns.Name })
	case q.Type == wire.TypeDS && ns != nil && ns.Name == q.Name:
		// a server too old to know DS refers to the child, maybe with the denial
		r.kind, r.weak = wire.KindNoData, false
	case soa != nil || authoritative || wire.FindType(r.authority, wire.TypeNSEC) != nil ||
		wire.FindType(r.authority, wire.TypeNSEC3) != nil:
		r.kind = wire.KindNoData
		// A server without SOA and proof may have lost the zone's data (RFC 2308, section 2.2). Its
		// reply is used only if no other server has more.
		r.weak = r.weak || len(r.authority) == 0 && !forwarder
	default: // upward or sideways referral
		return reply{fault: cause.Lame}
	}
	// Neither AA nor SOA nor proof (RFC 2308, section 5): used only if there is nothing better, and
	// not cached.
	r.hollow = r.kind != wire.KindReferral && !authoritative && len(r.authority) == 0
	if r.kind != wire.KindReferral {
		r.authority = slices.DeleteFunc(r.authority,
			func(s *wire.RRset) bool { return s.Type == wire.TypeDS })
	}
	return r
}

// cutIn returns the NS set in the answer to a question for NS or ANY that is a referral's, if the
// reply has no AA: it is all that servers of zone have of a name below it, which is a zone cut.
func cutIn(answer []*wire.RRset, q wire.Question, zone wire.Name) *wire.RRset {
	if q.Type != wire.TypeNS && q.Type != wire.TypeANY || !q.Name.Below(zone) ||
		slices.ContainsFunc(answer, func(s *wire.RRset) bool {
			return s.Name == q.Name && s.Type != wire.TypeNS
		}) {
		return nil
	}
	return wire.Find(answer, q.Name, wire.TypeNS)
}

// faultOf returns the server's fault that an RCODE means, None for a usable reply.
func faultOf(rc wire.RCode) cause.Cause {
	switch rc {
	case wire.RCodeNoError, wire.RCodeNXDomain, wire.RCodeYXDomain:
		return cause.None
	case wire.RCodeFormErr, wire.RCodeBadVers:
		return cause.ServerFormErr
	case wire.RCodeServFail:
		return cause.ServerFailed
	case wire.RCodeNotImp:
		return cause.ServerNotImp
	case wire.RCodeRefused, wire.RCodeNotAuth:
		return cause.ServerRefused
	}
	return cause.ServerUnexpected
}

// positive looks for an answer or an alias, and reports whether it has decided the reply.
func (r *reply) positive(answer []*wire.RRset, q wire.Question) bool {
	cname := wire.Find(answer, q.Name, wire.TypeCNAME)
	// A DNAME comes first for every type, as no other data exist below it (RFC 6672, sections 2.4
	// and 5.3.1).
	for _, d := range answer {
		if d.Type != wire.TypeDNAME || !q.Name.Below(d.Name) {
			continue
		}
		if l, tooLong := aliasFromDNAME(q.Name, d); l != nil {
			// The CNAME is made from the DNAME and not taken from the server, which may send a
			// signed CNAME as well.
			r.kind, r.target, r.sets = l.kindFor(q.Type), l.target, l.sets
			r.rest = without(answer, d, cname)
			return true
		} else if tooLong {
			r.kind, r.sets, r.tooLong = wire.KindAnswer, []*wire.RRset{d}, true
			return true
		}
	}
	if q.Type == wire.TypeANY || q.Type == wire.TypeRRSIG {
		var signatures []*wire.RRset // one set for each type that they cover
		for _, s := range answer {
			switch {
			case s.Name != q.Name:
			case s.Type == wire.TypeRRSIG:
				signatures = append(signatures, s)
			case q.Type == wire.TypeANY && len(r.sets) < MaxAnySets:
				r.sets = append(r.sets, s)
			case q.Type == wire.TypeANY:
				limit.AnySets.Met()
			}
		}
		// An answer to ANY may be RRSIGs alone (RFC 8482, section 4.1).
		if len(r.sets) == 0 {
			r.sets = signatures
		}
		if len(r.sets) > 0 {
			r.kind = wire.KindAnswer
			return true
		}
	}
	// A CNAME with other data violates RFC 1034, section 3.6.2; the set that comes first is used.
	if s := wire.Find(answer, q.Name, q.Type); s != nil &&
		(cname == nil || !aliasApplies(q.Type) || slices.Index(answer, s) < slices.Index(answer,
			cname)) {
		r.kind, r.sets = wire.KindAnswer, []*wire.RRset{s}
		r.rest = without(answer, s)
		return true
	}
	if cname == nil || !aliasApplies(q.Type) {
		return false
	}
	target, ok := wire.TargetName(cname.Data.First())
	if !ok || cname.Len() != 1 { // RFC 2181, section 10.1: one CNAME a name
		r.kind, r.fault = wire.KindNone, cause.ServerUnexpected
		return true
	}
	r.kind, r.target, r.sets = wire.KindAlias, target, []*wire.RRset{cname}
	r.rest = without(answer, cname)
	return true
}

// kindFor returns the kind of a CNAME made from a DNAME: an answer to a question for CNAME, an
// alias for other types.
func (l *result) kindFor(t wire.Type) wire.Kind {
	if t == wire.TypeCNAME {
		return wire.KindAnswer
	}
	return wire.KindAlias
}

func without(sets []*wire.RRset, drop ...*wire.RRset) (kept []*wire.RRset) {
	for _, s := range sets {
		if !slices.Contains(drop, s) {
			kept = append(kept, s)
		}
	}
	return kept
}
