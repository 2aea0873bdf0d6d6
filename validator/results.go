// The memory of signature checks.

package validator

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// resultParts is how many locks the memory has; a power of two.
const resultParts = 64

// results remembers what came of checks, by a hash over all that goes into them. It has a fixed
// number of places; each hash may take two, and a new one takes the first that is free, or else
// drives out the older.
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

// newResults returns a memory of about n results.
func newResults(n int) *results {
	return &results{size: max((n/resultParts+1)&^1, 2)}
}

// pair returns the two places of a hash, with its part locked.
func (r *results) pair(id *[sha256.Size]byte) (places []result, unlock func()) {
	p := &r.parts[id[0]&(resultParts-1)]
	p.mu.Lock()
	if p.places == nil {
		p.places = make([]result, r.size)
	}
	at := int(binary.BigEndian.Uint32(id[4:])%uint32(r.size)) &^ 1
	return p.places[at : at+2], p.mu.Unlock
}

// get says what came of a check, if it is remembered.
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

// add remembers what came of a check.
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
