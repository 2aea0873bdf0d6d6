// Questions that are answered without the resolver.

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// local answers questions that are not for the resolver, and reports whether it did.
func (r *request) local() bool {
	r.ask = r.q.Keep()
	refused := &cause.Failure{Cause: cause.QueryRefused}
	switch {
	case r.ask.Class == wire.ClassCH:
		r.answer = r.chaos()
		return true
	case r.ask.Class != wire.ClassIN, isTransfer(r.ask.Type):
		return r.reject(wire.RCodeRefused, refused)
	case r.ask.Type == wire.TypeMAILA || r.ask.Type == wire.TypeMAILB:
		return r.reject(wire.RCodeNotImp, refused)
	case r.ask.Type == wire.TypeNone || r.ask.Type.IsMeta() && r.ask.Type != wire.TypeANY:
		// NXNAME too (RFC 9824, section 3.5)
		return r.reject(wire.RCodeFormErr, &cause.Failure{Cause: cause.RequestType})
	}
	l, by := r.own(r.ask), event.DecisionLocal
	if l == nil {
		l, by = r.special(r.ask), event.DecisionSpecial
	}
	if l == nil {
		return false
	}
	r.origin = event.OriginLocal
	r.decided(by, cause.None, 0)
	r.answer = r.shapeLocal(l)
	return true
}

func isTransfer(t wire.Type) bool { return t == wire.TypeAXFR || t == wire.TypeIXFR }

// ours returns the local answer to a question, nil if there is none.
func (r *request) ours(q wire.Question) *policy.Local {
	if l := r.own(q); l != nil {
		return l
	}
	return r.special(q)
}

// own returns the answer from the operator's data, nil if there is none.
func (r *request) own(q wire.Question) *policy.Local {
	if r.view.Local == nil {
		return nil
	}
	return r.view.Local(q)
}

// special returns the answer to a question about a special-use name (RFC 6761), nil for all others.
func (r *request) special(q wire.Question) *policy.Local {
	if r.rules.Special && !r.rules.Resolver.Configured(q.Name) {
		return policy.Special(q, r.rules.SpecialServer)
	}
	return nil
}

// shapeLocal makes the response of a local answer.
func (r *request) shapeLocal(l *policy.Local) []byte {
	a := &resolver.Answer{Question: r.ask, Status: wire.Insecure, Sets: l.Answer,
		Additional: l.Additional}
	if l.NXDomain {
		a.RCode = wire.RCodeNXDomain
	}
	if l.SOA != nil {
		a.Authority = []*wire.RRset{l.SOA}
	}
	return r.shape(a)
}
