// Tries that failed: what an error of the transport means for the server, the path to it and this
// machine.

package resolver

import (
	"errors"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
)

// failed takes a try that brought no message. The failure it returns ends the question.
func (a *zoneQuery) failed(t *try) *cause.Failure {
	if f := a.x.budget.err(); f != nil {
		return f
	}
	c, r, err := t.c, a.x.r, t.err
	if f, ok := err.(*cause.Failure); ok {
		return f
	}
	what := causeOfExchange(err)
	r.observe.Upstream(c.addr, t.how.via, t.took, what)
	if a.x.sink != nil {
		a.exchanged(t, what, t.took, err)
	}
	a.noteForwarder(t, what)
	f := cause.New(what, a.zone, "%s", a.q).At(c.addr)
	blame := func(e conduct) { r.blame(c.addr.Addr(), a.zone, e, f, t.took) }
	o := observation{what: sawFailure}
	switch {
	case t.how.via.Encrypted() && a.fallBack(c, t.how.via, err):
		c.tcp = 0
		a.schedule.again = append(a.schedule.again, c)
		return nil
	case what == cause.LocalResources:
		// Nothing is held against the server.
		a.x.budget.refund()
		a.x.limited(cause.LocalResources)
		a.recordFailure(f)
		a.schedule.unsent(t, time.Now())
		return nil
	case a.left(t): // it says nothing about the later way
	case what == cause.Malformed && !t.how.via.Encrypted():
		o.what, o.secure = sawGarbled, a.secure()
	case what == cause.Malformed, what == cause.ServerIdentity:
		blame(eventBad)
		c.spent = true
	case what == cause.UplinkDown:
		// It is not the server's fault.
		r.infra.learn(c.addr.Addr(), a.zone, eventForget, t.took, r.clock.Now())
		c.spent = true
	case !a.usual(t): // this says nothing about the server over UDP
		o.what, o.secure = sawNoTCP, c.ladder.garbled && a.secure()
		if c.ladder.tcpOnly && what == cause.Unreachable {
			f = cause.New(cause.Truncated, a.zone, "%s", a.q).At(c.addr)
			c.spent = true
		}
	case errors.Is(err, transport.ErrCase):
		o.what = sawOtherCase
	case what == cause.Spoofed:
		a.suspect()
		o.what = sawGuesses
	case what == cause.Unreachable && !t.how.reliable():
		// One ICMP message says little of a server that has just replied (RFC 5927).
		blame(eventDead)
		if c.spent = !t.p.lately; !c.spent {
			a.schedule.unheard(t)
			o.what = sawSilence
		}
	case what == cause.Unreachable:
		if blame(eventDead); c.tcp >= MaxTriesPerTransport {
			c.spent = true
		}
	}
	switch {
	case errors.Is(err, transport.ErrRefused):
		r.connectivity.replies.Add(1) // the host is there: it is not our link
	case what == cause.Unreachable:
		// Replies from before this error do not prove that our link is up.
		a.replies = max(a.replies, t.replies)
		r.connectivity.of(c.addr.Addr()).Add(1)
	}
	a.recordFailure(f)
	if !a.step(t, o) && o.what == sawGarbled {
		blame(eventBad)
		c.spent = true
	}
	return nil
}

// suspect gives up the open tries over UDP, after too many replies did not match: all servers are
// asked over TCP. If there is no TCP, UDP is tried again from another port, with a new count of
// mismatches.
func (a *zoneQuery) suspect() {
	a.noteStrays()
	a.schedule.distrust, a.strays = true, &transport.Strays{}
	for _, t := range slices.Clone(a.schedule.open) {
		if !t.how.reliable() {
			a.close(t)
		}
	}
}
