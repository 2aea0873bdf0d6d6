// Package catalog reads catalog zones (RFC 9432), and decides which catalog has which member. It is
// pure: what it returns is put to use elsewhere.
package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bailiwick/wire"
	"bailiwick/zone"
)

// Member is a zone as a catalog has it.
type Member struct {
	Name wire.Name
	// ID is the label that stands for the member (RFC 9432, section 4.1): if it changes, what is
	// known of the zone is to be forgotten.
	ID     string
	Groups []string  // RFC 9432, section 4.4.2
	To     wire.Name // the catalog that may take the member over (section 4.4.1), zero for none
}

// The labels of properties.
const (
	labelZones   = "zones"
	labelVersion = "version"
	labelGroup   = "group"
	labelOwner   = "coo"
)

// schema is the version of the form that is read (RFC 9432, section 4.3.1).
const schema = "2"

// Members returns the members of a catalog in the order of their names. An error is why the catalog
// is broken: it must not be processed then, and its members stay as they are (RFC 9432, section
// 5.1). Records that say nothing here are ignored.
func Members(z *zone.Zone) ([]Member, error) {
	byID, version := map[string]*Member{}, false
	of := func(node wire.Name) *Member {
		id := strings.TrimSuffix(node.String(), "."+labelZones+".")
		if byID[id] == nil {
			byID[id] = &Member{ID: id}
		}
		return byID[id]
	}
	for i := range z.Names() {
		place := z.PlaceAt(i)
		name := z.NameAt(place)
		var err error
		switch depth := name.Labels(); {
		case depth == 1 && name.Label() == labelVersion:
			version, err = true, checkVersion(z, place, name)
		case depth < 2 || name.Ancestor(1).Label() != labelZones:
		case depth == 2:
			of(name).Name, err = target(z, place, name)
		case depth == 3 && name.Label() == labelOwner:
			of(name.Parent()).To, err = target(z, place, name)
		case depth == 3 && name.Label() == labelGroup:
			of(name.Parent()).Groups = groups(z, place, name)
		}
		if err != nil {
			return nil, err
		}
	}
	if !version {
		return nil, errors.New("it has no version")
	}
	return inOrder(byID)
}

// inOrder returns the members by their names, each of which has to be there once.
func inOrder(byID map[string]*Member) (all []Member, err error) {
	for _, m := range byID {
		if !m.Name.IsZero() { // otherwise it has properties, and no zone
			all = append(all, *m)
		}
	}
	slices.SortFunc(all, func(a, b Member) int { return a.Name.Compare(b.Name) })
	for i := 1; i < len(all); i++ {
		if all[i].Name == all[i-1].Name {
			return nil, fmt.Errorf("two members are %s", all[i].Name)
		}
	}
	return all, nil
}

// checkVersion returns what is wrong with the version.
func checkVersion(z *zone.Zone, place uint32, name wire.Name) error {
	texts := textsAt(z, place, name)
	switch {
	case len(texts) != 1:
		return fmt.Errorf("it has %d versions", len(texts))
	case texts[0] != schema:
		return fmt.Errorf("its version is %q, and not %q", texts[0], schema)
	}
	return nil
}

// target returns the name of the one PTR record at a place; zero if there is none.
func target(z *zone.Zone, place uint32, name wire.Name) (to wire.Name, err error) {
	for _, s := range z.SetsAt(place, wire.TypePTR, name) {
		if s.Type != wire.TypePTR {
			continue
		}
		if s.Data.Len() != 1 {
			return to, fmt.Errorf("%s has %d PTR records", name, s.Data.Len())
		}
		to, _ = wire.TargetName(s.Data.First()) // package zone has seen that it is one
	}
	return to, nil
}

// groups returns the groups at a place.
func groups(z *zone.Zone, place uint32, name wire.Name) []string {
	all := textsAt(z, place, name)
	return all[:min(len(all), maxGroups)]
}

// textsAt returns the TXT records at a place, each as one text.
func textsAt(z *zone.Zone, place uint32, name wire.Name) (texts []string) {
	for _, s := range z.SetsAt(place, wire.TypeTXT, name) {
		if s.Type != wire.TypeTXT {
			continue
		}
		for d := range s.Data.All() {
			text := ""
			for len(d) > 0 && int(d[0]) < len(d) {
				text, d = text+string(d[1:1+int(d[0])]), d[1+int(d[0]):]
			}
			texts = append(texts, text)
		}
	}
	return texts
}
