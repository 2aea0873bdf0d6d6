// The driver of the schedule and the ladder: it selects servers, sends tries, waits for what comes
// of them, and carries out what the two decide.

package resolver

import (
	"context"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/transport"
	"bailiwick/wire"
)

// tries are the tries of one question.
type tries struct {
	schedule schedule
	first    try // storage of the first
	done     chan *try
	ready    []*try           // replies that were in doubt and are used after all
	around   transport.Strays // storage of the first strays
	strays   *transport.Strays
}

// next sends the tries that are due, and returns the next try that has ended; nil if there is
// nothing left to send or to wait for.
func (a *zoneQuery) next() (*try, *cause.Failure) {
	for {
		now := time.Now()
		a.checkPatience(now)
		if a.ended == askedForAll {
			return nil, a.ended
		}
		if len(a.ready) > 0 {
			t := a.ready[0]
			a.ready = a.ready[1:]
			return t, nil
		}
		if f := a.x.budget.err(); f != nil {
			return nil, f
		}
		d, o, p := a.schedule.next(now), offered{}, profile{}
		if d.act == actOffer {
			if o.c, o.planned = d.c, d.c == nil; o.planned {
				o.c, now = a.list.next(a), time.Now()
			}
			if o.c == nil {
				if f := a.x.budget.err(); f != nil {
					return nil, f
				}
				d = a.schedule.rest(now)
			} else {
				p = a.profileOf(o.c)
				o.full = a.fullest(o.c, &p)
				o.secure = p.noEDNS && a.secure()
				d = a.schedule.offer(&o, &p, now)
			}
		}
		switch d.act {
		case actSend:
			held, ok := a.claim(d.c)
			if !ok {
				a.schedule.overQuota(d.c, now)
				continue
			}
			t, f := a.prepare(d, &p)
			if f != nil {
				held.end(outcomeNone)
				return nil, f
			}
			if t.claim = held; a.send(t, now) {
				return t, nil
			}
		case actWait:
			if t := a.wait(d.until.Sub(now)); t != nil {
				return t, nil
			}
		case actEnd:
			return nil, nil
		}
	}
}

// isAddressLookup reports whether the question is for a name server's address.
func (a *zoneQuery) isAddressLookup() bool {
	return a.x.depth > 0 && a.x.cd && (a.q.Type == wire.TypeA || a.q.Type == wire.TypeAAAA)
}

// profileOf returns what is known of a server, with the cookies for a question to it.
func (a *zoneQuery) profileOf(c *candidate) profile {
	infra, addr, now := a.x.r.infra, c.addr.Addr(), a.x.r.clock.Now()
	p := infra.profile(addr, a.zone, now)
	p.client = infra.cookies.of(addr, now)
	p.cookie = p.kept.with(p.client)
	return p
}

// fullest returns the form with everything that the configuration has for a server.
func (a *zoneQuery) fullest(c *candidate, p *profile) form {
	cfg := &a.x.r.cfg
	return form{via: a.via(c, p), edns: true, cookie: cfg.Cookies,
		randomCase: cfg.CaseRandomisation}
}

// background waits for a try in a goroutine of its own, in parallel to those that follow.
func (a *zoneQuery) background(t *try, wait func(context.Context, time.Duration) ([]byte, error)) {
	if a.done == nil {
		a.done, a.list.held = make(chan *try), true
	}
	ctx, cancel := context.WithCancel(&a.x.budget.ctx)
	t.cancel = cancel
	a.x.r.fetches.goroutines.Run(func() {
		a.x.r.guard.Run(guard.Fetch, func() { t.finish(wait(ctx, MaxTime)) })
		if t.m == nil && t.err == nil { // there was a panic
			t.err = &cause.Failure{Cause: cause.InternalError}
			t.claim.end(outcomeNone)
		}
		select {
		case a.done <- t:
		case <-ctx.Done():
		}
	})
}

// wait waits until a try ends, for the time d at most.
func (a *zoneQuery) wait(d time.Duration) *try {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case t := <-a.done:
		if a.close(t) {
			return t
		}
	case <-timer.C:
	case <-a.x.budget.ctx.Done():
	}
	return nil
}

// checkPatience looks for tries whose patience has ended.
func (a *zoneQuery) checkPatience(now time.Time) {
	for t := a.schedule.overdue(now); t != nil; t = a.schedule.overdue(now) {
		a.overdue(t, now)
	}
}

// close gives up an open try, and reports whether it was open.
func (a *zoneQuery) close(t *try) bool {
	if !a.schedule.ended(t) {
		return false
	}
	if t.cancel != nil {
		t.cancel()
	}
	if len(a.schedule.open) > 0 {
		a.x.r.closeBeside()
	}
	return true
}

// openBeside counts an open try beyond the first of its question. It returns false if there are too
// many, or too little memory.
func (r *Resolver) openBeside() bool {
	r.fetches.ledger.Add(ledger.Upstream, tryBytes)
	return r.infra.beside.Add(1) <= r.infra.mostBeside && !r.fetches.ledger.Full()
}

func (r *Resolver) closeBeside() {
	r.infra.beside.Add(-1)
	r.fetches.ledger.Add(ledger.Upstream, -tryBytes)
}

// closeAll gives up whatever is open.
func (a *zoneQuery) closeAll() {
	for n := len(a.schedule.open); n > 0; n-- {
		t := a.schedule.open[n-1]
		if t.c.forwarder != nil && !t.late && time.Since(t.began) >= t.p.base {
			a.noteForwarder(t, cause.Timeout) // another has replied meanwhile
		}
		a.close(t)
	}
	a.noteStrays()
}

// noteStrays counts the packets that were not the reply.
func (a *zoneQuery) noteStrays() {
	if a.strays == nil {
		return
	}
	for why, n := range [...]int{MismatchQuestion: a.strays.Misses(),
		MismatchCookie: a.strays.Cookies(), MismatchSubnet: a.strays.Subnets()} {
		if n > 0 {
			a.x.r.observe.Mismatched(Mismatch(why), n)
		}
	}
	if n := a.strays.Subnets(); n > 0 {
		a.x.r.observe.Subnets(SubnetOther, n)
	}
}

// usual reports whether a try uses the transport that its server is asked over first. Only there
// are timeouts and round trips recorded for the server.
func (a *zoneQuery) usual(t *try) bool {
	return !t.how.reliable() || t.how.via == a.via(t.c, &t.p)
}

// overdue takes note that the patience for a try has ended.
func (a *zoneQuery) overdue(t *try, now time.Time) {
	r, waited := a.x.r, now.Sub(t.began)
	r.observe.Upstream(t.c.addr, t.how.via, waited, cause.Timeout)
	if a.x.sink != nil {
		a.exchanged(t, cause.Timeout, waited, transport.ErrTimeout)
	}
	r.connectivity.of(t.c.addr.Addr()).Add(1)
	a.noteForwarder(t, cause.Timeout)
	if a.conf != nil && t.how.via.Encrypted() {
		a.laterWays(t)
	}
	o := observation{what: sawNoTCP}
	if a.usual(t) {
		r.infra.learn(t.c.addr.Addr(), a.zone, eventTimeout, waited, r.clock.Now())
		o = observation{what: sawSilence, strays: a.strays.Cookies()+a.strays.Subnets() > 0}
		a.witness(t, packetLost)
	}
	what := cause.Timeout
	if t.how.reliable() && t.c.ladder.tcpOnly { // over UDP it has replied
		what, a.noTCP = cause.Truncated, true
	}
	f := cause.New(what, a.zone, "%s", a.q).At(t.c.addr)
	a.recordFailure(f)
	if r.cfg.inside(a.zone, a.conf) {
		f = f.Inside()
	}
	a.x.budget.unheard(f)
	a.step(t, o)
	if t.subnet.IsValid() && !r.subnets.uses(a.learner(), r.clock.Now()) {
		// It may drop what has an option that it does not know (RFC 7871, section 13.2).
		r.subnets.alike(a.learner(), r.clock.Now())
		a.noteSubnet(t, SubnetSilent, 0)
		a.forAll(t)
	}
}

// witness notes whether a packet was lost, if the try shows it: silence does if the server has
// replied to the question before.
func (a *zoneQuery) witness(t *try, packet uint32) {
	if !t.how.reliable() && t.p.srtt > 0 && (packet == packetHeard || !t.p.overdue) {
		a.x.r.infra.loss.note(t.c.addr.Addr(), packet, a.x.r.clock.Now())
	}
}

// step has the ladder take the outcome of a try, and carries out what follows. It reports whether
// the reply, if there is one, is not used.
func (a *zoneQuery) step(t *try, o observation) (passed bool) {
	v := t.c.ladder.step(t, o)
	a.learn(t, v.learnt)
	if v.use != nil {
		v.use.weighed = true
		a.ready = append(a.ready, v.use)
	}
	if v.again {
		a.schedule.again = append(a.schedule.again, t.c)
	}
	if v.form != event.FormNone {
		a.fellBack(t.c, v.form)
	}
	return v.passes()
}

// learn has the infrastructure cache learn what a try has shown of its server.
func (a *zoneQuery) learn(t *try, s conducts) {
	r, addr := a.x.r, t.c.addr.Addr()
	for e := conduct(0); s>>e != 0; e++ {
		switch {
		case s>>e&1 == 0:
		case e == eventBad:
			r.blame(addr, a.zone, e, cause.New(cause.Truncated, a.zone, ""), 0)
		case e == eventBogusNoTCP:
			r.blame(addr, a.zone, e, a.bogus, 0)
		default:
			r.infra.learn(addr, a.zone, e, 0, r.clock.Now())
		}
	}
}
