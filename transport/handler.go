// What listeners hand packets to, who sent them, and the one way in which they do: see handle.

package transport

import (
	"context"
	"net/netip"
)

// Client is where a packet came from.
type Client struct {
	Addr     netip.AddrPort
	Protocol Protocol
	// Idle is how long the connection may be silent from now on, in units of 100 ms as RFC 7828
	// counts; 0 where that is not for the messages to tell.
	Idle uint16
	// Early reports whether the packet came as 0-RTT data: somebody may be sending it again.
	Early bool
}

// Handler answers packets.
type Handler interface {
	// Handle answers a packet at once where that takes no more than memory: it appends the answer
	// to buf, which is empty. It runs in the reader's goroutine, does not block, and keeps nothing
	// of packet and buf. An answer that has to be resolved is pending. Where there is neither, the
	// client is to hear nothing.
	Handle(packet []byte, from Client, buf []byte) (answer []byte, p Pending)
}

// Pending is a query whose answer has to be resolved. One that there is no place for can be
// forgotten.
type Pending interface {
	// Resolve returns at once. reply is called once, from any goroutine, perhaps before Resolve
	// returns, with nil for no answer. client ends when the client has gone: then nobody needs the
	// answer, and reply is to be called soon.
	Resolve(client context.Context, reply func([]byte))
}

// result is what came of a packet.
type result uint8

const (
	answered   result = iota // the reply is to be sent
	pending                  // the reply comes later
	silent                   // there is no reply
	dropped                  // there is not to be any: the client may not ask
	turnedAway               // there is no place for one more query in work
	hungUp                   // the client has gone
)

// waiting is how one query waits for an answer that is not ready.
type waiting struct {
	// client ends when the client has gone, if that can be known.
	client context.Context
	// reply sends the answer, from any goroutine; nil: there is none.
	reply func(answer []byte)
	// release gives back what the wait has taken. It is called once, after reply.
	release func()
}

// handle answers a packet: with the handler's answer, appended to buf, if that is there at once.
// All transports hand their packets in here. wait is called for a query that is pending, before it
// is resolved: it takes a place for the query, for which it may wait, or returns false if there is
// none.
//
// An answer at once costs no allocation: wait does not outlive handle.
func handle(h Handler, packet []byte, from Client, buf []byte,
	wait func() (waiting, bool)) ([]byte, result) {
	reply, p := h.Handle(packet, from, buf)
	switch {
	case reply != nil:
		return reply, answered
	case p == nil && packet[2]&0x80 != 0: // QR: an answer is never answered
		return nil, silent
	case p == nil:
		return nil, dropped
	}
	w, ok := wait()
	if !ok {
		return nil, turnedAway
	}
	p.Resolve(w.client, func(reply []byte) {
		w.reply(reply)
		w.release()
	})
	return nil, pending
}

// await is handle for who has a goroutine of its own for each query: it waits for the answer, and
// counts the query as one in work of its connection. client ends when the client has gone.
func await(client context.Context, h Handler, packet []byte, from Client, buf []byte,
	held *holding) ([]byte, result) {
	var late chan []byte
	reply, r := handle(h, packet, from, buf, func() (waiting, bool) {
		got := make(chan []byte, 1)
		late = got
		held.more(len(packet))
		held.seat.work()
		return waiting{client, func(answer []byte) { got <- answer },
			held.seat.done}, true
	})
	if r == pending {
		switch reply = <-late; {
		case reply != nil:
			r = answered
		case client.Err() != nil:
			r = hungUp
		default:
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
