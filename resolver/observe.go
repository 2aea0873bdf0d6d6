// What others may see of the work.

package resolver

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Observer is told what happens. Its methods return at once.
type Observer interface {
	// Upstream is one exchange with a server; c is None if it replied.
	Upstream(server netip.AddrPort, via transport.Protocol, rtt time.Duration, c cause.Cause)
	// Validated is one judgement of a response.
	Validated(status wire.Security, f *cause.Failure)
	// Limit is a limit that was hit.
	Limit(c cause.Cause)
	// Synthesised is an answer made from cached denials.
	Synthesised()
	// Primed is what came of asking the hints for the root's servers: how many there are, or why
	// that is not known and the hints serve.
	Primed(servers int, f *cause.Failure)
}

// nopObserver is an Observer that does not look.
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
