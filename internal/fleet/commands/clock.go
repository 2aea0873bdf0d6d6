// What the clocks of other nodes show: numbers and words are times, and a node whose clock differs
// from those of the others is understood by none of them.

package commands

import (
	"fmt"
	"maps"
	"time"
)

// reading is what a node has told of the time. Ages are by a clock that nobody sets.
type reading struct {
	at   int64     // time of day of the last word, in milliseconds
	seen time.Time // when a word of it was seen for the first time
	rose time.Time // when a later word came; zero: none has, and it may be from any time
}

// ahead returns how far the time of day here is ahead of that of the node.
func (r *reading) ahead(wall, age time.Time) time.Duration {
	return wall.Sub(time.UnixMilli(r.at)) - age.Sub(r.rose)
}

// compare notes what a node tells of the time, whether its word is of use otherwise or not: it is
// signed. The caller holds mu.
func (m *Member) compare(h *head) {
	age := m.parts.Clock.Now()
	r := m.clocks[h.ID]
	switch {
	case r == nil && len(m.clocks) >= maxNodes:
	case r == nil:
		m.clocks[h.ID] = &reading{at: h.At, seen: age}
	case h.At > r.at:
		r.at, r.rose = h.At, age
	}
}

// forgetClocks forgets nodes that have told nothing for a while. The caller holds mu.
func (m *Member) forgetClocks() {
	age := m.parts.Clock.Now()
	maps.DeleteFunc(m.clocks, func(_ string, r *reading) bool {
		return age.Sub(r.seen) > headLife && (r.rose.IsZero() || age.Sub(r.rose) > freshTime)
	})
}

// clocksOf compares the time of day here with that of the nodes that go on telling it: how many
// differ by more than maxSkew, one of these by how much, and how many do not. The caller holds mu.
func (m *Member) clocksOf(wall time.Time) (differ, agree int, ahead time.Duration) {
	age := m.parts.Clock.Now()
	for _, r := range m.clocks {
		if r.rose.IsZero() || age.Sub(r.rose) > freshTime {
			continue
		}
		// A word is as old as the pause between two looks when it is seen.
		by := r.ahead(wall, age)
		if by > maxSkew+2*roundEvery || by < -maxSkew {
			differ++
			if ahead == 0 || by.Abs() < ahead.Abs() {
				ahead = by
			}
			continue
		}
		agree++
	}
	return differ, agree, ahead
}

// clockError returns what is wrong with the clock of this node: it differs from those of more nodes
// than it agrees with, and they would not use what it tells them. The caller holds mu.
func (m *Member) clockError(wall time.Time) error {
	differ, agree, ahead := m.clocksOf(wall)
	if differ <= agree {
		return nil
	}
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return fmt.Errorf("the clock of this node is %v %s those of %d nodes of the fleet (and right "+
		"by those of %d)", ahead.Abs().Round(time.Second), way, differ, agree)
}

// unsure reports whether nodes were seen a moment ago for the first time that tell another time:
// the next look shows whether they go on. The caller holds mu.
func (m *Member) unsure(wall time.Time) bool {
	age := m.parts.Clock.Now()
	for _, r := range m.clocks {
		if r.rose.IsZero() && age.Sub(r.seen) <= 2*roundEvery &&
			wall.Sub(time.UnixMilli(r.at)).Abs() > maxSkew {
			return true
		}
	}
	return false
}

// amend forgets commands from later than now, if the clock is right by those of most others: they
// were given when one was wrong, and no node uses them. A node that has given some has another
// identity from now on, as its numbers would fall. The caller holds mu.
func (m *Member) amend(wall time.Time) {
	latest := seqOf(wall.Add(2 * maxSkew)) // a clock that is set by a second makes none wrong
	if m.last <= latest {
		return
	}
	if differ, agree, _ := m.clocksOf(wall); agree <= differ {
		return
	}
	forgotten := 0
	for id, j := range m.journals {
		if j.Last > latest {
			forgotten += len(j.Commands)
			delete(m.journals, id)
			delete(m.applied, id)
		}
	}
	was := m.id
	m.renew()
	m.last = 0
	for _, j := range m.journals {
		m.last = max(m.last, j.Last)
	}
	m.parts.Log.Warn("the clock of this node was wrong, and is right now by those of the others: "+
		"commands that were given meanwhile hold here alone, and this node has another identity "+
		"from now on", "node", m.name, "was", was, "is", m.id, "commands", forgotten)
	_ = m.save() // it is logged
}

// renew gives this node another identity. The caller holds mu.
func (m *Member) renew() { m.id, m.hinted, m.told = newID(), 0, 0 }
