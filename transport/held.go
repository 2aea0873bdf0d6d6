// What is held for connections: octets of incomplete messages and of answers that clients have not
// read, and fixed charges for the connections and their streams.

package transport

import (
	"container/heap"
	"sync/atomic"

	"bailiwick/internal/cause"
	"bailiwick/internal/ledger"
)

// load is what a connection or a client holds, in bytes.
type load struct {
	held  atomic.Int64 // of messages
	fixed atomic.Int64 // charges
}

// hold counts octets that are held for the connection in or, negative, out. If the total would
// exceed what is allowed or the ledger's total, the largest holder is cut: of the client that holds
// most, the connection that holds most, and so on until an eighth is free. A client's connections
// count together, so that many small ones do not outlast one large connection of another client.
func (s *seat) hold(octets int) {
	switch {
	case octets < 0:
		s.count(octets)
	case octets > 0 && !s.tryHold(octets):
		s.gate.cut(s, octets)
	}
}

// tryHold counts octets in, unless that would cut a connection.
func (s *seat) tryHold(octets int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return true
	}
	for all := &s.gate.held; ; {
		held := all.Load()
		if held+int64(octets) > s.gate.allowed.Load().octets {
			return false
		}
		if all.CompareAndSwap(held, held+int64(octets)) {
			break
		}
	}
	if !s.gate.ledger.Try(ledger.Messages, int64(octets)) {
		s.gate.held.Add(-int64(octets))
		return false
	}
	s.own(int64(octets), 0)
	return true
}

// keep counts in a large query while it is in work. It returns the number of octets to count out
// afterwards. Small queries are bounded by the number of queries in work.
func (s *seat) keep(octets int) int {
	if octets <= smallQuery {
		return 0
	}
	s.hold(octets)
	return octets
}

// charge draws a fixed amount for the connection or a stream of it. It returns false if memory is
// short.
func (s *seat) charge(bytes int64) bool {
	if !s.gate.ledger.Draw(ledger.Connections, bytes) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		s.gate.ledger.Add(ledger.Connections, -bytes)
	} else {
		s.own(0, bytes)
	}
	return true
}

// discharge gives back what charge has drawn.
func (s *seat) discharge(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.off {
		s.gate.ledger.Add(ledger.Connections, -bytes)
		s.own(0, -bytes)
	}
}

// count adds to the octets held.
func (s *seat) count(octets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.off {
		s.gate.held.Add(int64(octets))
		s.gate.ledger.Add(ledger.Messages, int64(octets))
		s.own(int64(octets), 0)
	}
}

// own adds to what the connection and its client hold. The caller holds mu.
func (s *seat) own(octets, fixed int64) {
	s.held.Add(octets)
	s.fixed.Add(fixed)
	if s.client != nil {
		s.client.held.Add(octets)
		s.client.fixed.Add(fixed)
	}
}

// writeOff ends the counting for a connection that ends.
func (s *seat) writeOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, fixed := s.held.Load(), s.fixed.Load()
	s.gate.held.Add(-held)
	s.gate.ledger.Add(ledger.Messages, -held)
	s.gate.ledger.Add(ledger.Connections, -fixed)
	s.own(-held, -fixed)
	s.off = true
}

// Held returns how many octets are held for connections now.
func (g *Gate) Held() int64 { return g.held.Load() }

// cut counts in octets that exceed a limit, for one connection at a time, and ends the largest
// holders.
func (g *Gate) cut(s *seat, octets int) {
	g.mu.Lock()
	s.count(octets)
	most := g.allowed.Load().octets
	victims := g.cutWhile(func() bool { return g.held.Load() > most-most/8 },
		func(l *load) int64 { return l.held.Load() })
	victims = append(victims, g.cutShort()...)
	g.mu.Unlock()
	closeAll(victims)
}

// giveWay ends the largest holders while memory is short and connections hold more than their half.
func (g *Gate) giveWay() {
	g.mu.Lock()
	victims := g.cutShort()
	g.mu.Unlock()
	closeAll(victims)
}

// cutShort is giveWay with mu held; the caller closes the connections.
func (g *Gate) cutShort() []*seat {
	return g.cutWhile(func() bool { return g.ledger.Full() || g.ledger.Above(ledger.Clients) },
		func(l *load) int64 { return l.held.Load() + l.fixed.Load() })
}

// cutWhile removes the largest holders while there is more than may be: of the client that holds
// most, the connection that holds most, and so on. The caller holds mu, and closes the connections.
func (g *Gate) cutWhile(tooMuch func() bool, weight func(*load) int64) (victims []*seat) {
	if !tooMuch() {
		return nil
	}
	var all holders
	for _, c := range g.clients {
		if n := weight(&c.load); n > 0 {
			all = append(all, clientLoad{c, n})
		}
	}
	heap.Init(&all)
	for tooMuch() && len(all) > 0 {
		top := &all[0]
		if most := top.largest(weight); most != nil {
			most.writeOff()
			g.remove(most)
			victims = append(victims, most)
			top.bytes = weight(&top.load)
		} else {
			top.bytes = 0
		}
		if top.bytes > 0 {
			heap.Fix(&all, 0)
		} else {
			heap.Pop(&all)
		}
	}
	return victims
}

// holders are clients, as a heap: the one that holds most is the first. To cut many costs no more
// than to look at all once.
type holders []clientLoad

// clientLoad is a client, with what it held when it was looked at.
type clientLoad struct {
	*sharer
	bytes int64
}

func (h holders) Len() int           { return len(h) }
func (h holders) Less(i, j int) bool { return h[i].bytes > h[j].bytes }
func (h holders) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *holders) Push(c any) { *h = append(*h, c.(clientLoad)) }

// Pop implements heap.Interface.
func (h *holders) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	*h = (*h)[:last]
	return c
}

// largest returns the connection of a client that holds most; nil if none holds anything. The
// caller holds gate.mu.
func (c *sharer) largest(weight func(*load) int64) (s *seat) {
	held := int64(0)
	for o := range c.seats {
		if n := weight(&o.load); n > held {
			s, held = o, n
		}
	}
	return s
}

func closeAll(victims []*seat) {
	for _, v := range victims {
		v.close(cause.HeldOctets)
	}
}

// holding is the octets that one exchange holds for a connection. Small amounts are not counted.
type holding struct {
	seat    *seat
	octets  int
	counted int
}

// more counts in octets that are held until release.
func (h *holding) more(octets int) {
	if h.octets += octets; h.octets > burstSize {
		h.seat.hold(h.octets - h.counted)
		h.counted = h.octets
	}
}

func (h *holding) release() { h.seat.hold(-h.counted) }
