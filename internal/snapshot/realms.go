// Ways of resolving that views have of their own.

package snapshot

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"bailiwick/internal/config"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
)

// Realm is a way of resolving of its own. Views that have the same one share it, with all data.
type Realm struct {
	Zones []resolver.Zone
	of    config.Resolving
}

// Anchors returns the trust anchors of the realm, where all clients have these: the same, with its
// own exceptions, or none if it validates nothing.
func (r *Realm) Anchors(all *trustanchor.Set) *trustanchor.Set {
	if !r.of.Validate {
		return &trustanchor.Set{}
	}
	return excepting(all, &r.of)
}

// ViewsOf returns the names of the views that have a way of resolving, by its place from 1 on.
func (s *Snapshot) ViewsOf(realm int) string {
	var names []string
	for _, p := range s.Policies {
		if p.Realm == realm {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// loadRealms loads the zones of views. held are those of all clients that have no servers but their
// copy, which views have too.
func (s *Snapshot) loadRealms(held []resolver.Zone) (found config.Findings) {
	policies := s.Config.Policies()
	loaded := map[string]resolver.Zone{}
	for i, z := range s.Config.Zones {
		if j := slices.IndexFunc(s.Resolver.Zones, func(o resolver.Zone) bool {
			return o.Name == z.Name
		}); j >= 0 {
			loaded[s.Config.Zones[i].Key] = s.Resolver.Zones[j]
		}
	}
	for i := range policies[1:] {
		p, v := &policies[i+1], &s.Config.Views[i]
		if sameResolving(&p.Resolving, &policies[0].Resolving) || s.realmOf(p) > 0 {
			continue
		}
		r := Realm{of: p.Resolving, Zones: slices.Clone(held)}
		for j := range p.Zones {
			z := &p.Zones[j]
			zone, have := loaded[z.Key]
			if !have {
				ok := false
				var wrong config.Findings
				zone, ok, wrong = loadZone(s.Config, z)
				if found = append(found, wrong...); !ok {
					continue
				}
			}
			r.Zones = append(r.Zones, zone)
		}
		own := config.Resolving{}
		if v.Gives("insecure") {
			own.Insecure = p.Insecure
		}
		if v.Gives("validator_zones") {
			own.Modes = p.Modes
		}
		found = append(found, aboutExceptions(s.Config, r.Anchors(s.Anchors), v.Key+".insecure",
			v.Key+".validator_zones", &own)...)
		s.Realms = append(s.Realms, r)
	}
	return found
}

// sameResolving reports whether two policies resolve alike, wherever that is written.
func sameResolving(a, b *config.Resolving) bool {
	x, y := *a, *b
	for _, list := range []*[]config.Zone{&x.Zones, &y.Zones} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i].Key = ""
		}
		slices.SortFunc(*list, func(a, b config.Zone) int {
			return cmp.Compare(a.Name.Wire(), b.Name.Wire())
		})
	}
	for _, r := range []*config.Resolving{&x, &y} { // an emptied list is as one without any
		r.Zones = append([]config.Zone(nil), r.Zones...)
		r.Insecure = append([]trustanchor.NegativeAnchor(nil), r.Insecure...)
		r.Modes = append([]trustanchor.ZoneMode(nil), r.Modes...)
	}
	return reflect.DeepEqual(x, y)
}

// realmOf returns the place of a policy's way of resolving from 1 on, 0 for that of all clients.
func (s *Snapshot) realmOf(p *config.ViewPolicy) int {
	return 1 + slices.IndexFunc(s.Realms, func(r Realm) bool {
		return sameResolving(&r.of, &p.Resolving)
	})
}
