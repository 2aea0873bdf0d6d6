// The metric of this machine's time of day.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/resolver"
)

// WatchNetwork adds the metric of what is known of the network.
func (m *Metrics) WatchNetwork(state func() resolver.NetworkState) {
	for _, s := range resolver.NetworkStates() {
		m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "bailiwick", Name: "network_state",
			Help: "1 for what is known of the network: unknown, open (the root's servers are " +
				"heard) or forged (something answers in their place, such as a captive portal).",
			ConstLabels: prometheus.Labels{"state": s.String()},
		}, func() float64 {
			if state() == s {
				return 1
			}
			return 0
		}))
	}
}

// WatchClock adds the metric of what is known of the time of day.
func (m *Metrics) WatchClock(state func() resolver.ClockState) {
	for _, s := range resolver.ClockStates() {
		m.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "bailiwick", Name: "clock_state",
			Help: "1 for what is known of this machine's time of day: unknown, right, unset (it " +
				"is before clock.earliest), behind or ahead (by the root's signatures).",
			ConstLabels: prometheus.Labels{"state": s.String()},
		}, func() float64 {
			if state() == s {
				return 1
			}
			return 0
		}))
	}
}
