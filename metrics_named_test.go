package bailiwick

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// metricNamed is the name of a metric, or the beginning of one, as `ctl stats` takes it.
var metricNamed = regexp.MustCompile(`\bbailiwick_[a-z][a-z0-9_]*[a-z0-9]`)

// otherNames are names that are not of metrics of this program, and look like them.
var otherNames = map[string]string{
	"bailiwick_queries_per_second": "made by the operator's metrics adapter, of bailiwick_queries",
}

// TestDocumentsNameMetricsThatThereAre looks up the metrics that documents, rules, dashboards and
// the web page name in the generated reference. CHANGELOG.md has names of former times.
func TestDocumentsNameMetricsThatThereAre(t *testing.T) {
	reference, err := os.ReadFile("docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]bool{}
	for _, m := range regexp.MustCompile("`(bailiwick_[a-z0-9_]+)` \\| (histogram)?").
		FindAllStringSubmatch(string(reference), -1) {
		for i := range m[1] { // the beginnings that end with a word
			if m[1][i] == '_' {
				metrics[m[1][:i]] = true
			}
		}
		metrics[m[1]] = true
		if m[2] != "" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				metrics[m[1]+part] = true
			}
		}
	}
	named := 0
	look := func(path string) {
		if path == "docs/reference/metrics.md" || path == "CHANGELOG.md" {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			for _, name := range metricNamed.FindAllString(line, -1) {
				if named++; !metrics[name] && otherNames[name] == "" {
					t.Errorf("%s:%d: there is no metric %s", path, n+1, name)
				}
			}
		}
	}
	eachFile(t, func(path, _ string) {
		// The plugin for CoreDNS has metrics of CoreDNS's own making.
		if strings.HasSuffix(path, ".md") && !strings.HasPrefix(path, "contrib/") {
			look(path)
		}
	})
	for _, pattern := range []string{"deploy/prometheus/*", "deploy/grafana/*",
		"deploy/kubernetes/chart/templates/*", "internal/console/page/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, path := range files {
			look(path)
		}
	}
	if named < 200 {
		t.Errorf("%d names of metrics are found", named)
	}
}
