// Metrics of the commands of a fleet.

package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/fleet/commands"
)

// nodeStates are the nodes of a fleet that a gauge counts.
var nodeStates = []struct {
	name string
	is   func(*commands.Node) bool
}{
	{"heard", func(n *commands.Node) bool { return !n.Silent }},
	{"silent", func(n *commands.Node) bool { return n.Silent }},
	{"behind", func(n *commands.Node) bool { return !n.Silent && n.Behind > 0 }},
	{"different", func(n *commands.Node) bool { return !n.Silent && !n.Same }},
}

// WatchCommands has the metrics tell how it is with the commands of a fleet.
func (m *Metrics) WatchCommands(c *commands.Member) {
	outcome := newCounters(m.Registry, "fleet_commands_total", "Commands of the fleet, by "+
		"outcome, and what servers tell each other by the store and is not used; docs/fleet.md "+
		"has what each means.", "outcome")
	for _, o := range commands.Outcomes() {
		outcome.read(func() uint64 { return c.Counts().Of(o) }, o.Label())
	}
	hints := newCounters(m.Registry, "fleet_hints_total", "Hints of other servers that they were "+
		"given a command: heeded by a look at the store, or not, as there were too many in that "+
		"second.", "outcome")
	hints.read(c.Hints().Heeded.Load, "heeded")
	hints.read(c.Hints().Unheeded.Load, "unheeded")
	for _, s := range nodeStates {
		readGauge(m.Registry, "fleet_nodes", "Servers of the fleet, this one among them: heard "+
			"of lately, silent, behind (heard, and without commands that others have), different "+
			"(heard, and answers are decided otherwise there).",
			prometheus.Labels{"state": s.name}, func() (n float64) {
				list := c.Nodes()
				for i := range list {
					n += oneIf(s.is(&list[i]))
				}
				return n
			})
	}
	readGauge(m.Registry, "fleet_commands_missing", "1 while other servers of the fleet have "+
		"commands that its store does not give to this one.", nil,
		func() float64 { return oneIf(c.Status().Missing != "") })
}
