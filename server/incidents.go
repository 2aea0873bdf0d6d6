// What the record of broken zones and the recorder of failures are told: see [Incidents].

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// fails records a failure that the client meets, or would without stale data or an exception.
func (r *request) fails(f *cause.Failure) {
	if r.server.broken != nil {
		r.server.broken.Failed(r.want, r.from.Addr.Addr(), f)
	}
}

// failsAgain records a failure that is answered from memory, if it is still remembered.
func (r *request) failsAgain() {
	if r.server.broken == nil {
		return
	}
	q := r.q.Question
	if f := r.resolver().LastFailure(q, r.q.Has(wire.FlagCD)); f != nil {
		r.server.broken.Failed(q, r.from.Addr.Addr(), f)
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
	if a != nil && a.Failure != nil {
		switch {
		case a.RCode == wire.RCodeServFail:
			f = a.Failure
		case a.Stale != resolver.StaleNone:
			f = a.Failure.Under
		}
	}
	r.course.End(r.want, r.from.Addr.Addr(), f)
	r.course = nil
}
