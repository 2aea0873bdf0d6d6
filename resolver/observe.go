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
	// Limit reports a limit that was met.
	Limit(c cause.Cause)
	// Synthesised reports an answer made from cached denials.
	Synthesised()
	// Primed reports the outcome of priming: how many servers the root has, or why the hints are
	// used.
	Primed(servers int, f *cause.Failure)
}

// nopObserver is an Observer that ignores everything.
type nopObserver struct{}

// Upstream does nothing.
func (nopObserver) Upstream(netip.AddrPort, transport.Protocol, time.Duration, cause.Cause) {}

// Validated does nothing.
func (nopObserver) Validated(wire.Security, *cause.Failure) {}

// Limit does nothing.
func (nopObserver) Limit(cause.Cause) {}

// Synthesised does nothing.
func (nopObserver) Synthesised() {}

// Primed does nothing.
func (nopObserver) Primed(int, *cause.Failure) {}
