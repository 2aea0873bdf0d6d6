package rpz

import "sync/atomic"

// Uses counts how often the rules of a zone held, by trigger and action.
type Uses [triggers][actions]atomic.Int64

// Used counts a use of the rule.
func (m *Match) Used() {
	if u := m.Zone.Uses; u != nil {
		u[m.Trigger][m.Action].Add(1)
	}
}
