// What comes of asking the store, counted.

package fleet

import "sync/atomic"

// Outcome is what came of a question to the store, or of a record that it had.
type Outcome uint8

// The outcomes. The first ones are those of questions, the others of records that are not used.
const (
	Found    Outcome = iota // the store had it
	Awaited                 // another node has resolved it meanwhile
	Missed                  // this node resolves it, for all
	Joined                  // another node is slow, so this one resolves it as well
	Late                    // others were at it for too long
	Left                    // a refresh is left to the node that is at it
	Released                // another node was at it, and has nothing to share
	Skipped                 // the store has failed, and is not asked for a while
	Busy                    // too many questions are under way
	Failed                  // the store has failed, or was too slow

	Forged    // without a signature of the fleet for this name, type and view
	Malformed // too long, cut off, of another version, or not a record
	Misplaced // signed, but of another name or type
	Expired   // it has ended, or is about to
	Future    // it was stored later than now: the clocks differ
	Flushed   // it is older than a flush of its name here
	Bogus     // it does not validate

	outcomes
)

// Label returns the outcome as a metric's label.
func (o Outcome) Label() string {
	return [outcomes]string{"found", "awaited", "missed", "joined", "late", "left", "released",
		"skipped", "busy", "failed", "forged", "malformed", "misplaced", "expired", "future",
		"flushed", "bogus"}[o]
}

// OfRecord reports whether it is why a record is not used.
func (o Outcome) OfRecord() bool { return o >= Forged }

// Outcomes returns all outcomes.
func Outcomes() (all []Outcome) {
	for o := range outcomes {
		all = append(all, o)
	}
	return all
}

// Counts are how often each outcome came.
type Counts [outcomes]atomic.Uint64

func (c *Counts) add(o Outcome) { c[o].Add(1) }

// Of returns how often an outcome came.
func (c *Counts) Of(o Outcome) uint64 { return c[o].Load() }
