// A try: one query to one server, from its bytes to the reply's.

package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// try is one question sent to one server, and what came of it.
type try struct {
	sending
	claim claim // of its server's quota
	req   transport.Request
	mixed bool // the query has capital letters
	cased bool // its reply came with a question in other letters
	// subnet is the client's network that went with it; zero: none.
	subnet netip.Prefix
	tailoring
	noNS  bool // its reply came without any NS set in the authority section
	plain bool // it asks for less than the tries before it, which were met with silence

	weighed bool // its reply was evaluated before, and is used as it is
	cancel  context.CancelFunc

	replies uint64 // from any server, before it was sent

	took time.Duration
	m    *wire.Message
	err  error
}

// prepare writes a question and pays for it.
func (a *zoneQuery) prepare(d decision, p *profile) (*try, *cause.Failure) {
	if f := a.x.budget.pay(); f != nil {
		return nil, f
	}
	var network netip.Prefix
	if d.how.edns && a.tells() {
		network = a.x.network
	}
	query, mixed, err := a.query(d.how, p, network)
	if err != nil {
		return nil, cause.New(cause.LocalResources, nil, "%v", err)
	}
	t := &a.first
	if a.schedule.sent > 0 {
		t = &try{}
	} else {
		a.strays = &a.around
	}
	*t = try{sending: sending{c: d.c, how: d.how, p: *p}, mixed: mixed, plain: d.plain,
		subnet:  network,
		replies: a.x.r.connectivity.replies.Load()}
	t.req = transport.Request{Server: a.port(d.c, d.how), Via: d.how.via, Query: query,
		AnyCase: !mixed, CaseKept: p.caseKept, Strays: a.strays}
	if d.how.edns && d.how.cookie {
		t.req.Cookie = transport.CookieCheck{Sent: true,
			Client: p.client, Needed: p.cookie != nil}
	}
	if network.IsValid() {
		r := a.x.r
		t.req.Subnet = transport.SubnetCheck{Sent: network,
			Needed: r.subnets.expected(a.learner(), d.c.addr.Addr(), r.clock.Now())}
	}
	if a.conf != nil {
		t.req.Peer = a.conf.way(d.c.way).Peer
	}
	if !d.how.via.Encrypted() {
		a.probe(d.c, query)
	}
	return t, nil
}

// replies are buffers for replies over UDP. A parsed message does not alias them.
var replies = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// send sends a try. If no other is open, send waits for the reply itself, which is enough for most
// questions. It reports whether the try has ended.
func (a *zoneQuery) send(t *try, now time.Time) (ended bool) {
	r := a.x.r
	if a.schedule.sent == 0 && !t.how.reliable() && !t.p.dead {
		a.schedule.twice = r.infra.loss.twice(r.clock.Now())
	}
	if old := a.schedule.start(t, now); old != nil {
		a.close(old)
	}
	open := a.schedule.open
	if len(open) > 1 && !r.openBeside() {
		a.x.limited(cause.Overload)
		a.close(open[0]) // the new one replaces the oldest
	}
	if t.how.reliable() || len(a.schedule.open) > 1 {
		a.background(t, func(ctx context.Context, wait time.Duration) ([]byte, error) {
			t.req.Timeout = wait
			return r.exchange(ctx, a.zone, t.req)
		})
		return false
	}
	room := replies.Get().(*[]byte)
	defer replies.Put(room)
	t.req.Into, t.req.Timeout, t.req.KeepOpen = *room, a.schedule.due.Sub(now), true
	raw, err := r.exchange(&a.x.budget.ctx, a.zone, t.req)
	t.req.Into = nil
	if open, ok := err.(*transport.Unanswered); ok {
		a.background(t, open.Resume)
		return false
	}
	a.schedule.ended(t)
	if t.finish(raw, err); errors.Is(err, transport.ErrTimeout) {
		a.schedule.unheard(t)
		a.overdue(t, time.Now())
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
	if t.err != nil {
		return nil, a.failed(t)
	}
	o := a.seen(t)
	switch {
	case t.weighed:
		// If the letter case was not what a FORMERR is about, EDNS may be.
		if isFormErr(o.rcode) && a.step(t, o) {
			return nil, nil
		}
		return a.handleReply(t, o), nil
	case o.truncated && t.how.reliable(): // what is missing cannot be known
		a.heard(t, &o)
		t.c.spent = true
		a.recordFailure(cause.New(cause.Truncated, a.zone, "%s", a.q).At(t.c.addr))
		return nil, nil
	}
	a.heard(t, &o)
	if !o.truncated && a.subnetOf(t, &o) {
		return nil, nil
	}
	if t.c.spent || a.step(t, o) {
		return nil, nil
	}
	return a.handleReply(t, o), nil
}
