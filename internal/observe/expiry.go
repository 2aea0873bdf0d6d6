// The metrics of signatures that end soon.

package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/expiry"
	"bailiwick/wire"
)

// leadBuckets are the buckets of the time that signatures have, in seconds.
var leadBuckets = []float64{0, 3600, 6 * 3600, 12 * 3600, day, 2 * day, 3 * day, 7 * day, 14 * day,
	30 * day}

const day = 24 * 3600

// WatchSignatures adds the metrics of a book of ending signatures. Sets that are validated go into
// it from here on.
func (m *Metrics) WatchSignatures(b *expiry.Book) {
	m.signatures.Store(b)
	m.Registry.MustRegister(&guarded{m, &endings{b}})
}

// Secured takes sets that have been validated.
func (m *Metrics) Secured(zone wire.Name, sets ...*wire.RRset) {
	if b := m.signatures.Load(); b != nil {
		b.Secured(zone, sets...)
	}
}

// SignatureLead counts a validated set by the time that its signature has.
func (m *Metrics) SignatureLead(left time.Duration) { m.lead.Observe(left.Seconds()) }

// newLead defines the histogram of the time that signatures have.
func newLead(reg *prometheus.Registry) prometheus.Histogram {
	return registered(reg, prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace,
		Name: "signature_lead_seconds", Help: "Time that the signatures of validated sets have " +
			"left: of each set when it was validated.", Buckets: leadBuckets}))
}

// endings reads the book when metrics are scraped.
type endings struct{ of *expiry.Book }

var (
	endingZones = desc("ending_zones",
		"Zones with a signature in the last quarter of its life, by whether it has less than two "+
			"days.", "soon")
	endingAt = desc("zone_signature_expiry_timestamp_seconds",
		"Unix time at which the signature ends that ends first, of the zones in the last quarter "+
			"of their signatures' life that have least time left.", "zone")
)

// Describe implements prometheus.Collector.
func (e *endings) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, endingZones, endingAt)
}

// Collect implements prometheus.Collector.
func (e *endings) Collect(ch chan<- prometheus.Metric) {
	list, soon := e.of.List(), 0
	for i := range list {
		if list[i].Warned {
			soon++
		}
		if i < maxEndingZones {
			sendGauge(ch, endingAt, list[i].Expires.Unix(), list[i].Name.String())
		}
	}
	sendGauge(ch, endingZones, soon, "true")
	sendGauge(ch, endingZones, len(list)-soon, "false")
}
