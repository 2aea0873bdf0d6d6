// Tries that failed: what an error of the transport means for the server, the path to it and this
// machine.

package resolver

import (
	"errors"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/transport"
)

// failed takes a try that brought no message. The failure it returns ends the question.
func (a *zoneQuery) failed(t *try) *cause.Failure {
	if f := a.x.budget.err(); f != nil {
		return f
	}
	c, s, r, err := t.c, &t.c.asked, a.x.r, t.err
	if f, ok := err.(*cause.Failure); ok {
		return f
	}
	what := causeOfExchange(err)
	r.observe.Upstream(c.addr, t.how.via, t.took, what)
	if a.x.sink != nil {
		a.exchanged(t, what, t.took, err)
	}
	f := cause.New(what, a.zone, "%s", a.q).At(c.addr)
	blame := func(e conduct) { r.blame(c.addr.Addr(), a.zone, e, f, t.took) }
	switch {
	case t.how.via.Encrypted() && a.fallBack(c, t.how.via, err):
		s.tcp = 0
		a.again = append(a.again, c)
		return nil
	case what == cause.LocalResources:
		a.lacking(t, f)
		return nil
	case what == cause.Malformed:
		blame(eventBad)
		c.spent = true
	case what == cause.ServerIdentity:
		blame(eventBad)
		c.spent = true
	case what == cause.UplinkDown:
		// It is not the server's fault.
		r.infra.learn(c.addr.Addr(), a.zone, eventForget, t.took, r.clock.Now())
		c.spent = true
	case !a.usual(t):
		f = a.failedOverTCP(t, what)
	case errors.Is(err, transport.ErrCase):
		s.wrongCase, s.tcpNext = true, true // TCP needs no letter case against forgery
		if s.tcpFailed {
			s.lower = true
		}
		a.again = append(a.again, c)
		a.fellBack(c, s.otherCase())
	case what == cause.Spoofed:
		a.suspect(c)
	case what == cause.Unreachable && !t.how.reliable():
		// One ICMP message says little of a server that has just replied (RFC 5927).
		blame(eventDead)
		if c.spent = !t.p.lately; !c.spent && !t.late {
			s.unheard++
		}
	case what == cause.Unreachable:
		if blame(eventDead); s.tcp >= MaxTriesPerTransport {
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
	a.undoubt(t)
	return nil
}

// otherCase returns the form in which a server that changed the letter case is asked again.
func (s *asked) otherCase() event.Form {
	if s.lower {
		return event.FormLowerCase
	}
	return event.FormTCP
}

// failedOverTCP takes a failed try over TCP that replaced one over UDP. It says nothing about the
// server over UDP.
func (a *zoneQuery) failedOverTCP(t *try, what cause.Cause) *cause.Failure {
	a.noTCP(t.c)
	if t.c.asked.tcpOnly && what == cause.Unreachable {
		what, t.c.spent = cause.Truncated, true
	}
	return cause.New(what, a.zone, "%s", a.q).At(t.c.addr)
}

// noTCP goes back to UDP where TCP would have settled a doubt, but brought no reply in time. An
// open try over TCP may still be answered.
func (a *zoneQuery) noTCP(c *candidate) {
	s := &c.asked
	s.tcpFailed, s.tcpNext = true, false
	if s.tcpOnly { // prompt as it is over UDP, it would be asked first for every name of the zone
		a.x.r.blame(c.addr.Addr(), a.zone, eventBad, cause.New(cause.Truncated, a.zone, ""), 0)
	}
	if s.forgeable { // the next names do not wait for TCP as well
		a.x.r.blame(c.addr.Addr(), a.zone, eventBogusNoTCP, a.bogus, 0)
	}
	if s.wrongCase && !s.lower && !s.tcpOnly {
		s.lower = true // it changed the letters over UDP
		a.again = append(a.again, c)
		a.fellBack(c, event.FormLowerCase)
	}
}

// suspect goes over to TCP for all servers, after too many replies did not match. Open tries over
// UDP are given up. If there is no TCP, UDP is tried again from another port, with a new count of
// mismatches.
func (a *zoneQuery) suspect(c *candidate) {
	a.distrust, a.strays = true, &transport.Strays{}
	for _, t := range slices.Clone(a.open) {
		if !t.how.reliable() {
			a.close(t)
		}
	}
	if !c.asked.tcpFailed {
		a.again = append(a.again, c)
		a.fellBack(c, event.FormTCP)
	}
}

// lacking takes a try that this machine could not send. Nothing is held against the server. It, or
// another, is asked a little later, when descriptors and ports may be free again.
func (a *zoneQuery) lacking(t *try, f *cause.Failure) {
	c, s := t.c, &t.c.asked
	a.x.budget.refund()
	a.x.limited(cause.LocalResources)
	a.recordFailure(f)
	if t.how.reliable() {
		s.tcp--
	} else {
		s.udp--
	}
	a.sent--
	c.tries = max(c.tries-1, 0)
	if s.local++; s.local > maxLocalTries {
		c.spent = true
	}
	a.pause = time.Now().Add(localPause << min(s.local-1, 4))
}
