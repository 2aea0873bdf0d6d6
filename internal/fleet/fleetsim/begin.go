// How a fleet is that has worked for long.

package fleetsim

import (
	"math"
	"slices"
)

// begin draws what nodes and the store have at the beginning, and the first question of each name
// at each node that memory does not answer.
func (r *run) begin() {
	left := float64(r.end) / 1e6
	most := slices.Max(r.shares)
	for name := range r.records {
		rate, ttl := float64(r.rates[name]), float64(r.ttl(uint32(name)))
		age, known := r.age(rate, ttl)
		r.records[name] = never
		if known && !r.Store.None && !r.Cold {
			r.records[name] = int32(math.Floor(ttl - age))
		}
		r.some(len(r.shares), rate*most*left, func(i int) float64 {
			return rate * r.shares[i] * left
		}, func(i int, first float64) {
			r.first(uint32(name), uint16(i), r.copy(rate*r.shares[i], ttl, age, known), ttl,
				first*left)
		})
	}
}

// age draws how old what somebody has of a name is, who asks for it at a rate, if he has it. It
// ends after its TTL, or is refreshed by the first question in the last tenth; then nothing is
// known until the next question.
func (r *run) age(rate, ttl float64) (age float64, known bool) {
	unasked, lives := 1.0, ttl
	if r.Prefetch {
		unasked = math.Exp(-rate * ttl / 10)
		lives = 0.9*ttl + (1-unasked)/rate
	}
	age = r.random.Float64() * (lives + unasked/rate)
	return age, age < lives
}

// copy draws for how long a node has a name in memory, 0 if it does not.
func (r *run) copy(rate, ttl, age float64, known bool) float64 {
	switch {
	case r.Cold:
		return 0
	case r.Store.None:
		if age, known = r.age(rate, ttl); known {
			return ttl - age
		}
		return 0
	case known && r.random.Float64() < -math.Expm1(-rate*age):
		return ttl - age // it has asked since the record is in the store
	case known && r.Prefetch && age < ttl/10 && r.random.Float64() < -math.Expm1(-rate*ttl):
		return ttl/10 - age // it has the record before that
	}
	return 0
}

// first plans the first question that a node's memory does not answer, where the first of all comes
// after some seconds.
func (r *run) first(name uint32, i uint16, has, ttl, seconds float64) {
	from := has
	if r.Prefetch {
		from = max(0, has-ttl/10)
	}
	if has > 0 && seconds < from { // it is answered; what comes later does not depend on it
		seconds = from + r.random.ExpFloat64()/(float64(r.rates[name])*r.shares[i])
	}
	r.add(name, i, after(0, has), after(0, seconds))
}
