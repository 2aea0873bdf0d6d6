// Events of a resolution, sent to an [event.Sink].

package resolver

import (
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// trail is the sink of the events of a query or fetch, and the numbers that they carry.
type trail struct {
	sink   event.Sink // nil if no events are wanted
	fetch  uint64     // 0 for a client
	number uint64     // of the client's query, see [Options]
}

// of returns the place for an event of a kind in a fetch. It is called only if there is a sink.
func (t *trail) of(kind event.Kind, q wire.Question) *event.Slot {
	e := event.For(t.sink, kind, q)
	e.Query, e.Fetch = t.number, t.fetch
	return e
}

// tell reports an event, which is not written to any more.
func (t *trail) tell(e *event.Slot) { event.Tell(t.sink, e) }

// fetched reports a fetch that is begun or joined.
func (t *trail) fetched(kind event.Kind, k cache.Key, id uint64) {
	e := t.of(kind, keyQuestion(k))
	e.Fetch, e.Parent = id, t.fetch
	t.tell(e)
}

// begin returns the trail of a fetch that begins.
func (t *trail) begin(k cache.Key, f *fetch) trail {
	if t.sink != nil {
		t.fetched(event.FetchStart, k, f.id)
	}
	return trail{t.sink, f.id, t.number}
}

// known reports a result or a failure that was found in the cache.
func (t *trail) known(k cache.Key, l *result, f *cause.Failure) {
	e := t.of(event.FailureHit, keyQuestion(k))
	if e.Failure = f; l != nil {
		if e.Kind, e.Origin = event.CacheHit, l.origin; l.origin != event.OriginKnown {
			e.Kind = event.Synthesis
		}
		e.Reply, e.Status, e.TTL, e.Failure = l.kind, l.status, l.ttl(), l.failure
		e.Zone = l.zone
		if event.Collects(t.sink) {
			e.Judged = event.JudgedOf(l.kind, l.sets, l.proofs, l.unsignedCut)
		}
	}
	t.tell(e)
}

// ended reports the end of a fetch.
func (x *resolution) ended(l *result, f *cause.Failure, took time.Duration) {
	e := x.event(event.FetchEnd)
	if e.Took, e.Failure = took, f; l != nil {
		e.Reply, e.Status, e.Failure = l.kind, l.status, l.failure
	}
	x.tell(e)
}

// answered reports the answer that a client gets.
func (t *trail) answered(a *Answer, took time.Duration) {
	e := t.of(event.Answer, a.Question)
	e.RCode, e.Status, e.Failure, e.Count, e.Took = a.RCode, a.Status, a.Failure, a.Sent, took
	t.tell(e)
}

// event returns the place for an event of a kind about the resolution.
func (x *resolution) event(kind event.Kind) *event.Slot { return x.of(kind, x.q) }

// excepted reports the operator's exception from validation for the question, if there is one.
func (x *resolution) excepted() {
	zone, why := x.r.Excepted(x.q)
	if why == cause.None {
		return
	}
	e := x.event(event.Exception)
	e.Zone, e.Cause = zone, why
	x.tell(e)
}

// anchored reports that the trust in a zone begins at trust anchors.
func (x *resolution) anchored(zone wire.Name, anchors int) {
	e := x.event(event.Anchor)
	e.Zone, e.Count = zone, anchors
	x.tell(e)
}

// deferred reports that a server of a configured zone is down.
func (x *resolution) deferred(f *forwarder) {
	e := x.event(event.Deferred)
	e.Zone, e.Server = f.zone, f.server
	f.mu.Lock()
	e.Cause = f.last
	f.mu.Unlock()
	x.tell(e)
}

// judged reports a verdict about the response to a question; what returns what it is about.
func (x *resolution) judged(q wire.Question, zone wire.Name, status wire.Security,
	f *cause.Failure, what func() *event.Judged) {
	e := x.of(event.Verdict, q)
	e.Zone, e.Status, e.Failure = zone, status, f
	if event.Collects(x.sink) {
		e.Judged = what()
	}
	x.tell(e)
}

// limited counts and reports a limit that was met.
func (x *resolution) limited(c cause.Cause) {
	x.r.observe.Limit(c)
	if x.sink != nil {
		e := x.event(event.Limit)
		e.Cause = c
		x.tell(e)
	}
}

// event returns the place for an event of a kind about a server.
func (a *zoneQuery) event(kind event.Kind, c *candidate) *event.Slot {
	e := a.x.of(kind, a.q)
	e.Zone, e.Server = a.zone, c.addr
	return e
}

// exchanged reports how a try ended; err is nil if there was a reply.
func (a *zoneQuery) exchanged(t *try, c cause.Cause, took time.Duration, err error) {
	e := a.event(event.Exchange, t.c)
	e.Server, e.Protocol, e.Took, e.Cause, e.Err = t.req.Server, t.how.via, took, c, err
	if err == nil {
		e.RCode, e.Flags = t.m.FullRCode(), t.m.Flags
	}
	a.x.tell(e)
}

// replied reports how a reply was classified.
func (a *zoneQuery) replied(c *candidate, r *reply) {
	e := a.event(event.Response, c)
	switch e.Reply = r.kind; r.kind {
	case wire.KindNone:
		e.Cause = r.fault
	case wire.KindReferral:
		e.Target, e.Count = r.referral.zone, len(r.referral.servers)
	case wire.KindAlias:
		e.Target = r.target
	case wire.KindAnswer:
		e.Count = r.sets[0].Len()
	}
	a.x.tell(e)
}

// fellBack reports the form in which a server is asked again, if there is a sink.
func (a *zoneQuery) fellBack(c *candidate, form event.Form) {
	if a.x.sink == nil {
		return
	}
	e := a.event(event.Fallback, c)
	e.Form = form
	a.x.tell(e)
}

// keyQuestion returns the question of a cache key.
func keyQuestion(k cache.Key) wire.Question {
	return wire.Question{Name: k.Name, Type: k.Type, Class: wire.ClassIN}
}
