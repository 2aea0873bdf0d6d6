// The metrics of what is known of this machine's time of day and network.

package observe

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/resolver"
)

// WatchNetwork adds a metric: whether the root's servers are heard.
func (m *Metrics) WatchNetwork(state func() resolver.NetworkState) {
	watchState(m, "network_state", "1 for the state of the network: unknown, open (the "+
		"root's servers are heard) or forged (something answers in their place, such as a "+
		"captive portal).",
		resolver.NetworkStates(), state)
}

// WatchClock adds the metric of what is known of the time of day.
func (m *Metrics) WatchClock(state func() resolver.ClockState) {
	watchState(m, "clock_state", "1 for the state of this machine's clock: unknown, "+
		"right, unset (it is before clock.earliest), behind or ahead (by the root's signatures).",
		resolver.ClockStates(), state)
}

// watchState adds a metric with a series for each of some states, 1 for the one that holds.
func watchState[S interface {
	comparable
	fmt.Stringer
}](m *Metrics, name, help string, all []S, state func() S) {
	for _, s := range all {
		readGauge(m.Registry, name, help, prometheus.Labels{"state": s.String()},
			func() float64 { return oneIf(state() == s) })
	}
}
