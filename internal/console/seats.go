// Connections of the admin listener. Whoever reaches it may open some, and leave them as they are:
// with a request that does not end, without any, or without reading what comes. None of that, from
// one network, ends what others have opened: health checks, scrapes and operators.

package console

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// seats is a listener of no more than maxConnections connections. A new one takes the place of one
// on which no operation is under way for somebody with a token: the oldest of the network that has
// the most of these, if it has had seatTime. It waits otherwise.
type seats struct {
	net.Listener

	mu    sync.Mutex
	free  *sync.Cond // somebody may have given up a seat
	taken []*seat    // oldest first; guarded by mu
	ended bool       // guarded by mu
}

// seat is a connection.
type seat struct {
	net.Conn
	of    *seats
	from  netip.Prefix // zero if it is not known
	since time.Time
	kept  int // operations that are under way; guarded by of.mu
}

func newSeats(l net.Listener) *seats {
	s := &seats{Listener: l}
	s.free = sync.NewCond(&s.mu)
	return s
}

// Accept implements net.Listener.
func (s *seats) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.taken) >= maxConnections && !s.ended {
		i := s.next()
		if i < 0 {
			s.free.Wait()
			continue
		}
		if left := seatTime - time.Since(s.taken[i].since); left > 0 {
			t := time.AfterFunc(left, s.wake)
			s.free.Wait()
			t.Stop()
			continue
		}
		_ = s.taken[i].Conn.Close()
		s.taken = slices.Delete(s.taken, i, i+1)
	}
	if s.ended {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	c := &seat{Conn: conn, of: s, from: networkOf(conn), since: time.Now()}
	s.taken = append(s.taken, c)
	return c, nil
}

// next returns the index of the connection whose place is taken next, -1 if all have operations.
// The caller holds mu.
func (s *seats) next() int {
	from := map[netip.Prefix]int{}
	for _, c := range s.taken {
		if c.kept == 0 {
			from[c.from]++
		}
	}
	is, most := -1, 0
	for i, c := range s.taken {
		if n := from[c.from]; c.kept == 0 && n > most {
			is, most = i, n
		}
	}
	return is
}

// wake has Accept look again. It takes mu, so that it does not come between a look and the Wait
// after it, when nobody would hear it. No test can have it come there: a clock that is simulated
// stands still until Accept waits.
func (s *seats) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free.Broadcast()
}

// networkOf returns the network that a connection is from: an address of IPv4, or the 64 bits of
// IPv6 that a host may choose addresses in.
func networkOf(c net.Conn) netip.Prefix {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr, bits := a.AddrPort().Addr().Unmap(), 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits)
	return p
}

// Close implements net.Listener. Connections stay.
func (s *seats) Close() error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.free.Broadcast()
	return s.Listener.Close()
}

// Close implements net.Conn.
func (c *seat) Close() error {
	c.of.mu.Lock()
	c.of.taken = slices.DeleteFunc(c.of.taken, func(o *seat) bool { return o == c })
	c.of.mu.Unlock()
	c.of.free.Broadcast()
	return c.Conn.Close()
}

// keep notes that an operation is under way, until release is called.
func (c *seat) keep() (release func()) {
	add := func(n int) {
		c.of.mu.Lock()
		c.kept += n
		c.of.mu.Unlock()
		c.of.free.Broadcast()
	}
	add(1)
	return func() { add(-1) }
}

// seatKey is the key of a request's seat in its context.
type seatKey struct{}

// seated adds a connection's seat to a context.
func seated(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, seatKey{}, c)
}

// keepSeat notes that the operation of a request is under way, until release is called.
func keepSeat(r *http.Request) (release func()) {
	if c, ok := r.Context().Value(seatKey{}).(*seat); ok {
		return c.keep()
	}
	return func() {}
}

// unread leaves the body of a request, unless the handler wants it: net/http would wait for one of
// up to 256 KiB before it replies, and nothing ends that. What is on its way when the connection
// ends is answered by a reset, upon which some clients drop a reply that they have not read yet.
// To read on for a time would have whoever has no token hold a seat, or a descriptor beside these.
func unread(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			w.Header().Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		}
		h.ServeHTTP(w, r)
	})
}

// read has the body of a request arrive within some time.
func read(w http.ResponseWriter, within time.Duration) {
	w.Header().Del("Connection")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within))
}
