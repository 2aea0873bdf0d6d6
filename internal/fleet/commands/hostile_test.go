// What a store that forges, replays, withholds, reorders and forgets can do: nothing false, and
// nothing is lost.

package commands

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/fleet"
)

// resigned returns a value of the store with another body, signed with a secret.
func resigned(t *testing.T, s *fleet.Secret, w what, signed []byte,
	change func(map[string]any)) []byte {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(signed[signedHead:], &v); err != nil {
		t.Fatal(err)
	}
	change(v)
	return sign(s, w, v)
}

// Whoever may write into the store has no secret of the fleet: what it forges is counted, and not
// used.
func TestForgedCommandsAreNotApplied(t *testing.T) {
	stranger := fleet.NewSecret(bytes.Repeat([]byte{9}, 32))
	for name, forge := range map[string]func(t *testing.T, signed []byte) []byte{
		"of another fleet": func(t *testing.T, v []byte) []byte {
			return resigned(t, &stranger, aJournal, v, func(map[string]any) {})
		},
		"with its identity": func(t *testing.T, v []byte) []byte {
			forged := resigned(t, &stranger, aJournal, v, func(map[string]any) {})
			copy(forged[1:1+idLen], v[1:1+idLen])
			return forged
		},
		"another zone": func(t *testing.T, v []byte) []byte {
			return bytes.ReplaceAll(v, []byte("true.example."), []byte("lies.example."))
		},
		"without a signature": func(t *testing.T, v []byte) []byte {
			return append(append(bytes.Clone(v[:1+idLen]), make([]byte, 32)...), v[signedHead:]...)
		},
		"as a word of itself": func(t *testing.T, v []byte) []byte {
			return resigned(t, &secretsOfTest[0], aHead, v, func(map[string]any) {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 3, func(w *world) {
				pass(3 * time.Second)
				away := w.nodes[2]
				disk := w.stop(away)
				w.nodes[0].give("add", "true.example.")
				key := w.nodes[0].journal()
				forged := forge(t, bytes.Clone(w.store.Value(key)))
				w.pretend(image{key: forged})
				back := w.join("ns3", disk)
				pass(8 * time.Second)
				if got := back.has(); got != "" && got != "true.example." {
					t.Errorf("%q was applied", got)
				}
				if back.Counts().Of(Forged) == 0 {
					t.Errorf("it is not counted\n%s", back.log)
				}
				if !strings.Contains(back.log.String(), "has commands that are not used") {
					t.Errorf("no line of it:\n%s", back.log)
				}
				w.pretend(nil)
				pass(10 * time.Second)
				w.expect("without the forger", "true.example.")
			})
		})
	}
}

// A signed value of a node is of use in its own place alone, whole, and in this form.
func TestMisplacedAndMalformedCommandsAreNotApplied(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	id, other := newID(), newID()
	c := Command{Seq: seqOf(now), Until: now.Add(time.Hour).Unix(), Op: "add", By: "uid 0"}
	right := func() *journal {
		return &journal{ID: id, Name: "ns1", Last: c.Seq, Commands: []Command{c}}
	}
	s := secretsOfTest[:1]
	if _, o := readJournal(s, id, sign(&s[0], aJournal, right()), now); o != Good {
		t.Fatal(o.why())
	}
	for name, bad := range map[string]struct {
		change func(j *journal)
		want   Outcome
	}{
		"of another node": {func(j *journal) { j.ID = other }, Misplaced},
		"two of one number": {func(j *journal) {
			j.Commands = append(j.Commands, c)
		}, Malformed},
		"in another order": {func(j *journal) {
			d := c
			d.Seq--
			j.Commands = append(j.Commands, d)
		}, Malformed},
		"beyond the last": {func(j *journal) { j.Last-- }, Malformed},
		"from the future": {func(j *journal) {
			j.Last = seqOf(now.Add(maxSkew + time.Second))
		}, Future},
		"too long a life": {func(j *journal) {
			j.Commands[0].Until = now.Add(MaxLife + time.Hour).Unix()
		}, Malformed},
		"over before it began": {func(j *journal) {
			j.Commands[0].Until = now.Unix() - 1
		}, Malformed},
		"without a number": {func(j *journal) { j.Commands[0].Seq = 0 }, Malformed},
		"a line of its own": {func(j *journal) {
			j.Commands[0].By = "uid 0\nlevel=INFO"
		}, Malformed},
		"a name of a terminal": {func(j *journal) { j.Name = "\x1b[2J" }, Malformed},
		"too many arguments": {func(j *journal) {
			j.Commands[0].Args = map[string]string{}
			for i := range maxArgs + 1 {
				j.Commands[0].Args[itoa(i)] = "x"
			}
		}, Malformed},
		"a long argument": {func(j *journal) {
			j.Commands[0].Args = map[string]string{"zone": strings.Repeat("x", maxArg+1)}
		}, Malformed},
		"too many commands": {func(j *journal) {
			for len(j.Commands) <= maxCommands {
				d := c
				d.Seq = j.Last + 1
				j.Last = d.Seq
				j.Commands = append(j.Commands, d)
			}
		}, Malformed},
	} {
		j := right()
		bad.change(j)
		if _, o := readJournal(s, id, sign(&s[0], aJournal, j), now); o != bad.want {
			t.Errorf("%s: %s, want %s", name, o.why(), bad.want.why())
		}
	}
	signed := sign(&s[0], aJournal, right())
	for name, v := range map[string][]byte{"empty": {}, "cut": signed[:20],
		"another version": append([]byte{2}, signed[1:]...),
		"too long":        append(bytes.Clone(signed), make([]byte, maxJournal)...)} {
		if _, o := readJournal(s, id, v, now); o != Malformed {
			t.Errorf("%s: %s", name, o.why())
		}
	}
	if _, o := readJournal(s, id, append(bytes.Clone(signed), ' ', '{', '}'), now); o != Forged {
		t.Errorf("with a tail: %s", o.why())
	}
}

// The store is restored from an old copy of its disk: what was taken back stays taken back, at
// nodes that know it, at one that comes back with an old backup of its own disk, and at a new one.
func TestReplayedCommandsAreNotApplied(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		empty := w.nodes[2].saved()
		w.nodes[0].give("add", "broken.example.")
		old, oldDisk := w.image(""), w.nodes[2].saved()
		w.nodes[0].give("remove", "broken.example.")
		w.expect("before", "")
		w.restore(old)
		pass(5 * time.Second)
		w.expect("the store has an old copy", "")
		w.stop(w.nodes[2]) // whose disks those are
		for name, disk := range map[string][]byte{"new": nil, "empty": empty, "old": oldDisk} {
			w.kept["old"] = "broken.example."
			n := w.join(name, disk)
			w.pretend(pick(old, "commands:"))
			pass(4 * time.Second)
			w.pretend(nil)
			pass(5 * time.Second)
			if got := n.has(); got != "" {
				t.Errorf("a node that is %s: %q, %v\n%s", name, got, n.done, n.log)
			}
			if n.Counts().Of(Replayed) == 0 {
				t.Errorf("a node that is %s has counted no replay", name)
			}
			w.stop(n)
		}
	})
}

// pick returns what of an image is under keys that contain a text.
func pick(im image, part string) image {
	out := image{}
	for k, v := range im {
		if strings.Contains(k, part) {
			out[k] = v
		}
	}
	return out
}

// A node that has forgotten everything meets nobody but the store, which has kept all that ever was
// in it: without a word of a node that has heard of this one nothing of it counts, be it ever so
// fresh.
func TestAnsweredWordVouchesForCommands(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		w.nodes[0].give("add", "broken.example.")
		pass(2 * time.Second)
		old := w.image("")
		w.nodes[0].give("remove", "broken.example.")
		w.stop(w.nodes[1])
		w.stop(w.nodes[0])
		n := w.join("ns3", nil) // what they have told last is a moment old
		w.pretend(old)
		pass(10 * time.Second)
		if got := n.has(); got != "" || len(n.done) != 0 {
			t.Errorf("%q, %v", got, n.done)
		}
	})
}

// A store that withholds a command is seen: the node tells which it lacks, and does it when it can.
func TestWithheldCommandsAreSeen(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		disk := w.stop(w.nodes[2])
		r := w.nodes[0].give("add", "broken.example.")
		if len(r.Silent)+len(r.Waiting) != 1 {
			t.Errorf("%+v", r)
		}
		w.pretend(image{w.nodes[0].journal(): nil})
		n := w.join("ns3", disk)
		pass(40 * time.Second)
		if missing := n.Status().Missing; !strings.Contains(missing, "ns1") || n.has() != "" {
			t.Errorf("missing %q, has %q", missing, n.has())
		}
		if behind := n.Nodes()[0].Behind; behind != 1 {
			t.Errorf("behind %d", behind)
		}
		w.pretend(nil)
		pass(30 * time.Second)
		w.expect("the store gives it again", "broken.example.")
		if missing := n.Status().Missing; missing != "" {
			t.Errorf("still missing %q", missing)
		}
	})
}

// What is in a journal and no node has told of is withheld for a round or two: a node that has just
// begun may have heard only of others that were away as well, and they know nothing of what took it
// back.
func TestCommandsThatNobodyHasToldOfAreWithheld(t *testing.T) {
	m := &Member{applied: map[string]uint64{}, held: map[string]*journal{},
		missing: map[string]time.Time{}}
	j := &journal{ID: "ns1", Last: 5, Commands: []Command{{Seq: 3}, {Seq: 5}}}
	now := time.Now()
	if ready := m.release([]*journal{j}, []string{"ns1"}, map[string]uint64{"ns1": 3},
		now); len(ready) != 0 {
		t.Errorf("%d journals are used, with commands that nobody has told of", len(ready))
	}
	if ready := m.release(nil, nil, map[string]uint64{"ns1": 5}, now); len(ready) != 1 {
		t.Errorf("%d journals are used when a node has told of all of it", len(ready))
	}
}

// A store that withholds the journal of the node that has taken a command back does not bring that
// command back at a node that is new: what is older than what is lacking waits. What is newer is
// done, be it at a node that was away meanwhile.
func TestWithheldCommandsBringNothingBack(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		disk := w.stop(w.nodes[2])
		w.nodes[0].give("add", "broken.example.")
		pass(time.Second)
		w.nodes[1].give("remove", "broken.example.")
		w.pretend(image{w.nodes[1].journal(): nil})
		fresh, away := w.join("ns4", nil), w.join("ns3", disk)
		for range 40 {
			if pass(time.Second); fresh.has() != "" || away.has() != "" {
				t.Fatalf("has %q and %q", fresh.has(), away.has())
			}
		}
		if missing := fresh.Status().Missing; !strings.Contains(missing, "ns2") {
			t.Errorf("missing %q", missing)
		}
		fresh.give("add", "later.example.")
		pass(3 * time.Second)
		if away.has() != "later.example." {
			t.Errorf("has %q of what is newer", away.has())
		}
		w.pretend(nil)
		pass(30 * time.Second)
		w.expect("the store gives it again", "later.example.")
	})
}

// The store loses all it has, again and again, as one without persistence does that is killed, or
// one that evicts what nobody reads.
func TestStoreThatForgetsLosesNothing(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		w.nodes[0].give("add", "a.example.")
		disk := w.stop(w.nodes[2])
		w.drop("")
		w.nodes[1].give("add", "b.example.")
		w.drop("")
		w.stop(w.nodes[0]) // who has issued the first is gone for good
		pass(10 * time.Minute)
		w.drop("")
		w.join("ns3", disk)
		w.join("ns4", nil)
		pass(15 * time.Second)
		w.expect("afterwards", "a.example. b.example.")
	})
}

// Two operators say the opposite at two nodes. The later one holds, whichever comes first.
func TestLaterCommandHolds(t *testing.T) {
	play(t, 4, func(w *world) {
		pass(3 * time.Second)
		disk := w.stop(w.nodes[3])
		w.nodes[0].give("add", "broken.example.")
		w.nodes[1].give("remove", "broken.example.")
		w.pretend(image{w.nodes[0].journal(): nil}) // the removal comes first
		n := w.join("ns4", disk)
		pass(8 * time.Second)
		w.pretend(nil)
		pass(15 * time.Second)
		w.expect("both", "")
		if n.Counts().Of(Replaced) != 1 {
			t.Errorf("%d were replaced: %v", n.Counts().Of(Replaced), n.done)
		}
	})
}

// What ended while a node was away is not done there any more.
func TestCommandsThatAreOverAreNotApplied(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		disk := w.stop(w.nodes[1])
		w.nodes[0].holds = 10 * time.Minute
		w.nodes[0].give("add", "broken.example.")
		w.nodes[0].holds = 0
		w.nodes[0].give("add", "other.example.")
		w.join("ns3", nil) // for it they are written into the store
		pass(10 * time.Second)
		old := image{}
		for k, v := range w.image("commands:") {
			if strings.Contains(string(v), "broken.example.") {
				old[k] = v
			}
		}
		w.skip(11 * time.Minute)
		n := w.join("ns2", disk)
		w.pretend(old)
		pass(10 * time.Second)
		if got := strings.Join(n.done, ", "); got != "add other.example." ||
			n.Counts().Of(Over) == 0 || len(old) != 1 {
			t.Errorf("%q, %d journals", got, len(old))
		}
		if n.Status().Holding > secretsKept+2 {
			t.Errorf("%d commands hold", n.Status().Holding)
		}
	})
}
