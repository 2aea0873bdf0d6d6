// The metrics of local data.

package observe

import "github.com/prometheus/client_golang/prometheus"

// WatchLocal adds how many names there are local records for, and how many are in block lists.
func (m *Metrics) WatchLocal(count func() (records, blocked int)) {
	for kind, of := range map[string]func() int{
		"records": func() int { n, _ := count(); return n },
		"blocked": func() int { _, n := count(); return n }} {
		m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "bailiwick", Name: "local_names",
			Help: "Names with local records (records), and names in block lists (blocked); one " +
				"in several files, or in several lists by URL, counts once.",
			ConstLabels: prometheus.Labels{"kind": kind}},
			func() float64 { return float64(of()) }))
	}
}
