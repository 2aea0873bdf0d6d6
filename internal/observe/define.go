// How metrics are defined, and their values sent when they are scraped.

package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// namespace is what the names of all metrics begin with.
const namespace = "bailiwick"

// desc returns the description of a metric that is read when metrics are scraped.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// number is what the value of a metric is counted in.
type number interface {
	int | int64 | uint32 | uint64 | float64
}

// sendGauge sends what is so now.
func sendGauge[N number](ch chan<- prometheus.Metric, d *prometheus.Desc, n N, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
}

// sendCount sends how often something has come so far.
func sendCount[N number](ch chan<- prometheus.Metric, d *prometheus.Desc, n N, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

// oneIf is 1 of what is true, else 0.
func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// seconds is the Unix time of a time, 0 of none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

// registered adds a metric to a registry.
func registered[C prometheus.Collector](reg *prometheus.Registry, c C) C {
	reg.MustRegister(c)
	return c
}

func newCounter(reg *prometheus.Registry, name, help string) prometheus.Counter {
	return registered(reg, prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace,
		Name: name, Help: help}))
}

func newCounterVec(reg *prometheus.Registry, name, help string,
	labels ...string) *prometheus.CounterVec {
	return registered(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace,
		Name: name, Help: help}, labels))
}

func newGauge(reg *prometheus.Registry, name, help string) prometheus.Gauge {
	return registered(reg, prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace,
		Name: name, Help: help}))
}

func newGaugeVec(reg *prometheus.Registry, name, help string,
	labels ...string) *prometheus.GaugeVec {
	return registered(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace,
		Name: name, Help: help}, labels))
}

// readGauge adds a gauge that is read when metrics are scraped: a series of its labels, of which
// there may be none.
func readGauge(reg *prometheus.Registry, name, help string, labels prometheus.Labels,
	read func() float64) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name,
		Help: help, ConstLabels: labels}, read))
}
