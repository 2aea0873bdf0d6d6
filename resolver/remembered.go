// What is known of a question after the fact, for people.

package resolver

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// Remembered is a failure that the cache has of a question (RFC 9520).
type Remembered struct {
	Failure *cause.Failure
	First   time.Time // when it failed for this cause for the first time in a row
	Last    time.Time
	Until   time.Time // before which it is not tried again
	Count   int       // failures in a row
}

// Remembered returns the last failure of a question, whether it may be tried again or not. The
// times are ages: those of the clock that cannot be set.
func (r *Resolver) Remembered(q wire.Question) (Remembered, bool) {
	e, ok := r.memory.lastFailure(cache.Key{Name: q.Name, Type: q.Type})
	if !ok {
		return Remembered{}, false
	}
	return Remembered{e.Failure, time.Unix(e.First, 0), time.Unix(e.At, 0),
		time.Unix(e.Expires, 0), e.Count}, true
}

// SignatureTime returns the time at which signatures are judged now.
func (r *Resolver) SignatureTime() time.Time { return r.clockFor() }

// Excepted returns the operator's exception from validation that holds for a name's data, and the
// zone that it is made for; [cause.None] if there is none.
func (r *Resolver) Excepted(q wire.Question) (wire.Name, cause.Cause) {
	switch zone, what := r.anchors.Exception(above(q.Name, q.Type)); what {
	case trustanchor.Negative:
		return zone, cause.NegativeAnchor
	case trustanchor.Insecure:
		return zone, cause.ValidationOff
	case trustanchor.Permissive:
		return zone, cause.Permissive
	}
	return wire.Name{}, cause.None
}

// AnchorsOf returns the trust anchors of a zone; nil if it has none.
func (r *Resolver) AnchorsOf(zone wire.Name) *wire.RRset {
	set, _ := r.anchors.At(zone)
	return set
}
