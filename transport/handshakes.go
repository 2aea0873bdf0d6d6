// Limiting TLS handshakes: one costs more than thousands of answers.

package transport

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// handshakes limits how many TLS handshakes compute at once, in all and for each client. A
// handshake that waits for its client has no turn, so that silent clients delay nobody.
type handshakes struct {
	slots chan struct{}

	mu      sync.Mutex
	clients map[netip.Prefix]*queue // guarded by mu
}

// queue is the turns of one client.
type queue struct {
	slots chan struct{}
	users int // handshakes that are under way; guarded by handshakes.mu
}

func (h *handshakes) init() {
	h.slots = make(chan struct{}, maxHandshakes)
	h.clients = map[netip.Prefix]*queue{}
}

// join returns the queue of a client.
func (h *handshakes) join(p netip.Prefix) *queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.clients[p]
	if q == nil {
		q = &queue{slots: make(chan struct{}, maxHandshakesPerClient)}
		h.clients[p] = q
	}
	q.users++
	return q
}

// leave ends a handshake of a client.
func (h *handshakes) leave(p netip.Prefix, q *queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(h.clients, p)
	}
}

// place is one handshake. It has a turn only between begin and end.
type place struct {
	ctx   context.Context
	all   chan struct{}
	own   chan struct{} // nil: the client is not known yet
	has   bool
	spoke func() // called at the first octet
}

// begin waits for a turn.
func (t *place) begin() error {
	if t.spoke != nil {
		t.spoke()
		t.spoke = nil
	}
	if t.own != nil {
		select {
		case t.own <- struct{}{}:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
	select {
	case t.all <- struct{}{}:
		t.has = true
		return nil
	case <-t.ctx.Done():
		if t.own != nil {
			<-t.own
		}
		return t.ctx.Err()
	}
}

// end gives back the turn if the handshake has one.
func (t *place) end() {
	if !t.has {
		return
	}
	t.has = false
	<-t.all
	if t.own != nil {
		<-t.own
	}
}

// place returns the place of a connection's handshake; leave ends it. The client has firstOctetTime
// for its first octet, down to minFirstOctetTime while seats run short.
func (c *conn) place(ctx context.Context) (t *place, leave func()) {
	h := &c.seat.gate.turns
	_ = c.SetReadDeadline(time.Now().Add(min(firstOctetTime,
		max(minFirstOctetTime, c.seat.patience()))))
	t = &place{ctx: ctx, all: h.slots, spoke: func() { _ = c.SetReadDeadline(time.Time{}) }}
	if c.seat.client == nil {
		return t, t.end
	}
	q := h.join(c.seat.prefix)
	t.own = q.slots
	return t, func() {
		t.end()
		h.leave(c.seat.prefix, q)
	}
}
