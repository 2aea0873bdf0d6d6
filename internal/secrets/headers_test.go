package secrets

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Header fields are read with their names in canonical form; what is no field, or belongs to who
// sends the request, is refused without being quoted.
func TestHeaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "headers")
	for text, want := range map[string]any{
		"":                                   http.Header{},
		"# none\n\n":                         http.Header{},
		"authorization: Bearer a:b=\r\n":     http.Header{"Authorization": {"Bearer a:b="}},
		"X-A: 1\nX-a: 2\n":                   http.Header{"X-A": {"1", "2"}},
		"Bearer secret":                      "line 1: no header field",
		"X-A: 1\nsecret token: x":            "line 2: no header field",
		"X-A:":                               "line 1: no header field",
		"X-A: secret\x01":                    "line 1: no header field",
		"X-A: 1\ncontent-type: text/secrets": "line 2: Content-Type is set by this server",
		"Host: secret.example":               "line 1: Host is set by this server",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Headers(path)
		if s, wrong := want.(string); wrong {
			if err == nil || !strings.Contains(err.Error(), s) ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := Headers(path + ".none"); err == nil {
		t.Error("a file that is not there has header fields")
	}
}
