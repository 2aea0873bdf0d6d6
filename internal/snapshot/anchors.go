// Where trust starts.

package snapshot

import (
	"errors"

	"bailiwick/internal/config"
	"bailiwick/trustanchor"
	"bailiwick/validator"
)

// loadAnchors collects the trust anchors. A server without any would validate nothing: that has
// to be meant.
func loadAnchors(cfg *config.Config) (*trustanchor.Set, config.Findings) {
	var found config.Findings
	set := &trustanchor.Set{}
	if cfg.Anchors.Builtin {
		set = trustanchor.Builtin()
	}
	for i, r := range cfg.Anchors.Records {
		if err := set.Add(r); err != nil {
			found = append(found, aboutAnchor(cfg, config.Item("trust_anchors.records", i), err))
		}
	}
	if cfg.Anchors.File != "" {
		for _, err := range config.ErrorsOf(set.AddFile(cfg.Anchors.File)) {
			found = append(found, aboutAnchor(cfg, "trust_anchors.file", err))
		}
	}
	for _, n := range cfg.Anchors.Insecure {
		set.AddNegativeName(n)
	}
	for _, z := range cfg.Zones {
		if z.Insecure {
			set.AddNegativeName(z.Name)
		}
	}
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
	if !cfg.Anchors.Validate {
		set = &trustanchor.Set{}
	}
	return set, found
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
