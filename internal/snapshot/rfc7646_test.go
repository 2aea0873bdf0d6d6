package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/config"
)

// RFC 7646, section 2: a negative trust anchor with an end has it within a week. One that has ended
// is said, and does not keep the server from starting.
func TestRFC7646ConfiguredEndIsWithinAWeek(t *testing.T) {
	for after, want := range map[time.Duration]string{time.Hour: "", 6 * 24 * time.Hour: "",
		8 * 24 * time.Hour: "a week at most", -time.Hour: "warning: the negative trust anchor of"} {
		file := filepath.Join(t.TempDir(), "b.yaml")
		text := fmt.Sprintf("trust_anchors:\n  insecure:\n    - {name: a.example, until: %s}\n",
			time.Now().Add(after).UTC().Format(time.RFC3339))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, found := config.Read(file)
		_, more := Load(cfg)
		found = append(found, more...)
		if len(found) != min(len(want), 1) || want != "" && !strings.Contains(found[0].Error(),
			want) {
			t.Errorf("in %v: %v", after, found)
		}
		if refused := found.Err() != nil; refused != (after > 7*24*time.Hour) {
			t.Errorf("in %v: refused %v", after, refused)
		}
	}
}
