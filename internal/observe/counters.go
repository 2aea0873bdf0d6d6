// Counters of the hit path, which many goroutines add to at once: they are summed up when the
// metrics are scraped.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/counter"
)

// counters is a metric with a counter for each combination of its labels' values.
type counters struct {
	desc   *prometheus.Desc
	series []series
}

type series struct {
	load   func() uint64
	values []string
}

func newCounters(reg *prometheus.Registry, name, help string, labels ...string) *counters {
	t := &counters{desc: prometheus.NewDesc("bailiwick_"+name, help, labels, nil)}
	reg.MustRegister(t)
	return t
}

// with adds a combination of values, and returns its counter. All are added before the first
// scrape.
func (t *counters) with(values ...string) *counter.Counter {
	c := new(counter.Counter)
	t.read(c.Load, values...)
	return c
}

// read adds a combination of values that is counted elsewhere.
func (t *counters) read(load func() uint64, values ...string) {
	t.series = append(t.series, series{load, values})
}

// Describe implements prometheus.Collector.
func (t *counters) Describe(ch chan<- *prometheus.Desc) { ch <- t.desc }

// Collect implements prometheus.Collector.
func (t *counters) Collect(ch chan<- prometheus.Metric) {
	for _, s := range t.series {
		ch <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue,
			float64(s.load()), s.values...)
	}
}
