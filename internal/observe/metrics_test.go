package observe

import (
	"flag"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/metrics")

// A metric that is renamed breaks dashboards: the names and labels are in a file.
func TestMetricNames(t *testing.T) {
	m := New()
	store := cache.New(cache.Default())
	r := resolver.New(resolver.Default(), resolver.Parts{Cache: store,
		Anchors: &trustanchor.Set{}, Clock: clock.Real{}})
	m.WatchCaches(store, func() *resolver.Resolver { return r })
	m.Query(transport.UDP, wire.TypeA)
	m.Query(transport.TCP, wire.Type(65000))
	m.Response(event.Served{Took: time.Millisecond, Weight: 1})
	m.Validated(wire.Bogus, &cause.Failure{Cause: cause.SignatureExpired})
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	series := 0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "bailiwick_") {
			continue
		}
		series += len(f.GetMetric())
		line := f.GetName()
		for _, l := range f.GetMetric()[0].GetLabel() {
			line += " " + l.GetName()
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile("testdata/metrics", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s(-rewrite, if that is meant)", got, want)
	}
	if series > 900 { // each costs a scrape, and whoever keeps it
		t.Errorf("%d series before the first query", series)
	}
}

type broken struct{ prometheus.Collector }

func (broken) Collect(chan<- prometheus.Metric) { panic("a fault") }

// A collector that panics leaves its metrics out: the scrape goes on, and so does the process.
func TestPanicOfACollectorLeavesTheOthers(t *testing.T) {
	m := New()
	m.Guard = guard.New(slog.New(slog.NewTextHandler(io.Discard, nil)), m.Panic, func() {})
	m.Registry.MustRegister(&guarded{m,
		broken{prometheus.NewCounter(prometheus.CounterOpts{Name: "broken_total"})}})
	for range 2 { // the second tells of the first
		families, err := m.Registry.Gather()
		if err != nil || len(families) < 10 {
			t.Errorf("%d families, %v", len(families), err)
		}
	}
}

// A series that can never move looks like a fault that never happens: servfail_total has the causes
// that a query can fail for, and refused_total those that it is refused for.
func TestSeriesThatCannotMoveAreNotExported(t *testing.T) {
	m := New()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]bool{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			for _, l := range x.GetLabel() {
				series[f.GetName()+" "+l.GetValue()] = true
			}
		}
	}
	for name, want := range map[string]bool{
		"bailiwick_servfail_total signature_expired":     true,
		"bailiwick_servfail_total timeout":               true,
		"bailiwick_servfail_total limit_time":            true,
		"bailiwick_servfail_total root_key_sentinel":     true,
		"bailiwick_servfail_total client_refused":        false,
		"bailiwick_servfail_total client_dropped":        false,
		"bailiwick_servfail_total query_refused":         false,
		"bailiwick_servfail_total not_recursive":         false,
		"bailiwick_servfail_total connection_displaced":  false,
		"bailiwick_servfail_total slow_reader":           false,
		"bailiwick_servfail_total negative_trust_anchor": false,
		"bailiwick_servfail_total http_path":             false,
		"bailiwick_refused_total client_refused":         true,
		"bailiwick_refused_total client_dropped":         true,
		"bailiwick_refused_total not_recursive":          true,
	} {
		if series[name] != want {
			t.Errorf("%s: there %v, want %v", name, series[name], want)
		}
	}
}
