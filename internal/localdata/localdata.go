// Package localdata answers questions from the operator's own data: records and zones that are
// served here and nowhere else, hosts files, and lists of blocked names.
package localdata

import (
	"io"
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/internal/nametable"
	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// Type is what a local zone says of names that it has no records of.
type Type uint8

// The types.
const (
	Transparent     Type = iota // the name is resolved as any other
	TypeTransparent             // so are the types that a name has no records of
	Static                      // nothing else exists
	Redirect                    // they have the records of the zone's own name
	Refuse
	Drop
	NXDomain // nothing else exists, and clients learn that it is blocked
	Inform   // as Transparent, and the log has who asks
)

var typeNames = [...]string{"transparent", "typetransparent", "static", "redirect", "refuse",
	"drop", "nxdomain", "inform"}

// String returns the type's name in the configuration.
func (t Type) String() string { return typeNames[t] }

// TypeNames returns the names of all types.
func TypeNames() []string { return typeNames[:] }

// Data are all local data. They are immutable.
type Data struct {
	names   *nametable.Table // of records, of zones, and of all between them: places in nodes
	nodes   []node
	zones   []localZone
	blocked *nametable.Table // of lists in files: places in lists
	fetched *nametable.Table // of lists by URL, which change by themselves: the same
	lists   []List
}

// WithLists returns the data with the lists of others in place of their own. Both share their
// memory.
func (d *Data) WithLists(o *Data) *Data {
	c := *d
	c.blocked, c.fetched, c.lists = o.blocked, o.fetched, o.lists
	return &c
}

// WithFetched returns the data with the names of the lists by URL as their texts have them now; a
// list without a text has no names. The lists in files stay as they are.
func (d *Data) WithFetched(text func(url string) io.Reader) *Data {
	c := *d
	c.lists = slices.Clone(d.lists)
	var names nametable.Builder
	for i := range c.lists {
		l := &c.lists[i]
		if l.URL == "" {
			continue
		}
		l.Names = 0
		from := text(l.URL)
		if from == nil {
			continue
		}
		content, _ := Read(from, func(n wire.Name) error { // what was read stands
			return names.Add(n, uint32(i))
		})
		l.Names = content.Names
	}
	c.fetched = names.Table()
	return &c
}

// node is a name with records, a zone's name, or one between them.
type node struct {
	sets     []*wire.RRset
	zone     int32 // the place in zones of the one that it is in, noZone if there is none
	apex     bool
	wildcard bool // there is a name "*" below it
}

const noZone = -1

// localZone is a local zone with what is made of it.
type localZone struct {
	name wire.Name
	typ  Type
	soa  *wire.RRset // of denials
}

// Answer returns what the data say to a question; nil if nothing. Records come before the type of
// the zone that they are in, and both before lists of blocked names.
func (d *Data) Answer(q wire.Question) *policy.Local {
	if l := d.ofZones(q); l != nil {
		return l
	}
	n, labels, ok := d.blocked.Closest(q.Name)
	if m, deep, also := d.fetched.Closest(q.Name); also &&
		(!ok || deep > labels || deep == labels && m < n) {
		n, labels, ok = m, deep, true
	}
	if !ok {
		return nil
	}
	return d.lists[n].answer(q.Name.Ancestor(labels))
}

// ofZones is Answer without lists.
func (d *Data) ofZones(q wire.Question) *policy.Local {
	n, labels, ok := d.names.Closest(q.Name)
	if !ok {
		return nil
	}
	at, exists := &d.nodes[n], labels == q.Name.Labels()
	if exists && at.apex && q.Type == wire.TypeDS { // it is the parent's (RFC 4035, 3.1.4.1)
		if n, _, ok = d.names.Closest(q.Name.Parent()); !ok || q.Name.IsRoot() {
			return nil
		}
		at = &node{zone: d.nodes[n].zone}
	}
	var z *localZone
	if at.zone != noZone {
		z = &d.zones[at.zone]
	}
	sets := at.sets
	switch {
	case z != nil && z.typ == Redirect:
		apex, _ := d.names.Exact(z.name)
		sets, exists = d.nodes[apex].sets, true
	case !exists && at.wildcard: // RFC 4592
		star, _ := q.Name.Ancestor(labels).Wildcard()
		w, _ := d.names.Exact(star)
		sets, exists = d.nodes[w].sets, true
	case !exists:
		sets = nil
	}
	l := found(q, sets)
	switch {
	case l == nil:
		l = z.other(exists, len(sets) > 0)
	case z != nil && z.typ == Redirect:
		l.Cause = cause.Forged
	}
	if z != nil && z.typ == Inform {
		if l == nil {
			l = &policy.Local{Action: policy.LocalResolve}
		}
		l.Inform = z.name
	}
	return l
}

// found returns the answer from the sets of a name; nil if they have none.
func found(q wire.Question, sets []*wire.RRset) *policy.Local {
	l := &policy.Local{}
	for _, s := range sets {
		if s.Type != q.Type && q.Type != wire.TypeANY && s.Type != wire.TypeCNAME {
			continue
		}
		if s.Name != q.Name {
			own := *s
			own.Name = q.Name
			s = &own
		}
		l.Answer = append(l.Answer, s)
		if s.Type == wire.TypeCNAME && q.Type != wire.TypeCNAME && q.Type != wire.TypeANY {
			l.Target, _ = wire.TargetName(s.Data.First())
		}
	}
	if len(l.Answer) == 0 {
		return nil
	}
	return l
}

// other returns what the zone says where there are no records of the question's type; nil if the
// name is resolved as any other. Records outside of all zones are as those in a transparent one.
func (z *localZone) other(exists, hasRecords bool) *policy.Local {
	typ, l := Transparent, &policy.Local{}
	if z != nil {
		typ, l.SOA = z.typ, z.soa
	}
	switch {
	case typ == TypeTransparent, (typ == Transparent || typ == Inform) && !hasRecords:
		return nil
	case typ == Refuse:
		l.Action, l.Cause = policy.LocalRefuse, cause.Blocked
	case typ == Drop:
		l.Action, l.Cause = policy.LocalDrop, cause.BlockedSilently
	case exists && (hasRecords || typ == Static || typ == Redirect):
	case typ == NXDomain:
		l.NXDomain, l.Cause = true, cause.Blocked
	default:
		l.NXDomain = true
	}
	return l
}

// Records returns how many names have records.
func (d *Data) Records() (n int) {
	for i := range d.nodes {
		if len(d.nodes[i].sets) > 0 {
			n++
		}
	}
	return n
}

// Lists returns the lists of blocked names.
func (d *Data) Lists() []List { return d.lists }

// Blocked returns how many names are in lists; one that is in several files, or in several lists by
// URL, counts once.
func (d *Data) Blocked() int { return d.blocked.Len() + d.fetched.Len() }

// Fetched returns how many names are in lists by URL; one that is in several counts once.
func (d *Data) Fetched() int { return d.fetched.Len() }

// Empty reports whether there are no local data at all.
func (d *Data) Empty() bool { return d.names.Len() == 0 && d.Blocked() == 0 }
