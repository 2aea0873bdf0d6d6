// Files of secrets that others can read.

package snapshot

import (
	"bailiwick/internal/config"
	"bailiwick/internal/secrets"
)

// exposed warns of a file of secrets that a key names, if it can be read by everybody.
func exposed(cfg *config.Config, key, path string) config.Findings {
	if !secrets.Exposed(path) {
		return nil
	}
	return config.Findings{cfg.Warning(key, "%s can be read by everybody on this machine", path)}
}
