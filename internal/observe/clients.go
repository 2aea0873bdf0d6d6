// Clients by listener and by view, which come and go with the configuration.

package observe

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/cause"
	"bailiwick/internal/counter"
	"bailiwick/internal/policy"
)

// clients are the metrics of listeners and of views.
type clients struct {
	refusals, queries *counters
	mu                sync.Mutex
	listeners         map[string]*Listener        // guarded by mu, as are views
	views             map[string]*counter.Counter // by name
}

// Listener counts the clients of a listener that are refused or limited.
type Listener struct {
	counts [len(rateCauses)][policy.RefusalServed + 1]*counter.Counter
}

// rateCauses are why a client can be refused or limited.
var rateCauses = [...]cause.Cause{cause.ClientRefused, cause.ClientDropped, cause.RateQueries,
	cause.RateResponses}

func newClients(reg *prometheus.Registry) *clients {
	return &clients{listeners: map[string]*Listener{}, views: map[string]*counter.Counter{},
		refusals: newCounters(reg, "clients_refused_total",
			"Queries of clients that may not ask or exceed a rate, by listener, cause, and what "+
				"they got: REFUSED (refused), nothing (dropped), a truncated response "+
				"(truncated), or their answer all the same (served).",
			"listener", "cause", "outcome"),
		queries: newCounters(reg, "view_queries_total", "Queries of the clients of a view, "+
			"by view; counted if there are views.", "view")}
}

// Listener returns what counts the clients of a listener, which is the same for each listener of
// this name.
func (c *clients) Listener(name string) *Listener {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners[name] == nil {
		l := &Listener{}
		for i, why := range rateCauses {
			for _, how := range policy.Refusals() {
				l.counts[i][how] = c.refusals.with(name, why.Label(), how.Label())
			}
		}
		c.listeners[name] = l
	}
	return c.listeners[name]
}

// ClientRefused counts a client that is refused or limited.
func (l *Listener) ClientRefused(why cause.Cause, how policy.Refusal) {
	for i, c := range rateCauses {
		if c == why {
			l.counts[i][how].Add(1)
		}
	}
}

// ViewQueries returns the counter of a view's queries, which is the same for each view of this
// name.
func (c *clients) ViewQueries(name string) *counter.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.views[name] == nil {
		c.views[name] = c.queries.with(name)
	}
	return c.views[name]
}
