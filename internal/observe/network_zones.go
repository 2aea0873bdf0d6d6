// Metrics of zones that networks announce.

package observe

import "github.com/prometheus/client_golang/prometheus"

var networkZones = desc("network_zones",
	"Zones that networks announce, by what becomes of them: forwarded, refused, or unproven as "+
		"nothing shows yet that they do not exist publicly.", "verdict")

// networkZoneCounts implements prometheus.Collector.
type networkZoneCounts struct {
	counts func() (forwarded, refused, unproven int)
}

// WatchNetworkZones adds the metrics of zones that networks announce.
func (m *Metrics) WatchNetworkZones(counts func() (forwarded, refused, unproven int)) {
	m.Registry.MustRegister(&guarded{m, &networkZoneCounts{counts}})
}

// Describe implements prometheus.Collector.
func (a *networkZoneCounts) Describe(ch chan<- *prometheus.Desc) { ch <- networkZones }

// Collect implements prometheus.Collector.
func (a *networkZoneCounts) Collect(ch chan<- prometheus.Metric) {
	forwarded, refused, unproven := a.counts()
	for verdict, n := range map[string]int{"forwarded": forwarded, "refused": refused,
		"unproven": unproven} {
		sendGauge(ch, networkZones, n, verdict)
	}
}
