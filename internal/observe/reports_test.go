// What went wrong elsewhere with the metrics of resolvers, by public reports.

package observe

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	model "github.com/prometheus/client_model/go"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// busy uses metrics as clients of all kinds do, with whatever they and servers may send.
func busy(m *Metrics) {
	for i := range 65536 {
		m.Query(transport.Protocols()[i%len(transport.Protocols())], wire.Type(i))
		m.Response(event.Served{RCode: wire.RCode(i), Took: time.Duration(i) * time.Millisecond,
			Weight: 1})
	}
	for _, c := range cause.All() {
		if c.Fails() {
			m.ServFail(c)
		}
		m.Refused(c)
		for i := range 300 {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 53)
			m.Upstream(at, transport.UDP, -time.Duration(i)*time.Hour, c)
		}
	}
}

// gather returns all metrics of this program, by name and labels.
func gather(t *testing.T, m *Metrics) (series map[string]*model.Metric, families int) {
	t.Helper()
	all, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series = map[string]*model.Metric{}
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "bailiwick_") {
			families++
			for _, s := range f.GetMetric() {
				series[f.GetName()+fmt.Sprint(s.GetLabel())] = s
			}
		}
	}
	return series, families
}

// complete returns metrics with caches and a resolver.
func complete() *Metrics {
	m := New()
	store := cache.New(cache.Default())
	r := resolver.New(resolver.Default(), resolver.Parts{Cache: store,
		Anchors: &trustanchor.Set{}, Clock: clock.Real{}})
	m.WatchCaches(store, func() *resolver.Resolver { return r })
	return m
}

// Traffic makes no series: what clients, servers and their addresses can be is summed up, and a
// series that appears with its first event hides that event from rates. Elsewhere the type of
// the query multiplied a histogram (coredns/coredns 4507, 4534), so did servers
// (letsencrypt/boulder 6142), a type or an RCODE was refused for what it would do to Prometheus
// (coredns/coredns 4391), a label for each client was not bounded (0xERR0R/blocky 71,
// coredns/coredns 4056), and a counter that came into being at 1 had no increase
// (hashicorp/nomad 4449).
func TestTrafficMakesNoSeries(t *testing.T) {
	m := complete()
	before, _ := gather(t, m)
	busy(m)
	after, families := gather(t, m)
	for name := range after {
		if before[name] == nil {
			t.Errorf("%s comes into being with traffic", name)
		}
	}
	if len(after) > 60*families {
		t.Errorf("%d series of %d metrics", len(after), families)
	}
}

// Histograms are those of Prometheus: cumulative, with a sum and a count, in seconds or octets, and
// few labels. Elsewhere the sum was missing (PowerDNS/pdns 6088), buckets were counters beside each
// other in the unit of the program (PowerDNS/pdns 7758), and had to be made anew (10122, 10663).
func TestHistogramsAreThoseOfPrometheus(t *testing.T) {
	m := complete()
	busy(m)
	series, _ := gather(t, m)
	seen := 0
	for name, s := range series {
		h := s.GetHistogram()
		if h == nil {
			continue
		}
		seen++
		if base, _, _ := strings.Cut(name, "["); !strings.HasSuffix(base, "_seconds") &&
			!strings.HasSuffix(base, "_bytes") {
			t.Errorf("%s has no unit", base)
		}
		counts := []uint64{}
		for _, b := range h.GetBucket() {
			counts = append(counts, b.GetCumulativeCount())
		}
		if !slices.IsSorted(counts) || len(counts) == 0 || len(counts) > 20 ||
			counts[len(counts)-1] > h.GetSampleCount() || len(s.GetLabel()) > 2 {
			t.Errorf("%s: %v", name, h)
		}
	}
	if seen == 0 {
		t.Error("there are no histograms")
	}
}

// What a scrape sees is not changed by it, so that two may look, and no value is one that breaks a
// reader. Elsewhere looking could reset counters (NLnetLabs/unbound 1426, which some readers of
// letsencrypt/unbound_exporter 9 took for rates), a negative average made the whole scrape fail
// (NLnetLabs/unbound 485), one value that is no number spoilt rates (easimon/shelly-exporter 21),
// and counters that fell by a little looked like a jump
// (prometheus-community/elasticsearch_exporter 327, prometheus/statsd_exporter 11).
func TestLookingChangesNothing(t *testing.T) {
	m := complete()
	last := map[string]float64{}
	for round := range 3 {
		series, _ := gather(t, m)
		for name, s := range series {
			v := s.GetGauge().GetValue() + s.GetCounter().GetValue() +
				float64(s.GetHistogram().GetSampleCount())
			if math.IsNaN(v) || math.IsInf(v, 0) || s.Gauge == nil && v < 0 {
				t.Errorf("%s is %v", name, v)
			}
			if s.Gauge == nil && v < last[name] {
				t.Errorf("%s falls from %v to %v", name, last[name], v)
			}
			if s.Gauge == nil && round == 2 && v != last[name] {
				t.Errorf("%s is %v, and %v when somebody looks again", name, last[name], v)
			}
			last[name] = v
		}
		if round == 0 {
			busy(m)
		}
	}
}
