package commands

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// An operator says it to one node, and all do it: within seconds, and the answer tells which have.
func TestAllNodesDoIt(t *testing.T) {
	play(t, 5, func(w *world) {
		pass(3 * time.Second)
		r := w.nodes[2].give("add", "broken.example.")
		if len(r.Applied) != 5 || r.Waiting != nil || r.Silent != nil || r.Applied[0] != "ns3" {
			t.Errorf("%+v", r)
		}
		w.expect("after the command", "broken.example.")
		r = w.nodes[0].give("remove", "broken.example.")
		if len(r.Applied) != 5 {
			t.Errorf("%+v", r)
		}
		w.expect("after the next", "")
	})
}

// A node that was away gets what it has missed, in the order in which it was said; one that is new
// gets what holds.
func TestNodesThatWereAwayCatchUp(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		disk := w.stop(w.nodes[2])
		w.nodes[0].give("add", "a.example.")
		w.nodes[1].give("add", "b.example.")
		w.nodes[1].give("remove", "a.example.")
		r := w.nodes[0].give("add", "c.example.")
		if !slices.Equal(r.Silent, []string{"ns3"}) && !slices.Equal(r.Waiting, []string{"ns3"}) {
			t.Errorf("%+v", r)
		}
		pass(time.Minute)
		w.join("ns3", disk)
		w.join("ns4", nil)
		pass(15 * time.Second)
		w.expect("all are there", "b.example. c.example.")
		for _, e := range w.nodes[0].Audit() {
			if e.Op == "add" && e.Args == "zone=c.example." && len(e.Applied) != 4 {
				t.Errorf("the audit trail does not know of all: %+v", e)
			}
		}
	})
}

// A command is applied first and remembered then. A node that dies in between applies it again,
// which changes nothing; in the other order it would be lost.
func TestAppliedBeforeItIsRemembered(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[1]
		w.nodes[0].give("add", "a.example.")
		before := n.saved()
		n.mu.Lock()
		n.full = true
		n.mu.Unlock()
		r := w.nodes[0].give("add", "b.example.")
		if len(r.Applied) != 2 {
			t.Errorf("a full disk keeps a command away: %+v", r)
		}
		w.stop(n) // it dies: its disk has what it had
		n = w.join("ns2", before)
		pass(10 * time.Second)
		w.expect("after the crash", "a.example. b.example.")
		if !slices.Contains(n.done, "add b.example.") {
			t.Errorf("done: %v", n.done)
		}
		if r := w.nodes[0].give("remove", "b.example."); len(r.Applied) != 2 {
			t.Errorf("%+v", r)
		}
		w.expect("at the end", "a.example.")
	})
}

// The node that commands is restored from an old backup: its numbers rise on, and what it has said
// since comes back to it from the others.
func TestIssuerIsRestoredFromABackup(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		w.nodes[0].give("add", "a.example.")
		backup := w.nodes[0].saved()
		last := w.nodes[0].give("add", "b.example.").Seq
		w.stop(w.nodes[0])
		w.drop("commands:")
		w.kept["ns1"] = "a.example."
		n := w.join("ns1", backup)
		pass(15 * time.Second)
		w.expect("restored", "a.example. b.example.")
		if r := n.give("remove", "b.example."); r.Seq <= last || len(r.Applied) != 2 {
			t.Errorf("%+v, last %d", r, last)
		}
		w.expect("afterwards", "a.example.")
	})
}

// The state directory was copied with the machine: both cannot be one node.
func TestCopiedStateMakesAnotherNode(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		w.nodes[0].give("add", "a.example.")
		w.kept["clone"] = "a.example."
		clone := w.join("clone", w.nodes[0].saved())
		pass(2 * time.Minute)
		if w.nodes[0].Nodes()[0].ID == clone.Nodes()[0].ID {
			t.Fatal("two nodes are one")
		}
		if !strings.Contains(clone.log.String()+w.nodes[0].log.String(), "another identity") {
			t.Error("nobody is told")
		}
		for _, n := range w.nodes {
			if r := n.give("add", n.name+".example."); len(r.Applied) != 3 {
				t.Errorf("%s: %+v", n.name, r)
			}
		}
		w.expect("both command", "a.example. clone.example. ns1.example. ns2.example.")
	})
}

// A restart is no copy: the process before has told of itself a moment ago.
func TestRestartKeepsTheIdentity(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		id := w.nodes[1].Nodes()[0].ID
		for range 5 {
			disk := w.stop(w.nodes[1])
			w.join("ns2", disk)
			pass(5 * time.Second)
		}
		pass(time.Minute)
		if got := w.nodes[1].Nodes()[0].ID; got != id {
			t.Errorf("%s was %s", got, id)
		}
	})
}

// Two nodes that try the same place in the store end in places of their own.
func TestNodesFindPlacesOfTheirOwn(t *testing.T) {
	play(t, 4, func(w *world) {
		pass(3 * time.Second)
		for _, n := range w.nodes {
			n.Member.mu.Lock()
			n.place = 7
			n.Member.mu.Unlock()
		}
		pass(time.Minute)
		places := map[int]bool{}
		for _, n := range w.nodes {
			n.Member.mu.Lock()
			places[n.place] = true
			n.Member.mu.Unlock()
			if len(n.Nodes()) != 4 {
				t.Errorf("%s hears of %d", n.name, len(n.Nodes()))
			}
		}
		if len(places) != 4 {
			t.Errorf("places %v", places)
		}
	})
}

// A node that cannot do what it is told says so to who has said it, and in the audit trail.
func TestRefusalsAreTold(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		w.nodes[1].refuses = "add"
		r := w.nodes[0].give("add", "a.example.")
		if len(r.Applied) != 2 || r.Refused["ns2"] != "not here and nowhere" {
			t.Errorf("%+v", r)
		}
		pass(3 * time.Second)
		for _, n := range w.nodes {
			e := n.Audit()[0]
			if e.Op != "add" || e.Args != "zone=a.example." || e.By != "uid 0" || e.Node != "ns1" ||
				len(e.Applied) != 2 || e.Refused["ns2"] != "not here and nowhere" {
				t.Errorf("%s: %+v", n.name, e)
			}
		}
		// What is refused where it is said is said to nobody.
		w.nodes[1].refuses = "remove"
		if _, err := w.nodes[1].try("remove", "a.example."); err == nil {
			t.Error("issued what it refuses")
		}
		pass(5 * time.Second)
		if got := w.nodes[0].has(); got != "a.example." {
			t.Errorf("%q", got)
		}
	})
}

// A node holds maxCommands at once. What is over, or taken back by another, makes room; flushes
// never take more than their part: of too many the oldest become one of everything.
func TestMaxCommands(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	j := &journal{ID: newID(), Name: "ns1"}
	add := func(op, zone string) error {
		c := Command{Seq: max(j.Last+1, seqOf(now)), Until: now.Add(time.Hour).Unix(), Op: op,
			Args: map[string]string{"zone": zone}, Key: op + zone, Clears: true, By: "uid 0"}
		if op == flushOp {
			c.Key, c.Clears = "", false
		}
		next, err := j.with(c)
		if err == nil {
			j = next
		}
		return err
	}
	for i := range 3 * maxOnce {
		if err := add(flushOp, itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(j.Commands); n != maxOnce || j.Commands[0].Args["all"] != "true" ||
		j.Commands[1].Args["zone"] != itoa(2*maxOnce+1) {
		t.Errorf("%d flushes, the first ones %v", n, j.Commands[:2])
	}
	for i := range maxCommands - maxOnce {
		if err := add("add", itoa(i)); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := add("add", "one more"); err == nil {
		t.Error("one too many")
	}
	if err := add("add", "7"); err != nil {
		t.Errorf("one in place of another: %v", err)
	}
	if o := j.judge(j.ID, now); o != Good {
		t.Error(o.why())
	}
	if j.expire(now.Add(time.Hour)); len(j.Commands) != 0 {
		t.Errorf("%d are left", len(j.Commands))
	}
	// Long arguments count by what they take in the store.
	for i := 0; ; i++ {
		if err := add("add", strings.Repeat("<", maxArg-8)+itoa(i)); err != nil {
			break
		}
		if i > maxCommands {
			t.Fatal("no end")
		}
	}
	if n := len(sign(&secretsOfTest[0], aJournal, j)); n > maxJournal {
		t.Errorf("%d octets", n)
	}
}

// The audit trail has the last maxAudit commands.
func TestMaxAudit(t *testing.T) {
	play(t, 1, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[0]
		for i := range maxAudit + 50 {
			n.Member.mu.Lock()
			n.enter(&Command{Seq: uint64(i + 1), Op: "add"}, &journal{ID: "x"})
			n.Member.mu.Unlock()
		}
		list := n.Audit()
		if len(list) != maxAudit || list[len(list)-1].Seq <= 50-1 {
			t.Errorf("%d, the oldest is %d", len(list), list[len(list)-1].Seq)
		}
	})
}

// A store that is stalled or full delays a command and loses none; whoever gives it learns who has
// not got it yet.
func TestStoreThatFailsDelaysCommands(t *testing.T) {
	for name, fail := range map[string]func(w *world, failing bool){
		"stalled": (*world).stall,
		"full":    func(w *world, failing bool) { w.store.Fill(failing) },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 3, func(w *world) {
				pass(3 * time.Second)
				fail(w, true)
				pass(2 * time.Second)
				r := w.nodes[0].give("add", "a.example.")
				if len(r.Applied) != 1 || len(r.Waiting)+len(r.Silent) != 2 {
					t.Errorf("%+v", r)
				}
				if w.nodes[0].has() != "a.example." {
					t.Error("it does not hold where it was given")
				}
				pass(time.Minute)
				fail(w, false)
				pass(time.Minute)
				w.expect("the store works again", "a.example.")
			})
		})
	}
}

// Without a fleet there is nobody to tell, and nothing is done half.
func TestNoFleetNoCommand(t *testing.T) {
	play(t, 1, func(w *world) {
		n := w.nodes[0]
		n.Use(func() (bool, string) { return false, "" })
		if _, err := n.try("add", "a.example."); err == nil || n.has() != "" {
			t.Errorf("%v, has %q", err, n.has())
		}
		n.Use(func() (bool, string) { return true, "ns1" })
		n.fleet.Close()
		if _, err := n.try("add", "a.example."); err == nil || n.has() != "" {
			t.Errorf("without a store: %v, has %q", err, n.has())
		}
	})
}
