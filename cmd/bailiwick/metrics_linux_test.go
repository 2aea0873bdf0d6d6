// The reference of metrics, made of a server with everything on: nothing that such a server has
// can be missing from it, and nothing else is in it.

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/cause"
	"bailiwick/internal/observe"
	"bailiwick/transport"
	"bailiwick/wire"
)

// notHere are metrics that a server in a test has no series of, and why.
var notHere = map[string]string{
	"bailiwick_block_list_age_seconds": "a web server is needed",
	"bailiwick_hook_slow_total":        "steps are compiled in",
	"bailiwick_hook_verdicts_total":    "steps are compiled in",
	"bailiwick_xdp_dropped_total":      "an interface of the machine is needed",
	"bailiwick_xdp_frames_total":       "an interface of the machine is needed",
	"bailiwick_xdp_up":                 "an interface of the machine is needed",
}

// everything starts a server that has something of all that metrics are about, and that failed for
// a client.
func everything(t *testing.T) *reloaded {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(dir, "rules")
	if err := os.WriteFile(rules, []byte(policyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	journal := observe.NewJournal(io.Discard)
	t.Cleanup(journal.Close)
	s := reloadableLogging(t, fmt.Sprintf(`listen: {udp: [UDP], tcp: [UDP], dot: ["127.0.0.1:%d"]}
state: {directory: %q}
watch: {zones: [secure.example]}
incidents: {queries: 1}
resolver: {forward_zones: [{name: private.example, addresses: [192.0.2.1]}]}
zones: {catalogs: [{name: catalog.example, primaries: ["192.0.2.1"],
    within: [example]}]}
policy:
  rpz: [{name: rpz.test, file: %q}]
  block_lists: [{url: "https://www.secure.example/ads"}]
views: [{name: office, clients: [192.0.2.0/24]}]
`, freePort(t), state, rules),
		func(w transport.Exchanger) transport.Exchanger { return w }, journal)
	s.metrics.WatchJournals(journal)
	s.expect("www.expired.faulty.", "SERVFAIL")
	// What clients elsewhere and days of signatures would make.
	question := wire.Question{Name: wire.MustParseName("www.expired.faulty."), Type: wire.TypeA,
		Class: wire.ClassIN}
	s.incidents.Failed(question, netip.MustParseAddr("192.0.2.1"),
		cause.New(cause.SignatureExpired, wire.MustParseName("expired.faulty."), ""),
		cause.NoAnswer)
	ending := make([]byte, 18) // the fields of an RRSIG before its signer (RFC 4034, section 3.1)
	binary.BigEndian.PutUint32(ending[8:], uint32(time.Now().Add(time.Hour).Unix()))
	s.signatures.Secured(wire.Root, &wire.RRset{Name: wire.Root, Security: wire.Secure,
		Sigs: wire.RDataList{}.Append(ending)})
	return s
}

// metricDescription takes a description of client_golang apart, which has no other form.
var metricDescription = regexp.MustCompile(
	`fqName: "(bailiwick_[^"]*)", help: "([^"]*)", unit: "[^"]*", ` +
		`constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// constLabel is one of a description, with its value.
var constLabel = regexp.MustCompile(`([a-z_]+)="[^"]*"`)

// metric is a row of the reference.
type metric struct{ labels, help string }

// describedIn lists the project's own metrics of a registry.
func describedIn(reg *prometheus.Registry) map[string]metric {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		reg.Describe(descriptions)
		close(descriptions)
	}()
	all := map[string]metric{}
	for d := range descriptions {
		parts := metricDescription.FindStringSubmatch(d.String())
		if parts == nil {
			continue // of Go and of the process
		}
		var labels []string
		for _, l := range constLabel.FindAllStringSubmatch(parts[3], -1) {
			labels = append(labels, l[1])
		}
		if parts[4] != "" {
			labels = append(labels, strings.Split(parts[4], ",")...)
		}
		all[parts[1]] = metric{strings.Join(labels, ", "), parts[2]}
	}
	return all
}

// typesIn returns the types of the project's own metrics that have series.
func typesIn(t *testing.T, reg *prometheus.Registry) map[string]string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "bailiwick_") {
			types[f.GetName()] = strings.ToLower(f.GetType().String())
		}
	}
	return types
}

// typeByName is the type of a metric by the ending of its name, as promtool wants names: for those
// that have no series.
func typeByName(name string) string {
	if strings.HasSuffix(name, "_total") {
		return "counter"
	}
	return "gauge"
}

// TestMetricsReference compares docs/reference/metrics.md with what a server with everything on
// has. What it describes it shows, but for what is listed as notHere, and the other way round: a
// metric that nobody can see would be in the reference, or one that is seen would not.
func TestMetricsReference(t *testing.T) {
	s := everything(t)
	all := describedIn(s.metrics.Registry)
	var types map[string]string
	// What the server does by itself has series when it has done it first.
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		types = typesIn(t, s.metrics.Registry)
		if len(types) >= len(all)-len(notHere) || time.Now().After(end) {
			break
		}
	}
	for name := range all {
		if why, not := notHere[name]; (types[name] == "") != not {
			t.Errorf("%s is described and has series: %v (not here: %q)", name, !not, why)
		}
	}
	for name, kind := range types {
		if _, ok := all[name]; !ok {
			t.Errorf("%s has series and is not described", name)
		}
		if kind != "histogram" && kind != typeByName(name) {
			t.Errorf("%s is a %s: by its name it is a %s", name, kind, typeByName(name))
		}
	}
	routes := observe.NewAnnouncement().Registry
	text := "<!-- Generated by go test ./cmd/bailiwick -run TestMetricsReference -rewrite -->\n" +
		"# Metrics\n\n" +
		"Served at `/metrics` of `admin.listen`, with those of Go and of the process. Times are\n" +
		"in seconds. Labels have closed sets of values: causes are in [causes.md](causes.md).\n" +
		metricsTable(all, types) +
		"\nThe process that announces routes ([anycast.md](../anycast.md)) has its own:\n" +
		metricsTable(describedIn(routes), typesIn(t, routes))
	compareReference(t, "../../docs/reference/metrics.md", text, "TestMetricsReference")
}

// metricsTable lists metrics in order.
func metricsTable(all map[string]metric, types map[string]string) string {
	var b strings.Builder
	b.WriteString("\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		kind := types[name]
		if kind == "" {
			kind = typeByName(name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, all[name].labels, all[name].help)
	}
	return b.String()
}
