// Policy steps that an operator has compiled in.

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/hook"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// hooks returns the steps that have a say in the query; nil if there are none, or if a policy zone
// has had it: what stands in the place of an answer is subject to no other policy.
func (r *request) hooks() *hook.Chain {
	if r.settled || r.standIn != nil || !r.q.Has(wire.FlagRD) {
		return nil
	}
	return r.server.hooks
}

// hooked returns what the steps say of a question that is not resolved yet, nil if they pass it.
// They are asked about what the client has asked for, and not about what that is an alias of.
func (r *request) hooked() *policy.Local {
	h := r.hooks()
	if h == nil || len(r.before) > 0 {
		return nil
	}
	d, ok := h.Question(r.forHooks())
	if !ok {
		return nil
	}
	return r.obey(&d)
}

// hookedAnswer returns what the steps say of an answer, nil if they pass it.
func (r *request) hookedAnswer(a *resolver.Answer) *policy.Local {
	h := r.hooks()
	if h == nil {
		return nil
	}
	d, ok := h.Answer(r.forHooks(), &hook.Answer{RCode: a.RCode, Secure: a.Status == wire.Secure,
		Sets: a.Sets})
	if !ok {
		return nil
	}
	return r.obey(&d)
}

// forHooks is the question as steps see it.
func (r *request) forHooks() *hook.Question {
	return &hook.Question{Name: r.ask.Name, Type: r.ask.Type, View: r.view.Name, DO: r.q.EDNS.DO,
		Client: r.from.Addr.Addr(), Transport: r.from.Protocol.String()}
}

// obey returns what a step has clients told; nil if the answer stays as it is.
func (r *request) obey(d *hook.Decision) *policy.Local {
	r.settled = true
	r.apart = r.apart || d.PerClient
	l := &policy.Local{From: policy.FromHooks, List: d.Step, Cause: cause.Blocked}
	switch d.Action {
	case hook.Refuse:
		l.Action = policy.LocalRefuse
	case hook.Drop:
		l.Action, l.Cause = policy.LocalDrop, cause.BlockedSilently
	case hook.NXDomain:
		l.NXDomain, l.SOA = true, policy.MadeSOA(r.want.Name, wire.Name{})
	case hook.NoData:
		l.SOA = policy.MadeSOA(r.want.Name, wire.Name{})
	case hook.Truncate:
		r.apart = true // clients over TCP get what others must not
		if r.from.Protocol.Stream() {
			return nil
		}
		l.Action, l.Cause = policy.LocalTruncate, cause.None
	case hook.Own:
		l.Cause = cause.Forged
		if len(d.Data) == 0 {
			l.SOA = policy.MadeSOA(r.want.Name, wire.Name{})
			break
		}
		// What an answer has led to before is not served: the records are the asked name's.
		r.before, r.want = r.before[:0], r.ask
		l.Answer = []*wire.RRset{{Name: r.ask.Name, Type: r.ask.Type, Class: wire.ClassIN,
			TTL: d.TTL, Security: wire.Insecure, Data: d.Data}}
	}
	if r.rules.Events != nil {
		r.decided(event.DecisionHook, l.Cause, 0)
	}
	return l
}

// BeginHooks tells the policy steps that change whom to call when they have.
func (s *Server) BeginHooks(changed func()) { s.hooks.Begin(changed) }
