// The schedule: which server of a zone is sent a question when, and until when replies are waited
// for. It is a value without I/O and without a clock: events go in with their time, and decisions
// come out. docs/architecture.md has a diagram.

package resolver

import (
	"slices"
	"time"

	"bailiwick/internal/limit"
)

// schedule holds the tries of one question to the servers of one zone.
type schedule struct {
	// forward reports whether the servers are resolvers, which may have to ask others, and only
	// whether nothing else is asked if they do not reply.
	forward, only bool
	// address reports whether the question is for a name server's address. It has less time, as
	// the zone that needs it has other servers.
	address bool
	// twice reports whether the question is sent twice at once, see [lossWatch]: to two servers if
	// the zone has two.
	twice bool

	open  []*try                   // those that may still be answered, the oldest first
	room  [maxOutstanding + 1]*try // storage of open
	again []*candidate             // servers to be asked at once, in another form
	sent  int                      // the number of tries
	// distrust reports whether UDP is not used where TCP works: somebody seems to guess replies
	// (RFC 5452), or the question is a report.
	distrust bool
	pause    time.Time // nothing is sent until then, as this machine lacks resources
	last     time.Time // when the last was sent
	due      time.Time // when the next is
}

// counts holds how often a server was asked a question.
type counts struct {
	began    time.Time // when the first try was sent
	tries    int8      // those that were due; others follow a reply at once, in another form
	udp, tcp int8      // those that were sent, in all
	unheard  int8      // those over UDP without a reply in time
	local    int8      // times that this machine lacked the resources to ask
}

// sending is what the schedule knows of a try.
type sending struct {
	c        *candidate
	how      form
	p        profile // of the server, when it was sent
	began    time.Time
	patience time.Duration
	late     bool // its patience has ended
}

// decision is what is to be done.
type decision struct {
	act   act
	c     *candidate // of actOffer: it is asked again; nil: the one that selection takes
	how   form       // of actSend
	plain bool       // of actSend, see [ladder.next]
	until time.Time  // of actWait
}

// act is the kind of a decision.
type act uint8

const (
	actEnd   act = iota // there is nothing left to send or to wait for
	actWait             // wait for an event, or until a time
	actOffer            // offer a server
	actSend             // send to the server that was offered
	actNext             // the server that was offered is not asked: decide anew
)

// next decides what to do.
func (s *schedule) next(now time.Time) decision {
	if now.Before(s.pause) {
		return s.hold(s.pause)
	}
	for len(s.again) > 0 {
		c := s.again[0]
		if s.again = s.again[1:]; !c.spent {
			return decision{act: actOffer, c: c}
		}
	}
	if _, waiting := s.soonest(); waiting && now.Before(s.due) {
		return s.hold(s.due)
	}
	if s.sent < maxAttempts {
		return decision{act: actOffer}
	}
	return s.rest(now)
}

// hold decides to wait until a time, at which the next try is due, or until the patience of an open
// one ends.
func (s *schedule) hold(at time.Time) decision {
	s.due = at
	if wake, waiting := s.soonest(); waiting && wake.Before(at) {
		at = wake
	}
	return decision{act: actWait, until: at}
}

// rest decides what to do when there is no server left to be asked: open tries are waited for.
func (s *schedule) rest(now time.Time) decision {
	at, waiting := s.soonest()
	if !waiting {
		at = s.end(now)
	}
	if !at.After(now) {
		return decision{act: actEnd}
	}
	return s.hold(at)
}

// soonest returns when the patience of an open try ends first; ok is false if there is none.
func (s *schedule) soonest() (at time.Time, ok bool) {
	for _, t := range s.open {
		if end := t.began.Add(t.patience); !t.late && (!ok || end.Before(at)) {
			at, ok = end, true
		}
	}
	return at, ok
}

// end returns until when replies are waited for after the last query was sent.
func (s *schedule) end(now time.Time) time.Time {
	switch {
	case s.address || !slices.ContainsFunc(s.open, func(t *try) bool { return !t.p.dead }):
		return now
	case s.forward && s.only:
		return now.Add(MaxTime) // the budget ends first
	}
	return s.last.Add(lastPatience)
}

// offered is a server that may be asked.
type offered struct {
	c       *candidate
	planned bool // selection took it; else it is asked again
	full    form // the fullest form that the configuration has for it
	secure  bool // its zone is known to be signed
}

// offer decides about a server.
func (s *schedule) offer(o *offered, p *profile, now time.Time) decision {
	c := o.c
	last := o.planned && c.tries == MaxTriesPerServer-1
	third := c.tries == 2 && c.tcp == 0
	how, plain := c.ladder.next(o.full, p, s.distrust || third, o.secure)
	ok := c.unheard < MaxTriesPerTransport && c.udp < maxForms
	if how.reliable() {
		ok = c.tcp < MaxTriesPerTransport
	}
	if !ok {
		limit.ServerTries.Met()
	}
	if !ok || last && s.address {
		c.spent = true
		if !o.planned {
			s.due = now
		}
		return decision{act: actNext}
	}
	// The last try is sent late, so that a passing loss of packets has ended.
	if after := c.began.Add(lastTryAfter); last && !how.reliable() && now.Before(after) {
		return s.hold(after)
	}
	if o.planned {
		if c.tries++; c.tries == MaxTriesPerServer {
			limit.ServerTries.Met()
		}
	}
	return decision{act: actSend, c: c, how: how, plain: plain}
}

// overQuota takes note that a server may not be asked more often. Replies to the earlier tries
// still count, and the next server is due.
func (s *schedule) overQuota(c *candidate, now time.Time) {
	c.tries, s.due = MaxTriesPerServer, now
}

// start takes note of a try that is sent now. It returns the oldest one if too many are open then:
// it is to be closed.
func (s *schedule) start(t *try, now time.Time) (surplus *try) {
	c := t.c
	t.began, t.patience = now, s.patience(t)
	wait := min(t.patience, s.quickest(c))
	if t.p.overdue && c.unheard == 0 { // it may be dead, and others may not be
		wait = min(t.patience, t.p.base)
	}
	switch {
	case !s.twice || t.how.reliable():
	case s.sent == 0:
		wait = twiceAfter
	default:
		wait = min(wait, lossyWait)
	}
	s.last, s.due = now, now.Add(wait)
	if c.began.IsZero() {
		c.began = now
	}
	if t.how.reliable() {
		c.tcp++
	} else {
		c.udp++
	}
	if s.sent++; s.sent == maxAttempts {
		limit.ZoneTries.Met()
	}
	if s.open == nil {
		s.open = s.room[:0]
	}
	if s.open = append(s.open, t); len(s.open) > maxOutstanding {
		limit.OpenTries.Met()
		return s.open[0]
	}
	return nil
}

// patience returns how long a try is waited for. It grows with the server's unanswered questions,
// see [profile], and with the question's tries.
func (s *schedule) patience(t *try) time.Duration {
	d := t.p.rto
	if s.forward {
		d = max(d, initialRTO) // the times of its cached answers say little about the others
	}
	switch {
	case t.how.reliable():
		d = max(2*d, 2*initialRTO) // a connection comes first
	case t.p.dead: // it is asked once: a flood of names in a dead zone must not wait for long
		d = max(t.p.base, 2*initialRTO)
	case t.p.lately:
		d <<= min(t.c.unheard, 2)
	}
	switch {
	case s.sent >= 5:
		d *= 2
	case s.sent >= 3:
		d = d * 3 / 2
	}
	return min(d, maxRTO)
}

// quickest returns after which time one of the other servers that did not reply would be asked
// again if it were the only one: a more distant server does not delay that.
func (s *schedule) quickest(c *candidate) time.Duration {
	d := maxRTO
	for _, t := range s.open {
		if t.late && t.c != c && !t.how.reliable() {
			d = min(d, t.p.rto<<min(t.c.unheard, 3))
		}
	}
	return d
}

// overdue returns an open try whose patience has ended by now, once; nil if there is none.
func (s *schedule) overdue(now time.Time) *try {
	for _, t := range s.open {
		if !t.late && !now.Before(t.began.Add(t.patience)) {
			s.unheard(t)
			return t
		}
	}
	return nil
}

// unheard takes note that a try had no reply in time, or an error that is worth as little.
func (s *schedule) unheard(t *try) {
	if !t.late && !t.how.reliable() {
		t.c.unheard++
	}
	t.late = true
}

// ended takes note that a try is not open any more, and reports whether it was.
func (s *schedule) ended(t *try) bool {
	i := slices.Index(s.open, t)
	if i < 0 {
		return false
	}
	s.open = slices.Delete(s.open, i, i+1)
	return true
}

// useless takes note that a try has ended without a reply that may be used. If it is the latest,
// its server is not waited for any more, and the next one is due (RFC 1034, section 5.3.3).
func (s *schedule) useless(t *try) {
	if t.began.Equal(s.last) {
		s.due = t.began
	}
}

// unsent takes note that this machine could not send a try. It does not count. The server, or
// another, is asked a little later, when descriptors and ports may be free again.
func (s *schedule) unsent(t *try, now time.Time) {
	c := t.c
	if t.how.reliable() {
		c.tcp--
	} else {
		c.udp--
	}
	s.sent--
	c.tries = max(c.tries-1, 0)
	if c.local++; c.local > maxLocalTries {
		c.spent = true
	}
	s.pause = now.Add(localPause << min(c.local-1, 4))
}
