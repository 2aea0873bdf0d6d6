// Events of a client's query: see [event.Sink].

package server

import (
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// event returns an event of a kind about the query. It is called only if there is a sink, as are
// all functions that make events.
func (r *request) event(kind event.Kind) event.Event {
	return event.Event{Kind: kind, Time: time.Now(), Query: r.number, Question: r.ask,
		Client: r.from.Addr, Protocol: r.from.Protocol}
}

// arrived gives the query a number, and reports its arrival.
func (r *request) arrived() {
	r.number, r.ask = r.server.queries.Add(1), r.q.Keep()
	r.rules.Events.Event(r.event(event.ClientQuery))
}

// watched reports whether anybody wants to know how the query ends.
func (r *request) watched() bool { return r.rules.Events != nil || r.queryLog() != nil }

// queryLog returns the log of the client's queries, nil if they are not logged.
func (r *request) queryLog() QueryLog {
	if v := r.view; v != nil && v.Log > 0 && v.Log <= len(r.rules.ViewLogs) {
		return r.rules.ViewLogs[v.Log-1]
	}
	return r.rules.Log
}

// done reports the end of the query; a nil answer means that the client gets no response.
func (r *request) done(answer []byte) {
	log := r.queryLog()
	logged := log != nil && log.Wants()
	if r.rules.Events == nil && !logged {
		return
	}
	e := r.event(event.ClientResponse)
	e.Question = r.q.Keep() // ask is that of the later steps
	e.Cause, e.Took = r.why, r.took()
	if n := r.answeredFor(); n.IsValid() {
		e.Sent = &event.Tailoring{Network: n}
	}
	if len(answer) >= wire.HeaderLen {
		e.Origin, e.RCode = r.origin, r.rcode
		e.Flags = uint16(answer[2])<<8 | uint16(answer[3])
	}
	if r.rules.Events != nil {
		r.rules.Events.Event(e)
	}
	if logged {
		log.Event(e)
	}
}

// remembered reports an answer from the cache.
func (r *request) remembered(a *resolver.Answer) {
	e := r.event(event.AnswerHit)
	e.Origin, e.RCode, e.Status, e.Failure = r.origin, a.RCode, a.Status, a.Failure
	r.rules.Events.Event(e)
}

// decided reports a decision of policy, if there is a sink; n is the number of records it concerns.
func (r *request) decided(d event.Decision, c cause.Cause, n int) {
	if r.rules.Events == nil {
		return
	}
	e := r.event(event.Policy)
	e.Decision, e.Cause, e.Count = d, c, n
	r.rules.Events.Event(e)
}

// paced reports that the answer is delayed, or that it has met a limit and is dropped. The caller
// holds the pacer's mu.
func (r *request) paced(kind event.Kind) {
	if r.rules.Events != nil {
		e := r.event(kind)
		e.Cause = cause.LimitPulse
		r.rules.Events.Event(e)
	}
	if kind == event.Limit {
		r.why = cause.LimitPulse
		r.done(nil)
	}
}

// limited counts a limit that the query has met, and reports it.
func (r *request) limited(c cause.Cause) {
	r.server.observe.Limit(c)
	if r.rules.Events != nil {
		e := r.event(event.Limit)
		e.Cause = c
		r.rules.Events.Event(e)
	}
}
