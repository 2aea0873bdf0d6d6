// The metrics of negative trust anchors.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/trustanchor"
)

// negatives reads the negative trust anchors when metrics are scraped.
type negatives struct{ of *trustanchor.Negatives }

var (
	negativesNow = desc("negative_trust_anchors",
		"Negative trust anchors that were added by ctl and hold now.")
	negativesEnd = desc("negative_trust_anchor_end_timestamp_seconds",
		"Unix time at which the last of them ends, 0 if there is none.")
	negativesEnded = desc("negative_trust_anchors_ended_total",
		"Negative trust anchors that have ended, by how: expired, mended (the zone validates "+
			"again) or removed.", "how")
)

// WatchNegatives adds the metrics of negative trust anchors.
func (m *Metrics) WatchNegatives(n *trustanchor.Negatives) {
	m.Registry.MustRegister(&guarded{m, &negatives{n}})
}

// Describe implements prometheus.Collector.
func (n *negatives) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, negativesNow, negativesEnd, negativesEnded)
}

// Collect implements prometheus.Collector.
func (n *negatives) Collect(ch chan<- prometheus.Metric) {
	list, last := n.of.List(), 0.0
	for i := range list {
		last = max(last, float64(list[i].Ends.Unix()))
	}
	sendGauge(ch, negativesNow, len(list))
	sendGauge(ch, negativesEnd, last)
	for _, how := range trustanchor.Endings() {
		sendCount(ch, negativesEnded, n.of.Ended(how), how.String())
	}
}
