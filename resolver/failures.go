// Failures: how long they are remembered (RFC 9520), and the state of our own link.

package resolver

import (
	"net/netip"
	"sync/atomic"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// own reports whether a limit that the fetch met is due to its question alone.
func (x *resolution) own() bool { return x.fetch != nil && x.depth == 0 && !x.budget.cut.Load() }

// backoffOf returns how long a failure is remembered. The time grows only if the failure is the
// name's own: its servers reported it, or are silent while others reply.
func backoffOf(f *cause.Failure) cache.Backoff {
	switch {
	case f.Cause == cause.LimitNameServers:
		// A retry finds more denials in the cache, and gets further.
		return cache.Backoff{First: cache.LookupsTTL, Max: cache.LookupsTTL}
	case f.HeldAgainst() == cause.ScopeLink:
		return cache.Backoff{First: cache.LinkTTL, Max: cache.LinkTTL}
	case f.HeldAgainst() == cause.ScopeQuery:
		return cache.Backoff{First: cache.FailureTTL, Max: cache.FailureTTL}
	}
	switch f.Cause {
	case cause.Timeout, cause.Unreachable, cause.Truncated:
		return cache.Backoff{First: cache.FailureTTL, Max: cache.SilenceMaxTTL}
	case cause.Spoofed, cause.ServerIdentity, cause.UplinkDown, cause.DependencyLoop,
		cause.NoAddress:
		return cache.Backoff{First: cache.FailureTTL, Max: cache.FailureTTL}
	}
	switch {
	case f.Cause == cause.KeyMissing && f.Under != nil:
		// The keys could not be had, which proves nothing against the data (RFC 4035, section 4.3:
		// indeterminate): they are asked for again as soon as the keys are, and no later than bogus
		// data. Unbound takes such a zone for bogus for a minute.
		b := backoffOf(f.Under)
		b.Max = min(b.Max, cache.BogusTTL)
		return b
	case f.Doubtful(): // RFC 5452: the next question may bring the truth
		return cache.Backoff{First: cache.FailureTTL, Max: cache.BogusTTL}
	case f.Cause.Kind() == cause.KindDNSSEC:
		return cache.Backoff{First: cache.BogusTTL, Max: cache.BogusTTL}
	}
	return cache.Backoff{First: cache.FailureTTL, Max: cache.FailureMaxTTL}
}

// connectivity is what is known of this machine's connection to the Internet.
type connectivity struct {
	replies atomic.Uint64 // from servers of all zones
	failed  atomic.Bool   // a failure is remembered during which no server replied
	// forgiven is the second in which the servers' back-offs were last ended.
	forgiven atomic.Int64
	v4, v6   atomic.Int32  // exchanges in a row without a reply, by family
	network  atomic.Uint32 // a NetworkState
	changed  atomic.Bool   // the network, since the root was asked
	doubt    atomic.Bool   // answers came without signatures since then
}

// doubtfulAfter is how many exchanges in a row without a reply make a family of addresses doubtful.
const doubtfulAfter = 4

// of returns the counter of an address's family.
func (l *connectivity) of(a netip.Addr) *atomic.Int32 {
	if a.Unmap().Is4() {
		return &l.v4
	}
	return &l.v6
}

// doubtful reports whether no server has replied lately over a family, by its address type.
func (l *connectivity) doubtful(t wire.Type) bool {
	if t == wire.TypeA {
		return l.v4.Load() >= doubtfulAfter
	}
	return l.v6.Load() >= doubtfulAfter
}

// replied notes a reply. The first one after failures without any reply ends all of these, and the
// back-offs of servers, as our own link may have been down.
func (r *Resolver) replied(a netip.Addr) {
	r.connectivity.replies.Add(1)
	if n := r.connectivity.of(a); n.Load() != 0 {
		n.Store(0)
	}
	if r.connectivity.failed.Load() && r.connectivity.mayForgive(r.clock.Now().Unix()) &&
		r.connectivity.failed.Swap(false) {
		r.memory.forgetFailures(func(f *cause.Failure) bool {
			return f.HeldAgainst() == cause.ScopeLink
		})
		r.infra.forgive()
	}
}

// mayForgive reports whether nothing was forgiven yet in the second now. Forgiving goes through the
// whole infrastructure cache. Anyone can cause it with a zone whose servers cannot be reached,
// asked for while no other server replies.
func (l *connectivity) mayForgive(now int64) bool {
	last := l.forgiven.Load()
	return now != last && l.forgiven.CompareAndSwap(last, now)
}

// silent reports whether a cause means that there was no reply.
func silent(c cause.Cause) bool {
	return c == cause.Timeout || c == cause.Unreachable || c == cause.UplinkDown
}
