package fleetsim_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/counter"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleetsim"
	"bailiwick/internal/fleet/fleettest"
	"bailiwick/wire"
)

// small is a fleet with as many questions of each client as the real one, and fewer of them.
func small() fleetsim.World {
	w := fleetsim.Default()
	w.Nodes, w.Clients, w.Names = 20, 50_000, 50_000
	return w
}

// only returns parts of which all have one value.
func only(value float64) []fleetsim.Part { return []fleetsim.Part{{Value: value, Of: 1}} }

// moment has nodes of the real code miss a name at once, and returns what came of it.
func moment(t *testing.T, nodes int, reply, takes time.Duration) (resolutions int32,
	outcomes []uint64) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		store.Delay = reply
		view := fleet.View{1}
		k := cache.Key{Name: wire.MustParseName("www.example."), Type: wire.TypeA}
		outcomes = make([]uint64, len(fleet.Outcomes()))
		var all sync.WaitGroup
		var resolved atomic.Int32
		var fleets []*fleet.Fleet
		for range nodes {
			f := fleet.New(fleet.Parts{Clock: clock.Real{}, Log: slog.New(slog.NewTextHandler(
				io.Discard, nil)), Writes: &counter.Outcomes{},
				Open: func(fleet.Settings) fleet.Store { return store }})
			f.Use(fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
				Secrets: []fleet.Secret{fleet.NewSecret(bytes.Repeat([]byte{1}, 32))}})
			fleets = append(fleets, f)
			all.Go(func() {
				if e, _, _ := f.Ask(context.Background(), &view, []cache.Key{k}, false); e != nil {
					return
				}
				resolved.Add(1)
				time.Sleep(takes)
				now := clock.Wall(clock.Real{}).Unix()
				f.Offer(&view, &cache.Shared{Key: k, Zone: wire.MustParseName("example."),
					Set: cache.RRset{Stored: now, Expires: now + 300, Set: &wire.RRset{Name: k.Name,
						Type: k.Type, Class: wire.ClassIN, Security: wire.Insecure, TTL: 300,
						Data: wire.RDataList{0, 4, 192, 0, 2, 1}}}})
			})
		}
		all.Wait()
		for _, f := range fleets {
			f.Close()
			for _, o := range fleet.Outcomes() {
				outcomes[o] += f.Counts().Of(o)
			}
		}
		resolutions = resolved.Load()
	})
	return resolutions, outcomes
}

// The simulation comes to what the real code does, in the same moment.
func TestSimulationIsTheRealCode(t *testing.T) {
	for _, trip := range []float64{4, 15, 30, 100} {
		for _, reply := range []time.Duration{300 * time.Microsecond, 3 * time.Millisecond,
			8 * time.Millisecond, 12 * time.Millisecond} {
			w := fleetsim.Default()
			w.Steady, w.Lost, w.Store.Reply = true, 0, reply
			w.Chain, w.TTLs, w.Trips = only(1), only(300), only(trip)
			r := fleetsim.Moment(w, 0)
			n, outcomes := moment(t, w.Nodes, reply, time.Duration(trip)*time.Millisecond)
			if float64(n) != r.Resolutions || !reflect.DeepEqual(outcomes, r.Outcomes) {
				t.Errorf("%v ms, a store of %v: %v resolutions %v, simulated %v %v", trip, reply,
					n, outcomes, r.Resolutions, r.Outcomes)
			}
		}
	}
}

// However long nodes wait for others, maxClaims resolve, and no node waits for longer than it may.
// That some wait for longer than they would have to resolve is why waitTime is what it is.
func TestMaxClaimsHowLongOthersWait(t *testing.T) {
	w := fleetsim.Default()
	w.Chain, w.TTLs, w.Lost = only(1), only(300), 0
	for _, trip := range []float64{5, 15, 50, 300} {
		w.Trips = only(trip)
		w.Wait = 500 * time.Millisecond
		if r := fleetsim.Moment(w, 0); r.Resolutions > 3 || r.Longest > 500 {
			t.Errorf("%v ms: %v resolutions, a wait of %v ms", trip, r.Resolutions, r.Longest)
		}
		w.Wait = 0
		r := fleetsim.Moment(w, 0)
		if far := trip*0.8 > 20; r.Longest > 20 || (r.Resolutions > 3) != far {
			t.Errorf("%v ms: %v resolutions, a wait of %v ms", trip, r.Resolutions, r.Longest)
		}
		w.Stale = true
		if r := fleetsim.Moment(w, 0); r.Resolutions > 3 || r.Longest > 20 {
			t.Errorf("%v ms, stale: %v resolutions, a wait of %v", trip, r.Resolutions, r.Longest)
		}
		w.Stale = false
	}
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
