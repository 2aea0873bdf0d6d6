// Tries: one question to the servers of a zone is sent again, to another server or in another form,
// when a reply does not come in time, while those that were sent before stay open. This file
// decides what to send to which server, and how long to wait; replies are evaluated elsewhere.

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

// attempt is the form of one try.
type attempt struct {
	via                      transport.Protocol
	edns, cookie, randomCase bool
}

// reliable reports whether neither size nor forgery matter over the transport.
func (how *attempt) reliable() bool { return how.via.Stream() }

// try is one question sent to one server, and what came of it.
type try struct {
	c     *candidate
	claim claim // of its server's quota
	how   attempt
	p     profile // of the server, when it was sent
	req   transport.Request
	mixed bool // the query has capital letters
	cased bool // its reply came with a question in other letters
	noNS  bool // its reply came without any NS set in the authority section
	plain bool // it asks for less than the tries before it, which were met with silence

	began    time.Time
	patience time.Duration
	late     bool // its patience has ended
	weighed  bool // its reply was evaluated before, and is used as it is
	cancel   context.CancelFunc

	replies uint64 // from any server, before it was sent

	took time.Duration
	m    *wire.Message
	err  error
}

// proven reports whether the reply is the server's own: it came over TCP, or with our cookie.
func (t *try) proven() bool {
	v, _ := t.m.EDNS.Options.Get(wire.OptionCookie)
	return t.how.reliable() ||
		t.req.Cookie.Sent && len(v) >= 8 && [8]byte(v) == t.req.Cookie.Client
}

// asked records how a server was asked for a question, and with what result.
type asked struct {
	began     time.Time // when the first was sent
	udp, tcp  int8      // questions sent, in all
	unheard   int8      // those over UDP without a reply in time
	local     int8      // times that this machine lacked the resources to ask
	tcpOnly   bool      // UDP does not bring the answer
	tcpNext   bool      // the next is over TCP
	tcpFailed bool      // TCP does not bring an answer
	noEDNS    bool
	mustEDNS  bool // EDNS is sent whatever the server replies
	noCookie  bool
	badOption bool // it may not bear with cookies
	lower     bool // no random letter case
	settled   bool // letter case makes no difference
	wrongCase bool // a reply came whose question was in other letters
	wasBare   bool
	forgeable bool // its data did not verify, and may have been forged

	formErrs   int8
	badCookies int8
	worth      int8 // of the doubtful reply
	doubt      *try // a reply to random letter case that is worth little
}

// form decides how a server is asked: over UDP, with TCP for the third try, and with everything
// that the server is not known to fail on. plain reports whether something is left out because it
// was silent; ok is false if no form is left.
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
	if p.overdue && c.asked.unheard == 0 { // it may be dead, and others may not be
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

// replies are buffers for replies over UDP. A parsed message does not alias them.
var replies = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// send sends a try. If no other is open, send waits for the reply itself, which is enough for most
// questions. It reports whether the try has ended.
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

// finish notes the outcome of a try.
func (t *try) finish(raw []byte, err error) {
	t.took = time.Since(t.began)
	t.err = err
	if t.claim.end(t.outcome()); err != nil {
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

// take evaluates a try that has ended. A failure ends the question.
func (a *zoneQuery) take(t *try) (*accepted, *cause.Failure) {
	switch {
	case t.err != nil:
		return nil, a.failed(t)
	case t.weighed:
		// If the letter case was not what a FORMERR is about, EDNS may be.
		if isFormErr(t.m.FullRCode()) && a.fallBackFrom(t) {
			return nil, nil
		}
		return a.handleReply(t), nil
	}
	a.heard(t)
	if t.c.spent || a.fallBackFrom(t) {
		return nil, nil
	}
	return a.handleReply(t), nil
}
