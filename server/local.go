// Questions that are answered without the resolver.

package server

import (
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// local answers questions that are not for the resolver, and reports whether it did.
func (r *request) local() bool {
	r.ask = r.q.Keep()
	r.want, r.before, r.standIn = r.ask, r.before[:0], nil
	switch r.ask.Class {
	case wire.ClassCH:
		r.answer = r.chaos()
		return true
	case wire.ClassIN:
	default:
		return r.reject(wire.RCodeRefused, &cause.Failure{Cause: cause.QueryRefused})
	}
	if rcode, why := Unanswered(r.ask.Type); why != cause.None {
		return r.reject(rcode, &cause.Failure{Cause: why})
	}
	return r.ownData()
}

// Unanswered returns the RCODE and the cause for types that no question is answered for, whatever
// the name; no cause for all others.
func Unanswered(t wire.Type) (wire.RCode, cause.Cause) {
	switch {
	case isTransfer(t):
		return wire.RCodeRefused, cause.QueryRefused
	case t == wire.TypeMAILA || t == wire.TypeMAILB:
		return wire.RCodeNotImp, cause.QueryRefused
	case t == wire.TypeNone || t.IsMeta() && t != wire.TypeANY:
		return wire.RCodeFormErr, cause.RequestType // NXNAME too (RFC 9824, section 3.5)
	}
	return wire.RCodeNoError, cause.None
}

// ownData answers from local data and for special names, and reports whether it did. Where an alias
// of the operator's leads to a name that the resolver knows, that name is what the later steps ask
// for, and the alias is put before what they find.
func (r *request) ownData() bool {
	for range maxLocalAliases + 1 {
		l := r.ours(r.want)
		if l != nil && !l.Inform.IsZero() {
			r.inform(l.Inform)
			if l.Action == policy.LocalResolve { // as any other name, for what comes now, too
				l = nil
			}
		}
		if l == nil {
			l = r.policedBefore()
		}
		if l == nil {
			l = r.hooked()
		}
		if l == nil {
			return false
		}
		if r.follow(l) {
			continue
		}
		if !l.Denied.IsZero() && r.wantsProof() {
			r.standIn, r.want.Name = l, l.Denied
			r.decided(event.DecisionSpecial, l.Cause, 0)
			return false
		}
		l = r.localAAAA(l)
		r.origin = event.OriginLocal
		r.answer = r.respondLocal(l)
		return true
	}
	r.server.observe.ServFail(cause.AliasLoop)
	r.origin = event.OriginLocal
	return r.reject(wire.RCodeServFail, cause.New(cause.AliasLoop, nil, "%s", r.want.Name))
}

func isTransfer(t wire.Type) bool { return t == wire.TypeAXFR || t == wire.TypeIXFR }

// respondLocal makes the response of a local answer, nil if there is none.
func (r *request) respondLocal(l *policy.Local) []byte {
	r.tapLocal(l)
	r.server.observe.Local(l.From, l.Outcome())
	switch l.Action {
	case policy.LocalDrop:
		r.silence(l.Cause)
		return nil
	case policy.LocalRefuse:
		r.reject(wire.RCodeRefused, cause.New(l.Cause, nil, "%s", r.want.Name))
		return r.answer
	case policy.LocalTruncate:
		r.responded(wire.RCodeNoError, wire.Unchecked)
		return r.truncated()
	}
	switch l.From {
	case policy.FromRPZ, policy.FromHooks: // reported where it was decided
	case policy.FromSpecial:
		r.decided(event.DecisionSpecial, l.Cause, 0)
	default:
		r.decided(event.DecisionLocal, l.Cause, 0)
	}
	return r.shapeLocal(l)
}

// ours returns the local answer to a question, nil if there is none.
func (r *request) ours(q wire.Question) *policy.Local {
	if l := r.own(q); l != nil {
		return l
	}
	if q.Type == wire.TypePTR && r.translates(q) {
		if l := r.view.DNS64.Reverse(q); l != nil {
			return l
		}
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
	answered, server, ordinary := r.rules.Special, r.rules.SpecialServer, r.rules.Ordinary
	if v := r.view.Special; v != nil {
		answered, server, ordinary = v.Answered, v.Server, v.Ordinary
	}
	if answered && !r.resolver().Configured(q.Name) {
		return policy.Special(q, server, ordinary)
	}
	return nil
}

// wantsProof reports whether the client gets the root's proof that a special name does not exist: a
// validator behind this server finds that the root is signed, and takes a denial without proof for
// forged. The root learns the top-level name alone, and that rarely: most are in spans that are
// cached (RFC 8198).
func (r *request) wantsProof() bool {
	return r.q.EDNS.DO && r.q.Has(wire.FlagRD) && len(r.before) == 0
}

// deniedByRoot makes the response about a special name from what the root says of the top-level
// name; if that proves nothing, it is the one without a proof.
func (r *request) deniedByRoot(a *resolver.Answer) []byte {
	if a.RCode != wire.RCodeNXDomain || a.Status != wire.Secure {
		r.origin = event.OriginLocal
		r.server.observe.Local(r.standIn.From, r.standIn.Outcome())
		return r.shapeLocal(r.standIn)
	}
	r.server.observe.Local(r.standIn.From, policy.OutcomeNXDomain)
	c := *a
	c.Question, c.NoCache, c.WholeSpan, c.Synthesised = r.ask, true, false, false
	return r.shape(&c)
}

// shapeLocal makes the response of a local answer.
func (r *request) shapeLocal(l *policy.Local) []byte {
	a := &resolver.Answer{Question: r.ask, Status: wire.Insecure, Sets: l.Answer,
		Additional: l.Additional, NoCache: true}
	if l.Cause != cause.None {
		a.Failure = cause.New(l.Cause, nil, "%s", r.want.Name)
	}
	if l.NXDomain {
		a.RCode = wire.RCodeNXDomain
	}
	if l.SOA != nil && len(l.Answer) == 0 {
		a.Authority = []*wire.RRset{l.SOA}
	}
	return r.shape(r.behindAliases(a))
}

// behindAliases returns an answer with the local aliases that led to its name before it. Nobody has
// signed those, and the rest is stored under its own name.
func (r *request) behindAliases(a *resolver.Answer) *resolver.Answer {
	if len(r.before) == 0 || a.RCode == wire.RCodeServFail {
		return a
	}
	c := *a
	c.Question, c.Status = r.ask, min(a.Status, wire.Insecure)
	c.Sets = append(slices.Clone(r.before), a.Sets...)
	if l := r.rewritten; l != nil {
		c.Additional = append(slices.Clone(l.Additional), a.Additional...)
		if c.Failure == nil && l.Cause != cause.None {
			c.Failure = cause.New(l.Cause, nil, "%s", r.before[len(r.before)-1].Name)
		}
	}
	c.NoCache, c.WholeSpan, c.Synthesised = true, false, false
	return &c
}
