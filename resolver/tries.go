// The open tries of a question and their timing: when the next is due, how long each is waited for,
// and how they end.

package resolver

import (
	"context"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
	"bailiwick/transport"
	"bailiwick/wire"
)

// tries are the tries of one question.
type tries struct {
	first  try    // storage of the first
	sent   int    // the number of tries
	open   []*try // tries in goroutines of their own, the oldest first
	done   chan *try
	ready  []*try           // tries that have ended and were not looked at yet
	again  []*candidate     // servers to be asked at once, in another form
	around transport.Strays // storage of the first strays
	strays *transport.Strays
	// distrust reports whether somebody seems to guess replies, so that UDP is not used any more
	// (RFC 5452).
	distrust bool
	pause    time.Time // nothing is sent until then, as this machine lacks resources
	last     time.Time // when the last was sent
	due      time.Time // when the next is
}

// next sends the tries that are due, and returns the next try that has ended; nil if there is
// nothing left to send or to wait for.
func (a *zoneQuery) next() (*try, *cause.Failure) {
	for {
		if len(a.ready) > 0 {
			t := a.ready[0]
			a.ready = a.ready[1:]
			return t, nil
		}
		if f := a.x.budget.err(); f != nil {
			return nil, f
		}
		now := time.Now()
		wake, waiting := a.soonest()
		if len(a.again) > 0 || !waiting || !now.Before(a.due) {
			t, at, f := a.plan(now)
			switch {
			case f != nil:
				return nil, f
			case t != nil && a.send(t):
				return t, nil
			case t != nil:
				continue
			case at.IsZero() && !waiting:
				at = a.end(now)
			}
			if at.IsZero() {
				at = wake
			}
			if len(a.again) == 0 && !at.After(now) {
				return nil, nil
			}
			a.due = at
		}
		if !waiting || a.due.Before(wake) {
			wake = a.due
		}
		if t := a.wait(wake.Sub(now)); t != nil {
			return t, nil
		}
	}
}

// soonest returns when the patience of an open try ends first; ok is false if there is none.
func (a *zoneQuery) soonest() (at time.Time, ok bool) {
	for _, t := range a.open {
		if end := t.began.Add(t.patience); !t.late && (!ok || end.Before(at)) {
			at, ok = end, true
		}
	}
	return at, ok
}

// end returns how long replies are waited for after the last question was sent.
func (a *zoneQuery) end(now time.Time) time.Time {
	if !slices.ContainsFunc(a.open, func(t *try) bool { return !t.p.dead }) || a.isAddressLookup() {
		return now
	}
	if a.conf != nil && a.conf.Forward && !a.conf.First {
		return now.Add(MaxTime) // a resolver may have to ask on: the budget ends first
	}
	return a.last.Add(lastPatience)
}

// isAddressLookup reports whether the question is for a name server's address. It has less time, as
// the zone has other servers.
func (a *zoneQuery) isAddressLookup() bool {
	return a.x.depth > 0 && a.x.cd && (a.q.Type == wire.TypeA || a.q.Type == wire.TypeAAAA)
}

// plan makes the next try. It returns nil if none is to be made before the time at, or at all.
func (a *zoneQuery) plan(now time.Time) (t *try, at time.Time, f *cause.Failure) {
	if now.Before(a.pause) {
		return nil, a.pause, nil
	}
	for {
		c, planned := (*candidate)(nil), false
		if len(a.again) > 0 {
			c, a.again = a.again[0], a.again[1:]
			if c.spent {
				continue
			}
		} else if a.sent < maxAttempts {
			c, planned = a.list.next(a), true
		}
		if c == nil {
			return nil, time.Time{}, a.x.budget.err()
		}
		p := a.x.r.infra.profile(c.addr.Addr(), a.zone, a.x.r.clock.Now())
		how, plain, ok := a.form(c, &p)
		if !ok {
			limit.ServerTries.Met()
		}
		if !ok || planned && c.tries == MaxTriesPerServer-1 && a.isAddressLookup() {
			c.spent = true
			continue
		}
		// The last try is sent late, so that a passing loss of packets has ended.
		after := c.asked.began.Add(lastTryAfter)
		if planned && c.tries == MaxTriesPerServer-1 && !how.reliable() && now.Before(after) {
			return nil, after, nil
		}
		claim, ok := a.claim(c)
		if !ok {
			c.tries = MaxTriesPerServer // replies to the earlier ones still count
			continue
		}
		if planned {
			if c.tries++; c.tries == MaxTriesPerServer {
				limit.ServerTries.Met()
			}
		}
		if t, f = a.prepare(c, how, &p, plain); t == nil {
			claim.end(outcomeNone)
		} else {
			t.claim = claim
		}
		return t, time.Time{}, f
	}
}

// patience returns how long a try is waited for. It grows with the server's unanswered questions,
// see [profile], and with the question's tries.
func (a *zoneQuery) patience(c *candidate, how attempt, p *profile) time.Duration {
	d := p.rto
	if a.conf != nil && a.conf.Forward {
		d = max(d, initialRTO) // the times of its cached answers say little about the others
	}
	switch {
	case how.reliable():
		d = max(2*d, 2*initialRTO) // a connection comes first
	case p.dead: // it is asked once: a flood of names in a dead zone must not wait for long
		d = max(p.base, 2*initialRTO)
	case p.lately:
		d <<= min(c.asked.unheard, 2)
	}
	switch {
	case a.sent >= 5:
		d *= 2
	case a.sent >= 3:
		d = d * 3 / 2
	}
	return min(d, maxRTO)
}

// quickest returns after which time one of the other servers that did not reply would be asked
// again if it were the only one: a more distant server does not delay that.
func (a *zoneQuery) quickest(c *candidate) time.Duration {
	d := maxRTO
	for _, t := range a.open {
		if t.late && t.c != c && !t.how.reliable() {
			d = min(d, t.p.rto<<min(t.c.asked.unheard, 3))
		}
	}
	return d
}

// background leaves a try open in a goroutine of its own, in parallel to those that follow.
func (a *zoneQuery) background(t *try, wait func(context.Context, time.Duration) ([]byte, error)) {
	if a.done == nil {
		a.done = make(chan *try)
	}
	if len(a.open) > 0 && !a.x.r.openBeside() {
		a.x.limited(cause.Overload)
		a.close(a.open[0]) // the new one replaces the oldest
		if len(a.open) == 0 {
			a.x.r.closeBeside()
		}
	}
	ctx, cancel := context.WithCancel(a.x.budget.ctx)
	t.cancel = cancel
	a.open = append(a.open, t)
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
		a.checkPatience()
	case <-a.x.budget.ctx.Done():
	}
	return nil
}

// checkPatience looks for tries whose patience has ended.
func (a *zoneQuery) checkPatience() {
	now := time.Now()
	for _, t := range a.open {
		if !t.late && !now.Before(t.began.Add(t.patience)) {
			a.overdue(t)
		}
	}
}

// close gives up an open try, and reports whether it was open.
func (a *zoneQuery) close(t *try) bool {
	i := slices.Index(a.open, t)
	if i < 0 {
		return false
	}
	t.cancel()
	a.open = slices.Delete(a.open, i, i+1)
	if len(a.open) > 0 {
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
	for len(a.open) > 0 {
		a.close(a.open[len(a.open)-1])
	}
}

// usual reports whether a try uses the transport that its server is asked over first. Only there
// are timeouts and round trips recorded for the server.
func (a *zoneQuery) usual(t *try) bool {
	return !t.how.reliable() || t.how.via == a.via(t.c, t.p)
}

// overdue takes note that the patience for a try has ended.
func (a *zoneQuery) overdue(t *try) {
	s, r := &t.c.asked, a.x.r
	waited := time.Since(t.began)
	t.late = true
	r.observe.Upstream(t.c.addr, t.how.via, waited, cause.Timeout)
	if a.x.sink != nil {
		a.exchanged(t, cause.Timeout, waited, transport.ErrTimeout)
	}
	r.connectivity.of(t.c.addr.Addr()).Add(1)
	if a.usual(t) {
		r.infra.learn(t.c.addr.Addr(), a.zone, eventTimeout, waited, r.clock.Now())
	}
	if !t.how.reliable() {
		s.unheard++
		if t.req.Cookie.Sent && a.strays.Cookies() > 0 {
			// over TCP a cookie protects nothing (RFC 7873, section 5.3 asks for it)
			s.tcpNext = true
			if !s.tcpFailed && s.tcp == 0 {
				a.again = append(a.again, t.c)
			}
		}
	} else if !a.usual(t) {
		a.noTCP(t.c)
	}
	a.recordFailure(cause.New(cause.Timeout, a.zone, "%s", a.q).At(t.c.addr))
	a.undoubt(t)
}
