// The authority that a certificate is had from: roots, secret and key.

package snapshot

import (
	"strings"

	"bailiwick/internal/acme"
	"bailiwick/internal/config"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/secrets"
	"bailiwick/secondary"
)

// loadACME completes the configuration of an authority with all that it names.
func loadACME(cfg *config.Config, keys map[string]*secondary.Key) (s acme.Settings,
	found config.Findings) {
	if s.Config = cfg.ACME; !s.On() {
		return acme.Settings{}, nil
	}
	wrong := func(key, what string, err error) {
		if err != nil {
			found = append(found, cfg.Error(key, "%s: %v", what, err))
		}
	}
	var err error
	if s.TLSRoots != "" {
		s.Roots, err = pemfile.OpenTrusted(s.TLSRoots)
		wrong("tls.acme.ca", "ca of the authority", err)
	}
	if s.EABSecretFile != "" {
		s.EABSecret, err = secrets.Line(s.EABSecretFile)
		wrong("tls.acme.eab_secret_file", "secret of the authority's account", err)
		found = append(found, exposed(cfg, "tls.acme.eab_secret_file", s.EABSecretFile)...)
	}
	if s.TSIG != "" {
		name := strings.TrimSuffix(strings.ToLower(s.TSIG), ".") + "."
		if k := keys[name]; k != nil {
			s.Key = acme.Key{Name: k.Name, Algorithm: k.Algorithm, Secret: k.Secret}
		} else {
			found = append(found, cfg.Error("tls.acme.dns_tsig", "zones.tsig_keys has no key %s",
				s.TSIG))
		}
	}
	return s, found
}
