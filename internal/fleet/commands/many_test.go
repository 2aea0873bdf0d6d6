// What is too much or too strange for a member.

package commands

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/guard"
)

// Journals that the store withholds do not keep others away, however many there are: all are tried
// in turn.
func TestWithheldJournalsTakeTurns(t *testing.T) {
	m := &Member{}
	var lacks []string
	for i := range 3*maxJournals + 1 {
		lacks = append(lacks, itoa(i))
	}
	tried := map[string]bool{}
	for range 4 {
		part := m.turn(slices.Clone(lacks))
		if len(part) != maxJournals {
			t.Fatalf("%d in a round", len(part))
		}
		for _, id := range part {
			tried[id] = true
		}
	}
	if len(tried) != len(lacks) {
		t.Errorf("%d of %d were tried", len(tried), len(lacks))
	}
}

// Nodes without a state directory are new ones whenever they start. Those that are gone do not keep
// a node from being heard of; a store that shows more nodes than a fleet has does.
func TestGoneNodesMakeRoom(t *testing.T) {
	play(t, 1, func(w *world) {
		m := w.nodes[0].Member
		tell := func(at time.Time) string {
			h := head{ID: newID(), Run: newID(), At: at.UnixMilli()}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.hear(&h, m.now())
			return h.ID
		}
		oldest := tell(m.now())
		pass(time.Second)
		for range maxNodes - 1 {
			tell(m.now())
		}
		if tell(m.now()); len(m.Nodes()) != 1+maxNodes {
			t.Errorf("%d nodes, and all are there", len(m.Nodes()))
		}
		pass(freshTime + time.Second)
		late := tell(m.now())
		var ids []string
		for _, n := range m.Nodes() {
			ids = append(ids, n.ID)
		}
		if len(ids) != 1+maxNodes || slices.Contains(ids, oldest) || !slices.Contains(ids, late) {
			t.Errorf("%d nodes; the one of before %v, the late one %v", len(ids),
				slices.Contains(ids, oldest), slices.Contains(ids, late))
		}
	})
}

// A node whose fault a command meets refuses it, and does those that follow: it would meet the same
// fault each second, and after each restart.
func TestFaultRefusesACommand(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[1]
		n.parts.Guard = guard.New(slog.New(slog.DiscardHandler), func(guard.Place) {}, func() {})
		apply := n.parts.Apply
		n.parts.Apply = func(c Command, node string) error {
			if strings.HasPrefix(c.Args["zone"], "bad.") {
				panic("a fault")
			}
			return apply(c, node)
		}
		if r := w.nodes[0].give("add", "bad.example."); r.Refused["ns2"] != errFault.Error() {
			t.Errorf("%+v", r)
		}
		w.nodes[0].give("add", "good.example.")
		if got := n.has(); got != "good.example." {
			t.Errorf("%q", got)
		}
	})
}

// A command that was given while the node got another identity is reported as not passed on.
func TestIdentityChangesMeanwhile(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[0]
		c := Command{Op: "add", By: "uid 0", Until: n.now().Add(time.Hour).Unix()}
		_, err := n.Issue(c, func() error {
			n.Member.mu.Lock()
			defer n.Member.mu.Unlock()
			n.id = newID()
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "another identity") {
			t.Error(err)
		}
		n.Member.mu.Lock()
		defer n.Member.mu.Unlock()
		for id, j := range n.journals {
			if j.ID != id {
				t.Errorf("the journal of %s is that of %s", id, j.ID)
			}
		}
	})
}
