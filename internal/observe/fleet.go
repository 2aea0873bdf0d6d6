// Metrics of the memory that a fleet shares.

package observe

import "bailiwick/internal/fleet"

// WatchFleet has the metrics tell how it is with the memory that a fleet shares.
func (m *Metrics) WatchFleet(counts *fleet.Counts, status func() fleet.Status) {
	questions := newCounters(m.Registry, "fleet_questions_total", "Questions to the store that a "+
		"fleet shares, by outcome; docs/fleet.md has what each means.", "outcome")
	records := newCounters(m.Registry, "fleet_refused_records_total", "Records of the store that "+
		"a fleet shares that were not used, by reason; docs/fleet.md has what each means.",
		"reason")
	for _, o := range fleet.Outcomes() {
		of := questions
		if o.OfRecord() {
			of = records
		}
		of.read(func() uint64 { return counts.Of(o) }, o.Label())
	}
	readGauge(m.Registry, "fleet_store_up", "1 while the store that a fleet shares is asked; 0 "+
		"while it is not, as it has failed, or as there is none.", nil, func() float64 {
		s := status()
		return oneIf(s.Store != "" && s.Resting <= 0)
	})
}
