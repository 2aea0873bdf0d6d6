package commands

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// A command is done everywhere at once, not with each node's next look: who has given it tells.
func TestHintsBeginRounds(t *testing.T) {
	play(t, 4, func(w *world) {
		pass(5 * time.Second)
		for i := range 5 {
			pass(1300 * time.Millisecond) // rounds are at other places in the second
			begun := time.Now()
			r := w.nodes[i%4].give("add", "zone"+strconv.Itoa(i)+".example.")
			if took := time.Since(begun); len(r.Applied) != 4 || took > 2*ackLook {
				t.Errorf("%v, after %v", r.Applied, took)
			}
		}
		for _, n := range w.nodes {
			if n.Hints().Heeded.Load() == 0 || n.Hints().Unheeded.Load() != 0 {
				t.Errorf("%s: %d heeded, %d not", n.name, n.Hints().Heeded.Load(),
					n.Hints().Unheeded.Load())
			}
		}
	})
}

// Anybody who may write into the store can send hints without end: they have a node look at the
// store somewhat more often, and are counted.
func TestMaxHeeded(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(5 * time.Second)
		const seconds = 30
		w.looked()
		for i := range 100 * seconds {
			if err := w.store.Publish(t.Context(), channel, "forged"+strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Millisecond)
		}
		if n := w.looked(); n > 2*(seconds+1)*(1+maxHeeded) || n < 2*seconds {
			t.Errorf("%d looks of two nodes in %d seconds", n, seconds)
		}
		for _, n := range w.nodes {
			h := n.Hints()
			if h.Heeded.Load()+h.Unheeded.Load() < 100*seconds || h.Unheeded.Load() == 0 {
				t.Errorf("%d heeded, %d not", h.Heeded.Load(), h.Unheeded.Load())
			}
		}
		w.nodes[0].give("add", "a.example.")
		w.expect("meanwhile", "a.example.")
	})
}

// A node does not look because of what it has told itself.
func TestOwnHintsAreNone(t *testing.T) {
	play(t, 1, func(w *world) {
		pass(5 * time.Second)
		w.nodes[0].give("add", "a.example.")
		pass(time.Second)
		if h := w.nodes[0].Hints(); h.Heeded.Load()+h.Unheeded.Load() != 0 {
			t.Errorf("%d heeded, %d not", h.Heeded.Load(), h.Unheeded.Load())
		}
	})
}

// The connection by which hints come ends: commands given meanwhile are done with the next look,
// it is told that hints are missing, and each node listens again.
func TestListensAgain(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(5 * time.Second)
		w.store.Cut()
		pass(10 * time.Millisecond)
		w.nodes[0].give("add", "a.example.")
		w.expect("nobody listens", "a.example.")
		n := w.nodes[1]
		if s := n.Status(); !strings.Contains(s.Deaf, "ended") || n.Hints().Heeded.Load() != 0 {
			t.Errorf("%q, %d hints", s.Deaf, n.Hints().Heeded.Load())
		}
		pass(4 * listenAgain)
		if got := w.store.Hearers(); got != 3 {
			t.Errorf("%d listen again", got)
		}
		w.nodes[0].give("add", "b.example.")
		w.expect("they listen again", "a.example. b.example.")
		if s := n.Status(); s.Deaf != "" || n.Hints().Heeded.Load() == 0 {
			t.Errorf("%q, %d hints", s.Deaf, n.Hints().Heeded.Load())
		}
		n.Close() // it is in no fleet any more
		pass(time.Second)
		if got := w.store.Hearers(); got != 2 {
			t.Errorf("%d listen, one of them for nothing", got)
		}
	})
}
