package commands

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What decides answers otherwise at a node is listed, and what is broken anywhere is known
// everywhere, by the name of its node.
func TestNodesTellWhatDiffersAndWhatIsBroken(t *testing.T) {
	play(t, 3, func(w *world) {
		n := w.nodes[1]
		n.mu.Lock()
		n.facts = map[string]string{"policy": "2", "zone a.": "serial 1"}
		n.broken = []Incident{{Zone: "broken.example.", Cause: "bogus", Queries: 7,
			Question: "www.broken.example. A", Detail: "a\nb"}}
		n.mu.Unlock()
		pass(factsEvery + 3*time.Second)
		list := w.nodes[0].Ask()
		if len(list) != 3 || !list[0].Here || list[0].Name != "ns1" {
			t.Fatalf("%+v", list)
		}
		for _, got := range list[1:] {
			switch got.Name {
			case "ns2":
				want := []Difference{{"policy", "2", "1"}, {"zone a.", "serial 1", ""}}
				if got.Same || !slices.Equal(got.Differs, want) || len(got.Incidents) != 1 ||
					got.Incidents[0].Queries != 7 || got.Incidents[0].Detail != "a b" {
					t.Errorf("%+v", got)
				}
			case "ns3":
				if !got.Same || got.Differs != nil || got.Incidents != nil || got.Unknown {
					t.Errorf("%+v", got)
				}
			}
		}
		// One that says nothing any more is silent, and its incidents are not known.
		w.stop(n)
		pass(freshTime + factsEvery + 2*time.Second)
		for _, got := range w.nodes[0].Ask() {
			if (got.Name == "ns2") != got.Silent || got.Silent != got.Unknown {
				t.Errorf("%+v", got)
			}
		}
		w.skip(goneTime)
		if list := w.nodes[0].Nodes(); len(list) != 2 {
			t.Errorf("%+v", list)
		}
	})
}

// A node tells no more than fits, and believes nothing that does not.
func TestMaxFacts(t *testing.T) {
	play(t, 2, func(w *world) {
		n := w.nodes[1]
		n.mu.Lock()
		for range 3 * maxIncidents {
			n.broken = append(n.broken, Incident{Zone: strings.Repeat("<", 2000),
				Detail: strings.Repeat("x", 2000)})
		}
		n.mu.Unlock()
		pass(factsEvery + 3*time.Second)
		for _, v := range w.image("facts:") {
			if len(v) > maxFacts {
				t.Errorf("%d octets", len(v))
			}
		}
		got := w.nodes[0].Ask()[1]
		if got.Unknown || len(got.Incidents) == 0 || len(got.Incidents) > maxIncidents {
			t.Errorf("unknown %v, %d incidents", got.Unknown, len(got.Incidents))
		}
	})
	now := time.Unix(1_700_000_000, 0)
	right := facts{ID: newID(), At: now.UnixMilli()}
	if !right.fits(right.ID, now) {
		t.Fatal("nothing fits")
	}
	for name, bad := range map[string]func(f *facts){
		"of another node": func(f *facts) { f.ID = newID() },
		"old": func(f *facts) {
			f.At -= (freshTime + factsEvery + time.Second).Milliseconds()
		},
		"from the future":    func(f *facts) { f.At += (maxSkew + time.Second).Milliseconds() },
		"for a terminal":     func(f *facts) { f.Versions = map[string]string{"\x1b": ""} },
		"an incident of two": func(f *facts) { f.Incidents = []Incident{{Detail: "a\nb"}} },
		"too many incidents": func(f *facts) { f.Incidents = make([]Incident, maxIncidents+1) },
	} {
		f := right
		if bad(&f); f.fits(right.ID, now) {
			t.Errorf("%s: believed", name)
		}
	}
}

// A head is believed for some seconds, and only in its rules.
func TestHeadsAreFreshAndInOrder(t *testing.T) {
	now, s := time.Unix(1_700_000_000, 0), secretsOfTest[:1]
	right := func() head {
		return head{ID: newID(), Run: newID(), Name: "ns1", At: now.UnixMilli()}
	}
	for name, bad := range map[string]struct {
		change func(h *head)
		want   Outcome
	}{
		"right": {func(*head) {}, Good},
		"old": {func(h *head) {
			h.At -= (freshTime + time.Second).Milliseconds()
		}, Replayed},
		"from the future": {func(h *head) {
			h.At += (maxSkew + time.Second).Milliseconds()
		}, Future},
		"without an ID":    {func(h *head) { h.ID = "ns1" }, Malformed},
		"for a terminal":   {func(h *head) { h.Name = "\x1b[2J" }, Malformed},
		"a long name":      {func(h *head) { h.Name = strings.Repeat("x", maxText+1) }, Malformed},
		"of strange nodes": {func(h *head) { h.Applied = map[string]uint64{"ns2": 1} }, Malformed},
		"a long reason": {func(h *head) {
			h.Failed = []failure{{Of: h.ID, Why: strings.Repeat("x", maxText+1)}}
		}, Malformed},
		"many reasons": {func(h *head) { h.Failed = make([]failure, maxFailed+1) }, Malformed},
		"of too many nodes": {func(h *head) {
			h.Applied = map[string]uint64{}
			for range maxNodes + 1 {
				h.Applied[newID()] = 1
			}
		}, Malformed},
	} {
		h := right()
		bad.change(&h)
		if _, o := readHead(s, sign(&s[0], aHead, h), now); o != bad.want {
			t.Errorf("%s: %s, want %s", name, o.why(), bad.want.why())
		}
	}
}

// Two fleets in one store do not hear each other, and both find places.
func TestFleetsDoNotHearEachOther(t *testing.T) {
	play(t, 2, func(w *world) {
		w.secrets = secretsOfTest[1:]
		w.join("other1", nil)
		w.join("other2", nil)
		pass(30 * time.Second)
		w.nodes[0].give("add", "a.example.")
		w.nodes[3].give("add", "b.example.")
		pass(10 * time.Second)
		for i, want := range []string{"a.example.", "a.example.", "b.example.", "b.example."} {
			if got := w.nodes[i].has(); got != want || len(w.nodes[i].Nodes()) != 2 {
				t.Errorf("%s has %q and hears of %d", w.nodes[i].name, got, len(w.nodes[i].Nodes()))
			}
		}
	})
}
