// Log lines of queries: those of refused clients, and with log.level debug all.

package server

import (
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// count counts a query, whatever becomes of it; one that cannot be read is of no type.
func (r *request) count(err error) {
	t := wire.TypeNone
	if err == nil && r.q.QDCount == 1 {
		t = r.q.Question.Type
	}
	r.observe.Query(r.from.Protocol, t)
}

// logRefused writes the line of a client that may not ask: most often one that the operator forgot.
func (r *request) logRefused() {
	left, ok := r.refused.take(r.began)
	if !ok {
		return
	}
	name := ""
	if !r.q.Question.Name.IsZero() {
		name = r.q.Question.Name.String()
	}
	r.log.Info("refused", "name", name, "type", r.q.Question.Type.String(), "client",
		r.from.Addr.Addr().String(),
		"transport", r.from.Protocol.String(), "cause", cause.ClientRefused.Label(), "hint",
		cause.ClientRefused.Hint(), "left_out", left)
}

// logOutcome writes the line of a query that the slow path has answered; nil is no answer.
func (r *request) logOutcome(answer []byte) {
	r.logQuery(r.q.Question, r.from, answer, r.known, r.why, time.Since(r.began))
}

// logQuery writes the line of a query and what came of it.
func (s *Server) logQuery(q wire.Question, from transport.Client, answer []byte, known bool,
	why cause.Cause, took time.Duration) {
	left, ok := s.outcomes.take(s.clock.Now())
	if !ok {
		return
	}
	name, outcome, verdict := "", "dropped", ""
	if !q.Name.IsZero() {
		name = q.Name.String()
	}
	if len(answer) >= wire.HeaderLen {
		outcome = wire.RCode(answer[3] & 15).String()
		if answer[3]&byte(wire.FlagAD) != 0 {
			verdict = wire.Secure.String()
		}
	}
	s.log.Debug("query", "name", name, "type", q.Type.String(), "client", from.Addr.Addr().String(),
		"transport", from.Protocol.String(),
		"outcome", outcome, "cause", why.Label(), "ad", verdict != "", "from_memory", known, "took",
		took.String(), "left_out", left)
}
