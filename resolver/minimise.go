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
	// hide has the whole name be asked with type A before the type that was asked for is told.
	hide   bool
	hidden bool // that was done at the zone
}

// next is the question for the servers of zone; final means that it is the whole one.
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

// hides reports whether the whole name is to be asked with another type first. An apex is its
// zone's own, and DS is asked of those who know of the cut already.
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

// giveUp asks the full name from now on, unless the mode is strict and it was not told yet.
func (m *minimiser) giveUp() bool {
	if m.mode == MinimiseStrict && !m.hidden {
		return false
	}
	m.full = true
	return true
}
