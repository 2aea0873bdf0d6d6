package fleetsim

import (
	"fmt"
	"io"
	"time"

	"bailiwick/internal/fleet"
)

// Scenario is a world with a name.
type Scenario struct {
	Name string
	World
}

// Scenarios returns what docs/fleet.md has a table of.
func Scenarios(w World) []Scenario {
	list := []Scenario{{"without a store", w}, {"with a store", w}, {"store slow", w},
		{"store silent", w}, {"store refuses", w}, {"store silent for 5 s of 10", w},
		{"store loses all", w}, {"nodes restart cold, no store", w}, {"nodes restart cold", w},
		{"cold start, no store", w}, {"cold start", w}, {"night, no store", w}, {"night", w},
		{"no prefetch, no store", w}, {"no prefetch", w}}
	rolling := w.Span / time.Duration(w.Nodes)
	for i := range list {
		s := &list[i].World
		switch s.Store.None = i == 0; list[i].Name {
		case "store slow":
			s.Store.Faults = []Fault{{0, Slow}}
		case "store silent":
			s.Store.Faults = []Fault{{0, Silent}}
		case "store refuses":
			s.Store.Faults = []Fault{{0, Refuses}}
		case "store silent for 5 s of 10":
			for at := time.Duration(0); at < w.Span; at += 10 * time.Second {
				s.Store.Faults = append(s.Store.Faults, Fault{at, Silent},
					Fault{at + 5*time.Second, Works})
			}
		case "store loses all":
			s.Store.Faults = []Fault{{0, Empty}}
		case "nodes restart cold, no store":
			s.Restart, s.Store.None = rolling, true
		case "nodes restart cold":
			s.Restart = rolling
		case "cold start, no store":
			s.Cold, s.Settle, s.Store.None = true, 0, true
		case "cold start":
			s.Cold, s.Settle = true, 0
		case "night, no store":
			s.Rate, s.Store.None = w.Rate/5, true
		case "night":
			s.Rate = w.Rate / 5
		case "no prefetch, no store":
			s.Prefetch, s.Store.None = false, true
		case "no prefetch":
			s.Prefetch = false
		}
	}
	return list
}

// Head writes the first lines of a table of results.
func Head(out io.Writer) {
	fmt.Fprint(out, "| | hits of nodes, % | misses that the store answers, % | resolutions a "+
		"second | packets to servers a second | the busiest name, a second | a miss takes, ms | "+
		"waits for the store, ms: 50 %, 99 %, most | commands of the store a second | records | "+
		"of a million names resolved by more than 3 at once (most) |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
}

// Row writes a result as a line of the table.
func (r *Result) Row(out io.Writer, name string) {
	over, most := r.Over(3)
	fmt.Fprintf(out, "| %s | %.1f | %.1f | %.0f | %.0f | %.2f | %.1f | %.1f, %.1f, %.1f | %.0f | "+
		"%d | %.1f (%d) |\n", name, 100*r.Hits(), 100*r.Shared(), r.Resolutions/r.Seconds,
		r.Packets/r.Seconds, r.Busiest/r.Seconds, 1000*r.Took/(r.Misses+r.Joined), r.Wait(.5),
		r.Wait(.99), r.Longest, r.Commands/r.Seconds, r.Records, over, most)
}

// Distances writes how often more than three nodes resolve a name at once, by the round trip to
// its servers.
func (r *Result) Distances(out io.Writer, trips []Part) {
	fmt.Fprint(out, "| round trip, ms | names | of a million, by more than 1 | by more than 3 | "+
		"most |\n|---|---|---|---|---|\n")
	for _, p := range trips {
		var names uint64
		for _, n := range r.Overlaps[p.Value] {
			names += n
		}
		one, _ := r.Over(1, p.Value)
		three, most := r.Over(3, p.Value)
		fmt.Fprintf(out, "| %.0f | %d | %.0f | %.1f | %d |\n", p.Value, names, one, three, most)
	}
}

// Moments writes how many of all nodes resolve a name that they miss within some milliseconds, and
// what the client waits in the mean, by the round trip to its servers: with the rule that nodes
// have, with longer times to wait for others, and with stale data in place of a resolution.
func Moments(out io.Writer, w World) {
	w.Chain, w.Lost, w.TTLs = []Part{{1, 1}}, 0, []Part{{300, 1}}
	fmt.Fprint(out, "| round trip, ms | missed within, ms | 20 ms | 50 ms | 100 ms | 500 ms | "+
		"20 ms, then stale |\n|---|---|---|---|---|---|---|\n")
	for _, trip := range []float64{5, 15, 30, 60, 120, 250} {
		for _, within := range []time.Duration{0, 100 * time.Millisecond, time.Second} {
			w.Trips = []Part{{trip, 1}}
			fmt.Fprintf(out, "| %.0f | %d |", trip, within.Milliseconds())
			for _, rule := range []World{{}, {Wait: 50 * time.Millisecond},
				{Wait: 100 * time.Millisecond}, {Wait: 500 * time.Millisecond}, {Stale: true}} {
				w.Wait, w.Stale = rule.Wait, rule.Stale
				r := Moment(w, within)
				fmt.Fprintf(out, " %.0f, %.0f ms |", r.Resolutions, 1000*r.Took/r.Misses)
			}
			fmt.Fprintln(out)
		}
	}
}

// Outcome returns how many questions to the store came to an outcome, each second.
func (r *Result) Outcome(o fleet.Outcome) float64 { return float64(r.Outcomes[o]) / r.Seconds }
