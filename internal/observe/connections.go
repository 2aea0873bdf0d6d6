// Metrics of the connections to servers.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/transport"
)

// WatchExchanger adds the metrics of connections to servers that stay open.
func (m *Metrics) WatchExchanger(n *transport.NetExchanger) {
	opened := newCounters(m.Registry, "upstream_connections_opened_total",
		"Connections to servers that were opened to be kept, by transport.", "transport")
	reused := newCounters(m.Registry, "upstream_connections_reused_total",
		"Questions asked on a connection that was there already, by transport.", "transport")
	again := newCounters(m.Registry, "upstream_connections_lost_total",
		"Questions asked again because the server ended such a connection, by transport.",
		"transport")
	for _, p := range transport.Protocols(transport.Protocol.KeepsConnections) {
		opened.read(func() uint64 { return n.Connections(p).Opened }, p.String())
		reused.read(func() uint64 { return n.Connections(p).Reused }, p.String())
		again.read(func() uint64 { return n.Connections(p).Again }, p.String())
		readGauge(m.Registry, "upstream_connections",
			"Connections to servers that are kept open, by transport.",
			prometheus.Labels{"transport": p.String()},
			func() float64 { return float64(n.Connections(p).Open) })
	}
}
