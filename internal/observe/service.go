// The metrics of the life of the process: how it ends, and who takes over from it.

package observe

import "github.com/prometheus/client_golang/prometheus"

// life are the metrics of the process.
type life struct {
	draining prometheus.Gauge
}

func newLife(reg *prometheus.Registry) (l life) {
	l.draining = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "bailiwick",
		Name: "draining", Help: "1 from the moment on that the server is being stopped."})
	reg.MustRegister(l.draining)
	return l
}

// Draining records that the server is being stopped.
func (m *Metrics) Draining() {
	m.life.draining.Set(1)
	m.Ready(false)
}
