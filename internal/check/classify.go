// What a reply says to its question.

package check

import (
	"bailiwick/wire"
)

// said is what a reply says: its kind, and the sets of an answer or an alias.
type said struct {
	kind wire.Kind
	sets []*wire.RRset
}

// classify returns what a reply with authority says to a question; KindNone if it is an error or
// has no authority.
func classify(q wire.Question, m *wire.Message) said {
	if m == nil {
		return said{}
	}
	if s := wire.Find(m.Answer, q.Name, q.Type); s != nil && m.Has(wire.FlagAA) {
		return said{wire.KindAnswer, []*wire.RRset{s}}
	}
	if sets := alias(q.Name, m); len(sets) > 0 && m.Has(wire.FlagAA) {
		return said{wire.KindAlias, sets}
	}
	switch m.FullRCode() {
	case wire.RCodeNXDomain:
		if m.Has(wire.FlagAA) {
			return said{kind: wire.KindNXDomain}
		}
	case wire.RCodeNoError:
		if !m.Has(wire.FlagAA) {
			if ns := wire.FindType(m.Authority, wire.TypeNS); ns != nil {
				return said{kind: wire.KindReferral, sets: []*wire.RRset{ns}}
			}
			return said{}
		}
		return said{kind: wire.KindNoData}
	}
	return said{}
}

// alias returns the CNAME of a name, and before it the DNAME that it was made from.
func alias(n wire.Name, m *wire.Message) (sets []*wire.RRset) {
	for _, s := range m.Answer {
		if s.Type == wire.TypeDNAME && n.Below(s.Name) {
			sets = append(sets, s)
		}
	}
	if s := wire.Find(m.Answer, n, wire.TypeCNAME); s != nil {
		sets = append(sets, s)
	}
	return sets
}

// answerOf returns the set with which a server answers a question in the usual form, nil if it does
// not.
func answerOf(s *Server, q wire.Question) *wire.RRset {
	if c := classify(q, s.reply(q, Usual).Msg); c.kind == wire.KindAnswer {
		return c.sets[0]
	}
	return nil
}

// zoneOf returns the zone that a server has a name in, by its reply about SOA; zero if that is not
// known.
func zoneOf(s *Server, n wire.Name) wire.Name {
	m := s.reply(ask(n, wire.TypeSOA), Usual).Msg
	if m == nil {
		return wire.Name{}
	}
	for _, sets := range [][]*wire.RRset{m.Answer, m.Authority} {
		if soa := wire.FindType(sets, wire.TypeSOA); soa != nil && n.Within(soa.Name) {
			return soa.Name
		}
	}
	return wire.Name{}
}

// delegationOf returns the NS set of a referral to the zone, and whether the server has the zone
// itself instead.
func delegationOf(s *Server, zone wire.Name) (ns *wire.RRset, child bool) {
	q := ask(zone, wire.TypeNS)
	m := s.reply(q, Usual).Msg
	if m == nil {
		return nil, false
	}
	if c := classify(q, m); c.kind == wire.KindAnswer {
		return nil, true
	}
	return wire.Find(m.Authority, zone, wire.TypeNS), false
}
