// The metrics of response policy zones.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/rpz"
)

// policyZones reads how it is with the policy zones when metrics are scraped.
type policyZones struct{ zones func() []rpz.Zone }

func policyDesc(name, help string, labels ...string) *prometheus.Desc {
	return desc("rpz_"+name, help, append([]string{"zone"}, labels...)...)
}

var (
	rpzRules = policyDesc("rules", "Rules of a zone of policy.rpz that are in force, by trigger.",
		"trigger")
	rpzSkipped = policyDesc("skipped_names", "Names of the zone that are not rules, and are left "+
		"out.")
	rpzMatches = policyDesc("matches_total", "Questions and answers that a rule of the zone was "+
		"applied to, by trigger and by what was done.", "trigger", "action")
)

// WatchPolicyZones adds the metrics of the policy zones.
func (m *Metrics) WatchPolicyZones(zones func() []rpz.Zone) {
	m.Registry.MustRegister(&guarded{m, &policyZones{zones}})
}

// Describe implements prometheus.Collector.
func (p *policyZones) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, rpzRules, rpzSkipped, rpzMatches)
}

// Collect implements prometheus.Collector. Matches are listed from the start for the triggers that
// the zone has rules of.
func (p *policyZones) Collect(ch chan<- prometheus.Metric) {
	for _, z := range p.zones() {
		if z.Rules == nil {
			continue
		}
		zone := z.Name.String()
		skipped, _ := z.Rules.Skipped()
		sendGauge(ch, rpzSkipped, skipped, zone)
		for _, t := range rpz.Triggers() {
			n := z.Rules.Len(t)
			sendGauge(ch, rpzRules, n, zone, t.String())
			for _, a := range rpz.Actions() {
				if used := z.Uses[t][a].Load(); n > 0 || used > 0 {
					sendCount(ch, rpzMatches, used, zone, t.String(), a.String())
				}
			}
		}
	}
}
