// Package incident keeps the record of what is broken: one incident for each zone at fault and
// cause, however many names below the zone fail. It knows when clients met it first and last, how
// many queries and client networks it hit, and when names could be resolved again. Incidents begin
// and end by themselves, and outlive a restart.
package incident

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Ending is how an incident ended.
type Ending uint8

// The ways.
const (
	Open     Ending = iota // it has not
	Mended                 // its question is answered again, and has been for incidents.settle
	Replaced               // its question fails for another cause, which has an incident of its own
	Forsaken               // it still fails, and no client has asked for a day
	Excepted               // the operator has made an exception from validation
)

// Endings returns the ways in which incidents end.
func Endings() []Ending { return []Ending{Mended, Replaced, Forsaken, Excepted} }

// String returns the label of the way.
func (e Ending) String() string {
	return [...]string{"open", "mended", "replaced", "forsaken", "excepted"}[e]
}

// Incident is the record of one. Times are times of day.
type Incident struct {
	Zone   string // the zone at fault, the highest that is
	Cause  cause.Cause
	Detail string // of the first failure: key tag, server, dates
	// Name and Type are the question that failed last; the book asks it again to find out whether
	// the zone is mended.
	Name string
	Type wire.Type

	First, Last time.Time // a client's query failed
	Good        time.Time // the question was answered again, and has been since; or zero
	Ended       time.Time // or zero
	How         Ending

	Queries     uint64 // that failed
	Clients     int    // networks (IPv4 /24, IPv6 /56) that these came from, about
	Maintenance bool   // it began in a maintenance window, or is in one
}

// Recovery returns how long clients were without answers, 0 if they still are.
func (i *Incident) Recovery() time.Duration {
	if i.Good.IsZero() {
		return 0
	}
	return i.Good.Sub(i.First)
}

// key is what an incident is about.
type key struct {
	zone  string
	cause cause.Cause
}

// keyOf returns the zone at fault and the cause of a failure; false if it is not a zone's fault.
// The zone is that of the failure which led to all others: if the servers of a top level domain are
// silent, all names below it fail, and the incident is the domain's.
func keyOf(f *cause.Failure) (k key, ok bool) {
	k = key{f.Zone, f.Cause}
	for u := f.Under; u != nil; u = u.Under {
		if u.Zone != "" {
			k.zone = u.Zone
		}
	}
	switch f.Cause.Kind() {
	case cause.KindDNSSEC:
	case cause.KindNetwork:
		if f.Cause == cause.UplinkDown { // no zone is at fault, but the way to all
			k.zone = "."
		}
	case cause.KindLimit: // of a zone that costs too much to resolve
		if f.Cause == cause.Overload || f.Cause == cause.LimitClient {
			return k, false
		}
	default:
		return k, false
	}
	return k, k.zone != ""
}

// network returns the network that a client is counted by.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 56
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits)
	return p
}
