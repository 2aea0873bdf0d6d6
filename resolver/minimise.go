// QNAME minimisation (RFC 9156).

package resolver

import (
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
	labels := min(zone.Labels()+1+m.extra, m.q.Name.Labels())
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

// hides reports whether the whole name is to be asked with another type first. An apex belongs to
// its zone, and the servers that are asked for DS know of the cut already.
func (m *minimiser) hides() bool {
	return m.hide && !m.hidden && m.q.Type != wire.TypeA && m.q.Type != wire.TypeDS &&
		m.q.Name != m.zone
}

// step goes one label down; after a few steps several at once, so that long names do not cost a
// query a label (section 2.3).
func (m *minimiser) step() {
	m.extra++
	if m.steps > 4 {
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
