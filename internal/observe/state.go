// The metrics of what is saved for the next start.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/state"
)

// saving reads how it goes with the files of the state directory when metrics are scraped.
type saving struct{ d *state.Directory }

var (
	stateSaves = desc("state_saves_total",
		"Attempts to save a file of state.directory, by file and outcome: saved or failed.",
		"file", "outcome")
	stateSaved = desc("state_saved_timestamp_seconds",
		"Unix time at which a file of state.directory was saved last, 0 if it never was since "+
			"the start.", "file")
)

// WatchState adds the metrics of the state directory, which may be nil.
func (m *Metrics) WatchState(d *state.Directory) {
	m.Registry.MustRegister(&guarded{m, &saving{d}})
}

// Describe implements prometheus.Collector.
func (s *saving) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, stateSaves, stateSaved)
}

// Collect implements prometheus.Collector.
func (s *saving) Collect(ch chan<- prometheus.Metric) {
	for _, f := range state.All() {
		st := s.d.Status(f)
		for outcome, n := range map[string]int64{"saved": st.Succeeded, "failed": st.Lost} {
			sendCount(ch, stateSaves, n, f.String(), outcome)
		}
		sendGauge(ch, stateSaved, seconds(st.Saved), f.String())
	}
}
