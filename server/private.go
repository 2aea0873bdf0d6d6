// Private addresses in answers from the public tree.

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// private leaves private addresses out of an answer from the public tree (DNS rebinding). It is
// decided for each answer, and so holds for what is from memory. A name may have any address if it
// is below one of policy.private_domains or in a zone of the configuration. So must be the name
// that was asked for: unlike with Unbound a stranger's alias to such a name does not get its
// address, for to a browser that is the stranger's.
func (r *request) private(a *resolver.Answer) *resolver.Answer {
	p := &r.server.cfg.Private
	if len(p.Networks) == 0 {
		return a
	}
	own := func(n wire.Name) bool { return p.Allowed(n) || r.server.resolver.Configured(n) }
	asked := own(r.ask.Name)
	allowed := func(n wire.Name) bool { return asked && own(n) }
	sets, n := p.Without(a.Sets, allowed)
	additional, m := p.Without(a.Additional, allowed)
	if n+m == 0 {
		return a
	}
	c := *a
	c.Sets, c.Additional = sets, additional
	r.server.observe.PrivateAddresses(n + m)
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
