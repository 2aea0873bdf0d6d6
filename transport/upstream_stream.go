// Asking over TCP and DoT connections that stay open: questions are pipelined, replies come in any
// order (RFC 7766, section 6.2.1.1). Servers that the operator names get connections for long;
// authorities, of which there are many and which may bear little, few and for a short time.

package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// streamUpstream is a server with its connections.
type streamUpstream struct {
	key   upstreamKey
	tls   *identities // nil for TCP
	owner *background
	terms terms

	mu     sync.Mutex
	conns  []*streamConn // guarded by mu, as is all below
	asked  time.Time     // last
	serial bool          // it has ended a connection before it had answered all questions on it
}

// terms are how connections to a kind of server are kept.
type terms struct {
	conns int           // to one server
	idle  time.Duration // without a reply, unless the server says otherwise (RFC 7828)
	// patience is how long a reply is waited for before the connection takes no more questions; 0:
	// until maxSilence questions were given up.
	patience time.Duration
	// apart has a question get a connection of its own where those that are kept are full.
	apart bool
}

// named are the terms for servers that the operator names, and for those that encrypt.
var named = terms{conns: maxUpstreamConns, idle: upstreamIdle}

// authorities are the terms for authorities over TCP.
var authorities = terms{conns: maxAuthorityConns, idle: authorityIdle, patience: authorityPatience,
	apart: true}

// streamConn is a connection to a server, established or in progress.
type streamConn struct {
	server *streamUpstream
	ready  chan struct{} // closed when conn or err is set

	mu      sync.Mutex
	conn    net.Conn
	err     error // the connection has failed; guarded by mu, as are all fields below
	waiting map[uint16]*streamQuestion
	coming  int           // questions that are to be sent on it
	replied bool          // the server has answered a question
	silent  int           // unanswered questions in a row
	since   time.Time     // when a reply was first waited for, since the last one
	idle    time.Duration // how long it stays open without a reply
	retired bool          // it takes no more questions, and ends with the last reply
	out     outbox
}

// streamQuestion is a question that waits for its reply.
type streamQuestion struct {
	query []byte
	got   chan []byte // closed if there will be no reply
	wrong bool        // because the reply was to another question; set before got is closed
}

func newStreamUpstream(k upstreamKey, by *identities, o *background) upstream {
	u := &streamUpstream{key: k, tls: by, owner: o, terms: named}
	if k.authority() {
		u.terms = authorities
	}
	return u
}

// The errors of questions on a connection.
var (
	errBroken = errors.New("the connection ended") // another may work
	errFull   = errors.New("the connections that are kept are full")
)

func (u *streamUpstream) exchange(ctx context.Context, query []byte) ([]byte, error) {
	counts := u.owner.countsOf(u.key.via)
	for {
		c, fresh := u.conn()
		if c == nil {
			return nil, errFull
		}
		if !fresh {
			counts.reused.Add(1)
		}
		reply, err := c.exchange(ctx, query)
		// RFC 7766, section 6.2.4: the server may close an idle connection just when it is used
		// again, or once it has answered another question. That says nothing about the server.
		if errors.Is(err, errBroken) && !(fresh && c.unused()) && ctx.Err() == nil {
			counts.again.Add(1)
			continue
		}
		return reply, err
	}
}

// conn returns a connection with room, and whether it is new; nil if the question is to have one of
// its own.
func (u *streamUpstream) conn() (c *streamConn, fresh bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	u.asked = now
	var best *streamConn
	load := maxInFlight
	if u.serial {
		load = 1
	}
	for _, c := range u.conns {
		if n := c.load(now); n < load {
			best, load = c, n
		}
	}
	if best != nil && (load < maxInFlight/2 || len(u.conns) >= u.terms.conns) {
		best.expect(1)
		return best, false
	}
	if best == nil && len(u.conns) >= u.terms.conns {
		limit.UpstreamConnections.Met()
		if u.terms.apart {
			return nil, false
		}
		u.conns[0].expect(1)
		return u.conns[0], false // all are full: its enter returns the error
	}
	open := &u.owner.countsOf(u.key.via).open
	if u.terms.apart && open.Load() >= maxAuthorityTotal {
		limit.KeptConnections.Met()
		return nil, false
	}
	c = &streamConn{server: u, ready: make(chan struct{}), waiting: map[uint16]*streamQuestion{},
		coming: 1, since: now, idle: u.terms.idle}
	open.Add(1)
	if u.owner.start(c.guarded) {
		u.conns = append(u.conns, c)
	} else {
		open.Add(-1)
		c.err = errClosed
		close(c.ready)
	}
	return c, true
}

func (u *streamUpstream) lastAsked() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked
}

func (u *streamUpstream) close() {
	u.mu.Lock()
	conns := slices.Clone(u.conns)
	u.mu.Unlock()
	for _, c := range conns {
		c.fail(errBroken)
	}
}

// forget removes a connection.
func (u *streamUpstream) forget(c *streamConn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, o := range u.conns {
		if o == c {
			u.conns = append(u.conns[:i:i], u.conns[i+1:]...)
			return
		}
	}
}

// load returns how many questions wait on the connection; maxInFlight if it takes no more.
func (c *streamConn) load(now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.retired || c.stalled(now) {
		return maxInFlight
	}
	return len(c.waiting) + c.coming
}

// unused reports whether no question was answered on the connection.
func (c *streamConn) unused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.replied
}

// expect counts questions that are to be sent on the connection.
func (c *streamConn) expect(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coming += n
}

// stalled reports whether nothing has come for as long as the terms allow: the path may have lost
// the connection, which neither side notices (a router that forgets it, an anycast server that
// moves). The caller holds mu.
func (c *streamConn) stalled(now time.Time) bool {
	p := c.server.terms.patience
	return p > 0 && !c.since.IsZero() && now.Sub(c.since) >= p
}

// await notes since when a reply is waited for. The caller holds mu.
func (c *streamConn) await(now time.Time) {
	if c.since = now; len(c.waiting) == 0 {
		c.since = time.Time{}
	}
}

// guarded runs run. A panic ends the connection, and its questions are asked again over another.
func (c *streamConn) guarded(ctx context.Context) {
	defer func() {
		if !c.server.owner.guard.Caught(recover(), guard.Upstream) {
			return
		}
		c.fail(errBroken)
		select {
		case <-c.ready:
		default:
			close(c.ready)
		}
	}()
	c.run(ctx)
}

// run makes the connection, and reads replies until it ends.
func (c *streamConn) run(ctx context.Context) {
	counts := c.server.owner.countsOf(c.server.key.via)
	counts.opened.Add(1)
	defer counts.open.Add(-1)
	l, charge := c.server.owner.ledger, table[c.server.key.via].charge
	conn, err := net.Conn(nil), errMemory
	if l.Draw(ledger.Upstream, charge) {
		defer l.Add(ledger.Upstream, -charge)
		conn, err = c.dial(ctx)
	}
	if err == nil {
		defer conn.Close()
	}
	c.made(conn, err)
	// Close waits for connections whose server was forgotten too.
	defer afterwards(ctx, func() { c.fail(errBroken) })()
	close(c.ready)
	for c.goesOn() {
		reply, err := readReply(conn, l)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			c.closed()
		}
		if err != nil || !c.deliver(reply) {
			break
		}
	}
	c.fail(errBroken)
}

// closed notes that the server has ended the connection. One that answers a question and leaves
// others on the same connection unanswered takes one at a time: RFC 7766, section 6.2.1.1 asks for
// more, and many old servers and load balancers do not have it.
func (c *streamConn) closed() {
	c.mu.Lock()
	serial := c.replied && len(c.waiting) > 0 && c.err == nil
	c.mu.Unlock()
	if serial {
		c.server.mu.Lock()
		c.server.serial = true
		c.server.mu.Unlock()
	}
}

// made records the connection, or the error of its dial.
func (c *streamConn) made(conn net.Conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		return
	}
	c.await(time.Now())
	c.out.init(conn, nil, nil, func() { c.fail(errBroken) })
}

// goesOn reports whether more is to be read, and sets the deadline for it.
func (c *streamConn) goesOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && c.conn.SetReadDeadline(time.Now().Add(c.idle)) == nil
}

// dial connects for all questions that wait.
func (c *streamConn) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := c.server.owner.dial(ctx, c.server.key.server)
	if err != nil || c.server.tls == nil {
		return conn, err
	}
	t := tls.Client(conn, c.server.tls.next())
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, identity(err)
	}
	return t, nil
}

// fail ends the connection and its questions. The reader closes it: TLS may have to wait for a
// blocked write.
func (c *streamConn) fail(err error) {
	c.server.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	for id, q := range c.waiting {
		delete(c.waiting, id)
		close(q.got)
	}
	if c.conn != nil {
		_ = c.conn.SetReadDeadline(longAgo) // fails on a closed connection only
	}
}

// deliver hands a reply to its question. It returns false if the reply is invalid.
func (c *streamConn) deliver(reply []byte) bool {
	if len(reply) < 2 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id := binary.BigEndian.Uint16(reply)
	q := c.waiting[id]
	now := time.Now()
	if q == nil { // too late
		c.await(now)
		return true
	}
	delete(c.waiting, id)
	if m := Matches(q.query, reply); m != MatchReply && m != MatchCase {
		q.wrong = true
		close(q.got)
		return false
	}
	c.replied, c.silent = true, 0
	c.await(now)
	c.obey(reply)
	q.got <- reply
	return !c.retired || len(c.waiting) > 0
}

// obey takes how long the server wants the connection to stay open without a question, in tenths
// of a second (RFC 7828, section 3.3.2); with 0 it is to end. No server gets more than
// upstreamIdle. The caller holds mu.
func (c *streamConn) obey(reply []byte) {
	e, _ := wire.PeekEDNS(reply)
	v, stated := e.Options.Get(wire.OptionKeepalive)
	if !stated || len(v) != 2 {
		return
	}
	c.idle = min(time.Duration(binary.BigEndian.Uint16(v))*(time.Second/10), upstreamIdle)
	if c.idle == 0 {
		c.retired, c.idle = true, c.server.terms.idle // for the questions that wait
	}
}

// exchange asks one question.
func (c *streamConn) exchange(ctx context.Context, query []byte) ([]byte, error) {
	select {
	case <-c.ready:
	case <-ctx.Done():
		c.expect(-1)
		return nil, ctx.Err()
	}
	q, id, err := c.enter(query)
	if err != nil {
		return nil, err
	}
	c.out.put(appendFrame(make([]byte, 0, len(q.query)+2), q.query))
	select {
	case reply, ok := <-q.got:
		if !ok {
			c.mu.Lock()
			defer c.mu.Unlock()
			if q.wrong {
				return nil, ErrSpoofed
			}
			return nil, c.err
		}
		return withID(reply, query[0], query[1]), nil
	case <-ctx.Done():
		c.leave(id)
		return nil, ctx.Err()
	}
}

// enter gives a question an ID that is unique on the connection.
func (c *streamConn) enter(query []byte) (*streamQuestion, uint16, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coming--
	if c.err != nil {
		return nil, 0, c.err
	}
	if len(c.waiting) >= maxInFlight {
		return nil, 0, ErrTimeout
	}
	var b [2]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return nil, 0, err
		}
		id := binary.BigEndian.Uint16(b[:])
		if c.waiting[id] == nil {
			q := &streamQuestion{query: withID(query, b[0], b[1]), got: make(chan []byte, 1)}
			c.waiting[id] = q
			if now := time.Now(); c.since.IsZero() {
				c.since = now
				_ = c.conn.SetReadDeadline(now.Add(c.idle)) // fails on a closed one only
			}
			return q, id, nil
		}
	}
}

// leave gives up a question. A connection with maxSilence unanswered questions in a row is given up
// too, and so is one that has stalled.
func (c *streamConn) leave(id uint16) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.silent++
	c.retired = c.retired || c.stalled(time.Now())
	dead := c.silent >= maxSilence
	over := dead || c.retired && len(c.waiting) == 0
	if !over && len(c.waiting) == 0 {
		c.since = time.Time{}
	}
	c.mu.Unlock()
	if over && !dead {
		c.fail(errBroken)
	}
	if dead {
		limit.UpstreamSilence.Met()
		c.fail(errBroken)
	}
}
