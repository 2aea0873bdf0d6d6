// The metrics of the life of the process: how it ends, and who takes over from it.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/transport"
)

// life are the metrics of the process.
type life struct {
	draining prometheus.Gauge
	// upgraded counts hand-overs: successful ones, and others.
	upgraded, kept prometheus.Counter
	// restored, outdated and ended count the entries of the caches that were saved.
	restored, outdated, ended prometheus.Counter
	stuck                     *prometheus.GaugeVec // by transport
	confined                  *prometheus.GaugeVec // by what
	needed                    *prometheus.GaugeVec // descriptors, by what for
}

func newLife(reg *prometheus.Registry) (l life) {
	l.draining = newGauge(reg, "draining",
		"1 from the moment on that the server is being stopped.")
	upgrades := newCounterVec(reg, "upgrades_total",
		"Attempts to have a new process take over, by outcome: done or failed.", "outcome")
	l.upgraded, l.kept = upgrades.WithLabelValues("done"), upgrades.WithLabelValues("failed")
	restored := newCounterVec(reg, "cache_restored_entries_total",
		"Entries of the caches that were loaded at the start, by outcome: used; outdated, because "+
			"other trust anchors, exceptions, zones or rules hold for their names now; or ended.",
		"outcome")
	l.restored = restored.WithLabelValues("used")
	l.outdated = restored.WithLabelValues("outdated")
	l.ended = restored.WithLabelValues("ended")
	l.stuck = newGaugeVec(reg, "listeners_stuck",
		"Listeners that gave this server itself no answer, by transport. They are asked if the "+
			"service manager has a watchdog.", "transport")
	for _, p := range transport.Protocols() {
		l.stuck.WithLabelValues(p.String())
	}
	l.confined = newGaugeVec(reg, "confined",
		"1 if the process is confined by: landlock (files), seccomp (system calls), user (it is "+
			"not root); else 0.", "by")
	for _, by := range []string{"landlock", "seccomp", "user"} {
		l.confined.WithLabelValues(by)
	}
	l.needed = newGaugeVec(reg, "descriptors_needed",
		"File descriptors that the configuration may need at once, by what for: listeners, "+
			"clients, upstream, files. process_max_fds is how many there may be.", "for")
	for _, what := range []string{"listeners", "clients", "upstream", "files"} {
		l.needed.WithLabelValues(what)
	}
	return l
}

// Built adds a metric that tells which program this is.
func (m *Metrics) Built(version, revision, compiler string) {
	newGaugeVec(m.Registry, "build_info",
		"1, with the version of the program, the revision that it was built from, and the "+
			"version of Go.", "version", "revision", "go").
		WithLabelValues(version, revision, compiler).Set(1)
}

// Draining records that the server is being stopped.
func (m *Metrics) Draining() {
	m.life.draining.Set(1)
	m.Ready(false)
}

// Confined records whether the process is confined by something.
func (m *Metrics) Confined(by string, is bool) {
	m.life.confined.WithLabelValues(by).Set(oneIf(is))
}

// Needed records how many descriptors may be in use at once.
func (m *Metrics) Needed(d transport.Demand) {
	for what, n := range map[string]int{"listeners": d.Listeners, "clients": d.Clients,
		"upstream": d.Upstream, "files": d.Files} {
		m.life.needed.WithLabelValues(what).Set(float64(n))
	}
}

// Stuck records how many listeners of each transport do not answer.
func (m *Metrics) Stuck(n map[transport.Protocol]int) {
	for _, p := range transport.Protocols() {
		m.life.stuck.WithLabelValues(p.String()).Set(float64(n[p]))
	}
}

// Upgraded counts an attempt to have a new process take over.
func (m *Metrics) Upgraded(done bool) {
	if done {
		m.life.upgraded.Inc()
	} else {
		m.life.kept.Inc()
	}
}

// Restored counts the entries of the caches that were loaded.
func (m *Metrics) Restored(used, outdated, ended int) {
	m.life.restored.Add(float64(used))
	m.life.outdated.Add(float64(outdated))
	m.life.ended.Add(float64(ended))
}
