// The goroutines and sockets in the background of an exchanger: their owner, and their end.

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
)

// errClosed is the error of questions to an exchanger that is closed.
var errClosed = errors.New("the exchanger is closed")

// background owns goroutines, so that whoever closes their owner can wait for them. Its zero value
// is ready to use.
type background struct {
	guard  *guard.Guard   // of the goroutines; set before any is started
	ledger *ledger.Ledger // that connections are drawn from; set likewise

	source atomic.Pointer[Source] // where connections are made from; nil: anywhere
	counts [protocols]connCounts

	mu     sync.Mutex
	ctx    context.Context    // ends with close; guarded by mu, as are all fields below
	cancel context.CancelFunc // of ctx
	closed bool
	wg     sync.WaitGroup // of the goroutines; added to under mu
}

// connCounts are what [ConnectionCounts] is made of.
type connCounts struct {
	open                  atomic.Int64
	opened, reused, again atomic.Uint64
}

func (b *background) countsOf(p Protocol) *connCounts { return &b.counts[p] }

// dial connects to a server over TCP.
func (b *background) dial(ctx context.Context, server netip.AddrPort) (net.Conn, error) {
	return b.source.Load().dial(ctx, server)
}

// start runs f in a goroutine that Close waits for. It returns false after end.
func (b *background) start(f func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.begin()
	ctx := b.ctx
	b.wg.Go(func() { f(ctx) })
	return true
}

// within returns a context that ends with the exchanger too. Close waits for release.
func (b *background) within(ctx context.Context) (_ context.Context, release func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, errClosed
	}
	b.begin()
	b.wg.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		b.wg.Done()
	}, nil
}

// afterwards has f run when ctx ends. The function that it returns has f not run any more, or waits
// for its end: Close waits for that goroutine, too.
func afterwards(ctx context.Context, f func()) (end func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(done); f() })
	return func() {
		if !stop() {
			<-done
		}
	}
}

// begin creates ctx. The caller holds mu.
func (b *background) begin() {
	if b.ctx == nil {
		b.ctx, b.cancel = context.WithCancel(context.Background())
	}
}

// end ends all goroutines and refuses new ones.
func (b *background) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begin()
	b.cancel()
	b.closed = true
}

// dialTCP makes a connection that ends with the exchanger.
func (b *background) dialTCP(ctx context.Context, server netip.AddrPort) (net.Conn, error) {
	ctx, release, err := b.within(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if !b.ledger.Draw(ledger.Upstream, httpsBytes) {
		return nil, errMemory
	}
	c, err := b.dial(ctx, server)
	if err != nil {
		b.ledger.Add(ledger.Upstream, -httpsBytes)
		return nil, err
	}
	owned := &ownedConn{Conn: c, closed: make(chan struct{})}
	if !b.start(func(ctx context.Context) {
		defer b.ledger.Add(ledger.Upstream, -httpsBytes)
		select {
		case <-ctx.Done():
			_ = c.Close()
		case <-owned.closed:
		}
	}) {
		b.ledger.Add(ledger.Upstream, -httpsBytes)
		_ = c.Close()
		return nil, errClosed
	}
	return owned, nil
}

// ownedConn is a connection that reports its closing.
type ownedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *ownedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// dialQUIC makes a connection from a socket of its own. Both end when over is closed, or with the
// exchanger.
func (b *background) dialQUIC(ctx context.Context, server netip.AddrPort, cfg *tls.Config,
	over <-chan struct{}) (*quic.Conn, error) {
	ctx, release, err := b.within(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	socket, err := b.source.Load().listenUDP(ctx, server)
	if err != nil {
		return nil, err
	}
	if !b.ledger.Draw(ledger.Upstream, quicBytes) {
		_ = socket.Close()
		return nil, errMemory
	}
	t := &quic.Transport{Conn: socket}
	giveUp := func() {
		_ = t.Close()
		_ = socket.Close()
		b.ledger.Add(ledger.Upstream, -quicBytes)
	}
	c, err := t.Dial(ctx, net.UDPAddrFromAddrPort(server), cfg, upstreamQUIC())
	if err != nil {
		giveUp()
		return nil, err
	}
	if !b.start(func(ctx context.Context) {
		defer giveUp()
		select {
		case <-ctx.Done():
		case <-over:
		case <-c.Context().Done():
		}
		_ = c.CloseWithError(doqNoError, "")
	}) {
		_ = c.CloseWithError(doqNoError, "")
		giveUp()
		return nil, errClosed
	}
	return c, nil
}
