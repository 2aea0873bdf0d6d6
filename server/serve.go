// The slow path: what is asked, whether it may be, and the answer.

package server

import (
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// request is one query in work.
type request struct {
	*Entrance
	packet []byte
	from   transport.Client
	began  time.Time
	q      *wire.Query
	ask    wire.Question // independent of the packet's memory
	snoop  bool          // may ask without RD
	cookie []byte        // client cookie, to be answered with ours; nil if there is none
	known  bool          // the answer is from memory
	why    cause.Cause   // of a failure or a refusal
	send   func([]byte)  // to the client, once; nil then
}

// Serve implements transport.Handler.
func (s *Entrance) Serve(packet []byte, from transport.Client, reply func([]byte)) {
	r := &request{Entrance: s, packet: packet, from: from, began: time.Now(), q: new(wire.Query),
		send: reply}
	defer func() { r.caught(recover()) }()
	if answer, done := r.screen(); done {
		r.reply(answer)
		return
	}
	if a := s.resolver.Known(r.ask, r.q.Has(wire.FlagCD)); a != nil && r.q.Has(wire.FlagRD) {
		r.known = true
		r.reply(r.finish(a))
		return
	}
	proven := r.proven()
	if f := s.admit(from.Addr.Addr(), proven); f != nil {
		s.observe.Limit(f.Cause)
		s.observe.ServFail(f.Cause)
		r.reply(r.short(wire.RCodeServFail, f))
		return
	}
	if !proven {
		s.pace.enter(from.Addr.Addr())
	}
	s.work(func() {
		defer s.release(from.Addr.Addr())
		if !proven {
			defer s.pace.leave(from.Addr.Addr())
		}
		defer func() { r.caught(recover()) }()
		answer := r.resolve()
		if proven {
			r.reply(answer)
			return
		}
		s.pace.pass(from.Addr.Addr(), func() { r.reply(answer) })
	})
}

// proven reports whether the client's address is known to be its own: it has a connection, or it
// has brought back a cookie that was sent to this address.
func (r *request) proven() bool {
	if r.from.Protocol.Stream() {
		return true
	}
	v, ok := r.q.EDNS.Options.Get(wire.OptionCookie)
	return ok && r.cookie != nil && r.ownCookie(v, clock.Wall(r.clock), cookieLifetime)
}

// reply sends the answer, or says that there is none.
func (r *request) reply(answer []byte) {
	if r.debug {
		r.logOutcome(answer)
	}
	send := r.send
	r.send = nil // also if sending panics: whatever is wrong then, a second answer mends nothing
	send(answer)
}

// caught answers a query whose work has panicked, unless that was done before.
func (r *request) caught(v any) {
	if !r.guard.Caught(v, guard.Query) || r.send == nil {
		return
	}
	var answer []byte
	r.guard.Run(guard.Query, func() { answer = r.fault() })
	r.reply(answer)
}

// fault is the answer to a query that we could not work on, for those who may ask.
func (r *request) fault() []byte {
	h, err := wire.ParseHeader(r.packet)
	if err != nil || h.Has(wire.FlagQR) {
		return nil
	}
	if action := r.acl.Decide(r.from.Addr.Addr()); action == policy.Drop || action == policy.Refuse {
		return nil
	}
	r.observe.ServFail(panicked.Cause)
	if r.ask.Name.IsZero() { // nothing is known of the query that could be repeated
		r.q = &wire.Query{Header: h}
	}
	return r.short(wire.RCodeServFail, panicked)
}

// panicked is what the clients of such queries hear. It is immutable.
var panicked = &cause.Failure{Cause: cause.InternalError}

// screen answers what needs no resolving; done is false for what does. A nil answer with done says that there is none.
func (r *request) screen() (answer []byte, done bool) {
	err := wire.ParseQuery(r.packet, r.q)
	if r.q.Has(wire.FlagQR) {
		return nil, true // not a query: never answer an answer
	}
	// reject answers a query that is not worked on; it is counted like all others.
	reject := func(rc wire.RCode, f *cause.Failure) ([]byte, bool) {
		r.count(err)
		return r.short(rc, f), true
	}
	switch action := r.acl.Decide(r.from.Addr.Addr()); action {
	case policy.Snoop:
		r.snoop = true
	case policy.Drop:
		r.count(err)
		r.why = cause.ClientDropped
		r.observe.Refused(r.why)
		return nil, true
	case policy.Refuse:
		r.logRefused()
		if err != nil {
			r.count(err)
			r.observe.Refused(cause.ClientRefused)
			return nil, true
		}
		return reject(wire.RCodeRefused, cause.New(cause.ClientRefused, nil, "%s", r.from.Addr.Addr()))
	}
	switch {
	case r.from.Early && r.q.Opcode() != wire.OpcodeQuery: // RFC 9250, section 4.5
		return reject(wire.RCodeRefused, &cause.Failure{Cause: cause.RequestTooEarly})
	case r.q.Opcode() != wire.OpcodeQuery:
		return reject(wire.RCodeNotImp, &cause.Failure{Cause: cause.RequestOpcode})
	case err != nil || r.q.QDCount != 1 || r.q.ANCount != 0 || r.q.NSCount != 0: // RFC 9619: one question
		return reject(wire.RCodeFormErr, &cause.Failure{Cause: cause.RequestMalformed})
	case r.q.EDNS.Present && r.q.EDNS.Version != 0:
		// RFC 6891, section 6.1.3
		return reject(wire.RCodeBadVers, &cause.Failure{Cause: cause.RequestVersion})
	}
	if rc, f := r.checkCookie(); f != nil {
		return reject(rc, f)
	}
	r.ask = r.q.Keep()
	r.count(nil)
	return r.special()
}

// special answers questions that are not for the resolver.
func (r *request) special() ([]byte, bool) {
	refused := &cause.Failure{Cause: cause.QueryRefused}
	switch {
	case r.ask.Class == wire.ClassCH:
		return r.chaos(), true
	case r.ask.Class != wire.ClassIN:
		return r.short(wire.RCodeRefused, refused), true
	case isTransfer(r.ask.Type):
		return r.short(wire.RCodeRefused, refused), true
	case r.ask.Type == wire.TypeMAILA || r.ask.Type == wire.TypeMAILB:
		return r.short(wire.RCodeNotImp, refused), true
	case r.ask.Type == wire.TypeNone || r.ask.Type.IsMeta() && r.ask.Type != wire.TypeANY:
		return r.short(wire.RCodeFormErr, &cause.Failure{Cause: cause.RequestMalformed}), true
	}
	if l := r.ours(r.ask); l != nil {
		return r.local(l), true
	}
	if !r.q.Has(wire.FlagRD) {
		answer := r.fromCache()
		return answer, answer != nil
	}
	return nil, false
}

// ours is the answer to a question that is answered here, nil for all others.
func (s *Server) ours(q wire.Question) *policy.Local {
	if s.cfg.Local != nil {
		if l := s.cfg.Local(q); l != nil {
			return l
		}
	}
	if s.cfg.Special && !s.resolver.Configured(q.Name) {
		return policy.Special(q)
	}
	return nil
}

// local shapes an answer that is made here.
func (r *request) local(l *policy.Local) []byte {
	a := &resolver.Answer{Question: r.ask, Status: wire.Insecure, Sets: l.Answer, Additional: l.Additional}
	if l.NXDomain {
		a.RCode = wire.RCodeNXDomain
	}
	if l.SOA != nil {
		a.Authority = []*wire.RRset{l.SOA}
	}
	return r.shape(a)
}

// fromCache answers a question without RD: with what is known, to those who may look (RFC 8914,
// section 4.21). It returns nil where a referral is due.
func (r *request) fromCache() []byte {
	if !r.snoop {
		return r.notRecursive()
	}
	cd := r.q.Has(wire.FlagCD)
	if a := r.resolver.Known(r.ask, cd); a != nil {
		return r.finish(a)
	}
	if a := r.resolver.KnownFailure(r.ask, cd); a != nil {
		return r.finish(a)
	}
	return nil
}

func (r *request) notRecursive() []byte {
	return r.short(wire.RCodeRefused, &cause.Failure{Cause: cause.NotRecursive})
}

// resolve gets the answer and shapes it.
func (r *request) resolve() []byte {
	if !r.q.Has(wire.FlagRD) {
		if a := r.resolver.Referral(r.ctx, r.ask); a != nil {
			return r.finish(a)
		}
		return r.notRecursive()
	}
	return r.finish(r.resolver.Resolve(r.ctx, r.ask, resolver.Options{CheckingDisabled: r.q.Has(wire.FlagCD)}))
}

// finish judges an answer by what its name means, reports a failure, and shapes it.
func (r *request) finish(a *resolver.Answer) []byte {
	a = r.sentinel(a)
	if a.RCode == wire.RCodeServFail {
		r.logFailure(a)
	}
	return r.shape(a)
}

// logFailure writes the line of a SERVFAIL: what was asked, the zone at fault, the server, the cause.
func (r *request) logFailure(a *resolver.Answer) {
	f := a.Failure
	r.observe.ServFail(f.Cause)
	left, ok := r.lines.take(r.began)
	if !ok {
		return
	}
	r.log.Warn("servfail", "name", r.ask.Name.String(), "type", r.ask.Type.String(), "client", r.from.Addr.Addr().String(),
		"cause", f.Cause.Label(), "zone", f.Zone, "server", f.Server, "detail", f.Detail, "hint",
		f.Hint(), "left_out", left)
}
