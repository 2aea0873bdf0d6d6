// Log lines of refused clients and of failures.

package server

import (
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/trouble"
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
	why, line := a.Failure.Cause, failureLine{due: true}
	if f := a.Failure.Under; f != nil {
		why, line = f.Cause, r.fails(r.want, f, cause.StaleData)
	}
	left, ok := line.take(&r.server.stale, r.now)
	if !ok {
		return
	}
	r.server.log.Info(cause.StaleData.String(), append([]any{"name", r.ask.Name.String(), "type",
		r.ask.Type.String(), "reason", a.Stale.Label(), "cause", why.Label()},
		line.args(left)...)...)
}

// logFailure logs a failure, and what came of it: the question, the zone at fault, the server, and
// the cause.
func (r *request) logFailure(q wire.Question, f *cause.Failure, o cause.Outcome,
	line failureLine) {
	left, ok := line.take(&r.server.lines, r.now)
	if !ok {
		return
	}
	r.server.log.Warn(o.String(), append([]any{"name", q.Name.String(), "type", q.Type.String(),
		"client", r.from.Addr.Addr().String(), "cause", f.Cause.Label(), "zone", f.Zone,
		"server", f.Server, "detail", f.Detail, "hint", f.Hint()}, line.args(left)...)...)
}

// failureLine is what a log line has about all failures of a zone for one cause.
type failureLine struct {
	due      bool
	queries  uint64 // that failed; 0 if they are not counted
	networks int    // that these came from, about
}

// take reports whether the line may be written, and how many were left out before it.
func (l failureLine) take(from *trouble.Lines, now time.Time) (left int, ok bool) {
	if !l.due {
		from.LeaveOut()
		return 0, false
	}
	return from.Take(now)
}

// args returns what the line ends with.
func (l failureLine) args(left int) []any {
	if l.queries == 0 {
		return []any{"left_out", left}
	}
	return []any{"queries", l.queries, "networks", l.networks, "left_out", left}
}
