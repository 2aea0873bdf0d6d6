// Flushes of some of the data, by type or by what they say.

package cache

import (
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Selection is what of the data at a name is forgotten.
type Selection struct {
	Name    wire.Name
	Subtree bool // and below the name
	// Type is the type of the data and denials; TypeNone for any.
	Type     wire.Type
	Bogus    bool // nothing but that data did not verify
	Negative bool // nothing but denials
}

// FlushOnly forgets what is selected, and returns the number of entries. Prepared answers at the
// names are all forgotten, as one may consist of several kinds: they are made again from the rest.
func (s *Store) FlushOnly(of Selection) (n int) {
	s.flushes.Add(1)
	at := func(x wire.Name) bool {
		return x == of.Name || of.Subtree && x.Within(of.Name)
	}
	typed := func(t wire.Type) bool { return of.Type == wire.TypeNone || of.Type == t }
	defer s.flushAnswers(func(k AnswerKey, _ *Answer) bool { return at(k.Name) })
	n = s.Failures.RemoveFunc(func(k Key, f *Failure) bool {
		return at(k.Name) && typed(k.Type) && !of.Negative &&
			(!of.Bogus || f.Failure.Cause.Kind() == cause.KindDNSSEC)
	})
	if of.Bogus { // bogus data are never kept, but that they were bogus is (RFC 9520)
		return n
	}
	// What denies the name denies every type.
	n += s.Negatives.RemoveFunc(func(k Key) bool {
		return at(k.Name) && (typed(k.Type) || k.Type == wire.TypeNone)
	})
	n += s.Denials.zones.RemoveFunc(func(k ZoneKey, _ *zoneDenials) bool {
		return at(k.Name) || of.Name.Within(k.Name)
	})
	if !of.Negative {
		n += s.RRsets.RemoveFunc(func(k Key) bool { return at(k.Name) && typed(k.Type) })
	}
	return n
}
