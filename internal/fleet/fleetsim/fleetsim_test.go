package fleetsim_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
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
