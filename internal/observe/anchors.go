// The metrics of trust anchors.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/trustanchor"
)

// following reads how it goes with the keys of trust anchors' zones when metrics are scraped.
type following struct{ f *trustanchor.Follower }

var (
	anchorKeys = desc("trust_anchor_keys",
		"Keys of zones with trust anchors that are followed (RFC 5011), by state; configured is "+
			"an anchor whose key has not been seen.", "state")
	anchorZones = desc("trust_anchor_zones",
		"Zones with trust anchors whose keys are followed, by whether some key is trusted or all "+
			"are revoked.", "trust")
	anchorValidated = desc("trust_anchor_validated_timestamp_seconds",
		"Unix time at which the keys of such a zone were validated last, of the zone where that "+
			"is longest ago; 0 if never.")
	anchorFailures = desc("trust_anchor_failures",
		"Failures to validate the keys of such a zone since the last success, of the zone that "+
			"has most.")
)

// WatchAnchors adds the metrics of trust anchors.
func (m *Metrics) WatchAnchors(f *trustanchor.Follower) {
	m.Registry.MustRegister(&guarded{m, &following{f}})
}

// AnchorDisagreements sets how many keys the sources of trust anchors disagree about.
func (m *Metrics) AnchorDisagreements(n int) { m.disagreements.Set(float64(n)) }

// AnchorFetch counts a download of trust anchors.
func (m *Metrics) AnchorFetch(used bool) { m.fetches[map[bool]int{true: 1}[used]].Inc() }

// Describe implements prometheus.Collector.
func (c *following) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, anchorKeys, anchorZones, anchorValidated, anchorFailures)
}

// Collect implements prometheus.Collector.
func (c *following) Collect(ch chan<- prometheus.Metric) {
	states := map[string]int{"configured": 0}
	for _, s := range trustanchor.KeyStates() {
		states[s.String()] = 0
	}
	zones := map[string]int{"some": 0, "none": 0}
	failures, validated := 0, 0.0
	for i, z := range c.f.Status() {
		for _, k := range z.Keys {
			states[k.State.String()]++
		}
		states["configured"] += len(z.Unseen())
		if len(z.Trusted()) > 0 {
			zones["some"]++
		} else {
			zones["none"]++
		}
		failures = max(failures, z.Failures)
		if at := seconds(z.Seen); i == 0 || at < validated {
			validated = at
		}
	}
	for s, n := range states {
		sendGauge(ch, anchorKeys, n, s)
	}
	for s, n := range zones {
		sendGauge(ch, anchorZones, n, s)
	}
	sendGauge(ch, anchorValidated, validated)
	sendGauge(ch, anchorFailures, failures)
}
