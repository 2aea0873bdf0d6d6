// Pacing: delayed answers over UDP are sent one after the other, not in one pulse.
//
// An attacker who forges a victim's address can have queries wait for one slow answer, for seconds.
// If all of them were answered at the same moment, the pulse would be many times as dense as the
// queries were (DNSBomb, CVE-2024-33655). So an address gets only a few answers at once, or as many
// as it asks for at the time; the others follow within milliseconds. Answers from the cache are not
// paced: they are sent when the query comes. Nor are answers to clients whose address is proven.

package server

import (
	"net/netip"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
)

// pacer paces the answers of all addresses.
type pacer struct {
	observe Observer
	guard   *guard.Guard
	ledger  *ledger.Ledger
	began   time.Time

	mu sync.Mutex
	// clients are the addresses that have queries in work, or answers held back; guarded by mu
	clients map[netip.Addr]*paced
	held    int            // answers held back, for all addresses; guarded by mu
	closed  bool           // guarded by mu
	wg      sync.WaitGroup // of goroutines that timers have started
}

// paced is the state of an address. All of it is guarded by the pacer's mu.
type paced struct {
	questions int // queries in work
	window    int64
	sent      int // in this window
	span      int64
	asked     [2]int // queries in this span, and in the one before
	queue     []func()
	timer     *time.Timer
}

func newPacer(o Observer, g *guard.Guard, l *ledger.Ledger) *pacer {
	return &pacer{observe: o, guard: g, ledger: l, began: time.Now(),
		clients: map[netip.Addr]*paced{}}
}

// turn starts a new window or span if the time has come.
func (c *paced) turn(at time.Duration) {
	if w := int64(at / paceWindow); w != c.window {
		c.window, c.sent = w, 0
	}
	switch s := int64(at / paceSpan); {
	case s == c.span+1:
		c.span, c.asked = s, [2]int{0, c.asked[0]}
	case s != c.span:
		c.span, c.asked = s, [2]int{}
	}
}

// room is how many answers may be sent in this window: for a client that sends many queries, twice
// the number that it sends in a window.
func (c *paced) room() int {
	usual := 2 * max(c.asked[0], c.asked[1]) * int(paceWindow) / int(paceSpan)
	return max(MaxPulse, usual) - c.sent
}

// enter counts a query of an address that begins to be resolved.
func (p *pacer) enter(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[a]
	if c == nil {
		c = &paced{}
		p.clients[a] = c
	}
	c.turn(time.Since(p.began))
	c.questions++
	c.asked[0]++
}

// leave counts a query that has ended.
func (p *pacer) leave(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[a]
	c.questions--
	p.forget(a, c)
}

// forget drops the state of an address without queries or answers held back. The caller holds mu.
func (p *pacer) forget(a netip.Addr, c *paced) {
	if c.questions == 0 && len(c.queue) == 0 {
		delete(p.clients, a)
	}
}

// pass sends an answer to an address that has entered, holds it back, or drops it, and reports
// whether it was sent. If not, it calls tell, unless tell is nil.
func (p *pacer) pass(a netip.Addr, send func(), tell func(event.Kind)) (sent bool) {
	if sent = p.may(a, send, tell); sent {
		send()
	}
	return sent
}

// may reports whether an answer may be sent now; if not, it is held back or dropped.
func (p *pacer) may(a netip.Addr, send func(), tell func(event.Kind)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[a]
	c.turn(time.Since(p.began))
	switch {
	case p.closed:
		return true
	case len(c.queue) == 0 && c.room() > 0:
		c.sent++
		return true
	case len(c.queue) >= maxPaced || p.held >= maxPacedInAll ||
		!p.ledger.Try(ledger.Answers, answerBytes):
		p.observe.Limit(cause.LimitPulse)
		if tell != nil {
			tell(event.Limit)
		}
		return false
	}
	p.observe.Paced()
	if tell != nil {
		tell(event.Paced)
	}
	c.queue = append(c.queue, send)
	p.held++
	if c.timer == nil {
		c.timer = time.AfterFunc(paceWindow, func() { p.next(a) })
	}
	return false
}

// next sends the answers that a window has room for.
func (p *pacer) next(a netip.Addr) {
	now := p.take(a)
	if now == nil {
		return
	}
	defer p.wg.Done()
	for _, send := range now {
		p.guard.Run(guard.Query, send)
	}
}

// take removes from the queue the answers that the window has room for. The caller sends them.
func (p *pacer) take(a netip.Addr) []func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[a]
	if c == nil || p.closed {
		return nil
	}
	p.wg.Add(1)
	c.turn(time.Since(p.began))
	n := min(len(c.queue), max(c.room(), 0))
	now := c.queue[:n:n]
	c.queue, c.sent, p.held = c.queue[n:], c.sent+n, p.held-n
	p.ledger.Add(ledger.Answers, -answerBytes*int64(n))
	if c.timer = nil; len(c.queue) > 0 {
		c.timer = time.AfterFunc(paceWindow, func() { p.next(a) })
	}
	p.forget(a, c)
	return now
}

// close sends the answers that are held back, and waits for all that are being sent.
func (p *pacer) close() {
	for _, send := range p.rest() {
		p.guard.Run(guard.Query, send)
	}
	p.wg.Wait()
}

// rest empties all queues and returns the answers in them.
func (p *pacer) rest() (all []func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for a, c := range p.clients {
		if c.timer != nil {
			c.timer.Stop()
		}
		all = append(all, c.queue...)
		c.queue = nil
		p.forget(a, c)
	}
	p.ledger.Add(ledger.Answers, -answerBytes*int64(p.held))
	p.held = 0
	return all
}
