// What is due next in a rollover, and when.

package rollover

import (
	"slices"
	"time"
)

// Due is the next step of a rollover.
type Due struct {
	What What // "" if the rollover is over
	// Known reports whether it is known when the step is safe: it is not while a server still has
	// what is before it.
	Known bool
	// Earliest is when the step is safe for all resolvers, zero if it is safe already; Latest when
	// it has to be done, zero if there is no such time.
	Earliest, Latest time.Time
}

// Due returns what is due next in a rollover. The earliest time follows from what caches may hold:
// the step is safe when all of them have forgotten what it does not fit (RFC 7583, section 3). The
// latest is the end of the signatures that only the new key can renew, if the old one is not used
// any more.
func (h *History) Due(r *Roll) (d Due) {
	if r.Over() {
		return d
	}
	unknowing := wait{known: true}
	for i := range h.Keys {
		if k := &h.Keys[i]; !all(r.New, func(n *Key) bool {
			return slices.Contains(k.What.Keys, *n)
		}) {
			gone(&unknowing, k)
		}
	}
	unsigned := wait{known: true}
	for i := range h.Keys {
		if k := &h.Keys[i]; !names(k.What.Signers, r.New) {
			gone(&unsigned, k)
		}
	}
	undelegated := wait{known: true}
	for i := range h.DS {
		if s := &h.DS[i]; len(s.What.DS) > 0 && !s.What.leadsTo(r.New, r.Coming) {
			gone(&undelegated, s)
		}
	}
	old := wait{known: true}
	var ends time.Time
	for i := range h.Data {
		s := &h.Data[i]
		if names(s.What.Signers, r.New) {
			continue
		}
		gone(&old, s)
		if s.there() && (ends.IsZero() || s.What.Ends.Before(ends)) {
			ends = s.What.Ends
		}
	}
	switch {
	case !r.took(KeySeen):
		return Due{What: KeySeen, Known: true}
	case r.Role == ZSK && !r.took(Signing):
		return unknowing.due(Signing, ends)
	case !r.took(Signing):
		return Due{What: Signing, Known: true}
	case r.Role != ZSK && h.Secure() && !r.took(DSSeen):
		return unsigned.due(DSSeen, time.Time{})
	case r.Role != ZSK && r.took(DSSeen) && !r.took(OldDSGone):
		return unsigned.due(OldDSGone, time.Time{})
	case r.Role != KSK && !r.took(OldUnused):
		return unknowing.due(OldUnused, ends)
	case r.Role == ZSK:
		return old.due(OldGone, time.Time{})
	case r.Role == KSK:
		return undelegated.due(OldGone, time.Time{})
	}
	return undelegated.and(old).due(OldGone, time.Time{})
}

// Secure reports whether the parent has a DS.
func (h *History) Secure() bool {
	return slices.ContainsFunc(h.DS, func(s Spell[DSSet]) bool {
		return s.there() && len(s.What.DS) > 0
	})
}

// wait is until when something is in caches.
type wait struct {
	known bool
	until time.Time
}

// gone has a wait last until a set is in no cache any more.
func gone[T any](w *wait, s *Spell[T]) {
	switch {
	case s.there():
		w.known = false
	case s.over().After(w.until):
		w.until = s.over()
	}
}

// and returns the wait for both.
func (w wait) and(o wait) wait {
	if o.until.After(w.until) {
		w.until = o.until
	}
	w.known = w.known && o.known
	return w
}

// due returns a step that is safe after the wait.
func (w wait) due(what What, latest time.Time) Due {
	d := Due{What: what, Known: w.known, Latest: latest}
	if w.known {
		d.Earliest = w.until
	}
	return d
}
