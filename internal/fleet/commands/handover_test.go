// One process of a node takes over from another: what was given, applied and numbered by one is
// known to the next.

package commands

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// A command is being given while the process ends: the end waits for it, so that the next process
// finds it in what was saved, and passes it on.
func TestCommandGivenAtTheEndIsKept(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		n, ended := w.nodes[0], make(chan []byte)
		c := Command{Op: "add", Args: map[string]string{"zone": "a.example."}, By: "uid 0",
			Key: "zone a.example.", Clears: true, Until: n.now().Add(time.Hour).Unix()}
		r, err := n.Issue(c, func() error {
			go func() { ended <- w.stop(n) }()
			for more := 1000; more > 0; runtime.Gosched() { // the end goes as far as it can
				if !n.Status().On {
					more--
				}
			}
			return n.apply(c, "")
		})
		if err != nil || !slices.Equal(r.Applied, []string{"ns1"}) {
			t.Errorf("%+v, %v", r, err)
		}
		next := w.join("ns1", <-ended)
		pass(5 * time.Second)
		w.expect("the next process", "a.example.")
		if after := next.give("add", "b.example."); after.Seq <= r.Seq {
			t.Errorf("number %d comes after %d", after.Seq, r.Seq)
		}
		w.expect("the next process commands", "a.example. b.example.")
	})
}

// A new process took over, was told and did things, and died before it served: the one before goes
// on, and knows them.
func TestProcessThatGoesOnKnowsOfTheNext(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[0]
		first := n.give("add", "a.example.")
		n.Close()
		w.kept["ns1"] = n.has()
		next := w.join("ns1", n.saved())
		pass(3 * time.Second)
		theirs := next.give("add", "b.example.")
		w.nodes[1].give("add", "c.example.")
		disk := w.stop(next)
		n.mu.Lock()
		n.disk = disk
		n.mu.Unlock()
		n.zones["b.example."], n.zones["c.example."] = true, true // its server has saved them too
		done := len(n.done)
		n.Use(func() (bool, string) { return true, "ns1" })
		pass(3 * time.Second)
		last := n.give("add", "d.example.")
		w.join("ns4", nil)
		pass(15 * time.Second)
		w.expect("it goes on", "a.example. b.example. c.example. d.example.")
		if got := n.done[done:]; !slices.Equal(got, []string{"add d.example."}) {
			t.Errorf("it has done %v", got)
		}
		if first.Seq >= theirs.Seq || theirs.Seq >= last.Seq {
			t.Errorf("numbers %d, %d, %d", first.Seq, theirs.Seq, last.Seq)
		}
	})
}

// Each of many processes in a row does a command once, and no number comes twice.
func TestHandOverAppliesOnceAndNumbersRise(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		var numbers []uint64
		var done []string
		for i := range 20 {
			n := w.nodes[slices.IndexFunc(w.nodes, func(n *node) bool { return n.name == "ns1" })]
			numbers = append(numbers, n.give("add", itoa(i)+".example.").Seq)
			o := w.nodes[slices.IndexFunc(w.nodes, func(n *node) bool { return n.name == "ns2" })]
			o.give("add", "other"+itoa(i)+".example.")
			disk := w.stop(n)
			done = append(done, n.done...)
			o.give("remove", "other"+itoa(i)+".example.") // while no process is there
			w.join("ns1", disk)
			pass(2 * time.Second)
		}
		for i, d := range done {
			if slices.Contains(done[i+1:], d) {
				t.Errorf("%s was done twice", d)
			}
		}
		if !slices.IsSorted(numbers) || len(slices.Compact(numbers)) != 20 {
			t.Errorf("%d", numbers)
		}
		pass(5 * time.Second)
		w.expect("at the end", w.nodes[0].has())
	})
}

// The next process takes the place of the one before in the store: what that told last would be a
// replay to the others.
func TestHandOverKeepsThePlace(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(20 * time.Second)
		places := len(w.keys(":node:"))
		w.join("ns1", w.stop(w.nodes[0]))
		pass(20 * time.Second)
		if got := len(w.keys(":node:")); got != places {
			t.Errorf("%d places of three nodes, and %d before", got, places)
		}
		for _, n := range w.nodes {
			if n.Counts().Of(Replayed) != 0 || n.Status().Unused != "" {
				t.Errorf("%s has seen %d replays: %s", n.name, n.Counts().Of(Replayed),
					n.Status().Unused)
			}
		}
	})
}
