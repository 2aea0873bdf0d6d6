package resolver

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A server of a forward zone is down after so many failures in a row and a probe that fails, and up
// again after so many replies in a row. A list of events decides, nothing else.
func TestHealth(t *testing.T) {
	type step struct {
		what  string // reply, failure, probe lost
		after time.Duration
		want  healthState
		next  time.Duration // of the next probe, from now on
	}
	const s = time.Second
	failing := slices.Repeat([]step{{"failure", 0, healthUp, 0}}, healthFailures+1)
	down := append(slices.Clone(failing), step{"failure", healthSilence, healthSuspect, 0},
		step{"probe lost", s, healthDown, probeFirst})
	for name, steps := range map[string][]step{
		"a few failures": failing,
		"a reply between": append(append(slices.Clone(failing), step{"reply", s, healthUp, 0}),
			failing...),
		"the probe is answered": append(slices.Clone(failing),
			step{"failure", healthSilence, healthSuspect, 0}, step{"reply", 0, healthUp, 0},
			step{"failure", healthSilence, healthUp, 0}),
		"down, and up again": append(slices.Clone(down), step{"reply", s, healthDown, probeFirst},
			step{"reply", s, healthUp, 0}),
		"a probe is lost between": append(slices.Clone(down),
			step{"reply", s, healthDown, probeFirst},
			step{"probe lost", s, healthDown, 2 * probeFirst},
			step{"reply", s, healthDown, probeFirst}, step{"reply", s, healthUp, 0}),
		"a question fails between": append(slices.Clone(down),
			step{"reply", s, healthDown, probeFirst}, step{"failure", 0, healthDown, probeFirst},
			step{"reply", s, healthDown, probeFirst}, step{"reply", s, healthUp, 0}),
		"down for long": append(slices.Clone(down), step{"probe lost", s, healthDown, 2 * s},
			step{"probe lost", 2 * s, healthDown, 4 * s},
			step{"probe lost", 4 * s, healthDown, 8 * s},
			step{"probe lost", 8 * s, healthDown, probeMost},
			step{"probe lost", probeMost, healthDown, probeMost}),
	} {
		var h health
		now := time.Unix(1e9, 0)
		for i, e := range steps {
			now = now.Add(e.after)
			before, changed := h.state, false
			switch e.what {
			case "reply":
				changed = h.replied(now)
			case "failure":
				changed = h.failed(now)
			default:
				changed = h.probeFailed(now)
			}
			if h.state != e.want || changed != (before != h.state) {
				t.Errorf("%s, step %d: %v, changed %v", name, i, h.state, changed)
			}
			if h.state != healthUp && h.next.Sub(now) != e.next {
				t.Errorf("%s, step %d: the next probe after %v", name, i, h.next.Sub(now))
			}
		}
	}
	h := health{state: healthDown, pause: probeMost, next: time.Unix(100, 0)}
	if h.hurry(time.Unix(50, 0)); !h.next.Equal(time.Unix(50, 0)) || h.pause != probeFirst {
		t.Errorf("%+v when the network is back", h)
	}
}

// Among servers that are up the weights decide; one with 0 is taken if no other is left. A passing
// fault changes nothing: it is of one name. One that is down comes after all tries of the others.
func TestWeightsDecideAmongForwarders(t *testing.T) {
	downed := &forwarder{health: health{state: healthDown}}
	list := func(weights ...int) (l []*candidate) {
		for _, w := range weights {
			l = append(l, &candidate{weight: w, weighed: true})
		}
		return l
	}
	shares := func(l []*candidate, p func(*candidate) profile) []int {
		got := make([]int, len(l))
		for i := range l {
			l[i].addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 53)
		}
		for n := range 100 {
			c := selectServer(l, func(a netip.AddrPort) profile {
				return p(l[slices.IndexFunc(l, func(c *candidate) bool { return c.addr == a })])
			}, func(of int) int { return n % of })
			got[slices.Index(l, c)]++
		}
		return got
	}
	none := func(*candidate) profile { return profile{} }
	if got := shares(list(3, 1, 0), none); got[0] != 75 || got[1] != 25 || got[2] != 0 {
		t.Errorf("3, 1 and 0: %v", got)
	}
	l := list(3, 1, 0)
	got := shares(l, func(c *candidate) (p profile) {
		if c == l[0] {
			p.fault = 1
		}
		return p
	})
	if got[0] != 75 {
		t.Errorf("after a passing fault: %v", got)
	}
	l = list(3, 1, 0)
	if l[0].forwarder = downed; shares(l, none)[1] != 100 {
		t.Errorf("the first is down: %v", shares(l, none))
	}
	l[1].forwarder = downed
	if got := shares(l, none); got[2] != 100 {
		t.Errorf("the first two are down: %v", got)
	}
	l[2].tries = MaxTriesPerServer
	if got := shares(l, none); got[0]+got[1] != 100 {
		t.Errorf("nothing else is left: %v", got)
	}
}
