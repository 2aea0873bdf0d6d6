package snapshot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/config"
)

// fleet.commands without a state directory is refused: after a restart such a server could not tell
// which commands it has applied. A node without a name has that of its machine.
func TestFleetCommandsNeedAMemory(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		own     string
		refused bool
	}{{"", true}, {"state: {directory: " + dir + "}\n", false}} {
		if err := os.WriteFile(file, []byte("fleet: {store: \"127.0.0.1:6379\", secret_file: "+
			"secret, commands: true}\n"+c.own), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, found := config.Read(file)
		if found.Err() != nil {
			t.Fatal(found.Err())
		}
		p, found := Load(cfg)
		err := found.Err()
		if (err != nil) != c.refused ||
			c.refused && !strings.Contains(err.Error(), "needs state.directory") {
			t.Errorf("%q: %v", c.own, err)
		}
		if host, _ := os.Hostname(); p.Fleet.Node != host {
			t.Errorf("%q is %q", host, p.Fleet.Node)
		}
	}
}
