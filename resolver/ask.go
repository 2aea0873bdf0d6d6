// Asking a zone's servers until one says something useful.

package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// asking is one question to the servers of one zone.
type asking struct {
	x     *run
	zone  wire.Name // what the servers may speak of
	q     wire.Question
	conf  *Zone // if the operator named the servers
	final bool  // the whole question, so that the answer is judged

	list    *serverList
	weak    *accepted      // an answer without AA, kept in case nothing better comes
	bogus   *cause.Failure // of the first answer that did not verify
	bogies  int
	replies uint64         // from anywhere, before the first question
	ended   *cause.Failure // what ends the search, whatever other servers might say
	worst   *cause.Failure // most telling network failure
}

// accepted is a reply that may be used: what it says, judged if it is final.
type accepted struct {
	reply
	link *link
	from netip.AddrPort
	// damaged: a set of the answer had records that cannot be of their type, and is judged without
	// them.
	damaged bool
}

// telling orders network failures: the highest is what the client hears.
var telling = map[cause.Cause]int{
	cause.NoAddress: 1, cause.NoServers: 1, cause.ServerIdentity: 9, cause.Unreachable: 2, cause.UplinkDown: 2, cause.Timeout: 3, cause.Spoofed: 4, cause.Truncated: 4, cause.ServerNotImp: 5, cause.ServerFormErr: 5,
	cause.Malformed: 6, cause.ServerUnexpected: 6, cause.ServerFailed: 7, cause.Lame: 8, cause.ServerRefused: 8,
}

func (a *asking) blame(f *cause.Failure) {
	if f != nil && (a.worst == nil || telling[f.Cause] > telling[a.worst.Cause]) {
		a.worst = f
	}
}

// run asks one server after the other. An answer that is bogus is a reason to ask the next, as is every fault.
func (a *asking) run() (*accepted, *cause.Failure) {
	a.replies = a.x.r.link.replies.Load()
	for range MaxAttempts {
		if f := a.x.budget.err(); f != nil {
			return a.settle(f)
		}
		c := a.list.next(a)
		if c == nil {
			return a.settle(nil)
		}
		c.tries++
		m, f := a.exchange(c)
		if f != nil {
			if f.HeldAgainst() == cause.ScopeQuery {
				return a.settle(f)
			}
			a.blame(f)
			continue
		}
		if got := a.consider(c, m); got != nil {
			return got, nil
		}
		if a.ended != nil || a.bogies >= MaxBogusTries {
			return a.settle(a.ended)
		}
	}
	return a.settle(nil)
}

// settle ends without a good answer: with the weak one, or with the most precise failure. Where a
// limit or our own link ended the search, the failure is held against no more than that, for the
// servers that were not heard might have answered.
func (a *asking) settle(ended *cause.Failure) (*accepted, *cause.Failure) {
	f := ended
	switch {
	case a.weak != nil:
		a.x.keepReply(a, a.weak)
		return a.weak, nil
	case ended != nil && ended.Cause.Kind() == cause.KindInternal:
		return nil, ended // whatever else is known may come of it
	case a.bogus != nil:
		f = a.bogus
	case a.worst != nil:
		f = a.worst
	case ended == nil:
		return nil, a.list.emptyCause(a.zone)
	}
	switch {
	case ended != nil:
		f = f.Within(ended.HeldAgainst())
	case silent(f.Cause) && a.x.r.link.replies.Load() == a.replies:
		f = f.Within(cause.ScopeLink)
	}
	return nil, f
}

// consider decides what a reply is worth; nil says: ask on.
func (a *asking) consider(c *candidate, m *wire.Message) *accepted {
	now := a.x.r.clock.Now()
	empty := wire.FindType(m.Authority, wire.TypeNS) == nil
	damaged := scrub(m, a.zone, a.speaks(), a.x.r.cfg.HardenGlue)
	forwarder := a.conf != nil && a.conf.Forward
	r := classify(m, a.q, a.zone, forwarder, a.x.r.cfg.HardenGlue)
	if r.fault == cause.Lame && empty && len(m.Answer) == 0 {
		// Nothing at all is no referral, but NODATA of type 3 (RFC 2308, section 2.2). Balancers send it
		// for types that they do not know. It is used if no other server says more.
		r = reply{kind: replyNoData, weak: true, hollow: true}
	}
	got := &accepted{reply: r, from: c.addr, damaged: damaged}
	if got.kind == replyFault {
		a.trace(c, got.describe(m))
		e := eventBad
		if got.fault == cause.Lame {
			e = eventLame
		}
		a.x.r.servers.learn(c.addr.Addr(), a.zone, e, 0, now)
		a.blame(cause.New(got.fault, a.zone, "%s", a.q).At(c.addr))
		c.spent = true
		return nil
	}
	if !a.final || got.kind == replyReferral {
		a.trace(c, got.describe(m))
	} else {
		l, f := a.x.conclude(a, got)
		if f.HeldAgainst() != cause.ScopeName { // no fault of the server, and no other could help
			a.trace(c, got.describe(m)+"; not judged: "+f.Error())
			a.ended = f
			return nil
		}
		if f != nil {
			a.x.r.servers.learn(c.addr.Addr(), a.zone, eventBogus, 0, now)
			a.trace(c, got.describe(m)+"; bogus: "+f.Error())
			if a.bogus == nil {
				a.bogus = f.At(c.addr)
			}
			a.bogies++
			c.spent = true
			return nil
		}
		a.trace(c, got.describe(m)+"; "+l.status.String())
		got.link = l
	}
	if got.weak {
		if a.weak == nil {
			a.weak = got
		}
		c.spent = true
		return nil
	}
	a.x.primed(got, m.Additional)
	a.learnServers(m)
	a.x.keepReply(a, got)
	return got
}

// speaks returns the zone that the servers may prove something of. A forwarder answers for everything:
// what it was asked for may be denied by a zone above.
func (a *asking) speaks() wire.Name {
	if a.conf != nil && a.conf.Forward {
		return wire.Root
	}
	return a.zone
}

func (r *reply) describe(m *wire.Message) string {
	switch r.kind {
	case replyFault:
		return fmt.Sprintf("%s: %s", m.FullRCode(), r.fault.Text())
	case replyReferral:
		return fmt.Sprintf("referral to %s, %d servers", r.referral.Zone, len(r.referral.Servers))
	case replyAlias:
		return "alias to " + r.target.String()
	case replyNXDomain:
		return "no such name"
	case replyNoData:
		return "no such type"
	}
	return fmt.Sprintf("answer, %d records", r.sets[0].Len())
}

func (a *asking) trace(c *candidate, outcome string) {
	if t := a.x.tracer; t != nil {
		t(Step{Depth: a.x.depth, Zone: a.zone, Server: c.addr, Question: a.q, Outcome: outcome})
	}
}

// attempt is how one exchange is made.
type attempt struct {
	via                      transport.Protocol
	edns, cookie, randomCase bool
	timeout                  time.Duration
}

// reliable says that neither size nor forgery matter.
func (how *attempt) reliable() bool { return how.via != transport.UDP }

// maxFallbacks is how many ways to ask are tried in one exchange: plain UDP, TCP, without cookie, without EDNS, without random case.
const maxFallbacks = 5

// exchange gets one reply out of one server: it falls back from EDNS, from random letter case, and from UDP as needed. The failure has a
// limit's cause if the resolution has to end.
func (a *asking) exchange(c *candidate) (*wire.Message, *cause.Failure) {
	r := a.x.r
	p := r.servers.profile(c.addr.Addr(), a.zone, r.clock.Now())
	how := attempt{via: a.via(c, p), edns: !p.noEDNS, cookie: r.cfg.Cookies, randomCase: r.cfg.CaseRandomisation && !p.caseLost, timeout: p.rto << (c.tries - 1)}
	if c.tries == MaxTriesPerServer-1 && !how.reliable() { // repeated silence: maybe UDP is what is lost
		how.via = transport.TCP
	}
	badCookie := false
	for range maxFallbacks {
		m, err := a.send(c, how, p.cookie)
		if errors.Is(err, transport.ErrCase) {
			r.servers.learn(c.addr.Addr(), a.zone, eventCaseLost, 0, r.clock.Now())
			how.via, how.randomCase = transport.TCP, false // TCP needs no letter case against forgery
			continue
		}
		if errors.Is(err, transport.ErrSpoofed) && !how.reliable() {
			how.via = transport.TCP
			continue
		}
		if err != nil && how.via.Encrypted() && a.fallBack(c, &how, err) {
			continue
		}
		if err != nil {
			return nil, a.failed(c, how, err)
		}
		switch {
		case m.Has(wire.FlagTC) && !how.reliable():
			how.via = transport.TCP
		case m.Has(wire.FlagTC): // over TCP that is nonsense, and what is missing cannot be told
			c.spent = true
			return nil, cause.New(cause.Truncated, a.zone, "%s", a.q).At(c.addr)
		case how.edns && how.cookie && m.RCode() == wire.RCodeFormErr && m.EDNS.Present:
			how.cookie = false // it knows EDNS, but not to ignore an option
		case how.edns && (m.RCode() == wire.RCodeFormErr || m.RCode() == wire.RCodeNotImp || m.FullRCode() == wire.RCodeBadVers):
			how.edns = false // RFC 6891, section 7
		case m.FullRCode() == wire.RCodeBadCookie && !how.reliable(): // RFC 7873, section 5.3
			if badCookie {
				how.via = transport.TCP
			}
			badCookie = true
			p = r.servers.profile(c.addr.Addr(), a.zone, r.clock.Now())
		default:
			if !how.edns && !p.noEDNS && faultOf(m.FullRCode()) == cause.None {
				r.servers.learn(c.addr.Addr(), a.zone, eventNoEDNS, 0, r.clock.Now())
			}
			return m, nil
		}
	}
	c.spent = true
	return nil, cause.New(cause.ServerUnexpected, a.zone, "%s", a.q).At(c.addr)
}

// failed reports an exchange that brought nothing.
func (a *asking) failed(c *candidate, how attempt, err error) *cause.Failure {
	if f := a.x.budget.err(); f != nil {
		return f
	}
	var limit *cause.Failure
	if errors.As(err, &limit) {
		return limit
	}
	what, e := cause.Timeout, eventTimeout
	switch {
	case errors.Is(err, errMalformed):
		what, e, c.spent = cause.Malformed, eventBad, true
	case errors.Is(err, transport.ErrIdentity):
		what, e, c.spent = cause.ServerIdentity, eventBad, true
	case errors.Is(err, transport.ErrNoNetwork):
		what, e, c.spent = cause.UplinkDown, eventForget, true // it is not the server's fault
	case errors.Is(err, transport.ErrUnreachable):
		what, e = cause.Unreachable, eventDead
		c.spent = !how.reliable() || c.tries >= MaxTriesPerServer
	case errors.Is(err, transport.ErrSpoofed):
		what, e = cause.Spoofed, eventTimeout
	}
	if how.via == transport.TCP && c.tries < MaxTriesPerServer && what == cause.Unreachable {
		what, c.spent = cause.Truncated, true
	}
	a.x.r.servers.learn(c.addr.Addr(), a.zone, e, 0, a.x.r.clock.Now())
	f := cause.New(what, a.zone, "%s", a.q).At(c.addr)
	a.trace(c, f.Cause.Text())
	return f
}

var errMalformed = errors.New("malformed reply")

// replies is memory for replies over UDP: nothing of a message that is read aliases it.
var replies = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// send makes one exchange and pays for it.
func (a *asking) send(c *candidate, how attempt, serverCookie []byte) (*wire.Message, error) {
	r := a.x.r
	if f := a.x.budget.query(); f != nil {
		return nil, f
	}
	query, err := a.query(c, how, serverCookie)
	if err != nil {
		return nil, err
	}
	req := transport.Request{Server: a.port(c, how), Via: how.via, Query: query, Timeout: how.timeout, AnyCase: !how.randomCase}
	if how.reliable() {
		req.Timeout = tcpTimeout
	}
	if a.conf != nil {
		req.Peer = a.conf.Peer
	}
	if !how.via.Encrypted() {
		a.probe(c, query)
	}
	room := replies.Get().(*[]byte)
	defer replies.Put(room)
	req.Into = *room
	began := time.Now()
	raw, err := r.exchanger.Exchange(a.x.budget.ctx, req)
	rtt := time.Since(began)
	if err != nil {
		r.observe.Upstream(c.addr, how.via, rtt, causeOfExchange(err))
		return nil, err
	}
	m, perr := wire.Parse(raw)
	if perr != nil {
		r.observe.Upstream(c.addr, how.via, rtt, cause.Malformed)
		a.trace(c, "malformed: "+perr.Error())
		return nil, fmt.Errorf("%w: %w", errMalformed, perr)
	}
	if !a.cookieFits(c, m) {
		return nil, transport.ErrSpoofed
	}
	r.observe.Upstream(c.addr, how.via, rtt, cause.None)
	r.servers.learn(c.addr.Addr(), a.zone, eventReply, rtt, r.clock.Now())
	r.replied()
	return m, nil
}

func causeOfExchange(err error) cause.Cause {
	switch {
	case errors.Is(err, transport.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return cause.Timeout
	case errors.Is(err, transport.ErrSpoofed), errors.Is(err, transport.ErrCase):
		return cause.Spoofed
	case errors.Is(err, transport.ErrIdentity):
		return cause.ServerIdentity
	case errors.Is(err, transport.ErrNoNetwork):
		return cause.UplinkDown
	}
	return cause.Unreachable
}

// query writes the question: an ID nobody can guess, random letter case, DO, and a cookie.
func (a *asking) query(c *candidate, how attempt, serverCookie []byte) ([]byte, error) {
	var random [2 + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	qname := []byte(a.q.Name.Wire())
	if how.randomCase && !how.via.Encrypted() {
		for i, b := range qname { // a length octet is below 'a'
			if 'a' <= b && b <= 'z' && random[2+i/8]>>(i&7)&1 == 1 {
				qname[i] = b - 'a' + 'A'
			}
		}
	}
	var flags uint16
	if a.conf != nil && a.conf.Forward {
		flags = wire.FlagRD | wire.FlagCD // RFC 6840, section 5.9: we validate ourselves
	}
	var opts wire.Options
	size := uint16(0)
	if how.edns {
		size = transport.EDNSSize
		if how.cookie && !how.via.Encrypted() {
			own := a.x.r.clientCookie(c.addr.Addr())
			opts = opts.Append(wire.OptionCookie, own[:], serverCookie)
		}
	}
	q := wire.AppendQuery(nil, binary.BigEndian.Uint16(random[:]), flags, qname, a.q.Type, size, how.edns, opts)
	if how.edns && how.via.Encrypted() {
		q = wire.PadOPT(q, wire.HeaderLen+len(qname)+4, queryBlock)
	}
	return q, nil
}

// cookieFits keeps a server's cookie, and says false if the reply echoes another client cookie than ours (RFC 7873, section 5.3).
func (a *asking) cookieFits(c *candidate, m *wire.Message) bool {
	v, ok := m.EDNS.Options.Get(wire.OptionCookie)
	if !ok || !a.x.r.cfg.Cookies {
		return true
	}
	if len(v) < 8 || [8]byte(v) != a.x.r.clientCookie(c.addr.Addr()) {
		return false
	}
	if len(v) >= 16 && len(v) <= 40 {
		a.x.r.servers.setCookie(c.addr.Addr(), append([]byte(nil), v[8:]...))
	}
	return true
}
