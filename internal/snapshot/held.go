// Zones that a copy is kept of.

package snapshot

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"strings"

	"bailiwick/internal/config"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/secrets"
	"bailiwick/resolver"
	"bailiwick/secondary"
	"bailiwick/wire"
	"bailiwick/zone"
)

// loadHeld completes the zones that a copy is kept of with what they name. The resolver gets those
// that have no servers but their copy.
func loadHeld(cfg *config.Config) (secondary.Config, []resolver.Zone, config.Findings) {
	var found config.Findings
	var own []resolver.Zone
	held := cfg.Secondary
	held.Files = map[wire.Name]*secondary.File{}
	if cfg.LocalRoot {
		held.Zones = append(held.Zones, secondary.Root())
	}
	keys, wrong := loadKeys(cfg)
	found = append(found, wrong...)
	for i := range cfg.Held {
		h := &cfg.Held[i]
		z, wrong := complete(cfg, h, keys)
		found = append(found, wrong...)
		if z.File != "" && !z.Name.IsZero() {
			_, wrong = readZoneFile(cfg, h, held.Files)
			found = append(found, wrong...)
		}
		held.Zones = append(held.Zones, z)
		if !h.Fallback {
			own = append(own, resolver.Zone{Name: z.Name, Held: true})
		}
	}
	return held, own, found
}

// complete completes a zone with the key and the certificates that it names.
func complete(cfg *config.Config, h *config.HeldZone, keys map[string]*secondary.Key) (
	z secondary.Zone, found config.Findings) {
	z = h.Zone
	if h.TSIG != "" {
		name := strings.TrimSuffix(strings.ToLower(h.TSIG), ".") + "."
		if z.Key = keys[name]; z.Key == nil {
			found = append(found, cfg.Error(h.Key+".tsig", "zone %s: zones.tsig_keys has no "+
				"key %s", z.Name, h.TSIG))
		}
	}
	if h.TLSName != "" {
		z.TLS = &secondary.TLS{Name: h.TLSName}
	}
	if h.TLSRoots != "" {
		roots, err := pemfile.OpenTrusted(h.TLSRoots)
		if err != nil {
			found = append(found, cfg.Error(h.Key+".tls_ca", "tls_ca of zone %s: %v", z.Name,
				err))
		} else if z.TLS != nil {
			z.TLS.Roots = roots
		}
	}
	return z, found
}

// readZoneFile reads the file of a zone, and finds what is wrong with it. One that is missing is
// only dangerous where the zone has other sources.
func readZoneFile(cfg *config.Config, h *config.HeldZone, files map[wire.Name]*secondary.File) (
	z *zone.Zone, found config.Findings) {
	read, err := secondary.CheckFile(&h.Zone)
	if err == nil {
		z, files[h.Name] = read.Zone, read
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && (len(h.Primaries) > 0 || h.URL != ""):
		found = append(found, cfg.Warning(h.Key+".file", "zone %s: %v", h.Name, err))
	default: // serve goes on without this copy
		f := cfg.Error(h.Key+".file", "zone %s: %v", h.Name, err)
		f.Alarm = "a zone file cannot be used"
		found = append(found, f)
	}
	return z, found
}

// loadKeys returns the keys of transfers by their names.
func loadKeys(cfg *config.Config) (map[string]*secondary.Key, config.Findings) {
	var found config.Findings
	keys := map[string]*secondary.Key{}
	for i := range cfg.TSIGKeys {
		k := cfg.TSIGKeys[i].Key
		item, path := cfg.TSIGKeys[i].Item, cfg.TSIGKeys[i].SecretFile
		if path != "" {
			text, err := secrets.Line(path)
			if err == nil {
				text, _, _ = strings.Cut(text, "#")
				k.Secret, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text))
			}
			if err != nil {
				found = append(found, cfg.Error(item+".secret_file", "secret of key %s: %v", k.Name,
					err))
			}
			found = append(found, exposed(cfg, item+".secret_file", path)...)
		}
		keys[k.Name] = &k
	}
	return keys, found
}
