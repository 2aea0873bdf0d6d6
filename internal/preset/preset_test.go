package preset_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"bailiwick/internal/preset"
)

// TestPresets: each is complete: addresses of both families, encrypted transports that servers can
// be asked over, each once and with a name, and sources with a date.
func TestPresets(t *testing.T) {
	all := preset.All()
	if !slices.IsSortedFunc(all, func(a, b preset.Preset) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}) {
		t.Error("they are not in the order of their names")
	}
	seen := map[string]bool{}
	for _, p := range all {
		var v4, v6 bool
		for _, a := range p.Addrs {
			v4, v6 = v4 || a.Is4(), v6 || a.Is6()
			if seen[a.String()] || !a.IsGlobalUnicast() || a.IsPrivate() {
				t.Errorf("%s: %v is there twice, or not public", p.Name, a)
			}
			seen[a.String()] = true
		}
		if !v4 || !v6 || len(p.Ways) == 0 || p.Operator == "" || p.Filters == "" ||
			p.DNSSEC == "" || p.ECS == "" || p.Logging == "" || len(p.Sources) == 0 {
			t.Errorf("%s is not complete", p.Name)
		}
		for i, w := range p.Ways {
			if !w.Via.Encrypted() || !w.Via.Upstream() || w.Name == "" ||
				w.Via.HTTP() != (w.Path != "") {
				t.Errorf("%s: %v %q %q", p.Name, w.Via, w.Name, w.Path)
			}
			if slices.ContainsFunc(p.Ways[:i], func(o preset.Way) bool { return o.Via == w.Via }) {
				t.Errorf("%s: %v is there twice", p.Name, w.Via)
			}
		}
		for _, s := range p.Sources {
			if u, err := url.Parse(s); err != nil || u.Scheme != "https" {
				t.Errorf("%s: source %q", p.Name, s)
			}
		}
		if _, err := time.Parse(time.DateOnly, p.Checked); err != nil {
			t.Error(err)
		}
		if found, ok := preset.Find(p.Name); !ok || found.Operator != p.Operator {
			t.Errorf("%s is not found", p.Name)
		}
	}
}
