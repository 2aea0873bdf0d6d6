// The pipeline: the steps that a query goes through.
//
//	access    by the client's address: may it ask, and what view does it have
//	signed    by its signature, if there are keys: has it another view
//	rates     by the rates of its address and its prefix: may it ask now
//	screen    opcode, counts, EDNS version, options: can this be answered at all
//	prepared  an answer in wire form, which the steps below came to for an equal question of a
//	          client of the same policy
//	local     what is not for the resolver: class CHAOS, special names, the operator's own
//	known     what memory can answer, a remembered failure included
//	resolve   all else, in a goroutine of its own, if there is room
//	judge     policy on the answer
//	shape     the response, as this client wants and can take it
//	store     what of it the next client finds prepared
//	throttled whether it leaves, by how many like it the client's prefix has got
//
// All steps before resolve run in the reader's goroutine and do not block. Each step keeps its
// results in the request for the next ones: a packet is parsed once, its access is decided once,
// and the query has one budget.

package server

import (
	"context"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/dnstap"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/policy"
	"bailiwick/internal/recorder"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// request is one query in the pipeline. A request that ends in the reader's goroutine is used
// again.
type request struct {
	server  *Server
	rules   *Rules
	view    *policy.View // from the step access on
	from    transport.Client
	number  uint64    // of the query, if there is a sink
	now     time.Time // when it came
	q       wire.Query
	err     error            // what is wrong with the packet
	asked   asked            // by options
	snoop   bool             // may look into the cache, without RD
	at      place            // of the work
	origin  event.Origin     // of the answer
	rcode   wire.RCode       // of the answer
	scope   int              // of the answer: how many bits of the client's network it is for
	cut     bool             // policy has changed the answer
	made    bool             // the answer has AAAA records that were made of A records
	why     cause.Cause      // of a failure or a refusal
	checks  *resolver.Checks // of its budget; from the step known on
	ask     wire.Question    // as q has it, independent of its memory; from the step local on
	flushes uint64           // how often the cache had been flushed when it was looked into
	want    wire.Question    // what the resolver is asked: ask, or what a local alias leads to
	before  []*wire.RRset    // the local aliases that lead to want
	// standIn is the answer to a special name if the root's proof cannot be had; nil for others.
	standIn *policy.Local
	told    bool // the log has to have each question for the name
	apart   bool // the answer is for this client alone
	settled bool // a response policy zone has decided
	// rewritten is what a policy zone has put in place of the answer if that is an alias, else nil.
	rewritten *policy.Local

	tapped  time.Time      // when it came, if its messages are copied; else zero
	decider *dnstap.Policy // that decided it, for the copy; may be nil

	packet []byte     // the query, for the step signed; nil once the reader has its memory back
	sig    *signature // of the query; nil for most

	buf    []byte // the reader's memory for the answer; nil for a query that is pending
	answer []byte // the response of the step that ended the query, nil if there is none

	course *recorder.Course // of its resolution; may be nil
	client context.Context  // of a pending query: ends when the client has gone
	until  time.Time        // when the time of a pending query is over
	inTime context.Context  // that ends then, too; nil until it is needed
	ended  context.CancelFunc
	send   func([]byte)    // of a pending query: to the client, once; nil then
	cookie [cookieLen]byte // of the response, if the query has a cookie
	qname  [wire.MaxNameLen]byte
}

// place is the step of a request, as precisely as a panic there needs it.
type place uint8

const (
	atBegin    place = iota
	atPrepared       // the later steps take the query after a panic
	atRest
)

// Handle implements transport.Handler.
func (h *Handler) Handle(packet []byte, from transport.Client, buf []byte) (
	answer []byte, p transport.Pending) {
	r := h.server.requests.Get().(*request)
	r.rules, r.from, r.now, r.buf = h.rules.Load(), from, h.server.clock.Now(), buf
	r.asked, r.snoop, r.at, r.cut, r.made = asked{}, false, atBegin, false, false
	r.why, r.origin, r.told = cause.None, event.OriginServer, false
	r.apart, r.settled, r.rewritten, r.scope = false, false, nil, 0
	r.packet, r.sig = packet, nil
	r.tapped, r.decider = time.Time{}, nil
	defer func() {
		if v := recover(); v != nil {
			answer, p = r.recovered(v)
		}
	}()
	r.err = wire.ParseQuery(packet, &r.q)
	if r.q.Has(wire.FlagQR) {
		h.server.requests.Put(r)
		return nil, nil // an answer is never answered
	}
	if r.q.Opcode() == wire.OpcodeNotify && h.server.notify != nil && !from.Early {
		if answer, mine := h.server.notify(from.Addr.Addr(), packet); mine {
			h.server.requests.Put(r)
			return answer, nil // whoever may send it need not be a client
		}
	}
	r.count()
	if r.rules.Events != nil {
		r.arrived()
	}
	if r.rules.Tap != nil {
		r.tapQuery()
	}
	if r.access() || r.signed() || r.rates() || r.screen() || r.prepared() {
		return r.end(), nil
	}
	return r.behind()
}

// behind runs the steps after prepared.
func (r *request) behind() ([]byte, transport.Pending) {
	r.at = atRest
	if r.local() || r.known() {
		return r.end(), nil
	}
	// The reader's memory is not needed any more: the options have been read.
	r.q.QName = append(r.qname[:0], r.q.QName...)
	r.q.EDNS.Options, r.buf, r.packet = nil, nil, nil
	return nil, r
}

// end returns the response, and puts the request back into the pool.
func (r *request) end() []byte {
	answer := r.sealed(r.throttled(r.answer))
	if r.watched() {
		r.done(answer)
	}
	if !r.tapped.IsZero() {
		r.tapResponse(answer)
	}
	r.packet = nil
	r.server.requests.Put(r)
	return answer
}

// access decides by the client's address whether it may ask, and which view it has.
func (r *request) access() bool {
	action, view := r.rules.Access.Decide(r.from.Addr.Addr())
	if r.view = view; view == nil {
		r.view = r.rules.View
	}
	if action == policy.Drop || action == policy.Refuse || !r.signable() {
		r.countView()
	}
	switch action {
	case policy.Snoop:
		r.snoop = true
	case policy.Drop:
		r.tally(cause.ClientDropped, policy.RefusalSilent)
		return r.silence(cause.ClientDropped)
	case policy.Refuse:
		how := policy.RefusalTold
		if r.err != nil {
			how = policy.RefusalSilent
		}
		r.tally(cause.ClientRefused, how)
		r.logRefused()
		if r.err != nil { // a malformed packet need not be a query
			return r.silence(cause.ClientRefused)
		}
		why := cause.New(cause.ClientRefused, nil, "%s", r.from.Addr.Addr())
		return r.reject(wire.RCodeRefused, why)
	}
	return false
}

// countView counts the query for its view.
func (r *request) countView() {
	if r.view.Queries != nil {
		r.view.Queries.Add(1)
	}
}

// resolver resolves for the clients of the query's view.
func (r *request) resolver() *resolver.Resolver { return r.rules.Resolver.In(r.view.Realm) }

// silence ends the query without a response.
func (r *request) silence(c cause.Cause) bool {
	r.why, r.answer = c, nil
	r.server.observe.Refused(c)
	r.decided(event.DecisionDropped, c, 0)
	return true
}

// reject responds without records.
func (r *request) reject(rc wire.RCode, f *cause.Failure) bool {
	r.answer = r.short(rc, f)
	return true
}

// screen rejects packets that are not queries that can be answered.
func (r *request) screen() bool {
	switch {
	case r.from.Early && r.q.Opcode() != wire.OpcodeQuery: // RFC 9250, section 4.5
		return r.reject(wire.RCodeRefused, &cause.Failure{Cause: cause.RequestTooEarly})
	case r.q.Opcode() != wire.OpcodeQuery:
		return r.reject(wire.RCodeNotImp, &cause.Failure{Cause: cause.RequestOpcode})
	case !r.malformed() && r.q.QDCount == 0 && r.q.EDNS.Version != 0:
		// Its version decides, even of a query without a question, as with BIND (RFC 6891, section
		// 6.1.3). Several questions are FORMERR in any version, as with all others.
		return r.reject(wire.RCodeBadVers, &cause.Failure{Cause: cause.RequestVersion})
	case r.wantsCookieAlone():
		return r.reject(r.cookieAlone(), nil)
	case r.err != nil || r.q.QDCount != 1 || r.q.ANCount != 0 || r.q.NSCount != 0:
		// RFC 9619: one question
		return r.reject(wire.RCodeFormErr, &cause.Failure{Cause: cause.RequestMalformed})
	case r.q.EDNS.Present && r.q.EDNS.Version != 0: // RFC 6891, section 6.1.3
		return r.reject(wire.RCodeBadVers, &cause.Failure{Cause: cause.RequestVersion})
	}
	return len(r.q.EDNS.Options) > 0 && !r.readOptions() &&
		r.reject(wire.RCodeFormErr, r.malformedOption())
}

// known answers from the cache. A query without RD is answered from the cache alone, and only for
// clients that may do so (RFC 8914, section 4.21); if the cache has no answer, it gets a referral.
func (r *request) known() bool {
	cd, rd := r.q.Has(wire.FlagCD), r.q.Has(wire.FlagRD)
	if !rd && !r.snoop {
		r.answer = r.notRecursive()
		return true
	}
	*r.checks, r.flushes = resolver.Checks{}, r.server.cache.Flushes()
	network := r.network()
	a := r.resolver().KnownFor(network, r.want, cd, rd, r.checks)
	if a == nil && !rd {
		a = r.resolver().KnownFailure(r.want, cd)
	}
	var v4 *resolver.Answer
	if a != nil && r.wantsA(a) {
		v4 = r.resolver().KnownFor(network, r.questionA(), cd, rd, r.checks)
		if v4 == nil && rd {
			return false
		}
	}
	if a == nil {
		return false
	}
	l, sure := r.policed(judged(a, v4), false)
	switch {
	case !sure:
		return false
	case r.follow(l):
		return r.ownData() || r.known()
	}
	r.origin = event.OriginKnown
	if r.rules.Events != nil {
		r.remembered(a)
	}
	r.answer = r.respond(a, v4, l)
	return true
}

func (r *request) notRecursive() []byte {
	return r.short(wire.RCodeRefused, &cause.Failure{Cause: cause.NotRecursive})
}

// Resolve implements transport.Pending.
func (r *request) Resolve(client context.Context, reply func([]byte)) {
	r.client, r.send = client, reply
	if r.admitted() {
		r.server.workers.Run(r.work) // from here on the request is its worker's
	}
}

// admitted reports whether a pending query may enter; if not, it is answered.
func (r *request) admitted() bool {
	defer func() { r.caught(recover()) }()
	s, addr := r.server, r.from.Addr.Addr()
	if f := s.admit(addr, r.proven()); f != nil {
		r.limited(f.Cause)
		r.reply(r.turnedAway(f))
		return false
	}
	if !r.proven() {
		s.pace.enter(addr)
	}
	return true
}

// turnedAway returns the response to a query that there is no room for: stale data if there are any
// (RFC 8767, section 5), else SERVFAIL. Nothing is resolved.
func (r *request) turnedAway(f *cause.Failure) []byte {
	if r.standIn != nil {
		return r.deniedByRoot(&resolver.Answer{RCode: wire.RCodeServFail})
	}
	if r.q.Has(wire.FlagRD) { // else nothing would be resolved
		if a, v4 := r.stale(f); a != nil {
			l, sure := r.policed(judged(a, v4), false)
			if sure && (l == nil || l.Target.IsZero()) {
				if r.origin = event.OriginStale; r.rules.Events != nil {
					r.remembered(a)
				}
				return r.respond(a, v4, l)
			}
		}
	}
	r.server.observe.ServFail(f.Cause)
	return r.short(wire.RCodeServFail, f)
}

// stale returns an answer from stale data, nil if there is none, and that to the question for A
// records if it is wanted; f is why nothing is resolved.
func (r *request) stale(f *cause.Failure) (a, v4 *resolver.Answer) {
	res, cd := r.resolver(), r.q.Has(wire.FlagCD)
	either := func(q wire.Question) *resolver.Answer {
		if a := res.Stale(r.network(), q, cd, f, r.checks); a != nil {
			return a
		}
		return res.KnownFor(r.network(), q, cd, true, r.checks)
	}
	if !r.translates(r.want) {
		return res.Stale(r.network(), r.want, cd, f, r.checks), nil
	}
	if a = either(r.want); a == nil || !r.wantsA(a) {
		return a, nil
	}
	if v4 = either(r.questionA()); v4 == nil {
		return nil, nil
	}
	return a, v4
}

// work resolves a pending query and has its answer sent: at once, or at the client's pace. The
// memory of the request is used again, unless the pacer holds it; but not its checks: a fetch that
// goes on for others may be charging them when its client is answered.
func (r *request) work() {
	s, addr, proven, client := r.server, r.from.Addr.Addr(), r.proven(), r.client
	sent := true
	defer func() {
		s.release(addr, client.Err() != nil)
		if r.ended != nil {
			r.ended()
		}
		if sent {
			*r = request{server: s, checks: new(resolver.Checks)}
			s.requests.Put(r)
		}
	}()
	if !proven {
		defer s.pace.leave(addr)
	}
	defer func() { r.caught(recover()) }()
	r.resolve(func(answer []byte) {
		if proven {
			r.reply(answer)
			return
		}
		var tell func(event.Kind)
		if r.watched() {
			tell = r.paced
		}
		sent = s.pace.pass(addr, func() { r.reply(answer) }, tell)
	})
}

// proven reports whether the client's address is known to be its own: it has a connection, or it
// has brought back a cookie that was sent to this address.
func (r *request) proven() bool { return r.from.Protocol.Stream() || r.asked.proven }

// resolve gets the answer, shapes it, and passes it on, perhaps in another goroutine: this one may
// have to work for longer than the client waits. If the client hangs up, it ends soon, unless
// others wait for the same answer.
func (r *request) resolve(pass func(answer []byte)) {
	r.server.rest.Stir()
	if !r.q.Has(wire.FlagRD) {
		if a := r.resolver().Referral(r.client, r.want); a != nil {
			if r.origin = event.OriginReferral; r.rules.Events != nil {
				r.remembered(a)
			}
			pass(r.respond(a, nil, nil))
		} else {
			pass(r.notRecursive())
		}
		return
	}
	o := resolver.Options{CheckingDisabled: r.q.Has(wire.FlagCD), Query: r.number,
		Checks: r.checks, Client: transport.ClientPrefix(r.from.Addr.Addr()),
		Network: r.network()}
	r.until = time.Now().Add(resolver.MaxTime)
	for ctx, more := r.client, true; more; {
		r.origin, more = event.OriginResolved, false
		if r.record(); r.course != nil {
			o.Events = r.course
		}
		early := r.early(o)
		r.resolver().Start(ctx, r.want, o, func(a *resolver.Answer) {
			defer func() { r.caught(recover()) }()
			v4 := early.answer(r.client.Err() == nil && r.wantsA(a))
			if r.client.Err() != nil {
				r.abandoned()
				r.recorded(nil)
				pass(nil)
				return
			}
			r.recorded(a)
			l, _ := r.policed(judged(a, v4), true)
			if more = r.follow(l); !more {
				pass(r.respond(a, v4, l))
			}
		})
		switch {
		case !more:
		case r.ownData() || r.known():
			more = false
			pass(r.answer)
		default:
			ctx = r.within()
		}
	}
}

// within returns the context of what is asked for a query besides its first question: all have the
// time of one together, so that the client gets its answer while it waits.
func (r *request) within() context.Context {
	if r.inTime == nil {
		r.inTime, r.ended = context.WithDeadlineCause(r.client, r.until,
			&cause.Failure{Cause: cause.LimitTime})
	}
	return r.inTime
}

// abandoned notes that the client has hung up.
func (r *request) abandoned() {
	r.why = cause.ClientGone
	r.server.observe.Refused(cause.ClientGone)
}

// respond applies policy to an answer, logs a failure, and makes the response. What policy zones
// say of it comes first; nil if they leave it as it is.
func (r *request) respond(a, v4 *resolver.Answer, l *policy.Local) []byte {
	r.scoped(a, v4)
	switch {
	case l != nil:
		return r.respondLocal(l)
	case r.standIn != nil:
		return r.deniedByRoot(a)
	case v4 != nil:
		a = r.translated(a, v4)
	}
	a = r.withAddresses(r.beside(r.judge(r.behindAliases(a))))
	switch {
	case a.RCode == wire.RCodeServFail:
		r.server.observe.ServFail(a.Failure.Cause)
		r.fail(a.Failure, cause.NoAnswer)
	case a.Failure != nil && a.Failure.Under != nil &&
		(a.Failure.Cause == cause.Permissive || a.Failure.Cause == cause.TimeServer):
		r.server.observe.Unvalidated(a.Failure.Under.Cause)
		r.fail(a.Failure.Under, cause.Unvalidated)
	case a.Stale != resolver.StaleNone: // [request.shape] records its failure
	case r.origin == event.OriginResolved && r.server.broken != nil:
		r.server.broken.Resolved(r.want.Name)
	}
	return r.shape(a)
}

// judge applies policy to the answer.
func (r *request) judge(a *resolver.Answer) *resolver.Answer {
	return r.private(r.usable(r.sentinel(a)))
}

// reply sends the response of a pending query, nil for none.
func (r *request) reply(answer []byte) {
	answer = r.sealed(r.throttled(answer))
	if r.watched() {
		r.done(answer)
	}
	if !r.tapped.IsZero() {
		r.tapResponse(answer)
	}
	send := r.send
	r.send = nil // also if sending panics: whatever is wrong then, a second answer mends nothing
	send(answer)
}

// caught responds to a pending query whose work has panicked, unless it has had its response.
func (r *request) caught(v any) {
	if r.server.guard.Caught(v, guard.Query) && r.send != nil {
		r.reply(r.failed())
	}
}

// recovered continues after a panic in the reader's goroutine. After one in the step prepared the
// later steps take the query, and the incomplete response is dropped.
func (r *request) recovered(v any) (answer []byte, p transport.Pending) {
	if r.at != atPrepared {
		r.server.guard.Caught(v, guard.Query)
		return r.failedAtOnce(), nil
	}
	r.server.guard.Caught(v, guard.Fast)
	defer func() {
		if r.server.guard.Caught(recover(), guard.Query) {
			answer, p = r.failedAtOnce(), nil
		}
	}()
	r.why, r.origin = cause.None, event.OriginServer
	return r.behind()
}

// failedAtOnce is failed for a query that ends in the reader's goroutine.
func (r *request) failedAtOnce() (answer []byte) {
	bare := r.failed()
	r.server.guard.Run(guard.Query, func() { answer = r.sealed(bare) })
	if r.watched() {
		r.server.guard.Run(guard.Query, func() { r.done(answer) })
	}
	if !r.tapped.IsZero() {
		r.server.guard.Run(guard.Query, func() { r.tapResponse(answer) })
	}
	return answer
}

// failed returns the response to a query that a panic has ended, if the client may ask.
func (r *request) failed() (answer []byte) {
	r.server.guard.Run(guard.Query, func() {
		if r.q.Has(wire.FlagQR) {
			return
		}
		action, _ := r.rules.Access.Decide(r.from.Addr.Addr())
		if action == policy.Drop || action == policy.Refuse {
			return
		}
		r.origin = event.OriginServer
		r.server.observe.ServFail(panicked.Cause)
		if r.err != nil { // the query could not be parsed, so it cannot be repeated
			r.q, r.asked = wire.Query{Header: r.q.Header}, asked{}
		}
		answer = r.short(wire.RCodeServFail, panicked)
	})
	return answer
}

// panicked is the failure of such queries. It is immutable.
var panicked = &cause.Failure{Cause: cause.InternalError}
