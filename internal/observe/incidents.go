// The metrics of incidents.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/cause"
	"bailiwick/internal/incident"
)

// incidents reads the book of incidents when metrics are scraped.
type incidents struct{ of *incident.Book }

var (
	incidentsOpen = prometheus.NewDesc("bailiwick_incidents_open",
		"Incidents that are open, by kind of cause, and whether their zone is in a maintenance "+
			"window.", []string{"kind", "maintenance"}, nil)
	incidentsBegan = prometheus.NewDesc("bailiwick_incidents_begun_total",
		"Incidents that have begun, by kind of cause.", []string{"kind"}, nil)
	incidentsEnded = prometheus.NewDesc("bailiwick_incidents_ended_total",
		"Incidents that have ended, by kind of cause and how: mended, replaced (the zone fails "+
			"for another cause), excepted (from validation) or forsaken (no client asked for a "+
			"day).",
		[]string{"kind", "how"}, nil)
	incidentsRecovery = prometheus.NewDesc("bailiwick_incident_recovery_seconds",
		"Time from the first query that failed to the first that was answered again, of "+
			"incidents that were mended.", nil, nil)
	incidentQueries = prometheus.NewDesc("bailiwick_broken_zone_queries",
		"Queries that have failed in the worst incidents that are open, by zone and cause.",
		[]string{"zone", "cause", "maintenance"}, nil)
	incidentClients = prometheus.NewDesc("bailiwick_broken_zone_client_networks",
		"Client networks (IPv4 /24, IPv6 /56) that have met the worst incidents that are open, "+
			"by zone and cause.", []string{"zone", "cause", "maintenance"}, nil)
	clientNetworks = prometheus.NewDesc("bailiwick_client_network_validations_total",
		"Answers to the client networks (IPv4 /24, IPv6 /56) that most failures of validation "+
			"hit, by result: fail, and about how many passed since the first failure "+
			"(incidents.client_series is how many networks have series).",
		[]string{"network", "result"}, nil)
	networksEvicted = prometheus.NewDesc("bailiwick_client_networks_evicted_total",
		"Client networks with failures of validation whose counts gave way to others, for want "+
			"of room.", nil, nil)
	incidentsEvicted = prometheus.NewDesc("bailiwick_incidents_evicted_total",
		"Records of failing zones that gave way to others, for want of room.", nil, nil)
	testFailures = prometheus.NewDesc("bailiwick_test_zone_failures_total",
		"Queries that failed at and below incidents.test_zones, which are broken on purpose.",
		nil, nil)
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
	send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	f := i.of.Figures(maxBrokenZones)
	for _, kind := range incidentKinds {
		open := f.Open[kind]
		send(incidentsOpen, prometheus.GaugeValue, float64(open[1]), kind.String(), "false")
		send(incidentsOpen, prometheus.GaugeValue, float64(open[0]-open[1]), kind.String(), "true")
		send(incidentsBegan, prometheus.CounterValue, float64(f.Began[kind]), kind.String())
		for _, how := range incident.Endings() {
			send(incidentsEnded, prometheus.CounterValue, float64(f.Ended[kind][how]),
				kind.String(), how.String())
		}
	}
	ch <- prometheus.MustNewConstHistogram(incidentsRecovery, f.Count, f.Sum.Seconds(),
		f.Recovered)
	for _, w := range f.Worst {
		maintenance := "false"
		if w.Maintenance {
			maintenance = "true"
		}
		send(incidentQueries, prometheus.GaugeValue, float64(w.Queries), w.Zone, w.Cause.Label(),
			maintenance)
		send(incidentClients, prometheus.GaugeValue, float64(w.Clients), w.Zone, w.Cause.Label(),
			maintenance)
	}
	list, evicted := i.of.Networks(i.of.Series())
	for _, n := range list {
		send(clientNetworks, prometheus.CounterValue, float64(n.Failed), n.Prefix.String(), "fail")
		send(clientNetworks, prometheus.CounterValue, float64(n.Passed), n.Prefix.String(), "pass")
	}
	send(networksEvicted, prometheus.CounterValue, float64(evicted))
	send(incidentsEvicted, prometheus.CounterValue, float64(f.Evicted))
	send(testFailures, prometheus.CounterValue, float64(f.Tests))
}
