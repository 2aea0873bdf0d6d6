// How names are resolved for the clients of a view: zones, exceptions from validation, DNS64.

package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"bailiwick/internal/policy"
	"bailiwick/trustanchor"
)

// Resolving is how names are resolved for some clients.
type Resolving struct {
	Zones    []Zone
	Insecure []trustanchor.NegativeAnchor
	Modes    []trustanchor.ZoneMode
	Validate bool
}

// resolvingFields are the fields of a view about that, with those of their own records: each is
// read as the key of the table that it stands in place of.
var resolvingFields = map[string]*key{
	"forward_zones":   {key: forwardZones, kind: kindRecords, fields: zoneFields},
	"stub_zones":      {key: stubZones, kind: kindRecords, fields: zoneFields},
	"insecure":        {key: "trust_anchors.insecure", kind: kindRecords, fields: insecureFields},
	"validator_zones": {key: "validator.zones", kind: kindRecords, fields: modeFields},
	"dns64":           {key: "policy.dns64", kind: kindRecords, fields: dns64Fields},
}

var (
	insecureFields = []string{"name", "reason", "owner", "until"}
	modeFields     = []string{"zone", "mode"}
	dns64Fields    = []string{"enabled", "prefixes[]", "clients[]", "exclude_aaaa[]",
		"exclude_a[]", "non_global", "exclude_names[]", "ignore_aaaa[]"}
)

// recordText reads an item that is a record of its own, and writes it as a record of YAML.
func recordText(k *key, n ast.Node) (string, error) {
	r, err := k.readRecord(n)
	if err != nil {
		return "", err
	}
	return k.renderRecord(r), nil
}

// ownRecords reads the items of such a field again.
func (c *Config) ownRecords(field string, items []string) (v value, err error) {
	k := resolvingFields[field]
	var errs []error
	for i, text := range items {
		f, err := parser.ParseBytes([]byte(text), 0)
		if err != nil || len(f.Docs) != 1 || f.Docs[0].Body == nil {
			errs = append(errs, inItem(i, fmt.Errorf("%q cannot be read", text)))
			continue
		}
		r, err := k.readRecord(f.Docs[0].Body)
		errs = append(errs, inItem(i, err))
		v.records = append(v.records, r)
	}
	c.resolvePaths(k, &v)
	return v, errors.Join(errs...)
}

// readResolving reads the fields of a view about how names are resolved.
func (v *View) readResolving(c *Config, r record) error {
	own := &Config{places: c.places, files: c.files}
	var errs []error
	for _, f := range []struct {
		field string
		set   func(value) error
	}{
		{"forward_zones", func(l value) error {
			return own.addZones(v.Key+".forward_zones", l, true)
		}},
		{"stub_zones", func(l value) error { return own.addZones(v.Key+".stub_zones", l, false) }},
		{"insecure", func(l value) error { return setInsecure(own, l) }},
		{"validator_zones", func(l value) error { return setModes(own, l) }},
	} {
		list, err := c.ownRecords(f.field, r[f.field])
		if err == nil {
			err = f.set(list)
		}
		errs = append(errs, inField(f.field, err))
	}
	validate, err := truth(r, "validation")
	errs = append(errs, inField("validation", err))
	v.own = Resolving{own.Zones, own.Anchors.Insecure, own.Anchors.Zones, validate}
	if v.given["dns64"] {
		list, err := c.ownRecords("dns64", r["dns64"])
		if err == nil && len(list.records) == 1 {
			v.dns64 = list.records[0]
			err = v.setDNS64(new(policy.DNS64Config))
		}
		errs = append(errs, inField("dns64", err))
	}
	return errors.Join(errs...)
}

// zoneField is the field of a view that has zones of a kind.
func zoneField(forward bool) string {
	if forward {
		return "forward_zones"
	}
	return "stub_zones"
}

// resolving returns how names are resolved for the view's clients: by what it gives, and the rest
// as for all others.
func (v *View) resolving(all Resolving) Resolving {
	var zones []Zone
	for _, from := range []struct {
		list []Zone
		own  bool
	}{{all.Zones, false}, {v.own.Zones, true}} {
		for _, z := range from.list {
			if v.given[zoneField(z.Forward)] == from.own {
				zones = append(zones, z)
			}
		}
	}
	all.Zones = zones
	if v.given["insecure"] {
		all.Insecure = v.own.Insecure
	}
	if v.given["validator_zones"] {
		all.Modes = v.own.Modes
	}
	if v.given["validation"] {
		all.Validate = v.own.Validate
	}
	return all
}

// setDNS64 sets what the view gives of DNS64.
func (v *View) setDNS64(d *policy.DNS64Config) error {
	c := &Config{}
	c.Policy.DNS64 = *d
	var errs []error
	for i := range dns64Keys {
		k := &dns64Keys[i]
		_, name := k.path()
		list, is := v.dns64[name]
		if !is {
			continue
		}
		given := value{list: list}
		if k.kind != kindList {
			given = value{text: v.dns64.text(name)}
		}
		err := k.convert(&given)
		if err == nil {
			err = k.set(c, given)
		}
		errs = append(errs, inField(name, err))
	}
	*d = c.Policy.DNS64
	return errors.Join(errs...)
}

// EachZone calls f for each stub and forward zone of the configuration and of its views, with how
// names are resolved for the clients that it is for.
func (c *Config) EachZone(f func(z *Zone, of *Resolving)) {
	all := c.Policies()
	for i := range all {
		for j := range all[i].Zones {
			if z := &all[i].Zones[j]; i == 0 || c.Views[i-1].given[zoneField(z.Forward)] {
				f(z, &all[i].Resolving)
			}
		}
	}
}

// resolvingContradictions finds views in which a name has two sources.
func (c *Config) resolvingContradictions(say reporter) {
	for i, p := range c.Policies() {
		if i == 0 {
			continue
		}
		v := &c.Views[i-1]
		for j, z := range p.Zones {
			own := v.given[zoneField(z.Forward)]
			for _, o := range p.Zones[:j] {
				if o.Name == z.Name {
					say(v.Key, "view %s: zone %s is both %s and %s; give %s in the view too, even "+
						"if it is empty", v.Name, z.Name, o.Key, z.Key, zoneField(o.Forward))
				}
			}
			for _, h := range c.Held {
				if own && h.Name == z.Name {
					say(z.Key, "view %s: zone %s is also %s: a name has one kind of source", v.Name,
						z.Name, h.Key)
				}
			}
			if own && c.LocalRoot && z.Name.IsRoot() {
				say(z.Key, "view %s: the zone is for all names, so the copy of the root "+
					"(zones.local_root) would not be used", v.Name)
			}
		}
		if v.given["validation"] && v.own.Validate && !c.Anchors.Validate {
			say(v.Key+".validation", "view %s: validator.validation is off, so that no trust "+
				"anchor is used: a view can only switch validation off", v.Name)
		}
		if d := p.DNS64; v.given["dns64"] && d.On && len(d.Prefixes) == 0 {
			say(v.Key+".dns64", "view %s: dns64 is on and has no prefix: nothing could be "+
				"translated", v.Name)
		}
	}
}
