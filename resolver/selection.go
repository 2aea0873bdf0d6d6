// Server selection: which of a zone's servers is asked next.

package resolver

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"bailiwick/wire"
)

// candidate is an address of a delegation, with what this question has already seen of it.
type candidate struct {
	addr  netip.AddrPort
	name  wire.Name // of the name server; zero if configured by address
	tries int
	spent bool // will not be asked again for this question
	// fellBack reports whether its encrypted transport failed for this question.
	fellBack bool
	asked    asked
}

// exploreOdds is how often, one in so many, a server is asked that is not the best known: the
// others' RTTs have to stay fresh.
const exploreOdds = 20

// choose picks the next server: those tried least come first, then those with nothing held against
// them, then the fastest; a server not known yet counts as fast, so that it is probed. Sometimes
// another of the same standing is taken.
func choose(list []*candidate, profiles func(netip.AddrPort) profile,
	odds func(int) int) *candidate {
	type ranked struct {
		*candidate
		standing int
		rtt      time.Duration
	}
	var room [8]ranked // few zones have more addresses
	live := room[:0]
	for _, c := range list {
		if c.spent || c.tries >= MaxTriesPerServer {
			continue
		}
		p := profiles(c.addr)
		if p.dead && c.tries > 0 {
			// one try finds out whether it is back; a flood of names in a dead zone must not wait
			// for more
			continue
		}
		r := ranked{candidate: c, standing: 8*c.tries + p.fault*2, rtt: p.srtt}
		if p.dead {
			r.standing += 3
		}
		switch {
		case p.overdue:
			r.rtt = max(r.rtt, p.rto) // RFC 6298, section 5.5: what is waited for it now
		case r.rtt == 0:
			r.rtt = time.Duration(odds(int(10 * time.Millisecond)))
		}
		r.standing += int(c.asked.local)
		live = append(live, r)
	}
	if len(live) == 0 {
		return nil
	}
	slices.SortStableFunc(live, func(a, b ranked) int {
		if a.standing != b.standing {
			return a.standing - b.standing
		}
		return int(a.rtt - b.rtt)
	})
	equal := 1
	for equal < len(live) && live[equal].standing == live[0].standing {
		equal++
	}
	if equal > 1 && live[0].tries == 0 && odds(exploreOdds) == 0 {
		return live[1+odds(equal-1)].candidate
	}
	return live[0].candidate
}

// random is the odds of production.
func random(n int) int { return rand.IntN(n) }
