// Asking over QUIC (RFC 9250).

package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// quicUpstream is a server with its QUIC connection.
type quicUpstream struct {
	key   upstreamKey
	tls   *identities
	owner *background

	mu    sync.Mutex
	conn  *quicDial // guarded by mu
	asked time.Time // last; guarded by mu
}

// quicDial is a connection, established or in progress.
type quicDial struct {
	ready chan struct{} // closed when conn or err is set
	conn  *quic.Conn
	err   error
	over  chan struct{} // closed when the connection is to end
}

func newQUICUpstream(k upstreamKey, by *identities, o *background) upstream {
	return &quicUpstream{key: k, tls: by, owner: o}
}

// upstreamQUIC returns the configuration of our connections to servers.
func upstreamQUIC() *quic.Config {
	return &quic.Config{HandshakeIdleTimeout: handshakeTime, MaxIdleTimeout: upstreamIdle,
		MaxIncomingStreams: -1, DisablePathMTUDiscovery: true,
		TokenStore: quic.NewLRUTokenStore(4, 2)}
}

func (u *quicUpstream) exchange(ctx context.Context, query []byte) ([]byte, error) {
	for {
		d, fresh := u.dial()
		select {
		case <-d.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if d.err != nil {
			return nil, d.err
		}
		reply, err := quicExchange(ctx, d.conn, query)
		switch {
		case err == nil:
			return reply, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case d.conn.Context().Err() != nil || lost(err):
			u.forget(d)
			if !fresh {
				continue
			}
		}
		return nil, err
	}
}

// lost reports whether an exchange failed because its connection ended. The error of a stream comes
// before the end of the connection's context.
func lost(err error) bool {
	var (
		closed  *quic.ApplicationError
		failed  *quic.TransportError
		idle    *quic.IdleTimeoutError
		unknown *quic.StatelessResetError
	)
	return errors.As(err, &closed) || errors.As(err, &failed) || errors.As(err, &idle) ||
		errors.As(err, &unknown)
}

// dial returns the connection, or starts a new one.
func (u *quicUpstream) dial() (d *quicDial, fresh bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = time.Now()
	if u.conn != nil {
		return u.conn, false
	}
	d = &quicDial{ready: make(chan struct{}), over: make(chan struct{})}
	if !u.owner.start(func(ctx context.Context) { u.connect(ctx, d) }) {
		d.err = errClosed
		close(d.ready)
		return d, true
	}
	u.conn = d
	return d, true
}

// connect makes the connection.
func (u *quicUpstream) connect(ctx context.Context, d *quicDial) {
	defer close(d.ready)
	defer func() {
		if u.owner.guard.Caught(recover(), guard.Upstream) {
			d.err = errBroken
			u.forget(d)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	d.conn, d.err = u.owner.dialQUIC(ctx, u.key.server, u.tls.next(), d.over)
	if d.err != nil {
		d.err = identity(d.err)
		u.forget(d)
	}
}

func (u *quicUpstream) forget(d *quicDial) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn == d {
		u.conn = nil
	}
}

func (u *quicUpstream) lastAsked() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked
}

func (u *quicUpstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		close(u.conn.over)
		u.conn = nil
	}
}

// quicExchange asks one question on a stream of its own.
func quicExchange(ctx context.Context, c *quic.Conn, query []byte) ([]byte, error) {
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	defer afterwards(ctx, func() {
		s.CancelRead(doqRequestCancelled)
		s.CancelWrite(doqRequestCancelled)
	})()
	// RFC 9250, section 4.2.1: ID 0
	if _, err := s.Write(appendFrame(nil, withID(query, 0, 0))); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(s, wire.MaxMessageLen+3))
	if err != nil {
		return nil, err
	}
	if len(b) < 2 || int(b[0])<<8|int(b[1]) != len(b)-2 {
		_ = c.CloseWithError(doqProtocolError, "")
		return nil, errors.Join(ErrSpoofed, errBroken)
	}
	return checked(query, b[2:])
}
