// What was seen, and for how long caches keep it.

package rollover

import (
	"slices"
	"time"
)

// Spell is the time for which a set was there.
type Spell[T any] struct {
	What T
	TTL  time.Duration // the longest that the set had
	// First and Last are when it was seen; Gone is when it first was not any more, zero if it is
	// there.
	First, Last, Gone time.Time
}

// there reports whether the set is there now.
func (s *Spell[T]) there() bool { return s.Gone.IsZero() }

// cached reports whether some caches have the set for certain: it was seen less than its TTL ago.
func (s *Spell[T]) cached(now time.Time) bool { return now.Before(s.Last.Add(s.TTL)) }

// over returns when the last cache has forgotten the set: its TTL after it was found to be gone,
// which is the TTL of the old set and not that of what has taken its place (NLnetLabs/dnst#187).
func (s *Spell[T]) over() time.Time { return s.Gone.Add(s.TTL) }

// History is what is known of a zone's keys.
type History struct {
	At    time.Time // of the last look, zero before the first
	DS    []Spell[DSSet]
	Keys  []Spell[KeySet]
	Data  []Spell[DataSet]
	Known []Key // that belong to no rollover under way, or are of one
	Given []DS  // the same, of the parent
	Rolls []Roll
	// Faults are what is wrong now.
	Faults []Fault
}

// remember takes sets that were seen. same compares what counts of two sets, and ttl is that of
// one.
func remember[T any](spells []Spell[T], seen []T, at time.Time, partial bool,
	same func(a, b T) bool, ttl func(T) time.Duration) []Spell[T] {
	for i := range spells {
		s := &spells[i]
		if s.there() && !partial &&
			!slices.ContainsFunc(seen, func(o T) bool { return same(o, s.What) }) {
			s.Gone = at
		}
	}
	for _, what := range seen {
		i := slices.IndexFunc(spells, func(s Spell[T]) bool { return same(s.What, what) })
		if i < 0 {
			i = len(spells)
			spells = append(spells, Spell[T]{First: at})
		}
		s := &spells[i]
		s.What, s.Last, s.Gone = what, at, time.Time{}
		s.TTL = min(maxTTL, max(s.TTL, ttl(what)))
	}
	spells = slices.DeleteFunc(spells, func(s Spell[T]) bool {
		return !s.there() && !at.Before(s.over())
	})
	return spells[max(0, len(spells)-maxSpells):]
}

// take takes what was seen into the history.
func (h *History) take(s *Seen) {
	h.DS = remember(h.DS, s.DS, s.At, s.Partial, func(a, b DSSet) bool {
		return slices.Equal(a.DS, b.DS)
	}, func(d DSSet) time.Duration { return d.TTL })
	h.Keys = remember(h.Keys, s.Keys, s.At, s.Partial, func(a, b KeySet) bool {
		return slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Signers, b.Signers)
	}, func(k KeySet) time.Duration { return k.TTL })
	h.Data = remember(h.Data, s.Data, s.At, s.Partial, func(a, b DataSet) bool {
		return a.Type == b.Type && slices.Equal(a.Signers, b.Signers)
	}, func(d DataSet) time.Duration { return d.TTL })
	h.At = s.At
}

// Reason is what is wrong with a zone's keys.
type Reason string

// The reasons.
const (
	DSWithoutKey      Reason = "ds_without_key"
	DSKeyUnused       Reason = "ds_key_unused"
	DSTooEarly        Reason = "ds_too_early"
	KeyGoneTooEarly   Reason = "key_gone_before_ds"
	SignedWithoutKey  Reason = "signed_without_key"
	SignedTooEarly    Reason = "signed_too_early"
	KeyGoneBeforeData Reason = "key_gone_before_signatures"
)

// Text returns what the reason means.
func (r Reason) Text() string {
	return map[Reason]string{
		DSWithoutKey: "the DS set leads to no key in the zone: it was changed before the key " +
			"was published, or the key is gone",
		DSKeyUnused: "the DNSKEY set is signed with a key that no DS leads to",
		DSTooEarly: "caches still have a DNSKEY set that the DS set does not fit: it was " +
			"changed before the new key was in all caches",
		KeyGoneTooEarly: "the old key was withdrawn while caches have the DS set that leads to it",
		SignedWithoutKey: "data are signed with a key that is not in the DNSKEY set of every " +
			"server",
		SignedTooEarly: "data are signed with a new key while caches have a DNSKEY set without it",
		KeyGoneBeforeData: "the old key was withdrawn before the TTL of its signatures has " +
			"passed",
	}[r]
}

// Fault is a chain of trust that some resolvers find broken.
type Fault struct {
	Why   Reason
	Until time.Time // when the last cache has forgotten what is wrong; zero: it is there now
}

// faults returns all combinations of what is there and what caches have that have no chain of
// trust, by the reason. At least one part of each is there now: what has gone was judged before.
func (h *History) faults(now time.Time) (list []Fault) {
	add := func(why Reason, until time.Time) {
		i := slices.IndexFunc(list, func(f Fault) bool { return f.Why == why })
		switch {
		case i < 0:
			list = append(list, Fault{why, until})
		case until.After(list[i].Until):
			list[i].Until = until
		}
	}
	secure := false
	for i := range h.DS {
		d := &h.DS[i]
		if !d.there() && !d.cached(now) {
			continue
		}
		secure = secure || len(d.What.DS) > 0
		for j := range h.Keys {
			k := &h.Keys[j]
			if d.What.trusts(&k.What) {
				continue
			}
			switch {
			case d.there() && k.there() && !k.What.has(&d.What):
				add(DSWithoutKey, time.Time{})
			case d.there() && k.there():
				add(DSKeyUnused, time.Time{})
			case d.there() && k.cached(now):
				add(DSTooEarly, k.over())
			case k.there():
				add(KeyGoneTooEarly, d.over())
			}
		}
	}
	for i := range h.Keys {
		k := &h.Keys[i]
		for j := range h.Data {
			d := &h.Data[j]
			if !secure || k.What.verifies(&d.What) {
				continue
			}
			switch {
			case k.there() && d.there():
				add(SignedWithoutKey, time.Time{})
			case d.there() && k.cached(now):
				add(SignedTooEarly, k.over())
			case k.there() && d.cached(now):
				add(KeyGoneBeforeData, d.over())
			}
		}
	}
	return list
}

// Valid reports whether the history is such as Advance makes, and not of a damaged file.
func (h *History) Valid() bool {
	return len(h.DS) <= maxSpells && len(h.Keys) <= maxSpells && len(h.Data) <= maxSpells &&
		len(h.Rolls) <= maxRolls && !slices.ContainsFunc(h.Rolls, func(r Roll) bool {
		return len(r.Steps) == 0 || len(r.Breaks) > maxBreaks
	})
}
