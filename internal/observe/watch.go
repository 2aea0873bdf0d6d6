// The metrics of watched zones.

package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/check"
	"bailiwick/internal/watch"
	"bailiwick/wire"
)

// Answered returns how many responses clients were sent, and how many of them failed validation.
func (m *Metrics) Answered() (sent, failed uint64) {
	every := []source{fromHere, fromPrepared, fromMemory, fromServers}
	for v := range validations {
		sent += m.responses.sumOf(v, every...)
	}
	return sent, m.responses.sumOf(validation(wire.Bogus), every...)
}

// watched reads the book of watched zones when metrics are scraped.
type watched struct{ of *watch.Book }

var (
	watchedZones = prometheus.NewDesc("bailiwick_watched_zones", "Zones that are watched.", nil,
		nil)
	watchQueries = prometheus.NewDesc("bailiwick_watch_queries_total",
		"Queries that probes of watched zones have sent to servers (watch.queries is the limit of "+
			"a minute).", nil, nil)
	watchProbes = prometheus.NewDesc("bailiwick_watched_zone_probes_total",
		"Probes of a watched zone, by outcome: good, bad (a client would get SERVFAIL, or stale "+
			"data), or unknown (no fault of a zone).", []string{"zone", "outcome"}, nil)
	watchFailing = prometheus.NewDesc("bailiwick_watched_zone_failing",
		"Whether a watched zone failed the last probe whose outcome is known, by whether it is in "+
			"a maintenance window.", []string{"zone", "maintenance"}, nil)
	watchSuccess = prometheus.NewDesc("bailiwick_watched_zone_success_ratio",
		"The part of a watched zone's probes that succeeded in 30 days.", []string{"zone"}, nil)
	watchBudget = prometheus.NewDesc("bailiwick_watched_zone_budget_left_ratio",
		"The part of a watched zone's error budget of 30 days that is left; negative if more "+
			"failed than the objective allows.", []string{"zone"}, nil)
	watchObjective = prometheus.NewDesc("bailiwick_watched_zone_objective_ratio",
		"The part of a watched zone's probes that has to succeed (watch.zones).",
		[]string{"zone"}, nil)
	watchExpiry = prometheus.NewDesc("bailiwick_watched_zone_signature_expiry_timestamp_seconds",
		"Unix time at which the first signature at a watched zone's apex ends; 0 before one was "+
			"seen.", []string{"zone"}, nil)
	watchFindings = prometheus.NewDesc("bailiwick_watched_zone_findings",
		"What is wrong with a watched zone, by severity, without what was seen once and may pass.",
		[]string{"zone", "severity"}, nil)
	watchRolls = prometheus.NewDesc("bailiwick_watched_zone_rollovers",
		"Key rollovers of a watched zone that are under way, and those that are broken: some "+
			"caches have DS, keys or signatures that do not fit those of now.",
		[]string{"zone", "state"}, nil)
	overallSuccess = prometheus.NewDesc("bailiwick_validation_success_ratio",
		"The part of all responses to clients of 30 days that did not fail validation.", nil, nil)
	overallBudget = prometheus.NewDesc("bailiwick_validation_budget_left_ratio",
		"The part of the error budget of all responses of 30 days that is left (watch.objective).",
		nil, nil)
)

// WatchWatched adds the metrics of watched zones.
func (m *Metrics) WatchWatched(b *watch.Book) {
	m.Registry.MustRegister(&guarded{m, &watched{b}})
}

// Describe implements prometheus.Collector.
func (w *watched) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, watchedZones, watchQueries, watchProbes, watchFailing, watchSuccess, watchBudget,
		watchObjective, watchExpiry, watchFindings, watchRolls, overallSuccess, overallBudget)
}

// Collect implements prometheus.Collector.
func (w *watched) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		send(d, prometheus.GaugeValue, v, labels...)
	}
	month, _ := w.of.Overall(time.Time{})
	gauge(overallSuccess, month.Success())
	gauge(overallBudget, month.Left())
	list := w.of.List(time.Time{})
	gauge(watchedZones, float64(len(list)))
	send(watchQueries, prometheus.CounterValue, float64(w.of.Sent()))
	for i := range list {
		z := &list[i]
		name := z.Name.String()
		for n, outcome := range watch.Outcomes() {
			send(watchProbes, prometheus.CounterValue, float64(z.Counts[n]), name, outcome)
		}
		failing := map[bool]float64{}
		if z.Failing {
			failing[z.Maintenance] = 1
		}
		gauge(watchFailing, failing[false], name, "false")
		gauge(watchFailing, failing[true], name, "true")
		gauge(watchSuccess, z.Rate.Success(), name)
		gauge(watchBudget, z.Rate.Left(), name)
		gauge(watchObjective, z.Rate.Objective/100, name)
		expires := 0.0
		if !z.Expires.IsZero() {
			expires = float64(z.Expires.Unix())
		}
		gauge(watchExpiry, expires, name)
		for _, s := range []check.Severity{check.Error, check.Warning, check.Notice} {
			gauge(watchFindings, float64(z.Count(s)), name, s.String())
		}
		var under, broken float64
		for k := range z.Rolls {
			switch r := &z.Rolls[k]; {
			case r.Broken():
				broken++
			case !r.Over():
				under++
			}
		}
		gauge(watchRolls, under, name, "under_way")
		gauge(watchRolls, broken, name, "broken")
	}
}
