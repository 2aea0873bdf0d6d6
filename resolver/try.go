// Tries: one question to the servers of a zone is sent again, to another server or in another form,
// when a reply does not come in time, while those that were sent before stay open. What is decided
// here is what to send to whom, and how long to wait; what a reply is worth is decided elsewhere.

package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/transport"
	"bailiwick/wire"
)

// attempt is how one try is made.
type attempt struct {
	via                      transport.Protocol
	edns, cookie, randomCase bool
}

// reliable reports whether neither size nor forgery matter.
func (how *attempt) reliable() bool { return how.via.Stream() }

// try is one question sent to one server, and what came of it.
type try struct {
	c     *candidate
	how   attempt
	p     profile // of the server, when it was sent
	req   transport.Request
	mixed bool // it has capital letters
	cased bool // its reply came with a question in other letters
	noNS  bool // its reply came without any NS set in the authority section
	plain bool // it asks for less than the tries before it, which were met with silence

	began    time.Time
	patience time.Duration
	late     bool // its patience has ended
	weighed  bool // its reply was looked at before, and is to be taken as it is
	cancel   context.CancelFunc

	replies uint64 // from anywhere, before it was sent

	took time.Duration
	m    *wire.Message
	err  error
}

// asked is how a server was asked for a question, and what came of it.
type asked struct {
	began     time.Time // when the first was sent
	udp, tcp  int8      // questions sent, in all
	unheard   int8      // of those over UDP, that brought nothing in their time
	local     int8      // times that this machine could not ask
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

	formErrs   int8
	badCookies int8
	worth      int8 // of the doubtful reply
	doubt      *try // a reply to random letter case that is worth little
}

// form decides how a server is asked: over UDP, over TCP as its third try, and with all that it is
// not known to dislike. plain reports whether something is left out because it was silent; ok is
// false if there is no way left.
func (a *zoneQuery) form(c *candidate, p *profile) (how attempt, plain, ok bool) {
	s, cfg := &c.asked, &a.x.r.cfg
	how = attempt{via: a.via(c, *p), edns: !s.noEDNS && (!p.noEDNS || s.mustEDNS || a.secure()),
		cookie:     cfg.Cookies && !p.noCookie && !s.noCookie && !p.shy,
		randomCase: cfg.CaseRandomisation && !p.caseLost && !s.lower}
	if !how.reliable() {
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
func (a *zoneQuery) prepare(c *candidate, how attempt, p *profile, plain bool) (
	*try, *cause.Failure) {
	if f := a.x.budget.pay(); f != nil {
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
		a.strays = &a.around
	}
	*t = try{c: c, how: how, p: *p, mixed: mixed, plain: plain, began: time.Now(),
		patience: a.patience(c, how, p), replies: a.x.r.connectivity.replies.Load()}
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
	if a.sent++; a.sent == maxAttempts {
		limit.ZoneTries.Met()
	}
	a.last = t.began
	return t, nil
}

// replies is memory for replies over UDP: nothing of a message that is read aliases it.
var replies = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// send sends a try. While no other is open its reply is waited for here, which is all that most
// questions need: it reports whether the try has ended.
func (a *zoneQuery) send(t *try) (ended bool) {
	r := a.x.r
	if t.how.reliable() || len(a.open) > 0 {
		if len(a.open) >= maxOutstanding {
			limit.OpenTries.Met()
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

// finish notes what came of a try.
func (t *try) finish(raw []byte, err error) {
	t.took = time.Since(t.began)
	if t.err = err; err != nil {
		return
	}
	if t.mixed {
		t.cased = lowerQuestion(raw, t.req.Query)
	}
	if t.m, err = wire.Parse(raw); err != nil {
		t.err = errors.Join(errMalformed, err)
	}
}

// lowerQuestion puts the name in a reply's question into lower case, and reports whether it was in
// other letters than in the query. A server that compresses names points to the question: the
// random letters would be in the data that are cached and passed on. Unbound does the same.
func lowerQuestion(reply, query []byte) (cased bool) {
	end := wire.HeaderLen + 1
	for query[end-1] != 0 {
		end += int(query[end-1]) + 1
	}
	if len(reply) < end || binary.BigEndian.Uint16(reply[4:]) == 0 {
		return false
	}
	name := reply[wire.HeaderLen:end]
	cased = !bytes.Equal(name, query[wire.HeaderLen:end])
	for i, b := range name {
		if 'A' <= b && b <= 'Z' { // no length octet is as high
			name[i] = b - 'A' + 'a'
		}
	}
	return cased
}

// take looks at a try that has ended. The failure, if any, ends the question.
func (a *zoneQuery) take(t *try) (*accepted, *cause.Failure) {
	switch {
	case t.err != nil:
		return nil, a.failed(t)
	case t.weighed:
		return a.handleReply(t), nil
	}
	a.heard(t)
	if t.c.spent || a.fallBackFrom(t) {
		return nil, nil
	}
	return a.handleReply(t), nil
}
