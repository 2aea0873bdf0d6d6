// Package hook is the interface of policy steps that an operator writes and compiles in.
// docs/hooks.md says how; cmd/bailiwick/hooks.go is where they are registered.
//
// A step is asked twice about a question that local data, block lists and policy zones leave alone:
// before it is looked up, and with its answer. What it says of the same question and answer has to
// be the same each time: answers that it passes are kept for all clients of equal policy, and it is
// not asked again while they are. A step to which the client matters says so by [Step.PerClient],
// and one whose opinion changes is a [Changing].
package hook

import (
	"net/netip"

	"bailiwick/wire"
)

// Step is a policy step. Its methods are called by many goroutines at once, and must not wait: for
// Question the goroutine is one that reads packets. A panic fails the query that it happens in.
type Step interface {
	// Name is what logs, metrics and ctl call the step: lower-case letters, digits and hyphens.
	Name() string
	// PerClient reports whether Client and Transport of a question matter to the step. It is called
	// once. Nothing is then answered from prepared answers, which costs each query some
	// microseconds.
	PerClient() bool
	// Question decides on a question before it is looked up.
	Question(Question) Verdict
	// Answer decides on the answer to a question that all steps have passed.
	Answer(Question, Answer) Verdict
}

// Changing is a step whose opinion changes while the server runs.
type Changing interface {
	// Changes is called once, at the start, with what the step calls after each change, from any
	// goroutine: answers that are kept are then judged again when they are asked for.
	Changes(changed func())
}

// Question is what a client asks.
type Question struct {
	Name wire.Name // in lower case
	Type wire.Type
	View string // "" for clients without one
	DO   bool   // the client may validate, and believe nothing in the place of a secure answer
	// Client and Transport are set for steps that are PerClient alone.
	Client    netip.Addr
	Transport string
}

// Answer is what was found. It is shared with others, and must not be changed.
type Answer struct {
	RCode  wire.RCode
	Secure bool          // it was validated
	Sets   []*wire.RRset // of the answer section: the aliases first
}

// Action is what is done with a query.
type Action uint8

// The actions.
const (
	Pass     Action = iota // nothing: the next step is asked
	Refuse                 // REFUSED
	Drop                   // no response
	NXDomain               // the name does not exist
	NoData                 // it has no records of the type
	Truncate               // over UDP a truncated response, so that the client asks again over TCP
	Own                    // Verdict.Data
	actions
)

// String returns the action as a metric's label.
func (a Action) String() string {
	return [...]string{"pass", "refuse", "drop", "nxdomain", "nodata", "truncate", "own"}[a]
}

// Actions returns all actions.
func Actions() (all []Action) {
	for a := range actions {
		all = append(all, a)
	}
	return all
}

// Verdict is what a step decides. The zero Verdict passes.
type Verdict struct {
	Action Action
	// Data are the records of the question's name and type for Own, as they are on the wire without
	// compression; without any there is none of the type.
	Data wire.RDataList
	TTL  uint32 // of Data, in seconds
}

// Addresses returns a verdict with those of the addresses that are of the question's type: records
// of the type A or AAAA. For other types there are none.
func Addresses(q Question, ttl uint32, addrs ...netip.Addr) Verdict {
	var data wire.RDataList
	for _, a := range addrs {
		a = a.Unmap()
		if q.Type == wire.TypeA && a.Is4() || q.Type == wire.TypeAAAA && a.Is6() {
			data = data.Append(a.AsSlice())
		}
	}
	return Verdict{Action: Own, Data: data, TTL: ttl}
}
