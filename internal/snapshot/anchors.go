// Where trust starts.

package snapshot

import (
	"errors"
	"time"

	"bailiwick/internal/config"
	"bailiwick/trustanchor"
	"bailiwick/validator"
)

// loadAnchors collects the trust anchors. A server without any would validate nothing: that has
// to be meant.
func loadAnchors(cfg *config.Config) (*trustanchor.Set, []trustanchor.Source, config.Findings) {
	sources, found := loadSources(cfg)
	set := &trustanchor.Set{}
	for _, s := range sources {
		set = set.Union(s.Set)
	}
	all := cfg.Policies()
	set = excepting(set, &all[0].Resolving)
	found = append(found, aboutExceptions(cfg, set, "trust_anchors.insecure", "validator.zones",
		&all[0].Resolving)...)
	v := validator.New(cfg.Resolver.Validation)
	for _, zone := range set.Zones() {
		if ds, _ := set.At(zone); ds != nil {
			if usable, why := v.UsableDS(ds); len(usable) == 0 {
				found = append(found, cfg.Warning("trust_anchors",
					"no trust anchor of zone %s can be used: its names are not validated (%s)",
					zone, why.Text()))
			}
		}
	}
	if len(found) == 0 && len(set.Zones()) == 0 {
		if f := cfg.NoAnchor(); f != nil {
			found = append(found, f)
		}
	}
	if _, err := AnchorRoots(cfg.Anchors.CA); err != nil {
		found = append(found, cfg.Error("trust_anchors.ca", "%v", err))
	}
	if !cfg.Anchors.Validate {
		return &trustanchor.Set{}, nil, found
	}
	return set, sources, found
}

// excepting returns a set with the exceptions of some clients in place of its own.
func excepting(set *trustanchor.Set, of *config.Resolving) *trustanchor.Set {
	own := set.Strict()
	own.AddNegatives(of.Insecure)
	for _, z := range of.Zones {
		if z.Insecure {
			own.Except(z.Name, trustanchor.Insecure)
		}
	}
	for _, z := range of.Modes {
		if z.Mode != trustanchor.None {
			own.Except(z.Zone, z.Mode)
		}
	}
	return own
}

// loadSources loads the trust anchors of each source.
func loadSources(cfg *config.Config) (sources []trustanchor.Source, found config.Findings) {
	add := func(name string, set *trustanchor.Set) {
		sources = append(sources, trustanchor.Source{Name: name, Set: set})
	}
	if cfg.Anchors.Builtin {
		add("trust_anchors.builtin", trustanchor.Builtin())
	}
	if len(cfg.Anchors.Records) > 0 {
		set := &trustanchor.Set{}
		for i, r := range cfg.Anchors.Records {
			if err := set.Add(r); err != nil {
				found = append(found,
					aboutAnchor(cfg, config.Item("trust_anchors.records", i), err))
			}
		}
		add("trust_anchors.records", set)
	}
	if cfg.Anchors.File != "" {
		set := &trustanchor.Set{}
		for _, err := range config.ErrorsOf(set.AddFile(cfg.Anchors.File)) {
			found = append(found, aboutAnchor(cfg, "trust_anchors.file", err))
		}
		add("trust_anchors.file", set)
	}
	return sources, found
}

// aboutExceptions finds negative trust anchors that have ended, and those that hold for longer than
// one may (RFC 7646, section 2). A zone that is to be validated below an exception cannot be
// without an anchor of its own: no DS leads there.
func aboutExceptions(cfg *config.Config, set *trustanchor.Set, insecure, zones string,
	of *config.Resolving) (found config.Findings) {
	now := time.Now()
	for i, n := range of.Insecure {
		switch key := config.Item(insecure, i); {
		case n.Ends.IsZero():
		case !now.Before(n.Ends):
			found = append(found, cfg.Warning(key, "the negative trust anchor of %s has ended on "+
				"%s: take it out", n.Zone, n.Ends.Format(time.RFC3339)))
		case n.Ends.After(now.Add(trustanchor.MaxLifetime)):
			found = append(found, cfg.Error(key, "the negative trust anchor of %s ends on %s: it "+
				"may hold for a week at most (RFC 7646, section 2); a zone that will not be "+
				"mended is insecure in validator.zones", n.Zone, n.Ends.Format(time.RFC3339)))
		}
	}
	for i, z := range of.Modes {
		if n, e := set.Exception(z.Zone); z.Mode == trustanchor.None && e != trustanchor.None {
			found = append(found, cfg.Error(config.Item(zones, i), "zone %s cannot be "+
				"validated below %s, which is an exception: trust its own key "+
				"(trust_anchors.records)", z.Zone, n))
		}
	}
	return found
}

// aboutAnchor is the finding of an anchor that is wrong. One that can match no key fails closed by
// itself: serve says so and answers for all other zones, as Unbound does; BIND and Knot Resolver
// refuse to start, or to load it.
func aboutAnchor(cfg *config.Config, key string, err error) *config.Finding {
	f := cfg.Error(key, "%v", err)
	if errors.Is(err, trustanchor.ErrNeverMatches) {
		f.Alarm = "a trust anchor can match no key"
	}
	return f
}
