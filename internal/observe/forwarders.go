// Metrics of the servers that the operator names.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/resolver"
)

// forwarders reads what is known of the servers of forward and stub zones when the metrics are
// scraped. The operator names them, so their number is bounded.
type forwarders struct {
	resolver func() *resolver.Resolver // the one in use
}

var (
	forwarderLabels = []string{"view", "zone", "server", "transport"}
	forwarderUp     = desc("forwarder_up", "0 for a server of a forward or stub zone that is "+
		"down; others come first then.", forwarderLabels...)
	forwarderRTT = desc("forwarder_rtt_seconds", "Smoothed time to a reply of such a server; 0 "+
		"if it is not known.", forwarderLabels...)
	forwarderProbes = desc("forwarder_probes_total",
		"Questions of our own to such a server while it was not up.", forwarderLabels...)
)

// WatchForwarders adds the metrics of configured servers.
func (m *Metrics) WatchForwarders(r func() *resolver.Resolver) {
	m.Registry.MustRegister(&guarded{m, &forwarders{r}})
}

// Describe implements prometheus.Collector.
func (f *forwarders) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, forwarderUp, forwarderRTT, forwarderProbes)
}

// Collect implements prometheus.Collector.
func (f *forwarders) Collect(ch chan<- prometheus.Metric) {
	for _, s := range f.resolver().Forwarders() {
		of := []string{s.Realm, s.Zone.String(), s.Server.String(), s.Via.String()}
		sendGauge(ch, forwarderUp, oneIf(!s.Down), of...)
		sendGauge(ch, forwarderRTT, s.RTT.Seconds(), of...)
		sendCount(ch, forwarderProbes, s.Probes, of...)
	}
}
