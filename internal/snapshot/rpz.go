// Response policy zones.

package snapshot

import (
	"strings"

	"bailiwick/internal/config"
	"bailiwick/internal/rpz"
	"bailiwick/secondary"
	"bailiwick/wire"
	"bailiwick/zone"
)

// loadPolicy completes the policy zones with what they name, for who keeps their copies. It returns
// them in their order, without rules: these come with the copies.
func loadPolicy(cfg *config.Config, files map[wire.Name]*secondary.File) (kept []secondary.Zone,
	zones []rpz.Zone, found config.Findings) {
	keys, _ := loadKeys(cfg) // what is wrong with them is found where zones are loaded
	for i := range cfg.RPZ {
		p := &cfg.RPZ[i]
		z, f := complete(cfg, &p.HeldZone, keys)
		found = append(found, f...)
		if z.File != "" && !z.Name.IsZero() {
			read, f := readZoneFile(cfg, &p.HeldZone, files)
			found = append(found, f...)
			if read != nil {
				found = append(found, aboutRules(cfg, p, read)...)
			}
		}
		kept, zones = append(kept, z), append(zones, p.Policy)
	}
	return kept, zones, found
}

// aboutRules finds records of a policy zone's file that are not rules.
func aboutRules(cfg *config.Config, p *config.PolicyZone, z *zone.Zone) (found config.Findings) {
	n, why := rpz.New(z).Skipped()
	if n > 0 {
		found = append(found, cfg.Warning(p.Key+".file", "policy zone %s: %d names are not rules, "+
			"and are left out: %s", p.Name, n, strings.Join(why, "; ")))
	}
	return found
}
