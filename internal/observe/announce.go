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
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bailiwick", Name: name,
			Help: help}, []string{label})
	}
	a := &Announcement{Registry: prometheus.NewRegistry(),
		checks: counters("announce_checks_total", "Checks of the server, by how it was: fine, "+
			"poor, ending, silent or absent.", "health"),
		moves: counters("announce_changes_total", "Changes of the routes, by where they were "+
			"put: announced, lowered or withdrawn.", "place"),
		place: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bailiwick",
			Name: "announce_place", Help: "1 where the routes are, 0 elsewhere."},
			[]string{"place"})}
	a.Registry.MustRegister(a.checks, a.moves, a.place)
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
		v := 0.0
		if p == to {
			v = 1
		}
		a.place.WithLabelValues(p.String()).Set(v)
	}
}
