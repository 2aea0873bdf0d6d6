// Log lines of refused clients and of failures.

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// count counts a query, whatever its outcome; a query that cannot be parsed has no type.
func (r *request) count() {
	t := wire.TypeNone
	if r.err == nil && r.q.QDCount == 1 {
		t = r.q.Question.Type
	}
	r.server.observe.Query(r.from.Protocol, t)
}

// logRefused logs a client that may not ask: most often one that the operator forgot.
func (r *request) logRefused() {
	left, ok := r.server.refused.Take(r.now)
	if !ok {
		return
	}
	name := ""
	if !r.q.Question.Name.IsZero() {
		name = r.q.Question.Name.String()
	}
	r.server.log.Info("refused", "name", name, "type", r.q.Question.Type.String(), "client",
		r.from.Addr.Addr().String(),
		"transport", r.from.Protocol.String(), "cause", cause.ClientRefused.Label(), "hint",
		cause.ClientRefused.Hint(), "left_out", left)
}

// inform logs who asks for a name of a zone whose operator wants to know that, and has the next
// question logged too.
func (r *request) inform(zone wire.Name) {
	r.told = true
	if left, ok := r.server.informs.Take(r.now); ok {
		r.server.log.Info("asked for", "name", r.ask.Name.String(), "type", r.ask.Type.String(),
			"client", r.from.Addr.Addr().String(), "transport", r.from.Protocol.String(),
			"zone", zone.String(), "left_out", left)
	}
}

// logStale logs an answer from stale data, for the operator to learn that a zone's servers fail.
func (r *request) logStale(a *resolver.Answer) {
	left, ok := r.server.stale.Take(r.now)
	if !ok {
		return
	}
	why := a.Failure.Cause
	if a.Failure.Under != nil {
		why = a.Failure.Under.Cause
	}
	r.server.log.Info("stale answer", "name", r.ask.Name.String(), "type", r.ask.Type.String(),
		"reason", a.Stale.Label(), "cause", why.Label(), "left_out", left)
}

// logFailure logs a failure, and what came of it: the question, the zone at fault, the server, and
// the cause.
func (r *request) logFailure(outcome string, f *cause.Failure) {
	left, ok := r.server.lines.Take(r.now)
	if !ok {
		return
	}
	r.server.log.Warn(outcome, "name", r.ask.Name.String(), "type", r.ask.Type.String(),
		"client", r.from.Addr.Addr().String(), "cause", f.Cause.Label(), "zone", f.Zone,
		"server", f.Server, "detail", f.Detail, "hint", f.Hint(), "left_out", left)
}
