// QNAME minimisation (RFC 9156).

package resolver

import (
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// Minimise is how much of a name servers on the way are told (RFC 9156).
type Minimise uint8

// The modes.
const (
	// the full name is asked where the shortened one is not understood
	MinimiseRelaxed Minimise = iota
	MinimiseStrict           // never
	MinimiseOff
)

// minimiser decides which name the next servers are asked for (RFC 9156, section 2.3).
type minimiser struct {
	q     wire.Question
	mode  Minimise
	steps int
	extra int // labels beyond the zone's child that are known to be no cut
	full  bool
	zone  wire.Name
}

// next is the question for the servers of zone; final means that it is the whole one.
func (m *minimiser) next(zone wire.Name) (wire.Question, bool) {
	if zone != m.zone {
		m.zone, m.extra = zone, 0
	}
	labels := zone.Labels() + 1 + m.extra
	if m.mode == MinimiseOff || m.full || m.steps >= maxMinimised || labels >= m.q.Name.Labels() {
		return m.q, true
	}
	if m.steps++; m.steps == maxMinimised {
		limit.Minimised.Met()
	}
	// Type A, as other resolvers ask: the least conspicuous (section 2.1).
	return wire.Question{Name: m.q.Name.Ancestor(labels), Type: wire.TypeA, Class: wire.ClassIN},
		false
}

// step goes one label down; after a few steps several at once, so that long names do not cost a
// query a label (section 2.3).
func (m *minimiser) step() {
	m.extra++
	if m.steps > 4 {
		m.extra += (m.q.Name.Labels() - m.zone.Labels()) / max(1, maxMinimised-m.steps)
	}
}

// giveUp asks the full name from now on, unless the mode is strict.
func (m *minimiser) giveUp() bool {
	if m.mode == MinimiseStrict {
		return false
	}
	m.full = true
	return true
}
