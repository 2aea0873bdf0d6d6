// Looking up: what is kept under a key, and how far it is in its life.

package cache

// State is how far an entry is in its life.
type State uint8

// The states, from the worst.
const (
	// None: nothing is kept, or it is of no use to anybody.
	None State = iota
	// Stale: it has ended, no longer ago than MaxStale. It is found as long as its memory is not
	// needed for others; whether anybody is ever told is a matter of policy (RFC 8767).
	Stale
	// Ending: no more than a tenth of its time is left. It is good, and should be resolved anew
	// before it ends.
	Ending
	// Fresh: it is good.
	Fresh
)

// Good reports whether an entry answers questions.
func (s State) Good() bool { return s >= Ending }

// stateOf returns the state at the second now of an entry that should be resolved anew from one
// second on, and ends at another.
func stateOf(now, refresh, expires int64) State {
	switch {
	case now < refresh && now < expires:
		return Fresh
	case now < expires:
		return Ending
	case now < expires+int64(MaxStale.Seconds()):
		return Stale
	}
	return None
}

// LookupAnswer returns the prepared answer under a key, and its state at the second now. One whose
// signatures end before the TTLs that it tells is of no use as it is: the time of day was set
// forward since it was made.
func (s *Store) LookupAnswer(k AnswerKey, now int64) (*Answer, State) {
	a, ok := s.Answers.Get(k)
	if !ok || !s.day.covers(a, now) {
		return nil, None
	}
	return a, stateOf(now, a.Stored+int64(a.Fresh), a.Stored+int64(a.Life))
}
