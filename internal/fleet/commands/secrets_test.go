package commands

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/fleet"
)

// uses returns what a node makes cookies with, and all that it accepts.
func (n *node) uses() (first []byte, all [][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.first, append([][]byte{n.first}, n.others...)
}

// alike fails unless all nodes use one secret; it returns it.
func (w *world) alike(when string) []byte {
	w.t.Helper()
	first, _ := w.nodes[0].uses()
	for _, n := range w.nodes {
		if mine, _ := n.uses(); mine == nil || !bytes.Equal(mine, first) {
			w.t.Fatalf("%s: %s uses %x, %s uses %x", when, w.nodes[0].name, first, n.name, mine)
		}
	}
	return first
}

// One node makes the secret of cookies and tickets, all use it, and the store never sees it. The
// next day there is another one, which each node accepts before any uses it; those before stay
// accepted.
func TestSecretsAreSharedAndChanged(t *testing.T) {
	play(t, 4, func(w *world) {
		pass(3 * time.Second)
		var before [][]byte
		for day := range 4 {
			first := w.alike("a new day")
			if slices.ContainsFunc(before, func(o []byte) bool { return bytes.Equal(o, first) }) {
				t.Errorf("day %d: the secret is that of a day before", day)
			}
			for _, n := range w.nodes {
				if _, all := n.uses(); day > 0 && !slices.ContainsFunc(all, func(s []byte) bool {
					return bytes.Equal(s, before[day-1])
				}) {
					t.Errorf("day %d: %s does not accept the secret of the day before", day, n.name)
				}
			}
			before = append(before, first)
			for key, v := range w.image("") {
				if bytes.Contains(v, first) || strings.Contains(string(v), string(first)) {
					t.Errorf("%s has the secret", key)
				}
			}
			w.skip(secretsEvery - 20*time.Second)
			for range 10 * (20 + int(secretsLead/time.Second) + 10) {
				pass(100 * time.Millisecond)
				w.known()
			}
		}
		for _, n := range w.nodes {
			if _, all := n.uses(); len(all) > secretsKept {
				t.Errorf("%s accepts %d", n.name, len(all))
			}
			made := 0
			for _, e := range n.Audit() {
				if e.Op == secretsOp {
					made++
				}
			}
			if made < 4 || made > 6 {
				t.Errorf("%d secrets were made in 4 days", made)
			}
		}
	})
}

// known fails if a node makes cookies with a secret that another would not accept.
func (w *world) known() {
	w.t.Helper()
	for _, n := range w.nodes {
		first, _ := n.uses()
		for _, o := range w.nodes {
			if _, all := o.uses(); !slices.ContainsFunc(all, func(s []byte) bool {
				return bytes.Equal(s, first)
			}) {
				w.t.Fatalf("at %v %s makes cookies that %s does not accept", time.Now(),
					n.name, o.name)
			}
		}
	}
}

// An operator has the secret changed now: all use the new one within seconds, none before others
// know it.
func TestSecretsAreRenewedByHand(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		before := w.alike("at first")
		if r, err := w.nodes[1].RenewSecrets("uid 0"); err != nil || len(r.Applied) != 3 {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 150 {
			w.known()
			pass(100 * time.Millisecond)
		}
		if after := w.alike("afterwards"); bytes.Equal(before, after) {
			t.Error("it is the same")
		}
		if e := w.nodes[0].Audit()[0]; e.By != "uid 0" || e.Op != secretsOp || e.Args != "" {
			t.Errorf("%+v", e)
		}
	})
}

// The secret of the fleet changes as docs/fleet.md has it: cookies and tickets go on, and are
// sealed with the new one.
func TestSecretsOutliveThatOfTheFleet(t *testing.T) {
	play(t, 3, func(w *world) {
		pass(3 * time.Second)
		w.nodes[0].give("add", "a.example.")
		old, next := secretsOfTest[0], secretsOfTest[1]
		var used []byte
		for i, stage := range [][]fleet.Secret{{old, next}, {next, old}, {next}} {
			for _, n := range w.nodes { // one after the other, as operators do
				n.fleet.Use(fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
					Secrets: stage})
				pass(3 * time.Second)
				w.known()
			}
			pass(2 * time.Minute)
			if now := w.alike("a stage"); i == 2 && !bytes.Equal(now, used) {
				t.Error("clients lose their cookies when the old secret of the fleet goes")
			} else {
				used = now
			}
		}
		w.nodes[1].give("add", "b.example.")
		w.secrets = secretsOfTest[1:]
		w.join("ns4", nil)
		pass(15 * time.Second)
		w.alike("with a new node")
		w.expect("all by the new secret", "a.example. b.example.")
	})
}

// A box opens in its own command alone, with the secret that it was sealed with.
func TestSealedSecretsOpenInTheirOwnCommand(t *testing.T) {
	s, secret := secretsOfTest[0], random(secretLen)
	box := seal(&s, about("a", 1, "2"), secret)
	if got, by, ok := unseal(secretsOfTest, about("a", 1, "2"), box); !ok || by != 0 ||
		!bytes.Equal(got, secret) {
		t.Fatal("it does not open")
	}
	if box == seal(&s, about("a", 1, "2"), secret) {
		t.Error("one nonce twice")
	}
	for _, other := range []string{about("b", 1, "2"), about("a", 2, "2"), about("a", 1, "3"), ""} {
		if _, _, ok := unseal(secretsOfTest, other, box); ok {
			t.Errorf("it opens in %q", other)
		}
	}
	if _, _, ok := unseal(secretsOfTest[1:], about("a", 1, "2"), box); ok {
		t.Error("it opens with another secret")
	}
	for _, bad := range []string{"", "!", box[:8], box[:len(box)-8], "A" + box[1:]} {
		if _, _, ok := unseal(secretsOfTest, about("a", 1, "2"), bad); ok {
			t.Errorf("%q opens", bad)
		}
	}
}

// While nodes disagree which secret of the fleet signs, none makes secrets for clients because of
// that: they would take turns, each sealing with its own. When they agree one does.
func TestNodesThatDisagreeMakeNoSecrets(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		first := w.alike("at first")
		old, next := secretsOfTest[0], secretsOfTest[1]
		use := func(n *node, secrets ...fleet.Secret) {
			n.fleet.Use(fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
				Secrets: secrets})
		}
		for _, n := range w.nodes {
			use(n, old, next)
		}
		pass(5 * time.Second)
		use(w.nodes[0], next, old)
		pass(10 * time.Minute)
		if now := w.alike("in between"); !bytes.Equal(now, first) {
			t.Error("another secret is used")
		}
		use(w.nodes[1], next, old)
		pass(2 * time.Minute)
		if now := w.alike("in the end"); bytes.Equal(now, first) {
			t.Error("the secret is still sealed with the old one of the fleet")
		}
	})
}

// However often clients get other secrets, a journal has those alone that count, and room for what
// operators command.
func TestMaxSecrets(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		for range maxCommands + 10 {
			if _, err := w.nodes[0].RenewSecrets("uid 0"); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Second)
			w.known()
		}
		w.alike("in the end")
		if n := w.nodes[0].Status().Holding; n > 2*secretsKept+2 {
			t.Errorf("%d commands hold", n)
		}
		w.nodes[0].give("add", "a.example.")
	})
}

// A node that leaves the fleet and is back uses the fleet's secret again: it may have made one of
// its own in between.
func TestNodeThatIsBackUsesTheSecretAgain(t *testing.T) {
	play(t, 2, func(w *world) {
		pass(3 * time.Second)
		n := w.nodes[1]
		n.Close()
		n.mu.Lock()
		n.first, n.others = nil, nil // the server's own
		n.mu.Unlock()
		n.Use(func() (bool, string) { return true, "ns2" })
		pass(3 * time.Second)
		w.alike("back")
	})
}
