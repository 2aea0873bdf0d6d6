// The memory that a fleet shares: secrets, password and authorities.

package snapshot

import (
	"os"
	"slices"

	"bailiwick/internal/config"
	"bailiwick/internal/fleet"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/secrets"
)

// loadFleet completes the configuration of a fleet with all that it names.
func loadFleet(cfg *config.Config) (s fleet.Settings, found config.Findings) {
	if s.Config = cfg.Fleet; s.Store == "" {
		return s, nil
	}
	wrong := func(key, what string, err error) {
		if err != nil {
			found = append(found, cfg.Error(key, "%s of the fleet: %v", what, err))
		}
	}
	if s.Commands && cfg.State.Path() == "" {
		found = append(found, cfg.Error("fleet.commands", "fleet.commands needs state.directory: "+
			"a server that forgets which commands it has applied would apply them again"))
	}
	if s.Node == "" {
		s.Node, _ = os.Hostname() // without one the node has no name
	}
	var err error
	if s.SecretFile != "" { // else the configuration has been refused
		s.Secrets, err = fleet.LoadSecrets(s.SecretFile)
		wrong("fleet.secret_file", "secrets", err)
	}
	if s.PasswordFile != "" {
		s.Password, err = secrets.Line(s.PasswordFile)
		wrong("fleet.password_file", "password", err)
	}
	if s.TLSRoots != "" {
		s.Roots, err = pemfile.OpenTrusted(s.TLSRoots)
		wrong("fleet.tls_ca", "tls_ca", err)
	}
	if s.TLSCertificate != "" && s.TLSKey != "" {
		s.Certificate, err = pemfile.OpenOwn(s.TLSCertificate, s.TLSKey)
		wrong("fleet.tls_certificate", "certificate", err)
	}
	return s, slices.Concat(found, exposed(cfg, "fleet.secret_file", s.SecretFile),
		exposed(cfg, "fleet.password_file", s.PasswordFile))
}
