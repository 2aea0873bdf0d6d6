package bailiwick

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"bailiwick/internal/config"
	"bailiwick/internal/snapshot"
)

// TestKubernetesConfigurations checks the server's configuration in each plain manifest as config
// check does. The manifests are rendered of the chart, see deploy/kubernetes.
func TestKubernetesConfigurations(t *testing.T) {
	paths, err := filepath.Glob("deploy/kubernetes/manifests/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for d := yaml.NewDecoder(f); ; {
			var object struct {
				Kind string
				Data map[string]string
			}
			if err := d.Decode(&object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			text, is := object.Data["bailiwick.yaml"]
			if !is {
				continue
			}
			checked++
			file := filepath.Join(t.TempDir(), "bailiwick.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, found := config.Read(file)
			if len(found) == 0 {
				_, found = snapshot.Load(cfg)
			}
			for _, f := range found {
				if !strings.Contains(f.Error(), "serves metrics to all who reach it") {
					t.Errorf("%s: %v", path, f)
				} // these are whom the network policy lets
			}
		}
	}
	if checked != 2 {
		t.Errorf("%d configurations, want that of a Deployment and of a DaemonSet", checked)
	}
}
