// Which catalog has which member.

package catalog

import (
	"fmt"
	"maps"
	"slices"

	"bailiwick/wire"
)

// Owned is a member with the catalog that it was configured from.
type Owned struct {
	Member
	Catalog wire.Name
}

// Book has the members of all catalogs by their names. It is immutable.
type Book map[wire.Name]Owned

// Report is what an update of a catalog has changed, and what it could not.
type Report struct {
	Added, Removed, Reset, Moved []wire.Name
	Changed                      []wire.Name // in group, or in the catalog that may take them over
	Refused                      []string    // why members are not taken
}

// Any reports whether anything has changed.
func (r *Report) Any() bool {
	return len(r.Added)+len(r.Removed)+len(r.Reset)+len(r.Moved)+len(r.Changed) > 0
}

// Update returns the book after a catalog has other members. admit returns why a zone may not be
// one, "" if it may.
//
// A zone is removed only by the catalog that it was configured from (RFC 9432, section 5.3). One
// that another catalog has is taken over only if that catalog says so (section 4.4.1); otherwise
// the names clash, and the one that was there first stays (section 5.2). A member of another label
// begins anew (section 5.4).
func (b Book) Update(from wire.Name, members []Member, admit func(wire.Name) string) (Book,
	Report) {
	next, r := maps.Clone(b), Report{}
	if next == nil {
		next = Book{}
	}
	listed := map[wire.Name]bool{}
	for _, m := range members {
		listed[m.Name] = true
	}
	for _, name := range b.names() {
		if b[name].Catalog == from && !listed[name] {
			delete(next, name)
			r.Removed = append(r.Removed, name)
		}
	}
	for _, m := range members {
		have, known := next[m.Name]
		switch why := admit(m.Name); {
		case why != "":
			r.refuse(m.Name, why)
			if known && have.Catalog == from {
				delete(next, m.Name)
				r.Removed = append(r.Removed, m.Name)
			}
			continue
		case known && have.Catalog != from && have.To != from:
			r.refuse(m.Name, "it is a member of "+have.Catalog.String())
			continue
		case !known && len(next) >= maxMembers:
			r.refuse(m.Name, fmt.Sprintf("there are %d members already", maxMembers))
			continue
		}
		next[m.Name] = Owned{m, from}
		r.note(have, next[m.Name], known)
	}
	return next, r
}

// refuse notes why a member is not taken.
func (r *Report) refuse(name wire.Name, why string) {
	r.Refused = append(r.Refused, name.String()+": "+why)
}

// note notes what has become of a member.
func (r *Report) note(before, now Owned, known bool) {
	switch {
	case !known:
		r.Added = append(r.Added, now.Name)
		return
	case before.ID != now.ID:
		r.Reset = append(r.Reset, now.Name)
	}
	switch {
	case before.Catalog != now.Catalog:
		r.Moved = append(r.Moved, now.Name)
	case before.To != now.To || !slices.Equal(before.Groups, now.Groups):
		r.Changed = append(r.Changed, now.Name)
	}
}

// Keep returns the book with the members of those catalogs alone that there are.
func (b Book) Keep(is func(catalog wire.Name) bool) Book {
	next := Book{}
	for name, m := range b {
		if is(m.Catalog) {
			next[name] = m
		}
	}
	return next
}

// Of returns the members of a catalog in the order of their names.
func (b Book) Of(from wire.Name) (all []Owned) {
	for _, name := range b.names() {
		if b[name].Catalog == from {
			all = append(all, b[name])
		}
	}
	return all
}

// names returns all names in order.
func (b Book) names() []wire.Name {
	return slices.SortedFunc(maps.Keys(b), wire.Name.Compare)
}
