// What listeners hand packets to, who sent them, and the one way in which they do: see handle.

package transport

import (
	"net/netip"
	"sync"
)

// Client is where a packet came from.
type Client struct {
	Addr     netip.AddrPort
	Protocol Protocol
	// Idle is how long the connection may be silent from now on, in units of 100 ms as RFC 7828 counts; 0 where that is not for the
	// messages to tell.
	Idle uint16
	// Early says that the packet came as 0-RTT data: somebody may be sending it again.
	Early bool
}

// Handler answers packets.
type Handler interface {
	// Fast appends an answer to buf if it has one ready. It runs in the reader's goroutine: it neither blocks nor keeps packet.
	// drop says that there is not to be any answer.
	Fast(packet []byte, from Client, buf []byte) (reply []byte, drop bool)
	// Serve answers whatever Fast did not. It returns at once; reply is called once, from any goroutine, with nil for no answer.
	Serve(packet []byte, from Client, reply func([]byte))
}

// result is what came of a packet.
type result uint8

const (
	answered   result = iota // the reply is to be sent
	pending                  // the reply comes later
	silent                   // there is no reply
	dropped                  // there is not to be any: the client may not ask
	turnedAway               // there is no place for one more query in work
)

// waiting is how one query waits for an answer that is not ready.
type waiting struct {
	// reply sends the answer, from any goroutine; nil: there is none.
	reply func(answer []byte)
	// release gives back what the wait has taken. It is called once, after reply, or alone where the
	// answer is there at once.
	release func()
}

// handle answers a packet: with a ready answer, appended to buf, or else with that of Serve. All
// transports hand their packets in here. wait is called for what is not ready, before it is put in
// work: it takes a place for the query, for which it may wait, or returns false if there is none.
// An answer that is there when Serve returns is returned, so that it can leave with others.
//
// A ready answer costs no allocation: wait does not outlive handle.
func handle(h Handler, packet []byte, from Client, buf []byte,
	wait func() (waiting, bool)) ([]byte, result) {
	reply, drop := h.Fast(packet, from, buf)
	switch {
	case drop:
		return nil, dropped
	case reply != nil:
		return reply, answered
	}
	w, ok := wait()
	if !ok {
		return nil, turnedAway
	}
	reply, now := serve(h, packet, from, w)
	switch {
	case !now:
		return nil, pending
	case reply == nil:
		return nil, silent
	}
	return reply, answered
}

// serve has a handler work on a copy of a packet. now reports whether that is over.
func serve(h Handler, packet []byte, from Client, w waiting) (reply []byte, now bool) {
	l := new(later)
	h.Serve(append([]byte(nil), packet...), from, func(reply []byte) {
		if l.came(reply) {
			w.reply(reply)
			w.release()
		}
	})
	if reply, now = l.returned(); now {
		w.release()
	}
	return reply, now
}

// later is a reply that may come while Serve runs, or after.
type later struct {
	mu    sync.Mutex
	over  bool // Serve has returned; guarded by mu, as is all below
	here  bool
	reply []byte
}

// came takes the reply, and reports whether it is late.
func (l *later) came(reply []byte) (late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.here, l.reply = true, reply
	}
	return l.over
}

// returned notes that Serve has, and returns the reply if it came meanwhile.
func (l *later) returned() (reply []byte, here bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return l.reply, l.here
}

// await is handle for who has a goroutine of its own for each query: it waits for the answer, and
// counts the query as one in work of its connection.
func await(h Handler, packet []byte, from Client, buf []byte, held *holding) ([]byte, result) {
	var late chan []byte
	reply, r := handle(h, packet, from, buf, func() (waiting, bool) {
		got := make(chan []byte, 1)
		late = got
		held.more(len(packet))
		held.seat.work()
		return waiting{func(answer []byte) { got <- answer }, held.seat.done}, true
	})
	if r == pending {
		if reply, r = <-late, answered; reply == nil {
			r = silent
		}
	}
	return reply, r
}

// ClientPrefix is the network that counts as one client: its /24, or its /56.
func ClientPrefix(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil { // only more bits than the address has are an error
		return netip.PrefixFrom(a, a.BitLen())
	}
	return p
}
