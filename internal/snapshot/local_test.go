package snapshot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/config"
	"bailiwick/wire"
)

// Files of names are read from beside the configuration. What is in them and is not a name is told
// as a warning, and what cannot be served as an error, where it stands.
func TestLocalFilesAreLoaded(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("hosts", "192.0.2.7 printer.corp.example\n")
	write("ads.txt", "ads.example\n0.0.0.0 tracker.example\n/regex/\n")
	path := write("bailiwick.yaml", "policy:\n  hosts_files: [hosts]\n  block_lists: [ads.txt]\n"+
		"  local_records:\n    - www.corp.example A 192.0.2.1\n")
	cfg, found := config.Read(path)
	if len(found) > 0 {
		t.Fatal(found)
	}
	s, found := Load(cfg)
	if len(found) != 1 || !found[0].Warning || !strings.Contains(found[0].Error(), "1 entries") {
		t.Errorf("%v", found)
	}
	for _, name := range []string{"www.corp.example.", "printer.corp.example.", "x.ads.example.",
		"tracker.example."} {
		if s.Local.Answer(wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA,
			Class: wire.ClassIN}) == nil {
			t.Errorf("%s is not answered", name)
		}
	}
	path = write("bad.yaml", "policy:\n  block_lists: [none.txt]\n  hosts_files: [nothing]\n"+
		"  local_records:\n    - www.corp.example A 192.0.2\n    - two.corp.example A 192.0.2.2\n"+
		"    - two.corp.example CNAME www.corp.example.\n")
	cfg, found = config.Read(path)
	if len(found) > 0 {
		t.Fatal(found)
	}
	_, found = Load(cfg)
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Error())
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"bad.yaml:2:", "none.txt", "bad.yaml:3:", "nothing",
		"bad.yaml:5:", "bad.yaml:7:", "a name with a CNAME has no other records"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if len(found) != 4 {
		t.Errorf("%d findings\n%s", len(found), all)
	}
}
