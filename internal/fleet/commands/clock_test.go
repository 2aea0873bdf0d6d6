package commands

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// set has the time of day of a node be ahead by so much.
func (n *node) set(ahead time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ahead = ahead
}

// A node whose clock differs from those of most others commands nobody, and its operator is told
// so before anything is done. It is told what the others have commanded when the clock is right,
// and commands again at once.
func TestClockThatDiffersCommandsNobody(t *testing.T) {
	for _, c := range []struct {
		by   time.Duration
		want string
	}{
		{time.Hour, "1h0m0s ahead of those of 3 nodes"},
		{-time.Hour, "behind those of 3 nodes"},
		{10 * time.Second, "ahead of those of 3 nodes"}, // whose words are not yet old for it
		{-8 * time.Second, "behind those of 3 nodes"},
		{20 * 365 * 24 * time.Hour, "175200h0m0s ahead"},
	} {
		play(t, 4, func(w *world) {
			pass(3 * time.Second)
			n := w.nodes[1]
			n.set(c.by)
			for _, when := range []string{"at once", "later"} {
				if _, err := n.try("add", "broken.example."); err == nil ||
					!strings.Contains(err.Error(), c.want) || n.has() != "" {
					t.Errorf("%v, %s: %v, has %q", c.by, when, err, n.has())
				}
				pass(10 * time.Minute)
			}
			if s := n.Status().Skewed; !strings.Contains(s, c.want) {
				t.Errorf("%v: told %q", c.by, s)
			}
			r := w.nodes[0].give("add", "right.example.")
			if !slices.Equal(r.Applied[:3], []string{"ns1", "ns3", "ns4"}) &&
				!slices.Contains(r.Applied, "ns4") {
				t.Errorf("%v: %+v", c.by, r)
			}
			for _, o := range w.nodes {
				if o != n && o.Status().Skewed != "" {
					t.Errorf("%v: %s takes its own clock for wrong: %s", c.by, o.name,
						o.Status().Skewed)
				}
			}
			n.set(0)
			pass(3 * time.Second)
			n.give("remove", "right.example.")
			n.give("add", "last.example.")
			w.expect(c.by.String(), "last.example.")
			if pass(20 * time.Second); n.Status().Skewed != "" {
				t.Errorf("%v: still told %q", c.by, n.Status().Skewed)
			}
		})
	}
}

// A node that nobody else is beside cannot know that its clock is wrong. What it is told then holds
// for it alone; when the clock is right by another node's, it commands again, as another node.
func TestClockThatWasWrongIsAmended(t *testing.T) {
	play(t, 1, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[0]
		n.set(time.Hour)
		was := n.Nodes()[0].ID
		future := n.give("add", "future.example.")
		n.set(0)
		if _, err := n.try("add", "a.example."); err == nil ||
			!strings.Contains(err.Error(), "later than its clock shows") || n.has() !=
			"future.example." {
			t.Errorf("%v, has %q", err, n.has())
		}
		disk := w.stop(n) // a restart makes nothing of it right or wrong
		n = w.join("ns1", disk)
		o := w.join("ns2", nil)
		pass(5 * time.Second)
		r := n.give("add", "a.example.")
		if r.Seq >= future.Seq || !slices.Equal(r.Applied, []string{"ns1", "ns2"}) {
			t.Errorf("%+v after number %d", r, future.Seq)
		}
		if o.has() != "a.example." || n.Nodes()[0].ID == was {
			t.Errorf("the other has %q, the node is %s, and was %s", o.has(), n.Nodes()[0].ID, was)
		}
		if !strings.Contains(n.log.String(), "hold here alone") {
			t.Errorf("it is not told:\n%s", n.log)
		}
		o.give("remove", "future.example.")
		w.expect("taken back", "a.example.")
	})
}

// Words that the store has from before, each with a good signature, say nothing of the clock: no
// node goes on telling that time.
func TestOldWordsAreNoClock(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		old := w.image(":node:")
		w.skip(time.Hour)
		w.stop(w.nodes[1])
		disk := w.stop(w.nodes[0])
		w.pretend(old)
		n := w.join("ns1", disk)
		pass(10 * time.Second)
		if r := n.give("add", "a.example."); len(r.Applied) != 1 || n.Status().Skewed != "" {
			t.Errorf("%+v, %s", r, n.Status().Skewed)
		}
	})
}

// A node whose clock is days ahead, be it at its start, makes no secrets for clients: the others
// could not use them, and its own would be those of nobody else.
func TestClockThatDiffersMakesNoSecrets(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		first := w.alike("at first")
		pass(secretsLease)
		made := func(n *node) (secrets int) {
			id := n.Nodes()[0].ID
			for _, e := range n.Audit() {
				if e.Op == secretsOp && e.ID == id {
					secrets++
				}
			}
			return secrets
		}
		w.ahead = 48 * time.Hour
		late := w.join("ns4", nil)
		w.ahead = 0
		w.nodes[1].set(48 * time.Hour)
		pass(5 * time.Minute)
		if made(late) != 0 || made(w.nodes[1]) != 0 {
			t.Errorf("%d and %d were made", made(late), made(w.nodes[1]))
		}
		w.nodes[1].set(0)
		late.set(0)
		pass(10 * time.Second)
		if now := w.alike("all are right"); !bytes.Equal(now, first) {
			t.Error("there is another secret")
		}
	})
}
