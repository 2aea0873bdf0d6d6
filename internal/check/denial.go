// Denials: what they cover, NSEC3 parameters, and empty non-terminals.

package check

import (
	"slices"

	"bailiwick/validator"
	"bailiwick/wire"
)

// denials judges the denials of each server beyond their validity.
func (j *judge) denials() {
	for _, s := range j.o.Servers {
		j.nsec3(s)
		j.emptyNonTerminals(s)
		j.contradictions(s)
	}
}

// nsec3 judges the parameters of NSEC3 (RFC 9276).
func (j *judge) nsec3(s *Server) {
	for _, q := range asked(s) {
		m := s.Replies[q].Msg
		if m == nil || q.Form != Usual {
			continue
		}
		for _, set := range m.Authority {
			n, err := wire.ParseNSEC3(set.Data.First())
			if set.Type != wire.TypeNSEC3 || err != nil || set.Name.Parent() != j.o.Zone {
				continue
			}
			if n.Iterations > 0 {
				j.add("nsec3-iterations", where{server: s}, "%d iterations", n.Iterations)
			}
			if len(n.Salt) > 0 {
				j.add("nsec3-salt", where{server: s}, "salt %x", n.Salt)
			}
			if n.Flags&wire.NSEC3FlagOptOut != 0 {
				j.add("nsec3-opt-out", where{server: s}, "the flag is set")
			}
		}
	}
}

// emptyNonTerminals judges whether a server denies a name that has names below it.
func (j *judge) emptyNonTerminals(s *Server) {
	for _, q := range asked(s) {
		if q.Form != Usual ||
			classify(q.Question, s.Replies[q].Msg).kind != wire.KindNXDomain {
			continue
		}
		for _, below := range asked(s) {
			if c := classify(below.Question, s.Replies[below].Msg); below.Form == Usual &&
				below.Name.Below(q.Name) && c.kind == wire.KindAnswer && !expanded(c.sets[0]) {
				j.add("empty-non-terminal-denied", where{s, text(q.Question)},
					"%s is denied, and %s exists", q.Name, below.Name)
				break
			}
		}
	}
}

// expanded reports whether a set was made from a wildcard, by its signatures (RFC 4035, section
// 5.3.2).
func expanded(set *wire.RRset) bool {
	return slices.ContainsFunc(signatures(set), func(sig wire.RRSIG) bool {
		return int(sig.Labels) < set.Name.Labels()
	})
}

// contradictions judges whether verified denials of a server deny what it answers: resolvers use a
// denial for all names that it covers (RFC 8198). Names that a wildcard or a DNAME makes are
// denied by right.
func (j *judge) contradictions(s *Server) {
	trust := j.trust[s]
	if trust.Status != wire.Secure {
		return
	}
	for _, q := range asked(s) {
		m := s.Replies[q].Msg
		if q.Form != Usual || m == nil {
			continue
		}
		proofs := j.verified(m, trust.Keys)
		if len(proofs) == 0 {
			continue
		}
		for _, other := range asked(s) {
			c := classify(other.Question, s.Replies[other].Msg)
			if other.Form != Usual || c.kind != wire.KindAnswer || expanded(c.sets[0]) ||
				zoneOf(s, other.Name).Below(j.o.Zone) {
				continue
			}
			kind, shown := j.v.ProveCached(j.o.Zone, proofs, other.Question,
				validator.NewBudget())
			if shown && kind.IsDenial() {
				j.add("denial-contradicts", where{s, text(q.Question)}, "%s: %s",
					text(other.Question), denies(kind))
			}
		}
	}
}

// denies returns what a denial says of a question that has an answer.
func denies(k wire.Kind) string {
	if k == wire.KindNXDomain {
		return "the name is denied, and exists"
	}
	return "the type is denied, and exists"
}

// verified returns the denial records and the SOA of a reply that verify with keys.
func (j *judge) verified(m *wire.Message, keys *validator.KeySet) (sets []*wire.RRset) {
	for _, set := range m.Authority {
		if set.Type != wire.TypeNSEC && set.Type != wire.TypeNSEC3 && set.Type != wire.TypeSOA {
			continue
		}
		if r := j.v.VerifySet(set, keys, j.at, validator.NewBudget()); r.Status == wire.Secure {
			sets = append(sets, r.Of(set))
		}
	}
	if !slices.ContainsFunc(sets, func(s *wire.RRset) bool { return s.Type != wire.TypeSOA }) {
		return nil
	}
	return sets
}
