// Tries: one question to the servers of a zone is sent again, to another server or in another form,
// when a reply does not come in time, while those that were sent before stay open. What is decided
// here is what to send to whom, and how long to wait; what a reply is worth is decided elsewhere.

package resolver

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/transport"
	"bailiwick/wire"
)

// attempt is how one try is made.
type attempt struct {
	via                      transport.Protocol
	edns, cookie, randomCase bool
}

// reliable reports whether neither size nor forgery matter.
func (how *attempt) reliable() bool { return how.via != transport.UDP }

// try is one question sent to one server, and what came of it.
type try struct {
	c     *candidate
	how   attempt
	p     profile // of the server, when it was sent
	req   transport.Request
	mixed bool // it has capital letters
	noNS  bool // its reply came without any NS set in the authority section
	plain bool // it asks for less than the tries before it, which were met with silence

	began    time.Time
	patience time.Duration
	late     bool // its patience has ended
	weighed  bool // its reply was looked at before, and is to be taken as it is
	cancel   context.CancelFunc

	took time.Duration
	m    *wire.Message
	err  error
}

// tries are those of one question.
type tries struct {
	first  try    // memory of the first
	sent   int    // how many
	open   []*try // those in work beside us, the oldest first
	done   chan *try
	ready  []*try       // those that have ended and were not looked at yet
	again  []*candidate // servers to be asked at once, in another form
	strays *transport.Strays
	// distrust reports whether somebody guesses: what comes over UDP is not listened to any more (RFC
	// 5452).
	distrust bool
	pause    time.Time // nothing is sent until then, for this machine is short of something
	last     time.Time // when the last was sent
	due      time.Time // when the next is
}

// asked is how a server was asked for a question, and what came of it.
type asked struct {
	udp, tcp  int       // questions sent, in all
	unheard   int       // of those over UDP, that brought nothing in their time
	local     int       // times that this machine could not ask
	began     time.Time // when the first was sent
	tcpOnly   bool      // over UDP the answer is not to be had
	tcpNext   bool      // the next is over TCP
	tcpFailed bool      // there is nothing to be had over TCP
	noEDNS    bool
	mustEDNS  bool // whatever it says of EDNS
	noCookie  bool
	badOption bool // it may be that it hates cookies
	lower     bool // no random letter case
	settled   bool // letter case makes no difference
	wrongCase bool // a reply came whose question was in other letters
	wasBare   bool

	formErrs   int
	badCookies int
	doubt      *try // a reply to random letter case that is worth little
	worth      int  // how much
}

// next sends what is due, and returns the next try that has ended; nil if there is nothing more to
// send and to wait for.
func (a *asking) next() (*try, *cause.Failure) {
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

// soonest returns when the patience ends of a try that is open; ok is false if there is none.
func (a *asking) soonest() (at time.Time, ok bool) {
	for _, t := range a.open {
		if end := t.began.Add(t.patience); !t.late && (!ok || end.Before(at)) {
			at, ok = end, true
		}
	}
	return at, ok
}

// end is until when replies are waited for after the last question was sent.
func (a *asking) end(now time.Time) time.Time {
	if !slices.ContainsFunc(a.open, func(t *try) bool { return !t.p.dead }) || a.isAddressLookup() {
		return now
	}
	if a.conf != nil && a.conf.Forward && !a.conf.First {
		return now.Add(MaxTime) // a resolver may have to ask on: the budget ends first
	}
	return a.last.Add(lastPatience)
}

// isAddressLookup reports whether the question is for a name server's address: it has less time,
// for there are others.
func (a *asking) isAddressLookup() bool {
	return a.x.depth > 0 && a.x.cd && (a.q.Type == wire.TypeA || a.q.Type == wire.TypeAAAA)
}

// plan makes the next try; nil if none is to be made before a time, or at all.
func (a *asking) plan(now time.Time) (t *try, at time.Time, f *cause.Failure) {
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
		} else if a.sent < MaxAttempts {
			c, planned = a.list.next(a), true
		}
		if c == nil {
			return nil, time.Time{}, a.x.budget.err()
		}
		p := a.x.r.servers.profile(c.addr.Addr(), a.zone, a.x.r.clock.Now())
		how, plain, ok := a.form(c, &p)
		if !ok || planned && c.tries == MaxTriesPerServer-1 && a.isAddressLookup() {
			c.spent = true
			continue
		}
		// The last is sent when whatever swallowed the others has had time to pass.
		after := c.asked.began.Add(lastTryAfter)
		if planned && c.tries == MaxTriesPerServer-1 && how.via == transport.UDP && now.Before(after) {
			return nil, after, nil
		}
		if planned {
			c.tries++
		}
		t, f = a.prepare(c, how, &p, plain)
		return t, time.Time{}, f
	}
}

// form decides how a server is asked: over UDP, over TCP as its third try, and with all that it is
// not known to dislike. plain says that something is left out because it was silent; ok is false if
// there is no way left.
func (a *asking) form(c *candidate, p *profile) (how attempt, plain, ok bool) {
	s, cfg := &c.asked, &a.x.r.cfg
	how = attempt{via: a.via(c, *p), edns: !s.noEDNS && (!p.noEDNS || s.mustEDNS || a.secure()),
		cookie:     cfg.Cookies && !p.noCookie && !s.noCookie && !p.shy,
		randomCase: cfg.CaseRandomisation && !p.caseLost && !s.lower}
	if how.via == transport.UDP {
		if s.tcpOnly || !s.tcpFailed && (s.tcpNext || a.distrust || c.tries == 2 && s.tcp == 0) {
			how.via = transport.TCP
		}
	}
	if how.reliable() {
		return how, false, s.tcp < MaxTriesPerTransport
	}
	if s.unheard > 0 && p.cookie == nil && how.cookie {
		how.cookie, plain = false, true
	}
	if s.unheard > 0 && !p.caseKept && how.randomCase {
		how.randomCase, plain = false, true
	}
	return how, plain, s.unheard < MaxTriesPerTransport && s.udp < maxForms
}

// prepare writes a question and pays for it.
func (a *asking) prepare(c *candidate, how attempt, p *profile, plain bool) (*try, *cause.Failure) {
	if f := a.x.budget.query(); f != nil {
		return nil, f
	}
	query, mixed, err := a.query(c, how, p)
	if err != nil {
		return nil, cause.New(cause.LocalResources, nil, "%v", err)
	}
	t := &a.first
	if a.sent > 0 {
		t = &try{}
	} else {
		a.strays = &transport.Strays{}
	}
	*t = try{c: c, how: how, p: *p, mixed: mixed, plain: plain, began: time.Now(),
		patience: a.patience(c, how, p)}
	a.due = t.began.Add(min(t.patience, a.quickest(c)))
	if p.overdue && c.asked.unheard == 0 { // it may be dead: there may be others that are not
		a.due = t.began.Add(min(t.patience, p.base))
	}
	t.req = transport.Request{Server: a.port(c, how), Via: how.via, Query: query, AnyCase: !mixed,
		CaseKept: p.caseKept, Strays: a.strays}
	if how.edns && how.cookie {
		t.req.Cookie = transport.CookieCheck{Sent: true, Client: a.x.r.clientCookie(c.addr.Addr()),
			Needed: p.cookie != nil}
	}
	if a.conf != nil {
		t.req.Peer = a.conf.Peer
	}
	if !how.via.Encrypted() {
		a.probe(c, query)
	}
	if how.reliable() {
		c.asked.tcp++
	} else {
		c.asked.udp++
	}
	if c.asked.began.IsZero() {
		c.asked.began = t.began
	}
	a.sent++
	a.last = t.began
	return t, nil
}

// patience is how long a try is waited for. It grows with what a server has left unanswered, see
// [profile], and with the tries that the question has had.
func (a *asking) patience(c *candidate, how attempt, p *profile) time.Duration {
	d := p.rto
	if a.conf != nil && a.conf.Forward {
		d = max(d, initialRTO) // what it answers from memory says little of what it has to ask for
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

// quickest is when one of the other servers, which have left the question unanswered, would be
// asked again if they were alone: what is farther away does not keep us from that.
func (a *asking) quickest(c *candidate) time.Duration {
	d := maxRTO
	for _, t := range a.open {
		if t.late && t.c != c && !t.how.reliable() {
			d = min(d, t.p.rto<<min(t.c.asked.unheard, 3))
		}
	}
	return d
}

// replies is memory for replies over UDP: nothing of a message that is read aliases it.
var replies = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// send sends a try. While no other is open its reply is waited for here, which is all that most
// questions need: it reports whether the try has ended.
func (a *asking) send(t *try) (ended bool) {
	r := a.x.r
	if t.how.via != transport.UDP || len(a.open) > 0 {
		if len(a.open) >= MaxOutstanding {
			a.close(a.open[0])
		}
		a.background(t, func(ctx context.Context, wait time.Duration) ([]byte, error) {
			t.req.Timeout = wait
			return r.exchanger.Exchange(ctx, t.req)
		})
		return false
	}
	room := replies.Get().(*[]byte)
	defer replies.Put(room)
	t.req.Into, t.req.Timeout, t.req.KeepOpen = *room, a.due.Sub(t.began), true
	raw, err := r.exchanger.Exchange(a.x.budget.ctx, t.req)
	t.req.Into = nil
	if open, ok := err.(*transport.Unanswered); ok {
		a.background(t, open.Resume)
		a.checkPatience()
		return false
	}
	if t.finish(raw, err); errors.Is(err, transport.ErrTimeout) {
		a.overdue(t)
		return false
	}
	return true
}

// background leaves a try open beside those that follow.
func (a *asking) background(t *try, wait func(context.Context, time.Duration) ([]byte, error)) {
	if a.done == nil {
		a.done = make(chan *try)
	}
	known := a.x.r.servers
	if len(a.open) > 0 && known.beside.Add(1) > known.mostBeside {
		a.x.r.observe.Limit(cause.Overload)
		a.close(a.open[0]) // one goes for the other
		if len(a.open) == 0 {
			known.beside.Add(-1)
		}
	}
	ctx, cancel := context.WithCancel(a.x.budget.ctx)
	t.cancel = cancel
	a.open = append(a.open, t)
	go func() {
		a.x.r.guard.Run(guard.Fetch, func() { t.finish(wait(ctx, MaxTime)) })
		if t.m == nil && t.err == nil { // there was a panic
			t.err = &cause.Failure{Cause: cause.InternalError}
		}
		select {
		case a.done <- t:
		case <-ctx.Done():
		}
	}()
}

// finish notes what came of a try.
func (t *try) finish(raw []byte, err error) {
	t.took = time.Since(t.began)
	if t.err = err; err != nil {
		return
	}
	if t.m, err = wire.Parse(raw); err != nil {
		t.err = errors.Join(errMalformed, err)
	}
}

// wait waits for a try to end, and for no longer than patience lasts.
func (a *asking) wait(d time.Duration) *try {
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
func (a *asking) checkPatience() {
	now := time.Now()
	for _, t := range a.open {
		if !t.late && !now.Before(t.began.Add(t.patience)) {
			a.overdue(t)
		}
	}
}

// close gives up a try that is open; false if it is not.
func (a *asking) close(t *try) bool {
	i := slices.Index(a.open, t)
	if i < 0 {
		return false
	}
	t.cancel()
	a.open = slices.Delete(a.open, i, i+1)
	if len(a.open) > 0 {
		a.x.r.servers.beside.Add(-1)
	}
	return true
}

// closeAll gives up whatever is open.
func (a *asking) closeAll() {
	for len(a.open) > 0 {
		a.close(a.open[len(a.open)-1])
	}
}

// usual reports whether a try goes the way that its server is asked first: only there does silence
// say something of it, and a round trip how long to wait.
func (a *asking) usual(t *try) bool {
	return !t.how.reliable() || t.how.via == a.via(t.c, t.p)
}

// overdue takes note that the patience for a try has ended.
func (a *asking) overdue(t *try) {
	s, r := &t.c.asked, a.x.r
	waited := time.Since(t.began)
	t.late = true
	r.observe.Upstream(t.c.addr, t.how.via, waited, cause.Timeout)
	r.link.of(t.c.addr.Addr()).Add(1)
	if a.usual(t) {
		r.servers.learn(t.c.addr.Addr(), a.zone, eventTimeout, waited, r.clock.Now())
	}
	if !t.how.reliable() {
		s.unheard++
		if t.req.Cookie.Sent && a.strays.Cookies() > 0 {
			s.tcpNext = true // over TCP a cookie protects nothing (RFC 7873, section 5.3 asks for it)
			if !s.tcpFailed && s.tcp == 0 {
				a.again = append(a.again, t.c)
			}
		}
	} else if !a.usual(t) {
		a.noTCP(t.c)
	}
	f := cause.New(cause.Timeout, a.zone, "%s", a.q).At(t.c.addr)
	a.blame(f)
	a.trace(t.c, f.Cause.Text())
	a.undoubt(t)
}

// undoubt takes the reply to random letter case as it is, where asking in lower case brought
// nothing.
func (a *asking) undoubt(t *try) {
	s := &t.c.asked
	if s.doubt == nil || t.mixed {
		return
	}
	s.doubt.weighed, s.settled = true, true
	a.ready = append(a.ready, s.doubt)
	s.doubt = nil
}

// take looks at a try that has ended. The failure, if any, ends the question.
func (a *asking) take(t *try) (*accepted, *cause.Failure) {
	switch {
	case t.err != nil:
		return nil, a.failed(t)
	case t.weighed:
		return a.consider(t), nil
	}
	a.heard(t)
	if t.c.spent || a.fallBackFrom(t) {
		return nil, nil
	}
	return a.consider(t), nil
}

// heard learns from a reply what it tells of the server, whatever it says.
func (a *asking) heard(t *try) {
	r, addr, now := a.x.r, t.c.addr.Addr(), a.x.r.clock.Now()
	r.observe.Upstream(t.c.addr, t.how.via, t.took, cause.None)
	e := eventAlive
	if a.usual(t) {
		e = eventReply
	}
	r.servers.learn(addr, a.zone, e, t.took, now)
	r.replied(addr)
	a.x.budget.heard.Store(true)
	rc := t.m.FullRCode()
	if t.m.EDNS.Present && !isFormErr(rc) && (!t.p.edns || t.p.noEDNS) {
		r.servers.learn(addr, a.zone, eventEDNS, 0, now)
	}
	if t.mixed && t.m.QDCount > 0 && !bytes.HasPrefix(t.req.Query[wire.HeaderLen:], t.m.QName) {
		// It was accepted all the same, so it is proven.
		r.servers.learn(addr, a.zone, eventCaseLostProven, 0, now)
	}
	switch v, has := t.m.EDNS.Options.Get(wire.OptionCookie); {
	case !t.req.Cookie.Sent || t.how.via.Encrypted():
	case has && len(v) >= 8 && [8]byte(v) == t.req.Cookie.Client:
		if len(v) >= 16 && len(v) <= 40 && !bytes.Equal(v[8:], t.p.cookie) {
			r.servers.setCookie(addr, bytes.Clone(v[8:]))
		}
	case t.how.reliable() && (has || t.p.cookie != nil):
		// RFC 7873, section 5.3 has us discard it. Over TCP a cookie protects nothing, and the name
		// would not resolve; BIND takes it too.
		r.servers.learn(addr, a.zone, eventNoCookieProven, 0, now)
	}
}

// isFormErr reports whether an RCODE may mean that EDNS, or an option, is not understood.
func isFormErr(rc wire.RCode) bool {
	return rc == wire.RCodeFormErr || rc == wire.RCodeNotImp || rc == wire.RCodeBadVers
}

// fallBackFrom reports whether a reply is a reason to ask its server at once in another form.
func (a *asking) fallBackFrom(t *try) bool {
	s, m := &t.c.asked, t.m
	rc := m.FullRCode()
	switch {
	case m.Has(wire.FlagTC) && !t.how.reliable():
		s.tcpOnly = true
	case m.Has(wire.FlagTC): // over TCP that is nonsense, and what is missing cannot be told
		t.c.spent = true
		a.blame(cause.New(cause.Truncated, a.zone, "%s", a.q).At(t.c.addr))
		return true
	case isFormErr(rc) && t.how.edns:
		if a.doubted(t, 0) {
			return true
		}
		if !a.withoutEDNS(t) {
			return false
		}
	case rc == wire.RCodeBadCookie && !t.how.reliable(): // RFC 7873, section 5.3
		if s.badCookies++; s.badCookies > 1 {
			s.tcpNext = true
		}
	default:
		a.learnForm(t, rc)
		return false
	}
	a.again = append(a.again, t.c)
	return true
}

// learnForm notes that a form of asking works where a fuller one did not.
func (a *asking) learnForm(t *try, rc wire.RCode) {
	s, r, addr, now := &t.c.asked, a.x.r, t.c.addr.Addr(), a.x.r.clock.Now()
	if faultOf(rc) != cause.None {
		return
	}
	if !t.how.edns && s.noEDNS {
		e := eventNoEDNS
		if t.how.reliable() {
			e = eventNoEDNSProven
		}
		r.servers.learn(addr, a.zone, e, 0, now)
	}
	if s.badOption && t.how.edns && !t.how.cookie {
		r.servers.learn(addr, a.zone, eventNoCookie, 0, now)
	}
	switch {
	case t.plain:
		r.servers.learn(addr, a.zone, eventPlainOnly, 0, now)
	case t.p.shy && t.mixed && !t.how.cookie: // it was the cookie
		r.servers.learn(addr, a.zone, eventNoCookieProven, 0, now)
	}
}

// withoutEDNS reports whether a FORMERR is a reason to ask again, and how. A FORMERR may be forged
// by who knows neither the name nor its letter case, as it may come without a question, and without
// EDNS there is no DNSSEC. So a server that has answered with EDNS is asked once more, and then
// over TCP; and for a zone that is known to be signed EDNS is never left out.
func (a *asking) withoutEDNS(t *try) bool {
	s := &t.c.asked
	if t.how.cookie && t.m.EDNS.Present && !s.noCookie {
		s.noCookie, s.badOption = true, true // it knows EDNS, but not to ignore an option
		return true
	}
	if !t.p.edns && !s.mustEDNS && !a.secure() {
		s.noEDNS = true // RFC 6891, section 7
		return true
	}
	s.formErrs++
	switch {
	case t.how.reliable():
		if s.mustEDNS || a.secure() || s.noEDNS {
			return false
		}
		s.noEDNS = true
	case s.formErrs == 1:
		s.noCookie = t.p.cookie == nil
	case s.formErrs == 2 && !s.tcpFailed:
		s.tcpNext = true
	case s.mustEDNS || a.secure() || s.noEDNS:
		return false
	default:
		s.noEDNS = true // three times the same, and no TCP: for this question it is believed
	}
	return true
}

// withEDNS reports whether a bogus answer is a reason to ask its server once more: EDNS was left
// out, and a FORMERR may have been forged to that end.
func (a *asking) withEDNS(t *try) bool {
	s := &t.c.asked
	if t.how.edns || s.mustEDNS {
		return false
	}
	s.noEDNS, s.mustEDNS = false, true
	a.again = append(a.again, t.c)
	return true
}

// secure reports whether the zone is known to be signed, with a DS or a trust anchor.
func (a *asking) secure() bool {
	r := a.x.r
	if t, ok := a.x.Zone(a.zone); ok {
		return t.Status == wire.Secure
	}
	if _, ok := r.anchors.At(a.zone); ok {
		return true
	}
	l, ok := r.cached(cache.Key{Name: a.zone, Type: wire.TypeDS})
	return ok && l.kind == kindAnswer && l.status == wire.Secure
}

// How much a reply is worth, as far as letter case may have to do with it.
const (
	worthNothing = iota // a fault
	worthLittle         // a denial without signatures
	worthMuch
)

// worthOf says how much a reply is worth.
func worthOf(r *reply) int {
	switch r.kind {
	case replyFault:
		return worthNothing
	case replyNoData, replyNXDomain:
		if !slices.ContainsFunc(r.authority, func(s *wire.RRset) bool { return len(s.Sigs) > 0 }) {
			return worthLittle
		}
	}
	return worthMuch
}

// doubted weighs a reply against what random letter case may have done to it, and reports whether
// the server is asked again, in lower case: where it is not known whether it bears with random
// case, and the reply is nothing that a server would have to be believed. A pair of replies of
// which the one in lower case is better is a witness against the server.
func (a *asking) doubted(t *try, worth int) bool {
	s, r, addr, now := &t.c.asked, a.x.r, t.c.addr.Addr(), a.x.r.clock.Now()
	switch {
	case t.weighed:
	case !t.mixed && s.doubt != nil:
		if worth > s.worth {
			r.servers.learn(addr, a.zone, eventCaseLost, 0, now)
		} else {
			r.servers.learn(addr, a.zone, eventCaseKept, 0, now)
			s.lower, s.settled = false, true
		}
		if worth < s.worth { // a server that fails now has said more before
			a.undoubt(t)
			return true
		}
		s.doubt = nil
	case !t.mixed && s.wrongCase && worth > worthNothing:
		r.servers.learn(addr, a.zone, eventCaseLost, 0, now)
	case !t.mixed:
	case worth == worthMuch:
		if !t.p.caseKept {
			r.servers.learn(addr, a.zone, eventCaseKept, 0, now)
		}
	case !t.p.caseKept && !s.settled:
		s.lower, s.doubt, s.worth = true, t, worth
		a.again = append(a.again, t.c)
		return true
	}
	return false
}

// bare reports whether a fault came without a question, which anybody may have sent who guessed ID
// and port alone: the server is asked once more, over TCP.
func (a *asking) bare(t *try) bool {
	s := &t.c.asked
	if t.m.QDCount > 0 || t.how.reliable() || s.wasBare {
		return false
	}
	s.wasBare, s.tcpNext = true, true
	a.again = append(a.again, t.c)
	return true
}

// failed takes a try that brought no message. The failure it returns ends the question.
func (a *asking) failed(t *try) *cause.Failure {
	if f := a.x.budget.err(); f != nil {
		return f
	}
	c, s, r, err := t.c, &t.c.asked, a.x.r, t.err
	if f, ok := err.(*cause.Failure); ok {
		return f
	}
	what := causeOfExchange(err)
	if errors.Is(err, errMalformed) {
		what = cause.Malformed
	}
	r.observe.Upstream(c.addr, t.how.via, t.took, what)
	f := cause.New(what, a.zone, "%s", a.q).At(c.addr)
	learn := func(e event) { r.servers.learn(c.addr.Addr(), a.zone, e, t.took, r.clock.Now()) }
	switch {
	case t.how.via.Encrypted() && a.fallBack(c, t.how.via, err):
		s.tcp = 0
		a.again = append(a.again, c)
		return nil
	case what == cause.LocalResources:
		a.lacking(t, f)
		return nil
	case what == cause.Malformed:
		learn(eventBad)
		c.spent = true
	case what == cause.ServerIdentity:
		learn(eventBad)
		c.spent = true
	case what == cause.UplinkDown:
		learn(eventForget) // it is not the server's fault
		c.spent = true
	case !a.usual(t):
		f = a.failedOverTCP(t, what)
	case errors.Is(err, transport.ErrCase):
		s.wrongCase, s.tcpNext = true, true // TCP needs no letter case against forgery
		if s.tcpFailed {
			s.lower = true
		}
		a.again = append(a.again, c)
	case what == cause.Spoofed:
		a.suspect(c)
	case what == cause.Unreachable && !t.how.reliable():
		// One ICMP message says little of a server that has just replied (RFC 5927).
		learn(eventDead)
		if c.spent = !t.p.lately; !c.spent && !t.late {
			s.unheard++
		}
	case what == cause.Unreachable:
		if learn(eventDead); s.tcp >= MaxTriesPerTransport {
			c.spent = true
		}
	}
	switch {
	case errors.Is(err, transport.ErrRefused):
		r.link.replies.Add(1) // somebody is there: it is not our link
	case what == cause.Unreachable:
		r.link.of(c.addr.Addr()).Add(1)
	}
	if f != nil {
		a.blame(f)
		a.trace(c, f.Cause.Text())
	}
	a.undoubt(t)
	return nil
}

// failedOverTCP takes a try over TCP, as a way out, that brought nothing. It tells nothing of what
// the server does over UDP.
func (a *asking) failedOverTCP(t *try, what cause.Cause) *cause.Failure {
	a.noTCP(t.c)
	if t.c.asked.tcpOnly && what == cause.Unreachable {
		what, t.c.spent = cause.Truncated, true
	}
	return cause.New(what, a.zone, "%s", a.q).At(t.c.addr)
}

// noTCP goes back to UDP where TCP would have settled a doubt: there is nothing to be had over it,
// in its time. One that is open may still be answered.
func (a *asking) noTCP(c *candidate) {
	s := &c.asked
	s.tcpFailed, s.tcpNext = true, false
	if s.wrongCase && !s.lower && !s.tcpOnly {
		s.lower = true // it changed the letters over UDP
		a.again = append(a.again, c)
	}
}

// suspect goes over to TCP, for all servers: too many replies did not match. What is open over UDP
// is given up. Where there is no TCP, UDP has another chance, with another port, and as many
// misses.
func (a *asking) suspect(c *candidate) {
	a.distrust, a.strays = true, &transport.Strays{}
	for _, t := range slices.Clone(a.open) {
		if !t.how.reliable() {
			a.close(t)
		}
	}
	if !c.asked.tcpFailed {
		a.again = append(a.again, c)
	}
}

// lacking takes a try that this machine could not send. Nothing is held against the server; it, or
// another, is asked a little later, for descriptors and ports come back.
func (a *asking) lacking(t *try, f *cause.Failure) {
	c, s := t.c, &t.c.asked
	a.x.budget.queries.Add(1)
	a.x.r.observe.Limit(cause.LocalResources)
	a.blame(f)
	a.trace(c, f.Cause.Text())
	if t.how.reliable() {
		s.tcp--
	} else {
		s.udp--
	}
	a.sent--
	c.tries = max(c.tries-1, 0)
	if s.local++; s.local > MaxLocalTries {
		c.spent = true
	}
	a.pause = time.Now().Add(localPause << min(s.local-1, 4))
}
