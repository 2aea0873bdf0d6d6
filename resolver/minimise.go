// QNAME minimisation (RFC 9156).

package resolver

import (
	"bailiwick/cache"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// Minimise decides how much of a name the servers on the way learn (RFC 9156).
type Minimise uint8

// The modes.
const (
	// MinimiseRelaxed asks for the full name if the query for the shortened one fails.
	MinimiseRelaxed Minimise = iota
	MinimiseStrict           // the question fails in that case
	MinimiseOff
)

// minimiser decides which name the next servers are asked for (RFC 9156, section 2.3).
type minimiser struct {
	q     wire.Question
	mode  Minimise
	steps int
	extra int // labels beyond the zone's child that are known not to be a cut
	full  bool
	zone  wire.Name
	// hide asks for the whole name with type A before the question's type is revealed.
	hide   bool
	hidden bool // that was done at this zone
}

// next returns the question for the servers of zone, and whether it is the whole one.
func (m *minimiser) next(zone wire.Name) (wire.Question, bool) {
	if zone != m.zone {
		m.zone, m.extra, m.hidden = zone, 0, false
	}
	labels := min(m.boundary(zone.Labels()+1+m.extra), m.q.Name.Labels())
	m.extra = labels - zone.Labels() - 1
	last := labels == m.q.Name.Labels()
	if m.mode == MinimiseOff || m.full || m.steps >= maxMinimised || last && !m.hides() {
		return m.q, true
	}
	if m.steps++; m.steps == maxMinimised {
		limit.Minimised.Met()
	}
	m.hidden = last
	// Type A, as other resolvers ask: the least conspicuous (section 2.1).
	return wire.Question{Name: m.q.Name.Ancestor(labels), Type: wire.TypeA, Class: wire.ClassIN},
		false
}

// reverse6 is where the names of IPv6 addresses are, and reverse6Cuts has the labels of those that
// zones begin at: networks of 16, 32, 48, 56 and 64 bits.
var (
	reverse6     = wire.MustParseName("ip6.arpa.")
	reverse6Cuts = [...]int{2 + 16/4, 2 + 32/4, 2 + 48/4, 2 + 56/4, 2 + 64/4}
)

// boundary returns how many labels to ask for in place of a number. The names of IPv6 addresses
// have a label for each four bits, and cuts at few of them (RFC 9156, section 2.3, has the limit
// that they would meet). BIND has the same boundaries. Where a zone begins between two of them, its
// parent refers to it all the same.
func (m *minimiser) boundary(labels int) int {
	if labels <= reverse6.Labels() || !m.q.Name.Below(reverse6) {
		return labels
	}
	for _, n := range reverse6Cuts {
		if labels <= n {
			return n
		}
	}
	return m.q.Name.Labels()
}

// hides reports whether the whole name is to be asked with another type first. An apex belongs to
// its zone, and the servers that are asked for DS know of the cut already.
func (m *minimiser) hides() bool {
	return m.hide && !m.hidden && m.q.Type != wire.TypeA && m.q.Type != wire.TypeDS &&
		m.q.Name != m.zone
}

// step goes one label down; after a few steps several at once, so that long names do not cost a
// query a label (section 2.3). Boundaries are few.
func (m *minimiser) step() {
	m.extra++
	if m.steps > 4 && !m.q.Name.Below(reverse6) {
		m.extra += (m.q.Name.Labels() - m.zone.Labels()) / max(1, maxMinimised-m.steps)
	}
}

// giveUp asks the full name from now on, unless the mode is strict and it was not revealed yet.
func (m *minimiser) giveUp() bool {
	if m.mode == MinimiseStrict && !m.hidden {
		return false
	}
	m.full = true
	return true
}

// passed reports whether the answer to a question with a shortened name is in the cache, and goes
// on as that answer demands. So the names below an empty non-terminal, or below one with data, cost
// one question each, for as long as the shortened name may be kept. For 49 more names of IPv6
// addresses in a network of 64 bits, the lab's servers get 441 questions of Unbound 1.17, 98 of
// BIND 9.18 and Knot Resolver 5.6, and 50 of this resolver.
func (x *resolution) passed(m *minimiser, q wire.Question) bool {
	if x.fallback {
		return false
	}
	for _, k := range [...]cache.Key{x.keyOf(q), onTheWay(q)} {
		l, ok := x.r.cached(k)
		switch {
		case !ok || l.kind == wire.KindNXDomain && l.status == wire.Secure:
		case l.kind == wire.KindNoData || l.kind == wire.KindAnswer:
			if l.of(m.zone) {
				m.step()
				return true
			}
		case m.giveUp():
			return true
		}
	}
	return false
}

// of reports whether a denial, or data, are known to be of a zone itself. Those of the apex of a
// zone below it say nothing of its own names: its servers would be told more of the name than they
// need to know (section 2.3).
func (l *result) of(zone wire.Name) bool {
	if l.kind == wire.KindNoData {
		return l.zone == zone
	}
	for d := range l.sets[0].Sigs.All() {
		if sig, err := wire.ParseRRSIGOf(l.sets[0].Name, d); err == nil && sig.Signer == zone {
			return true
		}
	}
	return false
}

// onTheWay returns the key under which the answer to a question with a shortened name is kept: like
// all that was not validated, apart from what clients get that do not check for themselves.
func onTheWay(q wire.Question) cache.Key {
	return cache.Key{Name: q.Name, Type: q.Type, Unchecked: true}
}

// pass keeps the answer to a question with a shortened name, see [resolution.passed]. Of a denial
// only the SOA is kept, and no client gets it.
func (x *resolution) pass(a *zoneQuery, got *accepted) {
	if x.fallback || got.weak || got.hollow || got.damaged || a.conf != nil && a.conf.NoCache ||
		x.r.tailored(a.q.Name, a.q.Type) {
		return
	}
	l := &result{kind: got.kind, origin: x.origin(), sets: got.sets, target: got.target,
		status: wire.Unchecked, bare: got.kind.IsDenial(), zone: a.zone}
	if !l.bare {
		l.proofs = denials(got.authority) // of a wildcard's expansion
	}
	if soa := wire.FindType(got.authority, wire.TypeSOA); l.bare && soa != nil {
		plain := *soa
		plain.Sigs, plain.Security = nil, wire.Unchecked
		l.proofs = []*wire.RRset{&plain}
	}
	x.r.memory.put(onTheWay(a.q), l, x.flushes, x.r.clock.Now())
}
