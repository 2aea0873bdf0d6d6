// The metrics of what writers that nobody waits for have done.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/counter"
)

// newOutcomes returns counts, and adds their metric.
func newOutcomes(reg *prometheus.Registry, name, what string) *counter.Outcomes {
	c := &counter.Outcomes{}
	m := newCounters(reg, name, what+", by outcome: written; dropped, as more came than could be "+
		"written; or lost, as writing failed.", "outcome")
	m.read(c.Written.Load, "written")
	m.read(c.Dropped.Load, "dropped")
	m.read(c.Lost.Load, "lost")
	return c
}
