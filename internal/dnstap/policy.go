// Policy in a message.

package dnstap

import "bailiwick/wire"

// Action is what policy does, with the number that it has in the schema (Policy.Action).
type Action uint8

// The actions. The schema has no refusal.
const (
	NoAction Action = iota
	NXDomain
	NoData
	Pass
	Drop
	Truncate
	LocalData
)

// Match is what policy is about, with the number that it has in the schema (Policy.Match).
type Match uint8

// What there is.
const (
	NoMatch Match = iota
	QName
	ClientIP
	ResponseIP
	NSName
	NSIP
)

// Policy is the operator's policy that has decided a response.
type Policy struct {
	Type   string
	Rule   string // a name in wire form for rules of policy zones; else a list's, or a zone's
	Action Action
	Match  Match
	// Value is the name that matched. The address of a client that matched is that of the message,
	// as far as it is told; other addresses are not kept.
	Value wire.Name
}
