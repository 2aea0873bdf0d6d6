package snapshot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/config"
)

// A file of secrets has up to three; the first makes cookies. Everything else is refused.
func TestCookieSecretsFromAFile(t *testing.T) {
	dir := t.TempDir()
	first, second := strings.Repeat("0a", 16), strings.Repeat("0B", 16)
	for text, want := range map[string]string{
		first: "",
		"# mine\n\n" + first + " # now\n" + second: "",
		"":                            "holds 0 secrets",
		strings.Repeat(first+"\n", 4): "holds 4 secrets",
		first + "\n0a0b":              "line 2: a secret has 32",
		first[:31] + "x":              "line 1: a secret has 32",
	} {
		if err := os.WriteFile(filepath.Join(dir, "secrets"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "b.yaml")
		if err := os.WriteFile(file, []byte("server: {cookie_secret_file: secrets}\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
		cfg, found := config.Read(file)
		s, more := Load(cfg)
		err := append(found, more...).Errors().Err()
		if want == "" {
			if err != nil || s.Server.Secret == nil || s.Server.Secret[0] != 0x0a ||
				len(s.Server.OtherSecrets) != strings.Count(text, second) {
				t.Errorf("%q: %v %v", text, s.Server.OtherSecrets, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
