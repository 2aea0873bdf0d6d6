// A cache of the results of signature checks.

package validator

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// resultParts is how many parts with a lock of their own the cache has; a power of two.
const resultParts = 64

// results maps a hash of everything that goes into a check to the result. It has a fixed number of
// places. Each hash has two of them; a new result takes a free one, or replaces the older result.
type results struct {
	parts [resultParts]struct {
		mu     sync.Mutex
		places []result // guarded by mu; made when the first is needed
	}
	size int // places of a part, an even number
}

type result struct {
	id    [sha256.Size]byte
	state resultState
}

type resultState uint8

const (
	resultNone resultState = iota
	resultGood
	resultBad
)

// newResults returns a cache of about n results.
func newResults(n int) *results {
	return &results{size: max((n/resultParts+1)&^1, 2)}
}

// pair returns the two places of a hash, and locks their part.
func (r *results) pair(id *[sha256.Size]byte) (places []result, unlock func()) {
	p := &r.parts[id[0]&(resultParts-1)]
	p.mu.Lock()
	if p.places == nil {
		p.places = make([]result, r.size)
	}
	at := int(binary.BigEndian.Uint32(id[4:])%uint32(r.size)) &^ 1
	return p.places[at : at+2], p.mu.Unlock
}

// get returns the result of a check, if it is cached.
func (r *results) get(id *[sha256.Size]byte) (good, known bool) {
	places, unlock := r.pair(id)
	defer unlock()
	for i := range places {
		if places[i].id == *id && places[i].state != resultNone {
			return places[i].state == resultGood, true
		}
	}
	return false, false
}

// add stores the result of a check.
func (r *results) add(id *[sha256.Size]byte, good bool) {
	state := resultBad
	if good {
		state = resultGood
	}
	places, unlock := r.pair(id)
	defer unlock()
	if places[0].state != resultNone {
		places[1] = places[0]
	}
	places[0] = result{*id, state}
}
