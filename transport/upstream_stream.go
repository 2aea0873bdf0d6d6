// Asking over TCP and DoT connections that stay open: questions are pipelined, replies come in any
// order (RFC 7766, section 6.2.1.1).

package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
)

// streamUpstream is a server with its connections.
type streamUpstream struct {
	key   upstreamKey
	tls   *tls.Config // nil for TCP
	owner *background

	mu    sync.Mutex
	conns []*streamConn // guarded by mu
	asked time.Time     // last; guarded by mu
}

// streamConn is a connection to a server, established or in progress.
type streamConn struct {
	server *streamUpstream
	ready  chan struct{} // closed when conn or err is set

	mu      sync.Mutex
	conn    net.Conn
	err     error // the connection has failed; guarded by mu, as are all fields below
	waiting map[uint16]*streamQuestion
	replied bool // the server has answered a question
	silent  int  // unanswered questions in a row
	out     outbox
}

// streamQuestion is a question that waits for its reply.
type streamQuestion struct {
	query []byte
	got   chan []byte // closed if there will be no reply
}

func newStreamUpstream(k upstreamKey, cfg *tls.Config, o *background) upstream {
	return &streamUpstream{key: k, tls: cfg, owner: o}
}

// errBroken reports that a connection ended during a question; another connection may work.
var errBroken = errors.New("the connection ended")

func (u *streamUpstream) exchange(ctx context.Context, query []byte) ([]byte, error) {
	for {
		c, fresh := u.conn()
		reply, err := c.exchange(ctx, query)
		// RFC 7766, section 6.2.4: the server may close an idle connection just when it is used
		// again.
		if errors.Is(err, errBroken) && !fresh && ctx.Err() == nil {
			continue
		}
		return reply, err
	}
}

// conn returns a connection with room, and whether it is new.
func (u *streamUpstream) conn() (c *streamConn, fresh bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = time.Now()
	var best *streamConn
	load := maxInFlight
	for _, c := range u.conns {
		if n := c.load(); n < load {
			best, load = c, n
		}
	}
	if best != nil && (load < maxInFlight/2 || len(u.conns) >= maxUpstreamConns) {
		return best, false
	}
	if best == nil && len(u.conns) >= maxUpstreamConns {
		limit.UpstreamConnections.Met()
		return u.conns[0], false // all are full: its enter returns the error
	}
	c = &streamConn{server: u, ready: make(chan struct{}), waiting: map[uint16]*streamQuestion{}}
	if u.owner.start(c.guarded) {
		u.conns = append(u.conns, c)
	} else {
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

func (c *streamConn) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return maxInFlight
	}
	return len(c.waiting)
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
	l := c.server.owner.ledger
	conn, err := net.Conn(nil), errMemory
	if l.Draw(ledger.Upstream, tlsBytes) {
		defer l.Add(ledger.Upstream, -tlsBytes)
		conn, err = c.dial(ctx)
	}
	if err == nil {
		defer conn.Close()
	}
	c.made(conn, err)
	close(c.ready)
	for c.goesOn() {
		reply, err := readReply(conn, l)
		if err != nil || !c.deliver(reply) {
			break
		}
	}
	c.fail(errBroken)
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
	c.out.init(conn, nil, nil, func() { c.fail(errBroken) })
}

// goesOn reports whether more is to be read, and sets the deadline for it.
func (c *streamConn) goesOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && c.conn.SetReadDeadline(time.Now().Add(upstreamIdle)) == nil
}

// dial connects for all questions that wait.
func (c *streamConn) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.server.key.server.String())
	if err != nil || c.server.tls == nil {
		return conn, err
	}
	t := tls.Client(conn, c.server.tls)
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
	if q == nil {
		return true // too late
	}
	if m := Matches(q.query, reply); m != MatchReply && m != MatchCase {
		return false
	}
	c.replied, c.silent = true, 0
	delete(c.waiting, id)
	q.got <- reply
	return true
}

// exchange asks one question.
func (c *streamConn) exchange(ctx context.Context, query []byte) ([]byte, error) {
	select {
	case <-c.ready:
	case <-ctx.Done():
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
			q := &streamQuestion{withID(query, b[0], b[1]), make(chan []byte, 1)}
			c.waiting[id] = q
			return q, id, nil
		}
	}
}

// leave gives up a question. A connection with maxSilence unanswered questions in a row is given up
// too.
func (c *streamConn) leave(id uint16) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.silent++
	dead := c.silent >= maxSilence
	c.mu.Unlock()
	if dead {
		limit.UpstreamSilence.Met()
		c.fail(errBroken)
	}
}
