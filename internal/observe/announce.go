// Metrics of the process that announces routes.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/announce"
)

// Announcement counts what the process that announces routes does.
type Announcement struct {
	Registry *prometheus.Registry
	checks   *prometheus.CounterVec
	moves    *prometheus.CounterVec
	place    *prometheus.GaugeVec
}

var (
	healths = []announce.Health{announce.Fine, announce.Poor, announce.Ending, announce.Silent,
		announce.Absent}
	places = []announce.Place{announce.Withdrawn, announce.Lowered, announce.Announced}
)

// NewAnnouncement returns metrics of routes that are withdrawn.
func NewAnnouncement() *Announcement {
	reg := prometheus.NewRegistry()
	a := &Announcement{Registry: reg,
		checks: newCounterVec(reg, "announce_checks_total", "Checks of the server, by how it "+
			"was: fine, poor, ending, silent or absent.", "health"),
		moves: newCounterVec(reg, "announce_changes_total", "Changes of the routes, by where "+
			"they were put: announced, lowered or withdrawn.", "place"),
		place: newGaugeVec(reg, "announce_place", "1 where the routes are, 0 elsewhere.", "place")}
	for _, h := range healths {
		a.checks.WithLabelValues(h.String())
	}
	for _, p := range places {
		a.moves.WithLabelValues(p.String())
	}
	a.set(announce.Withdrawn)
	return a
}

// Saw counts a check.
func (a *Announcement) Saw(h announce.Health) { a.checks.WithLabelValues(h.String()).Inc() }

// Moved counts a change of the routes.
func (a *Announcement) Moved(to announce.Place) {
	a.moves.WithLabelValues(to.String()).Inc()
	a.set(to)
}

func (a *Announcement) set(to announce.Place) {
	for _, p := range places {
		a.place.WithLabelValues(p.String()).Set(oneIf(p == to))
	}
}
