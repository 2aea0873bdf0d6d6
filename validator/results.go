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
	parts [resultParts]resultPart
	size  int // places of a part, an even number
}

type resultPart struct {
	mu     sync.Mutex
	places []result // guarded by mu; made when the first is needed
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

// part returns the part that a hash belongs to.
func (r *results) part(id *[sha256.Size]byte) *resultPart {
	return &r.parts[id[0]&(resultParts-1)]
}

// pair returns the two places of a hash in a part of a size. mu is held.
func (p *resultPart) pair(id *[sha256.Size]byte, size int) []result {
	if p.places == nil {
		p.places = make([]result, size)
	}
	at := int(binary.BigEndian.Uint32(id[4:])%uint32(size)) &^ 1
	return p.places[at : at+2]
}

// get returns the result of a check, if it is cached.
func (r *results) get(id *[sha256.Size]byte) (good, known bool) {
	p := r.part(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	places := p.pair(id, r.size)
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
	p := r.part(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	places := p.pair(id, r.size)
	if places[0].state != resultNone {
		places[1] = places[0]
	}
	places[0] = result{*id, state}
}
