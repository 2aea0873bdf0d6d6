// The secrets of server cookies in a file.

package snapshot

import (
	"fmt"

	"bailiwick/internal/config"
	"bailiwick/internal/secrets"
	"bailiwick/server"
)

// loadCookies completes the server's configuration with the secrets of a file.
func loadCookies(cfg *config.Config) (server.Config, config.Findings) {
	sc := cfg.Server
	if cfg.CookieSecretFile == "" {
		return sc, nil
	}
	const key = "server.cookie_secret_file"
	list, err := readSecrets(cfg.CookieSecretFile)
	if err != nil {
		return sc, config.Findings{cfg.Error(key, "%v", err)}
	}
	sc.Secret, sc.OtherSecrets = &list[0], list[1:]
	return sc, exposed(cfg, key, cfg.CookieSecretFile)
}

// readSecrets reads a secret from each line; what follows a # is a comment.
func readSecrets(path string) (list [][16]byte, err error) {
	read, err := secrets.Read(path, len([16]byte{}))
	if err != nil {
		return nil, err
	}
	if len(read) == 0 || len(read) > maxSecrets {
		return nil, fmt.Errorf("%s holds %d secrets: it takes one to %d", path, len(read),
			maxSecrets)
	}
	for _, b := range read {
		list = append(list, [16]byte(b))
	}
	return list, nil
}
