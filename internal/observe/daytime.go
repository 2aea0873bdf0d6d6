// The metric of this machine's time of day.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/resolver"
)

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
