package secrets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file has one secret, and comments as files of several secrets have them; no error quotes it.
func TestLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]string{
		"secret":                               "secret",
		"secret\r\n":                           "secret",
		"# of ns1\n\n a secret with spaces \n": " a secret with spaces ",
		"secret # 1\n#\n":                      "secret # 1",
		"":                                     "",
		"# secret\n":                           "",
		"secret\nsecret\n":                     "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Line(path)
		if got != want || (err == nil) != (want != "") ||
			err != nil && strings.Contains(strings.TrimPrefix(err.Error(), path+" has no secret"),
				" secret\n") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := Line(path + ".none"); err == nil {
		t.Error("a file that is not there has a secret")
	}
}
