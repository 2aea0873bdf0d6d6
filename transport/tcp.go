// The TCP listener (RFC 7766): pipelined queries, answers in any order, bounded connections.

package transport

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"bailiwick/wire"
)

// TCPListener serves one address.
type TCPListener struct {
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	conns  map[*tcpConn]struct{} // guarded by mu
	closed bool                  // guarded by mu

	// Displaced, if set, is called when a new connection closes the idlest.
	Displaced func()
}

// tcpConn is a client's connection.
type tcpConn struct {
	net.Conn
	from  Client
	slots chan struct{} // one for each query in flight

	mu   sync.Mutex
	last time.Time // of the last query; guarded by mu

	write sync.Mutex // one answer at a time
}

// ListenTCP opens a listener at an address.
func ListenTCP(addr netip.AddrPort) (*TCPListener, error) {
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen on tcp %v: %w", addr, err)
	}
	return &TCPListener{l: l, conns: map[*tcpConn]struct{}{}}, nil
}

// Addr is where the listener listens.
func (t *TCPListener) Addr() netip.AddrPort { return t.l.Addr().(*net.TCPAddr).AddrPort() }

// Start serves until Close.
func (t *TCPListener) Start(h Handler) { t.wg.Go(func() { t.accept(h) }) }

// Close ends the listener and its connections.
func (t *TCPListener) Close() {
	t.mu.Lock()
	t.closed = true
	_ = t.l.Close()
	for c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.wg.Wait()
}

func (t *TCPListener) accept(h Handler) {
	for {
		nc, err := t.l.Accept()
		if err != nil {
			t.mu.Lock()
			closed := t.closed
			t.mu.Unlock()
			if closed {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors: let some close
			continue
		}
		from := nc.RemoteAddr().(*net.TCPAddr).AddrPort()
		c := &tcpConn{Conn: nc, from: Client{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), TCP},
			slots: make(chan struct{}, MaxTCPInFlight), last: time.Now()}
		if !t.admit(c) {
			_ = nc.Close()
			return
		}
		t.wg.Go(func() {
			c.serve(h)
			t.mu.Lock()
			delete(t.conns, c)
			t.mu.Unlock()
		})
	}
}

// admit registers a connection; where there are too many, the idlest is closed.
func (t *TCPListener) admit(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if len(t.conns) >= MaxTCPConnections {
		var idlest *tcpConn
		for o := range t.conns {
			if idlest == nil || o.idleSince().Before(idlest.idleSince()) {
				idlest = o
			}
		}
		_ = idlest.Close()
		delete(t.conns, idlest)
		if t.Displaced != nil {
			t.Displaced()
		}
	}
	t.conns[c] = struct{}{}
	return true
}

func (c *tcpConn) idleSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// serve reads queries until the client is silent for too long. With MaxTCPInFlight in work it stops reading, so that a client that
// does not take its answers holds no more than these.
func (c *tcpConn) serve(h Handler) {
	defer c.Close()
	r := bufio.NewReader(c.Conn)
	var out []byte
	for {
		if c.SetReadDeadline(time.Now().Add(TCPIdle)) != nil {
			return
		}
		packet, err := ReadFrame(r)
		if err != nil || len(packet) < wire.HeaderLen {
			break
		}
		c.mu.Lock()
		c.last = time.Now()
		c.mu.Unlock()
		reply, drop := h.Fast(packet, c.from, out[:0])
		if drop {
			break
		}
		if reply != nil {
			out = reply
			if c.send(reply) != nil {
				return
			}
			continue
		}
		c.slots <- struct{}{}
		h.Serve(packet, c.from, func(reply []byte) {
			if reply != nil {
				_ = c.send(reply) // a client that is gone loses its answer
			}
			<-c.slots
		})
	}
	for range MaxTCPInFlight { // RFC 7766, section 6.2.4: answer what was asked before the client closed its side
		c.slots <- struct{}{}
	}
}

// send writes one answer behind its length, in one segment where it fits (RFC 7766, section 8).
func (c *tcpConn) send(reply []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.SetWriteDeadline(time.Now().Add(TCPWrite)); err != nil {
		return err
	}
	b := make([]byte, 0, len(reply)+2)
	b = binary.BigEndian.AppendUint16(b, uint16(len(reply)))
	_, err := c.Write(append(b, reply...))
	return err
}
