// The metrics of policy steps that are compiled in.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/hook"
)

// hookSteps reads what the steps have done when metrics are scraped.
type hookSteps struct{ status func() []hook.Status }

var (
	hookVerdicts = desc("hook_verdicts_total", "What a policy step that "+
		"is compiled in has decided: pass, refuse, drop, nxdomain, nodata, truncate or own.",
		"step", "verdict")
	hookSlow = desc("hook_slow_total", "Calls of a policy step that took "+
		"more than 5 ms.", "step")
)

// WatchHooks adds the metrics of policy steps.
func (m *Metrics) WatchHooks(status func() []hook.Status) {
	m.Registry.MustRegister(&guarded{m, &hookSteps{status}})
}

// Describe implements prometheus.Collector.
func (h *hookSteps) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, hookVerdicts, hookSlow)
}

// Collect implements prometheus.Collector.
func (h *hookSteps) Collect(ch chan<- prometheus.Metric) {
	for _, s := range h.status() {
		for _, a := range hook.Actions() {
			sendCount(ch, hookVerdicts, s.Verdicts[a], s.Step, a.String())
		}
		sendCount(ch, hookSlow, s.Slow, s.Step)
	}
}
