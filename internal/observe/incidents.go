// The metrics of incidents.

package observe

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/cause"
	"bailiwick/internal/incident"
)

// incidents reads the book of incidents when metrics are scraped.
type incidents struct{ of *incident.Book }

var (
	incidentsOpen = desc("incidents_open",
		"Incidents that are open, by kind of cause, and whether their zone is in a maintenance "+
			"window.", "kind", "maintenance")
	incidentsBegan = desc("incidents_begun_total",
		"Incidents that have begun, by kind of cause.", "kind")
	incidentsEnded = desc("incidents_ended_total",
		"Incidents that have ended, by kind of cause and how: mended, replaced (the zone fails "+
			"for another cause), excepted (from validation) or forsaken (no client asked for a "+
			"day).", "kind", "how")
	incidentsRecovery = desc("incident_recovery_seconds",
		"Time from the first query that failed to the first that was answered again, of "+
			"incidents that were mended.")
	incidentQueries = desc("broken_zone_queries",
		"Queries that have failed in the worst incidents that are open, by zone and cause.",
		"zone", "cause", "maintenance")
	incidentClients = desc("broken_zone_client_networks",
		"Client networks (IPv4 /24, IPv6 /56) that have met the worst incidents that are open, "+
			"by zone and cause.", "zone", "cause", "maintenance")
	clientNetworks = desc("client_network_validations_total",
		"Answers to the client networks (IPv4 /24, IPv6 /56) that most failures of validation "+
			"hit, by result: fail, and about how many passed since the first failure "+
			"(incidents.client_series is how many networks have series).", "network", "result")
	networksEvicted = desc("client_networks_evicted_total",
		"Client networks with failures of validation whose counts gave way to others, for want "+
			"of room.")
	incidentsEvicted = desc("incidents_evicted_total",
		"Records of failing zones that gave way to others, for want of room.")
	testFailures = desc("test_zone_failures_total",
		"Queries that failed at and below incidents.test_zones, which are broken on purpose.")
)

// WatchIncidents adds the metrics of incidents.
func (m *Metrics) WatchIncidents(b *incident.Book) {
	m.Registry.MustRegister(&guarded{m, &incidents{b}})
}

// Describe implements prometheus.Collector.
func (i *incidents) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, incidentsOpen, incidentsBegan, incidentsEnded, incidentsRecovery, incidentQueries,
		incidentClients, clientNetworks, networksEvicted, incidentsEvicted, testFailures)
}

// incidentKinds are the kinds of causes that zones can be at fault for.
var incidentKinds = []cause.Kind{cause.KindDNSSEC, cause.KindNetwork, cause.KindLimit}

// Collect implements prometheus.Collector.
func (i *incidents) Collect(ch chan<- prometheus.Metric) {
	f := i.of.Figures(maxBrokenZones)
	for _, kind := range incidentKinds {
		open := f.Open[kind]
		sendGauge(ch, incidentsOpen, open[1], kind.String(), "false")
		sendGauge(ch, incidentsOpen, open[0]-open[1], kind.String(), "true")
		sendCount(ch, incidentsBegan, f.Began[kind], kind.String())
		for _, how := range incident.Endings() {
			sendCount(ch, incidentsEnded, f.Ended[kind][how], kind.String(), how.String())
		}
	}
	ch <- prometheus.MustNewConstHistogram(incidentsRecovery, f.Count, f.Sum.Seconds(),
		f.Recovered)
	for _, w := range f.Worst {
		maintenance := strconv.FormatBool(w.Maintenance)
		sendGauge(ch, incidentQueries, w.Queries, w.Zone, w.Cause.Label(), maintenance)
		sendGauge(ch, incidentClients, w.Clients, w.Zone, w.Cause.Label(), maintenance)
	}
	list, evicted := i.of.Networks(i.of.Series())
	for _, n := range list {
		sendCount(ch, clientNetworks, n.Failed, n.Prefix.String(), "fail")
		sendCount(ch, clientNetworks, n.Passed, n.Prefix.String(), "pass")
	}
	sendCount(ch, networksEvicted, evicted)
	sendCount(ch, incidentsEvicted, f.Evicted)
	sendCount(ch, testFailures, f.Tests)
}
