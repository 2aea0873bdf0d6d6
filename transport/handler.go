// The handler that listeners hand packets to, and the one function that does it: handle.

package transport

import (
	"context"
	"net/netip"
)

// Client is the sender of a packet.
type Client struct {
	Addr     netip.AddrPort
	Protocol Protocol
	// Idle is how long the connection may be silent from now on, in units of 100 ms as in RFC 7828;
	// 0 where the transport announces no time in messages.
	Idle uint16
	// Ends reports whether the connection is about to end, whatever Idle is.
	Ends bool
	// Early reports whether the packet came as 0-RTT data: it may be a replay.
	Early bool
	// Room is the largest answer that the client's link takes in one packet, in octets; 0: any.
	Room uint16
}

// Handler answers packets.
type Handler interface {
	// Handle answers a packet at once if that needs no more than memory: it appends the answer to
	// buf, which is empty. It runs in the reader's goroutine, does not block, and keeps no
	// reference to packet and buf. If the answer has to be resolved, it returns a Pending. If it
	// returns neither, nothing is sent to the client.
	Handle(packet []byte, from Client, buf []byte) (answer []byte, p Pending)
}

// Pending is a query whose answer has to be resolved. The transport may drop it if it has no place
// for one more.
type Pending interface {
	// Resolve returns at once. reply is called once, from any goroutine, perhaps before Resolve
	// returns, with nil for no answer. client ends when the client has gone: the answer is not
	// needed then, and reply has to be called soon.
	Resolve(client context.Context, reply func([]byte))
}

// result is the outcome of a packet.
type result uint8

const (
	answered   result = iota // the reply is to be sent
	pending                  // the reply comes later
	silent                   // there is no reply
	dropped                  // there must be none: the client may not ask
	turnedAway               // there is no place for one more query in work
	hungUp                   // the client has gone
)

// waiting is how a query waits for an answer that has to be resolved.
type waiting struct {
	// client ends when the client has gone, if that can be known.
	client context.Context
	// reply sends the answer, from any goroutine; nil: there is none.
	reply func(answer []byte)
	// release gives back the place that wait took. It is called once, after reply.
	release func()
}

// handle answers a packet: it appends the handler's answer to buf if there is one at once. All
// transports call it for their packets. wait is called for a pending query before it is resolved.
// It takes a place for the query, and may block until there is one; it returns false if there is
// none.
//
// An immediate answer costs no allocation: wait does not escape from handle.
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

// await is handle for transports with a goroutine for each query. It waits for the answer, and
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

// ClientPrefix returns the network that counts as one client: the address's /24 or /56.
func ClientPrefix(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil { // the address has fewer bits
		return netip.PrefixFrom(a, a.BitLen())
	}
	return p
}
