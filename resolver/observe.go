// Observer: the resolver's counts for metrics.

package resolver

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Observer receives what metrics count. Its methods return at once.
type Observer interface {
	// Upstream reports one exchange with a server; c is None if it replied.
	Upstream(server netip.AddrPort, via transport.Protocol, rtt time.Duration, c cause.Cause)
	// Validated reports one validation of a response.
	Validated(status wire.Security, f *cause.Failure)
	// JudgedSets reports how many sets a validation was about.
	JudgedSets(status wire.Security, sets int)
	// Mismatched reports how many packets came from the addresses of servers that were asked, and
	// were not their reply.
	Mismatched(why Mismatch, n int)
	// Secured reports sets of a zone that are secure; they may share memory with a reply.
	Secured(zone wire.Name, sets ...*wire.RRset)
	// Limit reports a limit that was met.
	Limit(c cause.Cause)
	// Refreshed reports that a result was resolved without a client that waited, or could not be.
	Refreshed(why RefreshReason, fresh bool)
	// Revalidated reports how many packets it took to ask a zone for its own NS set.
	Revalidated(packets int)
	// Reported reports what became of the report of a failure (RFC 9567).
	Reported(result ReportResult)
	// Subnets reports what became of questions with a client's network.
	Subnets(result SubnetResult, n int)
	// Synthesised reports an answer made from cached denials.
	Synthesised()
	// Forwarder reports that a server that the operator named for a zone does not answer any more,
	// and why, or answers again; it has been as it was for the time after.
	Forwarder(zone wire.Name, server netip.AddrPort, up bool, why cause.Cause, after time.Duration)
	// Primed reports the outcome of priming: how many servers the root has, or why the hints are
	// used.
	Primed(servers int, f *cause.Failure)
}

// Mismatch is how a packet from a server's address differs from its reply.
type Mismatch uint8

// The ways.
const (
	MismatchQuestion Mismatch = iota // it has another ID or question
	MismatchCookie                   // it has another cookie, or none
	MismatchSubnet                   // it is for another client network, or for none
)

// Mismatches returns all ways.
func Mismatches() []Mismatch { return []Mismatch{MismatchQuestion, MismatchCookie, MismatchSubnet} }

// Label returns the way as a metric's label.
func (m Mismatch) Label() string { return [...]string{"question", "cookie", "network"}[m] }

// nopObserver is an Observer that ignores everything.
type nopObserver struct{}

// Upstream does nothing.
func (nopObserver) Upstream(netip.AddrPort, transport.Protocol, time.Duration, cause.Cause) {}

// Validated does nothing.
func (nopObserver) Validated(wire.Security, *cause.Failure) {}

// JudgedSets does nothing.
func (nopObserver) JudgedSets(wire.Security, int) {}

// Mismatched does nothing.
func (nopObserver) Mismatched(Mismatch, int) {}

// Secured does nothing.
func (nopObserver) Secured(wire.Name, ...*wire.RRset) {}

// Limit does nothing.
func (nopObserver) Limit(cause.Cause) {}

// Refreshed does nothing.
func (nopObserver) Refreshed(RefreshReason, bool) {}

// Revalidated does nothing.
func (nopObserver) Revalidated(int) {}

// Reported does nothing.
func (nopObserver) Reported(ReportResult) {}

// Subnets does nothing.
func (nopObserver) Subnets(SubnetResult, int) {}

// Synthesised does nothing.
func (nopObserver) Synthesised() {}

// Forwarder does nothing.
func (nopObserver) Forwarder(wire.Name, netip.AddrPort, bool, cause.Cause, time.Duration) {}

// Primed does nothing.
func (nopObserver) Primed(int, *cause.Failure) {}
