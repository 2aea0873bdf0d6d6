// What a reply is, decided from its content alone.

package resolver

import (
	"net/netip"
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// replyKind is the closed set of what a reply can be.
type replyKind uint8

const (
	replyFault    replyKind = iota // of no use: see fault
	replyAnswer                    // the sets asked for
	replyAlias                     // a CNAME or DNAME on the way
	replyNoData                    // nothing of this type
	replyNXDomain                  // no such name
	replyReferral                  // ask these
)

// reply is a classified reply.
type reply struct {
	kind  replyKind
	fault cause.Cause
	// weak: without AA, from a server that should be authoritative. Good if nothing better is to be had.
	weak bool

	sets    []*wire.RRset // answer or alias, in order
	tooLong bool          // the answer is a DNAME that makes too long a name
	target  wire.Name     // of an alias
	// hollow: a denial with neither SOA nor AA nor proof, which is not kept (RFC 2308, section 5).
	hollow    bool
	own       *wire.RRset   // of a denial without SOA and proof: the NS set that came in its place
	rest      []*wire.RRset // further answer sets, for the chain
	nxdomain  bool          // the RCODE, which speaks of the chain's end
	authority []*wire.RRset // SOA, NSEC, NSEC3; for a referral also DS

	referral *cache.Delegation
}

// classify decides what a reply to q, from the servers of zone, is. The sections have been scrubbed. forwarder says that the
// server is a resolver and not an authority.
func classify(m *wire.Message, q wire.Question, zone wire.Name, forwarder, hardenGlue bool) reply {
	if c := faultOf(m.FullRCode()); c != cause.None {
		return reply{fault: c}
	}
	if m.RCode() == wire.RCodeYXDomain && wire.FindType(m.Answer, wire.TypeDNAME) == nil {
		// Only a DNAME leads there (RFC 6672, section 2.2): whatever else is said is not believed.
		return reply{fault: cause.ServerUnexpected}
	}
	authoritative := forwarder || m.Has(wire.FlagAA)
	r := reply{weak: !authoritative, nxdomain: m.RCode() == wire.RCodeNXDomain}
	for _, s := range m.Authority {
		if s.Type == wire.TypeSOA || s.Type == wire.TypeNSEC || s.Type == wire.TypeNSEC3 || s.Type == wire.TypeDS {
			r.authority = append(r.authority, s)
		}
	}
	if r.positive(m.Answer, q) {
		return r
	}
	if m.RCode() == wire.RCodeYXDomain { // without the DNAME that would say so
		return reply{fault: cause.ServerUnexpected}
	}
	soa := wire.FindType(r.authority, wire.TypeSOA)
	ns := wire.FindType(m.Authority, wire.TypeNS)
	switch {
	case m.RCode() == wire.RCodeNXDomain:
		r.kind = replyNXDomain
	case soa == nil && ns != nil && ns.Name.Below(zone) && leadsTo(ns.Name, q):
		r.kind, r.weak = replyReferral, false
		glue := zone
		if !hardenGlue {
			glue = wire.Root
		}
		r.referral = delegationFrom(ns, m.Additional, glue)
		r.authority = slices.DeleteFunc(r.authority, func(s *wire.RRset) bool { return s.Type == wire.TypeDS && s.Name != ns.Name })
	case q.Type == wire.TypeDS && ns != nil && ns.Name == q.Name:
		r.kind, r.weak = replyNoData, false // a server too old to know DS refers to the child, maybe with the denial
	case soa != nil || authoritative || wire.FindType(r.authority, wire.TypeNSEC) != nil || wire.FindType(r.authority, wire.TypeNSEC3) != nil:
		r.kind = replyNoData
		// Without SOA and proof it may be a server that lost the zone's data (RFC 2308, section 2.2): believed only if no other says more.
		r.weak = r.weak || len(r.authority) == 0 && !forwarder
	default: // upward or sideways referral
		return reply{fault: cause.Lame}
	}
	// Neither AA nor SOA nor proof (RFC 2308, section 5): used if need be, not kept.
	r.hollow = r.kind != replyReferral && !authoritative && len(r.authority) == 0
	if r.kind != replyReferral {
		r.authority = slices.DeleteFunc(r.authority, func(s *wire.RRset) bool { return s.Type == wire.TypeDS })
	}
	return r
}

// faultOf says what an RCODE holds against a server.
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

// leadsTo says that a delegation is on the way to the question's name; for DS it must be above it.
func leadsTo(cut wire.Name, q wire.Question) bool {
	if q.Type == wire.TypeDS {
		return q.Name.Below(cut)
	}
	return q.Name.Within(cut)
}

// positive looks for what answers the question, or leads on.
func (r *reply) positive(answer []*wire.RRset, q wire.Question) bool {
	cname := wire.Find(answer, q.Name, wire.TypeCNAME)
	// A DNAME comes first, whatever is asked: below it there is nothing else (RFC 6672, sections
	// 2.4 and 5.3.1).
	for _, d := range answer {
		if d.Type != wire.TypeDNAME || !q.Name.Below(d.Name) {
			continue
		}
		if l, tooLong := aliasFromDNAME(q.Name, d); l != nil {
			// Our own CNAME, not the server's: it is what the DNAME says. A signed CNAME may stand beside.
			r.kind, r.target, r.sets = l.kindFor(q.Type), l.target, l.sets
			r.rest = without(answer, d, cname)
			return true
		} else if tooLong {
			r.kind, r.sets, r.tooLong = replyAnswer, []*wire.RRset{d}, true
			return true
		}
	}
	if q.Type == wire.TypeANY || q.Type == wire.TypeRRSIG {
		var signatures []*wire.RRset // they come one set for each type that they cover
		for _, s := range answer {
			switch {
			case s.Name != q.Name:
			case s.Type == wire.TypeRRSIG:
				signatures = append(signatures, s)
			case q.Type == wire.TypeANY && len(r.sets) < MaxAnySets:
				r.sets = append(r.sets, s)
			}
		}
		// Who answers ANY with RRSIGs alone is taken at that (RFC 8482, section 4.1).
		if len(r.sets) == 0 {
			r.sets = signatures
		}
		if len(r.sets) > 0 {
			r.kind = replyAnswer
			return true
		}
	}
	// A CNAME beside other data is against RFC 1034, section 3.6.2; what the server says first counts.
	if s := wire.Find(answer, q.Name, q.Type); s != nil && (cname == nil || !aliasApplies(q.Type) || slices.Index(answer, s) < slices.Index(answer, cname)) {
		r.kind, r.sets = replyAnswer, []*wire.RRset{s}
		r.rest = without(answer, s)
		return true
	}
	if cname == nil || !aliasApplies(q.Type) {
		return false
	}
	target, ok := wire.TargetName(cname.Data.First())
	if !ok || cname.Len() != 1 { // RFC 2181, section 10.1: one CNAME a name
		r.kind, r.fault = replyFault, cause.ServerUnexpected
		return true
	}
	r.kind, r.target, r.sets = replyAlias, target, []*wire.RRset{cname}
	r.rest = without(answer, cname)
	return true
}

// kindFor is what a CNAME made from a DNAME is to a question: what was asked for, or a link on the way.
func (l *link) kindFor(t wire.Type) replyKind {
	if t == wire.TypeCNAME {
		return replyAnswer
	}
	return replyAlias
}

func without(sets []*wire.RRset, drop ...*wire.RRset) (kept []*wire.RRset) {
	for _, s := range sets {
		if !slices.Contains(drop, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// delegationFrom makes a delegation of an NS set and its glue: addresses of the names it lists, below the zone that was asked
// (RFC 1034, section 4.2.1; RFC 9471). Nothing else is glue.
func delegationFrom(ns *wire.RRset, additional []*wire.RRset, zone wire.Name) *cache.Delegation {
	d := &cache.Delegation{Zone: ns.Name, Expires: int64(ns.TTL), Servers: make([]cache.NameServer, 0, min(ns.Len(), MaxNameServers))}
	for rd := range ns.Data.All() {
		name, ok := wire.TargetName(rd)
		if !ok || len(d.Servers) == MaxNameServers {
			continue
		}
		s := cache.NameServer{Name: name}
		if name.Within(zone) {
			s.Addrs = append(addresses(wire.Find(additional, name, wire.TypeA)), addresses(wire.Find(additional, name, wire.TypeAAAA))...)
		}
		d.Servers = append(d.Servers, s)
	}
	return d
}

// addresses reads an A or AAAA set, the first few.
func addresses(s *wire.RRset) (as []netip.Addr) {
	if s == nil {
		return nil
	}
	for rd := range s.Data.All() {
		if a, ok := netip.AddrFromSlice(rd); ok && len(as) < maxAddresses {
			if as == nil {
				as = make([]netip.Addr, 0, min(s.Len(), maxAddresses))
			}
			as = append(as, a)
		}
	}
	return as
}

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

// maxDelegationTTL bounds how long a parent is taken at its word.
const maxDelegationTTL = 24 * time.Hour
