// Private addresses in answers from the public tree.

package server

import (
	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// private leaves private addresses out of an answer from the public tree (DNS rebinding). It does
// so for each answer, also for those from the cache. A name may have any address if it is below one
// of policy.private_domains or in a configured zone. The same must hold for the question's name.
// Unlike in Unbound, another name's alias to such a name does not get its address: for a browser
// the address belongs to the name that it asked for.
func (r *request) private(a *resolver.Answer) *resolver.Answer {
	p := &r.view.Private
	if len(p.Networks) == 0 {
		return a
	}
	allowed := r.mayHavePrivate()
	sets, n := p.Without(a.Sets, allowed)
	additional, m := p.Without(a.Additional, allowed)
	if n+m == 0 {
		return a
	}
	c := *a
	c.Sets, c.Additional = sets, additional
	r.cut = true
	r.server.observe.PrivateAddresses(n + m)
	r.decided(event.DecisionPrivate, cause.PrivateAddress, n+m)
	if n == 0 {
		return &c
	}
	c.Status = min(a.Status, wire.Insecure)
	if c.Failure == nil {
		c.Failure = cause.New(cause.PrivateAddress, nil, "%s", r.ask.Name)
	}
	if left, ok := r.server.privates.take(r.now); ok {
		r.server.log.Info("private address left out", "name", r.ask.Name.String(), "type",
			r.ask.Type.String(), "client", r.from.Addr.Addr().String(),
			"cause", cause.PrivateAddress.Label(), "hint", cause.PrivateAddress.Hint(),
			"left_out", left)
	}
	return &c
}

// mayHavePrivate returns a function that reports which owners of the answer's records may have any
// address.
func (r *request) mayHavePrivate() func(wire.Name) bool {
	own := func(n wire.Name) bool {
		return r.view.Private.Allowed(n) || r.rules.Resolver.Configured(n)
	}
	asked := own(r.ask.Name)
	return func(n wire.Name) bool { return asked && own(n) }
}

// cuts reports whether the view would leave anything out of a prepared answer.
func (r *request) cuts(a *cache.Answer) bool {
	p := &r.view.Private
	if len(p.Networks) == 0 {
		return false
	}
	m, err := wire.Parse([]byte(a.Msg()))
	if err != nil {
		return true // no packet of ours is malformed; making a new answer does no harm
	}
	allowed := r.mayHavePrivate()
	_, n := p.Without(m.Answer, allowed)
	_, more := p.Without(m.Additional, allowed)
	return n+more > 0
}
