package coredns

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The plugin's metrics, beside those that CoreDNS has of every server.
var (
	answers = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: name, Name: "answers_total",
		Help: "Questions by the result of validation.",
	}, []string{"server", "status"})
	failures = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: name, Name: "failures_total",
		Help: "Questions that failed, by cause: a label of docs/reference/causes.md.",
	}, []string{"server", "cause"})
	duration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: name, Name: "duration_seconds",
		Buckets: plugin.TimeBuckets,
		Help:    "How long questions took, those that were answered from memory included.",
	}, []string{"server"})
)
