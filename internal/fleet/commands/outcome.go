// What becomes of what is in the store, counted.

package commands

import "sync/atomic"

// Outcome is what became of a command, or why something in the store is not used.
type Outcome uint8

// The outcomes. The first ones are those of commands, the others of what the store has.
const (
	Issued    Outcome = iota // here
	Applied                  // done here as another node has asked
	Refused                  // tried here, and refused with a reason
	Replaced                 // a later command of the same name holds
	Over                     // it does not hold any more
	Forged                   // without a signature of the fleet
	Malformed                // too long, cut off, of another version, or against the rules
	Misplaced                // signed, and of another node
	Replayed                 // signed, and older than what is known
	Future                   // from later than now: the clocks differ
	outcomes

	// Good is what nothing speaks against.
	Good = outcomes
)

// Label returns the outcome as a metric's label.
func (o Outcome) Label() string {
	return [outcomes]string{"issued", "applied", "refused", "replaced", "over", "forged",
		"malformed", "misplaced", "replayed", "future"}[o]
}

// why is Label of any outcome.
func (o Outcome) why() string {
	if o == Good {
		return "of a node without a name"
	}
	return o.Label()
}

// Outcomes returns all outcomes that are counted.
func Outcomes() (all []Outcome) {
	for o := range outcomes {
		all = append(all, o)
	}
	return all
}

// Counts are how often each outcome came.
type Counts [outcomes]atomic.Uint64

// Of returns how often an outcome came.
func (c *Counts) Of(o Outcome) uint64 { return c[o].Load() }

func (c *Counts) add(o Outcome) { c[o].Add(1) }
