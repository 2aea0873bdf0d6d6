// Messages with a length field (RFC 1035, section 4.2.2), on TCP and on TLS. Queries are pipelined.
// Answers leave in the order in which they are ready (RFC 7766, section 6.2.1.1); the reader writes
// prepared ones itself.

package transport

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// stream is the state of one connection.
type stream struct {
	engine
	handler Handler
	slots   chan struct{} // one for each query in work
	left    int64         // queries that may still come
}

// serveStream serves a connection until one side ends it. over is the connection itself, or TLS on
// it.
func serveStream(h Handler, c *conn, over net.Conn) {
	s := &stream{handler: h, slots: make(chan struct{}, c.seat.gate.inFlight),
		left: c.seat.gate.allowed.Load().queries}
	s.consume, s.overdue, s.halfClosed = s.messages, s.slow, true
	s.finished = func() bool { return s.left <= 0 }
	if _, encrypted := over.(*tls.Conn); encrypted {
		s.out.cut = messageEnd
	}
	s.run(c, over)
	// Queries that came before the client ended its sending side are answered, as by Unbound. A
	// client that has closed its connection (RFC 7766, section 6.2.4) cannot be distinguished until
	// an answer is sent: the reset that comes back ends the remaining resolutions.
	for range cap(s.slots) {
		s.slots <- struct{}{}
	}
	stopping := c.owner.stopping.Load()
	if t, ok := over.(*tls.Conn); ok && (stopping || s.left <= 0) {
		_ = t.CloseWrite() // close_notify; an error means that the client has gone
	}
	switch {
	case stopping:
		c.readOut(backlogTime)
	case s.left <= 0:
		c.readOut(lingerTime)
	}
	_ = over.Close()
}

// messages answers the complete messages at the front of b.
func (s *stream) messages(b []byte) (rest []byte, need int, why cause.Cause) {
	// The idle time in answers (RFC 7828) is the present one.
	s.from.Idle = uint16(s.seat.patience() / (100 * time.Millisecond))
	s.from.Ends = s.owner.stopping.Load()
	for len(b) >= 2 && s.left > 0 {
		n := int(binary.BigEndian.Uint16(b))
		if n < wire.HeaderLen {
			return b, 0, cause.FrameMalformed
		}
		if len(b) < 2+n {
			need = 2 + n
			break
		}
		if why := s.answer(b[2 : 2+n]); why != cause.None {
			return b, 0, why
		}
		if s.left--; s.left == 0 {
			limit.ConnectionQueries.Met()
		}
		s.began(false)
		b = b[2+n:]
	}
	s.began(len(b) > 0)
	return b, need, cause.None
}

// answer answers one message, at once if possible.
func (s *stream) answer(packet []byte) cause.Cause {
	w := s.work
	at := len(w.out)
	w.out = append(w.out, 0, 0)
	room := w.out[len(w.out):]
	w.out = w.out[:at]
	reply, result := handle(s.handler, packet, s.from, room, func() (waiting, bool) {
		return s.wait(len(packet)), true
	})
	switch result {
	case dropped:
		return cause.ClientRefused
	case answered:
		w.out = appendFrame(w.out, reply)
		s.flushFull()
	}
	return cause.None
}

// wait takes a place for a query of that many octets. Nothing is read until there is one.
func (s *stream) wait(octets int) waiting {
	select {
	case s.slots <- struct{}{}:
	default:
		s.flush()
		s.slots <- struct{}{}
	}
	if !s.seat.tryWork() {
		s.flush()
		s.seat.work()
	}
	held := s.seat.keep(octets)
	return waiting{
		s.client,
		func(reply []byte) {
			if reply != nil { // an error means that the client has gone
				s.out.put(appendFrame(make([]byte, 0, len(reply)+2), reply))
			}
		},
		func() {
			s.seat.hold(-held)
			s.seat.done()
			<-s.slots
		},
	}
}

// readOut ends the writing side, and reads until the client has ended its own or the time is over.
// Closing with unread data would reset the connection and lose the answers.
func (c *conn) readOut(d time.Duration) {
	t, ok := c.socket.(interface {
		net.Conn
		CloseWrite() error
	})
	if !ok || t.CloseWrite() != nil {
		return
	}
	_ = t.SetReadDeadline(time.Now().Add(d))
	for n := 0; n < maxReadOut; {
		k, err := t.Read(c.room())
		if err != nil {
			return
		}
		n += k
	}
	limit.ReadOut.Met()
}

// messageEnd returns the end of the first message of several. Each has a TLS record of its own:
// clients that wait for the socket do not see the rest of a record that their TLS has read already,
// and leave the answers in it until more comes (dnsdist 1.7; systemd-resolved,
// github.com/systemd/systemd/pull/22132). Unbound's answers have a record each, too.
func messageEnd(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	return min(2+int(binary.BigEndian.Uint16(b)), len(b))
}

// appendFrame appends a message with its length. msg may already be at its place in b.
func appendFrame(b, msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(msg))), msg...)
}
