// What the record of broken zones and the recorder of failures are told: see [Incidents].

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// fails records a failure that the client meets, or would without stale data or an exception, and
// returns what the log is told.
func (r *request) fails(q wire.Question, f *cause.Failure, o cause.Outcome) (l failureLine) {
	if r.server.broken == nil {
		return failureLine{due: true}
	}
	l.queries, l.networks, l.due = r.server.broken.Failed(q, r.from.Addr.Addr(), f, o)
	return l
}

// fail records and logs a failure of the question that is resolved.
func (r *request) fail(f *cause.Failure, o cause.Outcome) {
	r.logFailure(r.ask, f, o, r.fails(r.want, f, o))
}

// failsAgain records a failure that is answered from memory, if it is still remembered.
func (r *request) failsAgain() {
	if r.server.broken == nil {
		return
	}
	q := r.q.Question
	if f := r.resolver().LastFailure(q, r.q.Has(wire.FlagCD)); f != nil {
		if l := r.fails(q, f, cause.NoAnswer); l.due {
			r.logFailure(q, f, cause.NoAnswer, l)
		}
	}
}

// record begins to record the resolution that comes now, if there is a recorder.
func (r *request) record() {
	if r.server.recorder != nil {
		r.course = r.server.recorder.Begin()
	}
}

// recorded ends the recording; nil if the client has gone before its answer.
func (r *request) recorded(a *resolver.Answer) {
	if r.course == nil {
		return
	}
	var f *cause.Failure
	if a != nil {
		f = a.Failed()
	}
	r.course.End(r.want, r.from.Addr.Addr(), f)
	r.course = nil
}
