package migrate

import (
	"os"
	"path/filepath"
	"testing"
)

// Whose file it is is told of each configuration of another program, and of none of ours, whatever
// is wrong with it: our sections server, dnstap and cache have names that others have too.
func TestWhoseFileItIs(t *testing.T) {
	for pattern, want := range map[string]string{
		"testdata/*.unbound.conf": "unbound", "testdata/*.named.conf": "bind",
		"testdata/*.kresd.conf": "knot-resolver", "testdata/*.knot.yml": "knot-resolver",
		"testdata/*.recursor.conf": "pdns-recursor", "testdata/*.recursor.yml": "pdns-recursor",
		"testdata/*.dnsmasq.conf": "dnsmasq",
		"testdata/*.yaml":         "", "../../deploy/*/*.yaml": "", "../../deploy/*/*.yml": "",
		"../../deploy/packages/files/*.yaml": "",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Errorf("%s: %v, %v", pattern, paths, err)
		}
		for _, p := range paths {
			if got := Whose(p); got != want {
				t.Errorf("%s: %q, want %q", p, got, want)
			}
		}
	}
	for _, text := range []string{"server:\n  minimal-responses: false\n",
		"server:\n  minimal-responses: false\n  max-udp-size: 1232\n  my-key: 1\n",
		"cache: {memory: 5x}\nserver:\n  nsid: a\nviews:\n  my-guests:\n    clients: []\n",
	} {
		path := filepath.Join(t.TempDir(), "b.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Whose(path); got != "" {
			t.Errorf("%q: %q, but it is ours, with a mistake", text, got)
		}
	}
	if got := Whose("testdata/none"); got != "" {
		t.Errorf("no file: %q", got)
	}
}
