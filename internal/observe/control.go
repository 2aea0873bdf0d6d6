// The metrics of the control socket and the API.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/console"
)

// newControl returns the counter of requests for operations.
func newControl(reg *prometheus.Registry) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bailiwick",
		Name: "control_requests_total", Help: "Requests of operators, by interface (socket, api) " +
			"and outcome: done, failed, malformed, unauthenticated or forbidden."},
		[]string{"interface", "outcome"})
	for _, i := range []console.Interface{console.OverSocket, console.OverHTTP} {
		for _, o := range console.Outcomes() {
			c.WithLabelValues(string(i), string(o))
		}
	}
	reg.MustRegister(c)
	return c
}

// Control counts a request of an operator.
func (m *Metrics) Control(over console.Interface, o console.Outcome) {
	m.control.WithLabelValues(string(over), string(o)).Inc()
}
