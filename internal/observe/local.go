// The metrics of local data.

package observe

import "github.com/prometheus/client_golang/prometheus"

// WatchLocal adds how many names there are local records for, and how many are in block lists.
func (m *Metrics) WatchLocal(count func() (records, blocked int)) {
	for kind, of := range map[string]func() int{
		"records": func() int { n, _ := count(); return n },
		"blocked": func() int { _, n := count(); return n }} {
		readGauge(m.Registry, "local_names", "Names with local records (records), and names in "+
			"block lists (blocked); one in several files, or in several lists by URL, counts once.",
			prometheus.Labels{"kind": kind}, func() float64 { return float64(of()) })
	}
}
