// Rollovers: how they begin, their steps, and how they end.

package rollover

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Role is what the keys of a rollover are for.
type Role string

// The roles.
const (
	KSK Role = "KSK" // they sign the DNSKEY set, and a DS leads to them
	ZSK Role = "ZSK" // they sign the data
	CSK Role = "CSK" // both
)

// What is a step of a rollover.
type What string

// The steps.
const (
	Began     What = "began"
	KeySeen   What = "key_seen"       // all servers have the new key
	DSSeen    What = "ds_seen"        // all servers of the parent have its DS
	Signing   What = "signing"        // it signs
	OldDSGone What = "old_ds_gone"    // no server of the parent has the old key's DS
	OldUnused What = "old_key_unused" // nothing that was seen is signed by the old key alone
	OldGone   What = "old_key_gone"   // no server has the old key; the rollover is over
	Withdrawn What = "withdrawn"      // the new key is gone, the old one stays
	Stands    What = "stands"         // nothing happens: both keys stay
	Broken    What = "broken"         // some resolvers find the chain of trust broken
	Mended    What = "mended"         // none does any more
)

// Step is one that has been taken.
type Step struct {
	What What
	At   time.Time
}

// Break is a time in which the chain of trust was broken for some resolvers.
type Break struct {
	Why          Reason
	Since, Until time.Time // Until is zero while it lasts
}

// Roll is a rollover.
type Roll struct {
	Role      Role
	Algorithm bool // the new keys have another algorithm
	Old, New  []Key
	Coming    []DS // of new keys that are not published yet
	Steps     []Step
	Breaks    []Break
}

// Begun returns when the rollover began.
func (r *Roll) Begun() time.Time { return r.Steps[0].At }

// at returns when a step was taken, zero if it was not.
func (r *Roll) at(w What) time.Time {
	for _, s := range r.Steps {
		if s.What == w {
			return s.At
		}
	}
	return time.Time{}
}

// took reports whether a step was taken.
func (r *Roll) took(w What) bool { return !r.at(w).IsZero() }

// Over reports whether the rollover has ended.
func (r *Roll) Over() bool { return r.took(OldGone) || r.took(Withdrawn) || r.took(Stands) }

// Broken reports whether some resolvers find the chain of trust broken now.
func (r *Roll) Broken() bool {
	return slices.ContainsFunc(r.Breaks, func(b Break) bool { return b.Until.IsZero() })
}

// Ended returns when the rollover ended, zero if it has not.
func (r *Roll) Ended() time.Time {
	if !r.Over() {
		return time.Time{}
	}
	return r.Steps[len(r.Steps)-1].At
}

// State returns how far the rollover is, in a word: the last step, or that it is broken.
func (r *Roll) State() string {
	if r.Broken() {
		return string(Broken)
	}
	return string(r.Steps[len(r.Steps)-1].What)
}

// Kind returns what is rolled, in words: the role, or the algorithms.
func (r *Roll) Kind() string {
	if r.Algorithm && len(r.Old) > 0 {
		to := ""
		if len(r.New) > 0 {
			to = fmt.Sprint(r.New[0].Algorithm)
		} else if len(r.Coming) > 0 {
			to = fmt.Sprint(r.Coming[0].Algorithm)
		}
		return fmt.Sprintf("algorithm %d to %s", r.Old[0].Algorithm, to)
	}
	return string(r.Role)
}

// Method returns the method by the order of the steps (RFC 6781, section 4.1; RFC 7583, section 2),
// "" while it is not known.
func (r *Roll) Method() string {
	switch {
	case r.Role == ZSK && r.took(Signing) && r.at(OldUnused).Equal(r.at(Signing)):
		return "pre-publication"
	case r.took(DSSeen) && (!r.took(KeySeen) || r.at(DSSeen).Before(r.at(KeySeen))):
		return "double-DS"
	case r.took(Signing) && (r.Role == ZSK || !r.took(DSSeen) ||
		r.at(Signing).Before(r.at(DSSeen))):
		return "double-signature"
	}
	return ""
}

// OldTags returns the tags of the old keys as text.
func (r *Roll) OldTags() string { return strings.Join(tags(r.Old), ", ") }

// NewTags returns the tags of the new keys and, behind them, of DS records of keys to come, as
// text. A record with the tag and the algorithm of an old or new key has another digest than that
// key: rather than of a key to come, it may be a broken one.
func (r *Roll) NewTags() string {
	words := tags(r.New)
	for _, d := range r.Coming {
		text := fmt.Sprint(d.Tag)
		if slices.ContainsFunc(append(slices.Clone(r.Old), r.New...), func(k Key) bool {
			return k.Tag == d.Tag && k.Algorithm == d.Algorithm
		}) {
			text += " (digest differs)"
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}

// tags returns the tags of keys.
func tags(keys []Key) (words []string) {
	for _, k := range keys {
		words = append(words, fmt.Sprint(k.Tag))
	}
	return words
}

// Event is something that has happened to a rollover; Roll is as it is afterwards.
type Event struct {
	What What
	Why  Reason // of Broken and Mended
	Roll Roll
}

// Advance takes what was seen, and returns what has happened. The first look only learns which keys
// there are. A look at nothing changes nothing.
func (h *History) Advance(s Seen) (events []Event) {
	if back := h.At.Sub(s.At); back > maxBack { // the clock was wrong
		*h = History{Rolls: h.Rolls}
	} else if back > 0 {
		return nil
	}
	if len(s.Keys) == 0 && len(s.DS) == 0 || h.At.IsZero() && s.Partial {
		return nil
	}
	s = s.normal()
	first := h.At.IsZero()
	before := h.present()
	acting := h.acting()
	h.take(&s)
	if first {
		h.Known, h.Given = h.present(), given(&s)
	} else {
		h.begin(&s, before, acting)
	}
	for i := range h.Rolls {
		r := &h.Rolls[i]
		if r.Over() {
			continue
		}
		if len(r.Steps) == 0 {
			r.Steps = append(r.Steps, Step{Began, s.At})
			events = append(events, Event{What: Began, Roll: r.Clone()})
		}
		for _, w := range h.steps(r, &s) {
			r.Steps = append(r.Steps, Step{w, s.At})
			events = append(events, Event{What: w, Roll: r.Clone()})
		}
	}
	h.Faults = h.faults(s.At)
	events = append(events, h.breaks(s.At)...)
	h.forget(&s)
	return events
}

// Clone returns a copy that does not change.
func (r *Roll) Clone() Roll {
	c := *r
	c.Old, c.New, c.Coming = slices.Clone(r.Old), slices.Clone(r.New), slices.Clone(r.Coming)
	c.Steps, c.Breaks = slices.Clone(r.Steps), slices.Clone(r.Breaks)
	return c
}

// present returns the keys that any server has.
func (h *History) present() (all []Key) {
	for i := range h.Keys {
		if h.Keys[i].there() {
			all = added(all, h.Keys[i].What.Keys...)
		}
	}
	return all
}

// added returns a list with those values that it does not have yet.
func added[T comparable](all []T, more ...T) []T {
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// given returns the DS records that any server of the parent has.
func given(s *Seen) (all []DS) {
	for _, d := range s.DS {
		all = added(all, d.DS...)
	}
	return all
}

// active are the keys that do something.
type active struct{ entry, zone []Key }

// acting returns the keys that sign the DNSKEY set or have a DS, and those that sign data.
func (h *History) acting() (a active) {
	for _, k := range h.present() {
		for i := range h.Keys {
			if s := &h.Keys[i]; s.there() && slices.Contains(s.What.Keys, k) &&
				named(s.What.Signers, k) {
				a.entry = added(a.entry, k)
			}
		}
		for i := range h.DS {
			if s := &h.DS[i]; s.there() && s.What.leads(k) {
				a.entry = added(a.entry, k)
			}
		}
		for i := range h.Data {
			if s := &h.Data[i]; s.there() && named(s.What.Signers, k) {
				a.zone = added(a.zone, k)
			}
		}
	}
	return a
}

// of returns the active keys of a role.
func (a active) of(r Role) []Key {
	switch r {
	case KSK:
		return a.entry
	case ZSK:
		return a.zone
	}
	return added(slices.Clone(a.entry), a.zone...)
}

// begin has keys and DS records that are new belong to a rollover. In a zone that had no keys
// before, they are of none: it is being signed.
func (h *History) begin(s *Seen, before []Key, acting active) {
	for _, k := range h.present() {
		if slices.Contains(h.Known, k) {
			continue
		}
		h.Known = append(h.Known, k)
		if len(before) == 0 {
			continue
		}
		r := h.rollOf(k.Algorithm, role(k.Entry, before), before, acting, []Key{k})
		r.New = append(r.New, k)
		r.Coming = slices.DeleteFunc(r.Coming, func(d DS) bool { return d.of(k) })
	}
	for _, d := range given(s) {
		if slices.Contains(h.Given, d) {
			continue
		}
		h.Given = append(h.Given, d)
		if len(before) == 0 || slices.ContainsFunc(h.Known, d.of) {
			continue
		}
		r := h.rollOf(d.Algorithm, role(true, before), before, acting, nil)
		r.Coming = append(r.Coming, d)
	}
}

// role returns what a new key is for: where some keys have the SEP bit and some do not, the bit
// tells; where all are of one kind, each is for both.
func role(entry bool, before []Key) Role {
	isEntry := func(k Key) bool { return k.Entry }
	isZone := func(k Key) bool { return !k.Entry }
	switch {
	case !slices.ContainsFunc(before, isEntry) || !slices.ContainsFunc(before, isZone):
		return CSK
	case entry:
		return KSK
	}
	return ZSK
}

// rollOf returns the rollover that a new key, or a DS of one, belongs to: one that is under way for
// the same role or the same new algorithm, or a new one.
func (h *History) rollOf(algorithm uint8, role Role, before []Key, acting active,
	keys []Key) *Roll {
	changes := !slices.ContainsFunc(before, func(k Key) bool { return k.Algorithm == algorithm })
	if changes {
		role = CSK // keys of both roles are rolled together
	}
	for i := range h.Rolls {
		r := &h.Rolls[i]
		comes := slices.ContainsFunc(r.Coming, func(d DS) bool {
			return slices.ContainsFunc(keys, d.of)
		})
		if !r.Over() && (comes || r.Role == role && r.Algorithm == changes ||
			r.Algorithm && slices.ContainsFunc(r.New,
				func(k Key) bool { return k.Algorithm == algorithm })) {
			return r
		}
	}
	old := acting.of(role)
	if len(old) == 0 {
		old = before
	}
	h.Rolls = append(h.Rolls, Roll{Role: role, Algorithm: changes, Old: old})
	h.Rolls = h.Rolls[max(0, len(h.Rolls)-maxRolls):]
	return &h.Rolls[len(h.Rolls)-1]
}

// steps returns the steps that a rollover has taken with this look.
func (h *History) steps(r *Roll, s *Seen) (list []What) {
	take := func(w What, done bool) {
		if done && !r.took(w) {
			list = append(list, w)
		}
	}
	keys := func(f func(*KeySet) bool) bool { return all(s.Keys, f) }
	data := func(f func(*DataSet) bool) bool { return all(s.Data, f) }
	published := len(r.New) > 0 && len(r.Coming) == 0 && len(s.Keys) > 0
	if !s.Partial {
		take(KeySeen, published && keys(func(k *KeySet) bool {
			return all(r.New, func(n *Key) bool { return slices.Contains(k.Keys, *n) })
		}))
	}
	signsKeys := keys(func(k *KeySet) bool { return names(k.Signers, r.New) })
	signsData := len(s.Data) > 0 && data(func(d *DataSet) bool { return names(d.Signers, r.New) })
	oldSigns := !data(func(d *DataSet) bool { return !names(d.Signers, r.Old) })
	if r.Role != ZSK && len(given(s)) > 0 && !s.Partial {
		take(DSSeen, all(s.DS, func(d *DSSet) bool { return d.leadsTo(r.New, r.Coming) }))
	}
	take(Signing, published && (signsKeys || r.Role == ZSK) && (signsData || r.Role == KSK))
	if s.Partial {
		return list
	}
	dsSeen := r.took(DSSeen) || slices.Contains(list, DSSeen)
	signing := r.took(Signing) || slices.Contains(list, Signing)
	take(OldDSGone, r.Role != ZSK && dsSeen &&
		all(s.DS, func(d *DSSet) bool { return !d.leadsTo(r.Old, nil) }))
	take(OldUnused, r.Role != KSK && signing && !oldSigns)
	has := func(of []Key) bool {
		return !keys(func(k *KeySet) bool {
			return !slices.ContainsFunc(of, func(o Key) bool { return slices.Contains(k.Keys, o) })
		})
	}
	switch {
	case len(s.Keys) == 0:
	case len(r.New) > 0 && !has(r.Old):
		take(OldGone, true)
	case !has(r.New) && all(s.DS, func(d *DSSet) bool { return !d.leadsTo(r.New, r.Coming) }):
		take(Withdrawn, true)
	case len(list) == 0 && s.At.Sub(r.Steps[len(r.Steps)-1].At) >= standing:
		take(Stands, true)
	}
	return list
}

// all reports whether something holds of all values.
func all[T any](list []T, f func(*T) bool) bool {
	for i := range list {
		if !f(&list[i]) {
			return false
		}
	}
	return true
}

// breaks has the faults of now belong to the rollovers under way and, for as long as caches have
// what is wrong, to the last one that has ended. It returns what has broken and what is mended.
func (h *History) breaks(now time.Time) (events []Event) {
	for i := range h.Rolls {
		r := &h.Rolls[i]
		for j := range r.Breaks {
			b := &r.Breaks[j]
			if b.Until.IsZero() && !slices.ContainsFunc(h.Faults,
				func(f Fault) bool { return f.Why == b.Why }) {
				b.Until = now
				events = append(events, Event{What: Mended, Why: b.Why, Roll: r.Clone()})
			}
		}
		if ended := r.Ended(); !ended.IsZero() && !ended.Equal(now) {
			continue
		}
		for _, f := range h.Faults {
			open := slices.ContainsFunc(r.Breaks, func(b Break) bool {
				return b.Why == f.Why && b.Until.IsZero()
			})
			if open || len(r.Breaks) >= maxBreaks {
				continue
			}
			r.Breaks = append(r.Breaks, Break{Why: f.Why, Since: now})
			events = append(events, Event{What: Broken, Why: f.Why, Roll: r.Clone()})
		}
	}
	return events
}

// forget drops keys and DS records that are gone, so that they are new if they come again.
func (h *History) forget(s *Seen) {
	if s.Partial {
		return
	}
	there := h.present()
	h.Known = slices.DeleteFunc(h.Known, func(k Key) bool { return !slices.Contains(there, k) })
	now := given(s)
	h.Given = slices.DeleteFunc(h.Given, func(d DS) bool { return !slices.Contains(now, d) })
}
