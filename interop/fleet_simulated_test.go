// Five servers with a Redis and without one, beside what the simulation says of them.

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleetsim"
	"bailiwick/internal/lab"
)

// simulated is the world of TestFleetIsAsSimulated: short enough that no record ends in it, so that
// what is counted does not depend on how fast the machine is.
func simulated() fleetsim.World {
	only := func(v float64) []fleetsim.Part { return []fleetsim.Part{{Value: v, Of: 1}} }
	w := fleetsim.Default()
	w.Nodes, w.Clients, w.Rate, w.Names, w.Zipf, w.Uneven = 5, 250, 1, 400, 0.9, 0
	w.TTLs, w.Trips, w.Chain, w.Lost = only(300), only(10), only(1), 0
	w.Cold, w.Settle, w.Span = true, 0, 16*time.Second
	return w
}

// TestFleetIsAsSimulated has clients ask five real servers for names, at random as in the
// simulation, with a store and without, before servers that take 10 ms for a reply. What the
// simulation says of hits, of the store's share and of resolutions has to be so.
func TestFleetIsAsSimulated(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "redis-server"})
		return
	}
	world := lab.Internet(time.Now())
	world.SlowBy = 10 * time.Millisecond
	if err := world.Break("secure.example.", lab.Slow); err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, world)
	for n := 1; n <= 5; n++ {
		f.startNode(n)
		f.wants(n, wildNames("first", 1)) // each knows the way to the zone
	}
	w := simulated()
	commands, memory := f.ofStore("total_commands_processed"), f.ofStore("used_memory")
	with, after, misses, unread := f.playWithStore(w, "with")
	if unread > misses/20 { // the machine was too busy
		commands, memory = f.ofStore("total_commands_processed"), f.ofStore("used_memory")
		with, after, misses, unread = f.playWithStore(w, "again")
	}
	if unread > misses/20 {
		t.Errorf("the store had no time for %d of %d questions", unread, misses)
	}
	commands, memory = f.ofStore("total_commands_processed")-commands,
		f.ofStore("used_memory")-memory
	sim := fleetsim.Run(w)
	w.Store.None = true
	alone := fleetsim.Run(w)
	for n := 6; n <= 10; n++ {
		f.start(n, "")
		f.wants(n, wildNames("first", 1))
	}
	without := f.playAt(w, "without", 6)

	shared := after[fleet.Found] + after[fleet.Awaited]
	f.close("questions that memory does not answer", misses, sim.Misses, 0, 0)
	f.close("of these, what the store answers", shared,
		float64(sim.Outcomes[fleet.Found]+sim.Outcomes[fleet.Awaited]), unread, 0)
	f.close("resolutions with the store", with.total, sim.Resolutions, 0, unread)
	f.close("resolutions without it", without.total, alone.Resolutions, 0, 0)
	t.Logf("commands of the store: %d, simulated %.0f; memory: %d octets for %d records",
		commands, sim.Commands, memory, sim.Records)
	t.Logf("names by resolutions, with the store: %v, simulated %v; without: %v", with.byName,
		sim.Overlaps[10], without.byName)
	over := 0
	for n, names := range with.byName {
		if n > 3 {
			over += names
		}
	}
	if over > w.Names/50 { // a machine that is busy for 20 ms
		t.Errorf("%d names were resolved more than three times", over)
	}
}

// playWithStore has clients ask the first five nodes. It returns what the nodes have counted of
// their questions to the store, how many these were, and how many of them the store had no time
// for, as on a busy machine: they were resolved.
func (f *fleetOf) playWithStore(w fleetsim.World, about string) (with resolved, counts []int,
	misses, unread int) {
	f.t.Helper()
	before := f.outcomes()
	with = f.play(w, about)
	counts = f.outcomes()
	for o := fleet.Found; o <= fleet.Failed; o++ {
		counts[o] -= before[o]
		misses += counts[o]
		if o == fleet.Joined || o == fleet.Late || o >= fleet.Skipped {
			unread += counts[o]
		}
	}
	return with, counts, misses, unread
}

// close compares what was counted with what was simulated. It may be a tenth less or more, and what
// was counted less or more for another reason.
func (f *fleetOf) close(what string, got int, want float64, less, more int) {
	f.t.Helper()
	f.t.Logf("%s: %d, simulated %.0f", what, got, want)
	if float64(got+less) < want*.9 || float64(got-more) > want*1.1+5 {
		f.t.Errorf("%s: %d, simulated %.0f", what, got, want)
	}
}

// outcomes returns what the five nodes have counted of their questions to the store.
func (f *fleetOf) outcomes() []int {
	list := make([]int, len(fleet.Outcomes()))
	for node := 1; node <= 5; node++ {
		for o := fleet.Found; o <= fleet.Failed; o++ {
			list[o] += f.metric(node, `bailiwick_fleet_questions_total{outcome="`+o.Label()+`"}`)
		}
	}
	return list
}

// ofStore returns a figure of the store.
func (f *fleetOf) ofStore(figure string) int {
	f.t.Helper()
	info, err := f.client.Do(f.t.Context(), f.client.B().Info().Build()).ToString()
	if err != nil {
		f.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "\n"+figure+":")
	text, _, _ := strings.Cut(rest, "\r")
	n, err := strconv.Atoi(text)
	if err != nil {
		f.t.Fatalf("%s: %v", figure, err)
	}
	return n
}

// resolved is how many questions the servers of names got, and how many names got so many.
type resolved struct {
	total  int
	byName map[int]int
}

func (f *fleetOf) play(w fleetsim.World, about string) resolved { return f.playAt(w, about, 1) }

// playAt has clients ask five nodes, from one on, as in a world.
func (f *fleetOf) playAt(w fleetsim.World, about string, first int) resolved {
	f.t.Helper()
	f.world.Transcript()
	var all sync.WaitGroup
	begun := time.Now()
	for i := range w.Nodes {
		random := rand.New(rand.NewPCG(7, uint64(first+i)))
		for when := 0.0; ; {
			when += random.ExpFloat64() * float64(w.Nodes) / (float64(w.Clients) * w.Rate)
			if when > w.Span.Seconds() {
				break
			}
			name := fmt.Sprintf("%s%d.wild.secure.example.", about, w.Draw(random.Float64()))
			all.Go(func() {
				time.Sleep(time.Until(begun.Add(time.Duration(when * float64(time.Second)))))
				m, err := ask(at(first+i), name, dns.TypeA)
				if err != nil || m.Rcode != dns.RcodeSuccess || !m.AuthenticatedData {
					f.t.Errorf("node %d, %s: %v\n%v", first+i, name, err, m)
				}
			})
		}
	}
	all.Wait()
	r, times := resolved{byName: map[int]int{}}, map[string]int{}
	for _, e := range f.world.Transcript() {
		if name := strings.ToLower(e.Name); strings.HasPrefix(name, about) {
			times[name]++
			r.total++
		}
	}
	for _, n := range times {
		r.byName[n]++
	}
	return r
}
