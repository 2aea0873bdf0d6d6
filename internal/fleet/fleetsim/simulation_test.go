// The simulation is one goroutine: the race detector finds nothing in it, and takes ten times as
// long.

//go:build !race

package fleetsim_test

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleetsim"
)

// small is a fleet with as many questions of each client as the real one, and fewer of them.
func small() fleetsim.World {
	w := fleetsim.Default()
	w.Nodes, w.Clients, w.Names = 20, 50_000, 50_000
	return w
}

// One name at one node is as arithmetic has it: without a refresh it is missed every TTL and the
// time until the next question; with one only if nobody asks in the last tenth.
func TestSimulationIsRight(t *testing.T) {
	const ttl = 20.0
	for _, rate := range []float64{0.02, 0.2, 2} {
		for _, prefetch := range []bool{false, true} {
			w := fleetsim.Default()
			w.Nodes, w.Clients, w.Rate, w.Names = 1, 1, rate, 1
			w.TTLs, w.Trips = only(ttl), only(0)
			w.Steady, w.Lost, w.Store.None, w.Prefetch = true, 0, true, prefetch
			w.Settle, w.Span = 0, 4000*time.Second
			var misses float64
			const runs = 20
			for w.Seed = range runs {
				r := fleetsim.Run(w)
				misses += r.Misses / r.Seconds / runs
			}
			unasked, lives := 1.0, ttl
			if prefetch {
				unasked = math.Exp(-rate * ttl / 10)
				lives = 0.9*ttl + (1-unasked)/rate
			}
			want := unasked / (lives + unasked/rate)
			off := 4 * math.Sqrt(want/(4000*runs)) // four deviations
			if math.Abs(misses-want) > off {
				t.Errorf("rate %v, prefetch %v: %v misses a second, want %v±%v", rate, prefetch,
					misses, want, off)
			}
		}
	}
}

// TestSimulation is the table of docs/fleet.md in small, with what has to hold in it.
func TestSimulation(t *testing.T) {
	results := map[string]*fleetsim.Result{}
	var table bytes.Buffer
	fleetsim.Head(&table)
	for _, s := range fleetsim.Scenarios(small()) {
		r := fleetsim.Run(s.World)
		r.Row(&table, s.Name)
		results[s.Name] = r
		if r.Longest > 20 {
			t.Errorf("%s: a miss has waited for %v ms", s.Name, r.Longest)
		}
	}
	t.Logf("\n%s", &table)
	for _, pair := range [][2]string{{"with a store", "without a store"},
		{"nodes restart cold", "nodes restart cold, no store"},
		{"cold start", "cold start, no store"}, {"night", "night, no store"},
		{"no prefetch", "no prefetch, no store"}} {
		with, without := results[pair[0]], results[pair[1]]
		if with.Resolutions > without.Resolutions/2 ||
			with.Took/with.Misses > without.Took/without.Misses {
			t.Errorf("%s: %v resolutions, %v without", pair[0], with.Resolutions,
				without.Resolutions)
		}
	}
	with, without := results["with a store"], results["without a store"]
	if n, most := with.Over(3); n != 0 || most > 3 {
		t.Errorf("%v of a million names are resolved by more than 3, one by %d", n, most)
	}
	if with.Busiest > without.Busiest/2 {
		t.Errorf("the busiest name: %v and %v", with.Busiest, without.Busiest)
	}
	// What a store that is of no use costs is the misses until it is left alone.
	for _, name := range []string{"store silent", "store refuses"} {
		r := results[name]
		if r.Commands > with.Commands/100 || r.Outcome(fleet.Failed) > 10 ||
			r.Resolutions > 1.2*without.Resolutions || r.Outcomes[fleet.Skipped] == 0 {
			t.Errorf("%s: %v commands, %v failed, %v resolutions", name, r.Commands,
				r.Outcome(fleet.Failed), r.Resolutions)
		}
	}
	if n := results["store loses all"].Resolutions; n > without.Resolutions {
		t.Errorf("a store that has lost all: %v resolutions", n)
	}
	// The same again is the same.
	if again := fleetsim.Run(small()); !reflect.DeepEqual(again, with) {
		t.Error("the same world gives other figures")
	}
}
