// Catalog zones, and their members.

package snapshot

import (
	"slices"

	"bailiwick/internal/catalog"
	"bailiwick/internal/config"
	"bailiwick/internal/rpz"
	"bailiwick/resolver"
	"bailiwick/secondary"
	"bailiwick/wire"
)

// withoutMembers are the zones of the configuration itself.
type withoutMembers struct {
	kept   []secondary.Zone
	policy []rpz.Zone
	own    []resolver.Zone
}

// loadCatalogs completes the catalogs with what they name, and remembers which zones there are
// without members.
func (s *Snapshot) loadCatalogs() (found config.Findings) {
	cfg := s.Config
	keys, _ := loadKeys(cfg) // what is wrong with them is found where zones are loaded
	for i := range cfg.Catalogs {
		c := &cfg.Catalogs[i]
		z, f := complete(cfg, &c.HeldZone, keys)
		found = append(found, f...)
		_, f = complete(cfg, &c.Members.HeldZone, keys)
		if c.Members.TSIG != c.TSIG || c.Members.TLSRoots != c.TLSRoots {
			found = append(found, f...) // otherwise it has been said
		}
		if z.File != "" && !z.Name.IsZero() {
			read, f := readZoneFile(cfg, &c.HeldZone, s.Secondary.Files)
			found = append(found, f...)
			if read != nil {
				if _, err := catalog.Members(read); err != nil {
					found = append(found, cfg.Warning(c.Key+".file", "catalog %s is broken: %v",
						c.Name, err))
				}
			}
		}
		s.Secondary.Zones = append(s.Secondary.Zones, z)
	}
	for i := range cfg.CatalogGroups {
		_, f := complete(cfg, &cfg.CatalogGroups[i].Members.HeldZone, keys)
		found = append(found, f...)
	}
	s.alone = withoutMembers{s.Secondary.Zones, s.Policy, s.Resolver.Zones}
	return found
}

// CatalogOf returns the catalog of a name, nil if it is none.
func (s *Snapshot) CatalogOf(name wire.Name) *config.Catalog {
	i := slices.IndexFunc(s.Config.Catalogs, func(c config.Catalog) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Config.Catalogs[i]
}

// Admit returns why a zone may not be a member of a catalog, "" if it may.
func (s *Snapshot) Admit(c *config.Catalog, name wire.Name) string {
	within := func(top wire.Name) bool { return name.Within(top) }
	switch {
	case len(c.Within) > 0 && !slices.ContainsFunc(c.Within, within):
		return "it is not in a zone of within"
	case slices.ContainsFunc(s.alone.kept, func(z secondary.Zone) bool { return z.Name == name }),
		slices.ContainsFunc(s.alone.own, func(z resolver.Zone) bool { return z.Name == name }):
		return "the configuration has a zone of this name"
	}
	return ""
}

// TakeMembers adds the members of catalogs to the zones of the configuration: policy zones after
// all others, in the order of their catalogs and then of their names.
func (s *Snapshot) TakeMembers(book catalog.Book) {
	if len(s.Config.Catalogs) == 0 {
		return
	}
	keys, _ := loadKeys(s.Config)
	s.Secondary.Zones, s.Policy = slices.Clone(s.alone.kept), slices.Clone(s.alone.policy)
	s.Resolver.Zones = slices.Clone(s.alone.own)
	for i := range s.Config.Catalogs {
		c := &s.Config.Catalogs[i]
		for _, m := range book.Of(c.Name) {
			if s.Admit(c, m.Name) == "" {
				s.add(s.Config.MembersOf(c, m.Groups), m, keys)
			}
		}
	}
}

// add adds a member to the zones.
func (s *Snapshot) add(as config.MemberZone, m catalog.Owned, keys map[string]*secondary.Key) {
	if as.Use == config.UseNothing {
		return
	}
	as.Zone.Name, as.Zone.ID = m.Name, m.ID
	z, _ := complete(s.Config, &as.HeldZone, keys) // what is wrong is found without members
	s.Secondary.Zones = append(s.Secondary.Zones, z)
	switch {
	case as.Use == config.UsePolicy:
		as.Policy.Name = m.Name
		s.Policy = append(s.Policy, as.Policy)
	case !as.Fallback:
		s.Resolver.Zones = append(s.Resolver.Zones, resolver.Zone{Name: m.Name, Held: true})
	}
}
