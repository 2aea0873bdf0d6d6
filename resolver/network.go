// The network has changed: what was held against servers and names may have been its fault.

package resolver

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
)

// NetworkChanged forgets what the network may have been the cause of: that servers did not reply,
// for how long unknown ones are waited for, and failures that are remembered for want of replies,
// routes or addresses. Configured servers that are down are probed at once. What servers have said
// stays: bogus and lame ones do not change with the network.
func (r *Resolver) NetworkChanged() {
	now := r.clock.Now()
	if r.events != nil {
		r.events.Event(event.Event{Kind: event.Network, Time: time.Now()})
	}
	for _, v := range r.infra.cache.All() {
		v.mu.Lock()
		v.alive(v.replied)
		v.timeouts, v.backoff = 0, 0
		v.mu.Unlock()
	}
	r.infra.uplink.note(netip.Addr{}, true)
	r.infra.pace.prompt()
	r.connectivity.v4.Store(0)
	r.connectivity.v6.Store(0)
	r.connectivity.failed.Store(false)
	r.connectivity.changed.Store(true)
	r.memory.forgetFailures(endsWithNetwork)
	for _, f := range r.forwarders {
		f.mu.Lock()
		f.health.hurry(now)
		f.mu.Unlock()
	}
}

// endsWithNetwork reports whether a failure may be due to the network, and is over when that has
// changed.
func endsWithNetwork(f *cause.Failure) bool {
	switch f.Cause {
	case cause.NoServers, cause.NoAddress, cause.LocalResources, cause.PrivateServers:
		return true
	}
	return silent(f.Cause) || f.HeldAgainst() == cause.ScopeLink
}
