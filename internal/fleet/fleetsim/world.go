// Package fleetsim simulates a fleet in virtual time: very many clients before some hundred nodes
// with one store. docs/fleet.md has what comes of it.
//
// The decisions are those of the real code: who resolves a question ([fleet.Turn]), when the store
// is not asked ([fleet.Breaker]), and for how long a record may be used ([fleet.Lifetime]). The
// rest is a model: clients ask at random, independently of each other; a node's memory has room for
// all and takes a refresh in the last tenth of a TTL, as cache.prefetch does; servers and the store
// take the times that a [World] has; nothing is parsed, validated or sent.
//
// A node that has a name in memory takes no event: of questions at random only those count that
// miss it or refresh it, and the time of the next is drawn. So the work is in proportion to misses,
// not to queries. The same world gives the same figures each time.
package fleetsim

import (
	"math"
	"time"
)

// World is what is simulated.
type World struct {
	Nodes   int
	Clients int
	Rate    float64 // questions of a client, each second
	Names   int     // that clients ask for
	Zipf    float64 // the name of rank r is asked for in proportion to 1/r^Zipf
	Uneven  float64 // how much more clients than the mean the largest node has; the smallest, less
	TTLs    []Part  // in seconds
	Trips   []Part  // round trips to the servers of names, in milliseconds
	Chain   []Part  // questions to servers that a resolution takes
	Lost    float64 // part of resolutions that take another 400 ms

	Prefetch bool
	Cold     bool          // nobody knows anything at the beginning
	Steady   bool          // the times of servers and of the store do not vary
	Wait     time.Duration // how long a node waits for others, instead of 20 ms; 0: no other time
	Stale    bool          // who has waited for that long answers with what has ended
	Settle   time.Duration
	Span     time.Duration // after Settle: what is counted
	Restart  time.Duration // from one node's restart to the next one's; 0: none
	Store    Store
	Seed     uint64
}

// Part is a value and the part of all that have it.
type Part struct{ Value, Of float64 }

// Store is how it is with the store.
type Store struct {
	None   bool
	Reply  time.Duration // that it takes, in the mean; a tenth of replies take three times as long
	Faults []Fault       // in order; each holds until the next begins
}

// Fault is what a store does from a time on, since the end of Settle.
type Fault struct {
	At   time.Duration
	Kind Kind
}

// Kind is a kind of fault.
type Kind uint8

// The kinds.
const (
	Works   Kind = iota
	Slow         // a reply takes 8 ms more, and one of five 5 ms more than that
	Silent       // no reply
	Refuses      // an error at once
	Empty        // it has lost all records, and works
)

// Default returns an Internet provider of 10 million clients in its busy hour. The sources are in
// docs/fleet.md.
func Default() World {
	return World{
		Nodes: 100, Clients: 10_000_000, Rate: 0.03, Names: 10_000_000, Zipf: 1, Uneven: 0.5,
		TTLs:  []Part{{20, .1}, {60, .2}, {300, .35}, {3600, .25}, {86400, .1}},
		Trips: []Part{{2, .1}, {10, .25}, {20, .2}, {40, .2}, {100, .2}, {250, .05}},
		Chain: []Part{{1, .7}, {2, .2}, {3, .1}},
		Lost:  .005, Prefetch: true, Settle: time.Minute, Span: 2 * time.Minute,
		Store: Store{Reply: 300 * time.Microsecond}, Seed: 1,
	}
}

// pick returns the value of a part, by a number from 0 to 1.
func pick(parts []Part, u float64) float64 {
	for _, p := range parts {
		if u -= p.Of; u < 0 {
			return p.Value
		}
	}
	return parts[len(parts)-1].Value
}

// hash returns a number from 0 to 1 that belongs to a name and a purpose.
func hash(name uint32, purpose uint64) float64 {
	x := uint64(name)*0x9e3779b97f4a7c15 + purpose*0xbf58476d1ce4e5b9
	x ^= x >> 31
	x *= 0x94d049bb133111eb
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 32
	return float64(x>>11) / (1 << 53)
}

// ttl returns the TTL of a name, in seconds, and trip the round trip to its servers, in
// milliseconds.
func (w *World) ttl(name uint32) int64    { return int64(pick(w.TTLs, hash(name, 1))) }
func (w *World) trip(name uint32) float64 { return pick(w.Trips, hash(name, 2)) }

// rates returns how often each name is asked for in a second, by all clients.
func (w *World) rates() []float32 {
	rates, sum := make([]float32, w.Names), 0.0
	for r := range rates {
		p := math.Pow(float64(r+1), -w.Zipf)
		rates[r] = float32(p)
		sum += p
	}
	all := float64(w.Clients) * w.Rate / sum
	for r := range rates {
		rates[r] *= float32(all)
	}
	return rates
}

// shares returns the part of all clients that each node has: routes bring it not the same number.
func (w *World) shares() []float64 {
	shares := make([]float64, w.Nodes)
	for i := range shares {
		at := 0.0
		if w.Nodes > 1 {
			at = 2*float64(i)/float64(w.Nodes-1) - 1
		}
		shares[i] = (1 + w.Uneven*at) / float64(w.Nodes)
	}
	return shares
}

// Draw returns a name that a client asks for, by a number from 0 to 1: its rank, from 0 on.
func (w *World) Draw(u float64) int {
	rates := w.rates()
	u *= float64(w.Clients) * w.Rate
	for name, rate := range rates {
		if u -= float64(rate); u < 0 {
			return name
		}
	}
	return len(rates) - 1
}
