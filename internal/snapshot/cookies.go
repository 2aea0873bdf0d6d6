// The secrets of server cookies in a file.

package snapshot

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"bailiwick/internal/config"
	"bailiwick/server"
)

// loadCookies completes the server's configuration with the secrets of a file.
func loadCookies(cfg *config.Config) (server.Config, config.Findings) {
	sc := cfg.Server
	if cfg.CookieSecretFile == "" {
		return sc, nil
	}
	const key = "server.cookie_secret_file"
	secrets, err := readSecrets(cfg.CookieSecretFile)
	if err != nil {
		return sc, config.Findings{cfg.Error(key, "%v", err)}
	}
	sc.Secret, sc.OtherSecrets = &secrets[0], secrets[1:]
	if st, err := os.Stat(cfg.CookieSecretFile); err == nil && st.Mode().Perm()&0o004 != 0 {
		return sc, config.Findings{cfg.Warning(key, "%s can be read by everybody on this machine",
			cfg.CookieSecretFile)}
	}
	return sc, nil
}

// readSecrets reads a secret from each line; what follows a # is a comment.
func readSecrets(path string) (list [][16]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil || len(b) != 16 {
			return nil, fmt.Errorf("%s, line %d: a secret has 32 hexadecimal digits", path, n)
		}
		list = append(list, [16]byte(b))
	}
	if len(list) == 0 || len(list) > maxSecrets {
		return nil, fmt.Errorf("%s holds %d secrets: it takes one to %d", path, len(list),
			maxSecrets)
	}
	return list, nil
}
