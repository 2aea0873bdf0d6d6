// Server selection: which of a zone's servers is asked next.

package resolver

import (
	"net/netip"
	"slices"
	"time"

	"bailiwick/wire"
)

// candidate is an address of a delegation, with the tries of this question.
type candidate struct {
	addr netip.AddrPort
	name wire.Name // of the name server; zero if configured by address
	counts
	ladder    ladder
	spent     bool       // it is not asked again for this question
	after     bool       // it comes after those that the zone itself names
	forwarder *forwarder // its health over its way; nil: nobody watches it
	way       int        // of its zone's ways, see [Zone.Then]
	weight    int        // see Zone.Weights
	weighed   bool       // its zone has weights
	// fellBack is true after its encrypted transports failed for this question.
	fellBack bool
}

// exploreOdds is how rarely, once in that many questions, a server is asked that is not the best
// known, so that the round-trip times of others stay known.
const exploreOdds = 20

// exploreFar is how much more rarely a server is asked for that whose round trip is longer: as many
// times as it is longer than the best one's, and this many at most.
const exploreFar = 10

// Penalties of a candidate. Lower is better; the round trip decides among equals.
const (
	penaltyTry   = 8 // for each try of this question: the zone's other servers come first
	penaltyFault = 2 // for each degree of what is held against a server at this zone
	// for one that has been silent for long: after faulty ones, before a second try
	penaltyDead = 3
	// for one that only the parent names: after one try of those that the zone names
	penaltyAfter = penaltyTry - 1
	// for a configured server that is down: after all tries of the others
	penaltyDown = penaltyTry * MaxTriesPerServer
)

// ranked is a candidate with what decides about it.
type ranked struct {
	*candidate
	penalty int
	rtt     time.Duration
}

// weigh returns the sum of the weights of candidates, 0 if they have none.
func weigh(equals []ranked) (total int) {
	for _, r := range equals {
		total += r.weight
	}
	return total
}

// selectServer selects the next server of a question. The candidate with the lowest penalty is
// asked; among equals one by its weight, or the one with the lowest smoothed round-trip time. A
// server that is not known yet counts as one of up to 10 ms, so that it is probed. One time in
// exploreOdds another of the same penalty is taken, more rarely if it is far. A dead server gets
// one try, which finds out whether it is back: a flood of names in a dead zone must not wait for
// more.
func selectServer(list []*candidate, profiles func(netip.AddrPort) profile,
	odds func(int) int) *candidate {
	var room [8]ranked // few zones have more addresses
	live := room[:0]
	for _, c := range list {
		if c.spent || c.tries >= MaxTriesPerServer {
			continue
		}
		p := profiles(c.addr)
		if p.dead && c.tries > 0 {
			continue
		}
		r := ranked{candidate: c, rtt: p.srtt,
			penalty: penaltyTry*int(c.tries) + penaltyFault*min(p.fault, faultGrave)}
		switch {
		case c.weighed && c.weight == 0:
			r.penalty++
		case c.weighed && p.fault == faultPassing:
			// One name that it cannot resolve does not cost a server of a group its share.
			r.penalty -= penaltyFault
		}
		if c.forwarder.down() {
			r.penalty += penaltyDown
		}
		if p.dead {
			r.penalty += penaltyDead
		}
		if c.after {
			r.penalty += penaltyAfter
		}
		switch {
		case p.overdue:
			r.rtt = max(r.rtt, p.rto) // RFC 6298, section 5.5: the time to wait for it now
		case r.rtt == 0:
			r.rtt = time.Duration(odds(int(10 * time.Millisecond)))
		}
		r.penalty += int(c.local)
		live = append(live, r)
	}
	if len(live) == 0 {
		return nil
	}
	slices.SortStableFunc(live, func(a, b ranked) int {
		if a.penalty != b.penalty {
			return a.penalty - b.penalty
		}
		return int(a.rtt - b.rtt)
	})
	equal := 1
	for equal < len(live) && live[equal].penalty == live[0].penalty {
		equal++
	}
	if total := weigh(live[:equal]); total > 0 {
		n := odds(total)
		for _, r := range live[:equal] {
			if n -= r.weight; n < 0 {
				return r.candidate
			}
		}
	}
	if equal > 1 && live[0].tries == 0 && odds(exploreOdds) == 0 {
		other := live[1+odds(equal-1)]
		if odds(int(min(max(other.rtt, 1)/max(live[0].rtt, 1), exploreFar))) == 0 {
			return other.candidate
		}
	}
	return live[0].candidate
}
