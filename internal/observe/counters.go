// Counters of the hit path, which many goroutines add to at once: they are summed up when the
// metrics are scraped.

package observe

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/counter"
)

// counters is a metric with a counter for each combination of its labels' values.
type counters struct {
	desc   *prometheus.Desc
	mu     sync.Mutex
	series []series // guarded by mu
}

type series struct {
	load   func() uint64
	values []string
}

func newCounters(reg *prometheus.Registry, name, help string, labels ...string) *counters {
	t := &counters{desc: desc(name, help, labels...)}
	reg.MustRegister(t)
	return t
}

// with adds a combination of values, and returns its counter.
func (t *counters) with(values ...string) *counter.Counter {
	c := new(counter.Counter)
	t.read(c.Load, values...)
	return c
}

// read adds a combination of values that is counted elsewhere.
func (t *counters) read(load func() uint64, values ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.series = append(t.series, series{load, values})
}

// Describe implements prometheus.Collector.
func (t *counters) Describe(ch chan<- *prometheus.Desc) { ch <- t.desc }

// Collect implements prometheus.Collector.
func (t *counters) Collect(ch chan<- prometheus.Metric) {
	t.mu.Lock()
	all := slices.Clone(t.series)
	t.mu.Unlock()
	for _, s := range all {
		sendCount(ch, t.desc, s.load(), s.values...)
	}
}
