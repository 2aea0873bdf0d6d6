// Counters of the hit path, which many goroutines add to at once: they are summed up when the
// metrics are scraped.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/tally"
)

// tallies is a metric with a tally for each combination of its labels' values.
type tallies struct {
	desc   *prometheus.Desc
	series []series
}

type series struct {
	count  *tally.Counter
	values []string
}

func newTallies(reg *prometheus.Registry, name, help string, labels ...string) *tallies {
	t := &tallies{desc: prometheus.NewDesc("bailiwick_"+name, help, labels, nil)}
	reg.MustRegister(t)
	return t
}

// with adds a combination of values, and returns its tally. All are added before the first scrape.
func (t *tallies) with(values ...string) *tally.Counter {
	c := new(tally.Counter)
	t.series = append(t.series, series{c, values})
	return c
}

// Describe implements prometheus.Collector.
func (t *tallies) Describe(ch chan<- *prometheus.Desc) { ch <- t.desc }

// Collect implements prometheus.Collector.
func (t *tallies) Collect(ch chan<- prometheus.Metric) {
	for _, s := range t.series {
		ch <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue,
			float64(s.count.Load()), s.values...)
	}
}
