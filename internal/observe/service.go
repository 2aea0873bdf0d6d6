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
	l.draining = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "bailiwick",
		Name: "draining", Help: "1 from the moment on that the server is being stopped."})
	upgrades := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bailiwick",
		Name: "upgrades_total", Help: "Attempts to have a new process take over, by outcome: " +
			"done or failed."}, []string{"outcome"})
	l.upgraded, l.kept = upgrades.WithLabelValues("done"), upgrades.WithLabelValues("failed")
	restored := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bailiwick",
		Name: "cache_restored_entries_total", Help: "Entries of the caches that were loaded at " +
			"the start, by outcome: used; outdated, because other trust anchors, exceptions, " +
			"zones or rules hold for their names now; or ended."}, []string{"outcome"})
	l.restored = restored.WithLabelValues("used")
	l.outdated = restored.WithLabelValues("outdated")
	l.ended = restored.WithLabelValues("ended")
	l.stuck = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bailiwick",
		Name: "listeners_stuck", Help: "Listeners that gave this server itself no answer, by " +
			"transport. They are asked if the service manager has a watchdog."},
		[]string{"transport"})
	for _, p := range transport.Protocols() {
		l.stuck.WithLabelValues(p.String())
	}
	l.confined = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bailiwick",
		Name: "confined", Help: "1 if the process is confined by: landlock (files), seccomp " +
			"(system calls), user (it is not root); else 0."}, []string{"by"})
	for _, by := range []string{"landlock", "seccomp", "user"} {
		l.confined.WithLabelValues(by)
	}
	l.needed = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bailiwick",
		Name: "descriptors_needed", Help: "File descriptors that the configuration may need at " +
			"once, by what for: listeners, clients, upstream, files. process_max_fds is how many " +
			"there may be."}, []string{"for"})
	for _, what := range []string{"listeners", "clients", "upstream", "files"} {
		l.needed.WithLabelValues(what)
	}
	reg.MustRegister(l.draining, upgrades, restored, l.stuck, l.confined, l.needed)
	return l
}

// Built adds a metric that tells which program this is.
func (m *Metrics) Built(version, revision, compiler string) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "bailiwick", Name: "build_info",
		Help: "1, with the version of the program, the revision that it was built from, and the " +
			"version of Go.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision,
			"go": compiler}})
	g.Set(1)
	m.Registry.MustRegister(g)
}

// Draining records that the server is being stopped.
func (m *Metrics) Draining() {
	m.life.draining.Set(1)
	m.Ready(false)
}

// Confined records whether the process is confined by something.
func (m *Metrics) Confined(by string, is bool) {
	n := 0.0
	if is {
		n = 1
	}
	m.life.confined.WithLabelValues(by).Set(n)
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
