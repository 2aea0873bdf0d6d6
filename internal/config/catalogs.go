// Catalog zones: where they come from, and what is done with their members.

package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bailiwick/internal/catalog"
	"bailiwick/wire"
)

// Catalog is a catalog zone, as the file has it.
type Catalog struct {
	HeldZone
	Within  []wire.Name // members are at or below these; none: they may have any name
	Members MemberZone  // of no group, or of one that is not listed
}

// MemberGroup is what is done with members of a group.
type MemberGroup struct {
	Catalog wire.Name
	Name    string
	Members MemberZone
	Key     string // what it is called in findings: zones.catalog_groups[0]
}

// MemberZone is what a member zone is made of, but for its name.
type MemberZone struct {
	PolicyZone
	Use MemberUse
}

// MemberUse is what members are used for.
type MemberUse uint8

// The uses.
const (
	UseCopies MemberUse = iota // by iteration
	UsePolicy                  // as response policy zones
	UseNothing
)

var memberUses = []string{"copies", "policy", "nothing"}

// memberFields are what is said of members.
var memberFields = []string{"use", "fallback", "action", "target", "break_dnssec", "wait_recurse",
	"log", "reason"}

// catalogFields are the fields of a catalog.
var catalogFields = slices.Concat([]string{"name", "primaries[]", "tsig", "tls_name", "tls_ca/",
	"url", "file/", "zonemd", "notify_from[]", "within[]", "member_primaries[]", "member_zonemd"},
	memberFields)

// groupFields are the fields of a group.
var groupFields = slices.Concat([]string{"catalog", "group", "primaries[]", "tsig", "tls_name",
	"tls_ca/", "zonemd", "notify_from[]"}, memberFields)

func setCatalogs(c *Config, v value) error {
	c.Catalogs = nil
	return v.each(func(i int, r record) error {
		z, err := newCatalog(r)
		z.Key = Item("zones.catalogs", i)
		z.Members.Key = z.Key
		switch {
		case slices.ContainsFunc(c.Catalogs, func(o Catalog) bool { return o.Name == z.Name }):
			err = errors.Join(err, inField("name", fmt.Errorf("catalog %s is given twice", z.Name)))
		case len(c.Catalogs) == catalog.MaxCatalogs:
			err = errors.Join(err, fmt.Errorf("there may be %d catalogs at most",
				catalog.MaxCatalogs))
		}
		c.Catalogs = append(c.Catalogs, z)
		return err
	})
}

// newCatalog reads a catalog.
func newCatalog(r record) (z Catalog, err error) {
	source := record{}
	for _, f := range []string{"name", "primaries", "tsig", "tls_name", "tls_ca", "url", "file",
		"zonemd", "notify_from"} {
		if l, ok := r[f]; ok {
			source[f] = l
		}
	}
	if source.text("zonemd") == "" {
		source["zonemd"] = []string{"off"} // as of policy zones: no tree could prove anything
	}
	z.HeldZone, err = heldZone(source)
	z.Zone.Catalog = true
	errs := []error{err}
	z.Within, err = domainNames(r["within"])
	errs = append(errs, inField("within", err))
	of := r
	if l := r["member_primaries"]; len(l) > 0 {
		of = record{}
		maps.Copy(of, r)
		of["primaries"] = l
	}
	if len(of["primaries"]) == 0 {
		errs = append(errs, inField("member_primaries", fmt.Errorf(
			"catalog %s: member_primaries are wanted: where members are transferred from", z.Name)))
		return z, errors.Join(errs...)
	}
	if err == nil && errs[0] == nil {
		z.Members, err = memberZone(of, r["member_zonemd"])
		errs = append(errs, err)
	}
	if z.Members.Use == UseCopies && len(z.Within) == 0 {
		errs = append(errs, inField("within", fmt.Errorf("catalog %s: within is wanted: the names "+
			"at or below which members may be, as whoever makes the catalog would decide what "+
			"clients get for any name", z.Name)))
	}
	return z, errors.Join(errs...)
}

// memberZone reads what is done with members.
func memberZone(r record, zonemd []string) (m MemberZone, err error) {
	use := 0
	if r.text("use") != "" {
		if use, err = r.choice("use", memberUses); err != nil {
			return m, err
		}
	}
	m.Use = MemberUse(use)
	of := record{"name": {"member.invalid"}}
	for _, f := range append([]string{"primaries", "tsig", "tls_name", "tls_ca", "notify_from"},
		memberFields[1:]...) {
		if l, ok := r[f]; ok {
			of[f] = l
		}
	}
	if len(zonemd) > 0 {
		of["zonemd"] = zonemd
	}
	if len(of["primaries"]) == 0 {
		of["primaries"] = []string{"member.invalid"} // those of the catalog stand in its place
		defer func() { m.Primaries = nil }()
	}
	if m.Use == UsePolicy {
		delete(of, "fallback")
		m.PolicyZone, err = policyZone(of)
		return m, err
	}
	for _, f := range memberFields[2:] {
		if of.text(f) != "" {
			return m, inField(f, fmt.Errorf("%s is for use: policy", f))
		}
	}
	m.HeldZone, err = heldZone(of)
	return m, err
}

func setCatalogGroups(c *Config, v value) error {
	c.CatalogGroups = nil
	return v.each(func(i int, r record) error {
		g := MemberGroup{Name: r.text("group"), Key: Item("zones.catalog_groups", i)}
		var err error
		if g.Catalog, err = wire.ParseName(r.text("catalog")); err != nil ||
			r.text("catalog") == "" {
			return inField("catalog", fmt.Errorf("%q is not a name of a catalog",
				r.text("catalog")))
		}
		if g.Name == "" {
			return fmt.Errorf("a group lacks its name (group)")
		}
		g.Members, err = memberZone(r, r["zonemd"])
		g.Members.Key = g.Key
		c.CatalogGroups = append(c.CatalogGroups, g)
		return err
	})
}

// MembersOf returns what is done with members of a catalog that have these groups: the first group
// of the configuration that is one of them decides.
func (c *Config) MembersOf(z *Catalog, groups []string) MemberZone {
	for _, g := range c.CatalogGroups {
		if g.Catalog != z.Name || !slices.Contains(groups, g.Name) {
			continue
		}
		m := g.Members
		if len(m.Primaries) == 0 {
			m.Primaries = z.Members.Primaries
			if m.TSIG == "" && m.TLSName == "" {
				m.TSIG, m.TLSName, m.TLSRoots = z.Members.TSIG, z.Members.TLSName,
					z.Members.TLSRoots
			}
		}
		if len(m.NotifyFrom) == 0 {
			m.NotifyFrom = z.Members.NotifyFrom
		}
		return m
	}
	return z.Members
}

// catalogContradictions finds catalogs that cannot be kept beside others, and groups of none.
func (c *Config) catalogContradictions(say reporter) {
	for i := range c.Catalogs {
		z := &c.Catalogs[i]
		held := func(o HeldZone) bool { return o.Name == z.Name }
		if slices.ContainsFunc(c.Held, held) || c.LocalRoot && z.Name.IsRoot() ||
			slices.ContainsFunc(c.RPZ, func(o PolicyZone) bool { return held(o.HeldZone) }) {
			say(z.Key, "zone %s is also in zones or policy.rpz: it is a catalog or that",
				strings.TrimSuffix(z.Name.String(), "."))
		}
	}
	for _, g := range c.CatalogGroups {
		i := slices.IndexFunc(c.Catalogs, func(z Catalog) bool { return z.Name == g.Catalog })
		switch {
		case i < 0:
			say(g.Key, "there is no catalog %s in zones.catalogs", g.Catalog)
		case g.Members.Use == UseCopies && len(c.Catalogs[i].Within) == 0:
			say(g.Key, "catalog %s lacks within: the names at or below which its members may be",
				g.Catalog)
		}
	}
}
