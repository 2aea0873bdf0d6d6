// The metrics of the control socket, the API and the query log.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/console"
)

// newControl returns the counter of requests for operations.
func newControl(reg *prometheus.Registry) *prometheus.CounterVec {
	c := newCounterVec(reg, "control_requests_total",
		"Requests of operators, by interface (socket, api, fleet) and outcome: done, failed, "+
			"malformed, unauthenticated or forbidden.", "interface", "outcome")
	for _, i := range console.Interfaces() {
		for _, o := range console.Outcomes() {
			c.WithLabelValues(string(i), string(o))
		}
	}
	return c
}

// newQueryLog returns the counter of lines of the query log.
func newQueryLog(reg *prometheus.Registry) *prometheus.CounterVec {
	c := newCounterVec(reg, "query_log_lines_total",
		"Lines of the query log, by outcome: written; dropped, as more came than could be "+
			"written; or lost, as writing failed.", "outcome")
	for _, o := range []string{"written", "dropped", "lost"} {
		c.WithLabelValues(o)
	}
	return c
}

// QueryLog counts lines of the query log.
func (m *Metrics) QueryLog(written, dropped, lost int) {
	for outcome, n := range map[string]int{"written": written, "dropped": dropped, "lost": lost} {
		if n > 0 {
			m.queryLog.WithLabelValues(outcome).Add(float64(n))
		}
	}
}

// Control counts a request of an operator.
func (m *Metrics) Control(over console.Interface, o console.Outcome) {
	m.control.WithLabelValues(string(over), string(o)).Inc()
}
