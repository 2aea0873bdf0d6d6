// Sources of trust anchors, and whether they agree.

package trustanchor

import (
	"fmt"
	"slices"
	"strings"

	"bailiwick/wire"
)

// Source is where anchors come from, and which they are.
type Source struct {
	Name string // such as a key of the configuration
	Set  *Set
}

// followedName is the name of what was accepted since (RFC 5011), where sources are compared.
const followedName = "rfc5011"

// anchorID tells keys apart, whatever digest an anchor has.
type anchorID struct {
	tag       uint16
	algorithm uint8
}

// Disagreements returns what sources disagree about, a sentence each: a key of a zone that one
// source trusts and another one, which has anchors of that zone, does not; a key that was accepted
// since and that no source has; and one that is revoked and that a source still has. That a
// configured key has not been seen in its zone is not a disagreement: it may be for later.
func Disagreements(sources []Source, followed []Status) (found []string) {
	zones := map[wire.Name]bool{}
	for _, s := range sources {
		for zone := range s.Set.anchors {
			zones[zone] = true
		}
	}
	ordered := make([]wire.Name, 0, len(zones))
	for zone := range zones {
		ordered = append(ordered, zone)
	}
	slices.SortFunc(ordered, wire.Name.Compare)
	for _, zone := range ordered {
		found = append(found, disagreementsOf(zone, sources, followed)...)
	}
	return found
}

// disagreementsOf returns the disagreements about a zone.
func disagreementsOf(zone wire.Name, sources []Source, followed []Status) (found []string) {
	var names []string               // of the sources that have anchors of the zone
	has := map[anchorID][]string{}   // the sources that trust a key
	revoked := map[anchorID]string{} // keys that nobody should trust
	add := func(name string, id anchorID) {
		if !slices.Contains(has[id], name) {
			has[id] = append(has[id], name)
		}
	}
	for _, s := range sources {
		for _, d := range s.Set.anchors[zone] {
			add(s.Name, anchorID{d.KeyTag, d.Algorithm})
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	for _, p := range followed {
		for i := range p.Keys {
			k := &p.Keys[i]
			id := anchorID{k.Tag(), k.Data[3]}
			switch {
			case p.Zone != zone:
			case k.trusted():
				add(followedName, id)
			case k.State == Revoked || k.State == Removed:
				revoked[id] = k.State.String()
			}
		}
	}
	var ids []anchorID
	for id := range has {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b anchorID) int { return int(a.tag) - int(b.tag) })
	for _, id := range ids {
		var without []string
		for _, n := range names {
			if !slices.Contains(has[id], n) {
				without = append(without, n)
			}
		}
		switch {
		case revoked[id] != "":
			found = append(found, fmt.Sprintf("key %d of zone %s is %s, and %s has it", id.tag,
				zone, revoked[id], strings.Join(has[id], ", ")))
		case len(without) > 0:
			found = append(found, fmt.Sprintf("key %d of zone %s: %s has it, %s has not", id.tag,
				zone, strings.Join(has[id], ", "), strings.Join(without, ", ")))
		}
	}
	return found
}
