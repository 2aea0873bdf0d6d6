// The metrics of the zones that a copy is kept of.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/secondary"
)

// heldZones reads how it is with the zones when metrics are scraped.
type heldZones struct{ status func() []secondary.Status }

// zoneDesc defines a metric with a label for the zone, and others.
func zoneDesc(name, help string, labels ...string) *prometheus.Desc {
	return desc("zone_"+name, help, append([]string{"zone"}, labels...)...)
}

var (
	zoneUsable = zoneDesc("usable", "1 if the copy of a zone of zones.held, or of the root, may "+
		"be used.")
	zoneSerial  = zoneDesc("serial", "Serial of the copy, 0 if there is none.")
	zoneRecords = zoneDesc("records", "Records of the copy.")
	zoneBytes   = zoneDesc("bytes", "Memory that the copy takes, in bytes.")
	zoneAge     = zoneDesc("age_seconds", "Time since a source has confirmed the copy.")
	zoneExpires = zoneDesc("expires_seconds", "Time until the copy may not be used any more, 0 "+
		"if there is none.")
	zoneAnswers = zoneDesc("answers_total", "Questions of iteration that the copy was asked.")
	zoneChecks  = zoneDesc("checks_total", "Checks whether there is a newer zone, by outcome: "+
		"updated, current or failed.", "outcome")
)

// WatchZones adds the metrics of the zones that a copy is kept of.
func (m *Metrics) WatchZones(status func() []secondary.Status) {
	m.Registry.MustRegister(&guarded{m, &heldZones{status}})
}

// Describe implements prometheus.Collector.
func (h *heldZones) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, zoneUsable, zoneSerial, zoneRecords, zoneBytes, zoneAge,
		zoneExpires, zoneAnswers, zoneChecks)
}

// Collect implements prometheus.Collector.
func (h *heldZones) Collect(ch chan<- prometheus.Metric) {
	for _, s := range h.status() {
		zone := s.Zone.String()
		for d, v := range map[*prometheus.Desc]float64{zoneUsable: oneIf(s.Usable),
			zoneSerial: float64(s.Serial), zoneRecords: float64(s.Records),
			zoneBytes: float64(s.Bytes), zoneAge: s.Age.Seconds(),
			zoneExpires: s.Expires.Seconds()} {
			sendGauge(ch, d, v, zone)
		}
		sendCount(ch, zoneAnswers, s.Answers, zone)
		for outcome, n := range map[string]int64{"updated": s.Updated, "current": s.Current,
			"failed": s.Failed} {
			sendCount(ch, zoneChecks, n, zone, outcome)
		}
	}
}
