// Private addresses in answers from the public tree.

package server

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// private refuses an answer from the public tree that has a private address (DNS rebinding), as a
// whole: what is left of a signed set without some of its records is no longer what was signed, and
// who sends one such address has no claim to be believed in the others. It does so for each answer,
// also for those from the cache. A name may have any address if it is below one of
// policy.private_domains or in a configured zone. The same must hold for the question's name.
// Unlike in Unbound, another name's alias to such a name does not get its address: for a browser
// the address belongs to the name that it asked for.
//
// A refused answer is NOERROR without any record, an SOA included, so that nobody caches it (RFC
// 2308, section 5), with EDE 17: nothing lists the name, an address was filtered for the client's
// sake. dnsmasq (--stop-dns-rebind) and, where nothing is left, Unbound (private-address) do the
// same. BIND (deny-answer-addresses) has SERVFAIL and Knot Resolver (rebinding) REFUSED; with those
// a stub resolver asks the next server of its list, which may let the address through.
func (r *request) private(a *resolver.Answer) *resolver.Answer {
	p := &r.view.Private
	if len(p.Networks) == 0 || r.made {
		return a
	}
	allowed := r.mayHavePrivate()
	if n := p.Count(a.Sets, allowed); n > 0 {
		return r.refusePrivate(a, n)
	}
	additional := p.Without(a.Additional, allowed)
	if len(additional) == len(a.Additional) {
		return a
	}
	r.cut = true
	c := *a
	c.Additional = additional // they are optional, and were not asked for
	return &c
}

// refusePrivate returns what a client gets in place of an answer with n private addresses.
func (r *request) refusePrivate(a *resolver.Answer, n int) *resolver.Answer {
	r.cut = true
	r.server.observe.PrivateAnswer()
	r.decided(event.DecisionPrivate, cause.PrivateAddress, n)
	if left, ok := r.server.privates.Take(r.now); ok {
		r.server.log.Info("answer with private addresses refused", "name", r.ask.Name.String(),
			"type", r.ask.Type.String(), "client", r.from.Addr.Addr().String(),
			"cause", cause.PrivateAddress.Label(), "hint", cause.PrivateAddress.Hint(),
			"left_out", left)
	}
	c := &resolver.Answer{Question: a.Question, Status: wire.Insecure, Sent: a.Sent,
		Refresh: a.Refresh, NoCache: a.NoCache || a.Stale != resolver.StaleNone,
		KeepFor: time.Duration(cache.MinTTL(a.Sets)) * time.Second}
	c.Failure = cause.New(cause.PrivateAddress, nil, "%s", r.ask.Name)
	return c
}

// mayHavePrivate returns a function that reports which owners of the answer's records may have any
// address.
func (r *request) mayHavePrivate() func(wire.Name) bool {
	own := func(n wire.Name) bool {
		return r.view.Private.Allowed(n) || r.resolver().Configured(n)
	}
	asked := own(r.ask.Name)
	return func(n wire.Name) bool { return asked && own(n) }
}

// cuts reports whether the view would change a prepared answer.
func (r *request) cuts(a *cache.Answer) bool {
	if r.translates(r.ask) {
		return true
	}
	p := &r.view.Private
	if len(p.Networks) == 0 {
		return false
	}
	m, err := wire.Parse([]byte(a.Msg()))
	if err != nil {
		return true // no packet of ours is malformed; making a new answer does no harm
	}
	allowed := r.mayHavePrivate()
	return p.Count(m.Answer, allowed)+p.Count(m.Additional, allowed) > 0
}
