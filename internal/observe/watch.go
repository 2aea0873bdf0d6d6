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
	watchedZones = desc("watched_zones", "Zones that are watched.")
	watchQueries = desc("watch_queries_total",
		"Queries that probes of watched zones have sent to servers (watch.queries is the limit of "+
			"a minute).")
	watchProbes = desc("watched_zone_probes_total",
		"Probes of a watched zone, by outcome: good, bad (a client would get SERVFAIL, or stale "+
			"data), or unknown (no fault of a zone).", "zone", "outcome")
	watchFailing = desc("watched_zone_failing",
		"Whether a watched zone failed the last probe whose outcome is known, by whether it is in "+
			"a maintenance window.", "zone", "maintenance")
	watchSuccess = desc("watched_zone_success_ratio",
		"The part of a watched zone's probes that succeeded in 30 days.", "zone")
	watchBudget = desc("watched_zone_budget_left_ratio",
		"The part of a watched zone's error budget of 30 days that is left; negative if more "+
			"failed than the objective allows.", "zone")
	watchObjective = desc("watched_zone_objective_ratio",
		"The part of a watched zone's probes that has to succeed (watch.zones).", "zone")
	watchExpiry = desc("watched_zone_signature_expiry_timestamp_seconds",
		"Unix time at which the first signature at a watched zone's apex ends; 0 before one was "+
			"seen.", "zone")
	watchFindings = desc("watched_zone_findings",
		"What is wrong with a watched zone, by severity, without what was seen once and may pass.",
		"zone", "severity")
	watchRolls = desc("watched_zone_rollovers",
		"Key rollovers of a watched zone that are under way, and those that are broken: some "+
			"caches have DS, keys or signatures that do not fit those of now.", "zone", "state")
	overallSuccess = desc("validation_success_ratio",
		"The part of all responses to clients of 30 days that did not fail validation.")
	overallBudget = desc("validation_budget_left_ratio",
		"The part of the error budget of all responses of 30 days that is left (watch.objective).")
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
	month, _ := w.of.Overall(time.Time{})
	sendGauge(ch, overallSuccess, month.Success())
	sendGauge(ch, overallBudget, month.Left())
	list := w.of.List(time.Time{})
	sendGauge(ch, watchedZones, len(list))
	sendCount(ch, watchQueries, w.of.Sent())
	for i := range list {
		z := &list[i]
		name := z.Name.String()
		for n, outcome := range watch.Outcomes() {
			sendCount(ch, watchProbes, z.Counts[n], name, outcome)
		}
		sendGauge(ch, watchFailing, oneIf(z.Failing && !z.Maintenance), name, "false")
		sendGauge(ch, watchFailing, oneIf(z.Failing && z.Maintenance), name, "true")
		sendGauge(ch, watchSuccess, z.Rate.Success(), name)
		sendGauge(ch, watchBudget, z.Rate.Left(), name)
		sendGauge(ch, watchObjective, z.Rate.Objective/100, name)
		sendGauge(ch, watchExpiry, seconds(z.Expires), name)
		for _, s := range []check.Severity{check.Error, check.Warning, check.Notice} {
			sendGauge(ch, watchFindings, z.Count(s), name, s.String())
		}
		under, broken := 0, 0
		for k := range z.Rolls {
			switch r := &z.Rolls[k]; {
			case r.Broken():
				broken++
			case !r.Over():
				under++
			}
		}
		sendGauge(ch, watchRolls, under, name, "under_way")
		sendGauge(ch, watchRolls, broken, name, "broken")
	}
}
