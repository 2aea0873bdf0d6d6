// Answers that this server makes itself.

package policy

import (
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Local is an answer that is made by this server.
type Local struct {
	NXDomain bool
	Answer   []*wire.RRset
	SOA      *wire.RRset // of a denial
	// Additional are records that the client is likely to ask for next.
	Additional []*wire.RRset
	Action     LocalAction
	// Target is what an alias at the end of Answer leads to; zero if there is none.
	Target wire.Name
	From   Source
	Cause  cause.Cause // what clients are told of it, None for nothing
	List   string      // of blocked names that it is from, "" if it is from none
	// Denied is the top-level name that the root denies, and with it what was asked for: its proof
	// can be had. Zero for all else.
	Denied wire.Name
	Inform wire.Name // the zone for which the log has who asks, zero if there is none
}

// LocalAction is what is done with a question that local data are about.
type LocalAction uint8

// The actions.
const (
	LocalAnswer LocalAction = iota
	LocalRefuse
	LocalDrop
	LocalResolve  // it is not answered here
	LocalTruncate // the answer is truncated, so that the client asks over TCP
)

// Source is where an answer of this server's is from.
type Source uint8

// The sources.
const (
	FromZones   Source = iota // local records and zones
	FromLists                 // of blocked names
	FromSpecial               // special names
	FromRPZ                   // response policy zones
	FromDNS64                 // addresses of translators
	FromHooks                 // policy steps that are compiled in
)

// Label returns the source as a metric's label.
func (s Source) Label() string {
	return [...]string{"zones", "lists", "special", "rpz", "dns64", "hooks"}[s]
}

// Sources returns all sources.
func Sources() []Source {
	return []Source{FromZones, FromLists, FromSpecial, FromRPZ, FromDNS64, FromHooks}
}

// Outcome is what an answer of this server's says.
type Outcome uint8

// The outcomes.
const (
	OutcomeData Outcome = iota
	OutcomeNoData
	OutcomeNXDomain
	OutcomeRefused
	OutcomeDropped
	OutcomeTruncated
)

// Label returns the outcome as a metric's label.
func (o Outcome) Label() string {
	return [...]string{"data", "nodata", "nxdomain", "refused", "dropped", "truncated"}[o]
}

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	return []Outcome{OutcomeData, OutcomeNoData, OutcomeNXDomain, OutcomeRefused, OutcomeDropped,
		OutcomeTruncated}
}

// Outcome returns what the answer says.
func (l *Local) Outcome() Outcome {
	switch {
	case l.Action == LocalRefuse:
		return OutcomeRefused
	case l.Action == LocalDrop:
		return OutcomeDropped
	case l.Action == LocalTruncate:
		return OutcomeTruncated
	case l.NXDomain:
		return OutcomeNXDomain
	case len(l.Answer) == 0:
		return OutcomeNoData
	}
	return OutcomeData
}
