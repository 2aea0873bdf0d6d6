// Look-ups: the entry of a key, and its state.

package cache

import (
	"time"

	"bailiwick/wire"
)

// LookupRRset returns the RRset of a key, and its state. The RRset expires no later than the first
// of the signatures that it rests on.
func (s *Store) LookupRRset(k Key, now time.Time) (r RRset, state State) {
	r, ok := s.RRsets.Get(k)
	if !ok {
		return r, None
	}
	r = s.bounded(r, now)
	return r, s.stateOf(now.Unix(), r.Refresh(), r.Expires)
}

// bounded returns an RRset that expires no later than its signatures.
func (s *Store) bounded(r RRset, now time.Time) RRset {
	until := r.Set.Until
	if r.Beside != nil {
		until = wire.EarliestEnd(until, r.Beside.Proofs...)
	}
	r.Expires = s.day.bound(r.Expires, until, now.Unix())
	return r
}

// EachRRset calls f for each RRset that the cache has, until it returns an error. The cache is in
// use meanwhile.
func (s *Store) EachRRset(now time.Time, f func(Key, RRset) error) error {
	return s.RRsets.Visit(func(k Key, r RRset) error { return f(k, s.bounded(r, now)) })
}

// LookupNegative returns the denial that answers a question: that of the type, or of all types of
// the name. One that has not ended is preferred.
func (s *Store) LookupNegative(k Key, now time.Time) (best *Negative, state State) {
	for _, t := range []wire.Type{k.Type, wire.TypeNone} {
		n, st := s.LookupNegativeKey(Key{k.Name, t, k.Unchecked, k.Realm}, now)
		if st > state && (n.NXDomain || t == k.Type) {
			best, state = n, st
		}
		if state.Good() {
			break
		}
	}
	return best, state
}

// LookupNegativeKey returns the denial that is kept under a key, and its state. It ends no later
// than the first of the signatures that it rests on.
func (s *Store) LookupNegativeKey(k Key, now time.Time) (*Negative, State) {
	n, ok := s.Negatives.Get(k)
	if !ok {
		return nil, None
	}
	if end := s.day.bound(n.Expires, n.Until, now.Unix()); end < n.Expires {
		c := *n
		c.Expires = end
		n = &c
	}
	return n, s.stateOf(now.Unix(), n.Refresh(), n.Expires)
}

// StateOf returns the state at now of an entry that is kept outside of the store, from the second
// stored to the second expires. The first of its signatures ends at until, 0 if it has none.
func (s *Store) StateOf(stored, expires int64, until uint32, now time.Time) State {
	expires = s.day.bound(expires, until, now.Unix())
	return s.stateOf(now.Unix(), refreshAt(stored, expires), expires)
}

// LookupAnswer returns the prepared answer under a key, and its state at the second now. An answer
// whose signatures end before its TTLs do is not used: the time of day was set forward after it was
// made.
func (s *Store) LookupAnswer(k AnswerKey, now int64) (*Answer, State) {
	a, ok := s.Answers.Get(k)
	if !ok || !s.day.covers(a, now) {
		return nil, None
	}
	return a, s.stateOf(now, a.Stored+int64(a.Fresh), a.Stored+int64(a.Life))
}
