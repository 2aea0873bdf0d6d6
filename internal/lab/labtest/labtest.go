// Package labtest puts a resolver in front of the lab, for tests and for the simulation.
package labtest

import (
	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/lab"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// Resolver returns the configuration of a resolver that asks the servers of a world, and the trust
// anchor of its root. It panics if the world's anchor cannot be read.
func Resolver(w *lab.World) (resolver.Config, *trustanchor.Set) {
	anchors := &trustanchor.Set{}
	if err := anchors.Add(w.Anchor()); err != nil {
		panic("labtest: " + err.Error())
	}
	c := resolver.Default()
	name, addrs := w.Roots()
	c.Hints = []cache.NameServer{{Name: wire.MustParseName(name), Addrs: addrs}}
	c.IPv6, c.DoNotQueryLocalhost = resolver.FamilyOff, false // the lab is at 127/8
	c.Validation.Skew = 0                                     // the lab's clock is the resolver's
	return c, anchors
}

// Observer is a server.Observer that ignores everything.
type Observer struct{}

// Query implements server.Observer.
func (Observer) Query(transport.Protocol, wire.Type) {}

// Response implements server.Observer.
func (Observer) Response(event.Served) {}

// ServFail implements server.Observer.
func (Observer) ServFail(cause.Cause) {}

// Limit implements server.Observer.
func (Observer) Limit(cause.Cause) {}

// Unvalidated implements server.Observer.
func (Observer) Unvalidated(cause.Cause) {}

// Cookie implements server.Observer.
func (Observer) Cookie(event.CookieKind) {}

// Refused implements server.Observer.
func (Observer) Refused(cause.Cause) {}

// Paced implements server.Observer.
func (Observer) Paced() {}

// Stale implements server.Observer.
func (Observer) Stale(resolver.StaleReason) {}

// Local implements server.Observer.
func (Observer) Local(policy.Source, policy.Outcome) {}

// PrivateAnswer implements server.Observer.
func (Observer) PrivateAnswer() {}
