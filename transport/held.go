// Octets held for connections: of incomplete messages, and of answers that clients have not read.

package transport

import "bailiwick/internal/cause"

// hold counts octets that are held for the connection in or, negative, out. If the total would
// exceed Gate.octets, the largest holder is cut: of the client that holds most, the connection that
// holds most, and so on until an eighth is free. A client's connections count together, so that
// many small ones do not outlast one large connection of another client.
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
		if held+int64(octets) > s.gate.octets {
			return false
		}
		if all.CompareAndSwap(held, held+int64(octets)) {
			s.own(int64(octets))
			return true
		}
	}
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

// count adds to the octets held.
func (s *seat) count(octets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.off {
		s.gate.held.Add(int64(octets))
		s.own(int64(octets))
	}
}

// own adds to the octets that the connection and its client hold. The caller holds mu.
func (s *seat) own(octets int64) {
	s.held.Add(octets)
	if s.client != nil {
		s.client.held.Add(octets)
	}
}

// writeOff ends the counting for a connection that ends.
func (s *seat) writeOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held.Load()
	s.gate.held.Add(-held)
	s.own(-held)
	s.off = true
}

// Held returns how many octets are held for connections now.
func (g *Gate) Held() int64 { return g.held.Load() }

// cut counts in octets that exceed the limit, for one connection at a time, and ends the largest
// holders.
func (g *Gate) cut(s *seat, octets int) {
	var victims []*seat
	g.mu.Lock()
	s.count(octets)
	for g.held.Load() > g.octets-g.octets/8 {
		most := g.largest()
		if most == nil {
			break
		}
		most.writeOff()
		g.remove(most)
		victims = append(victims, most)
	}
	g.mu.Unlock()
	for _, v := range victims {
		v.close(cause.HeldOctets)
	}
}

// largest returns the connection that holds most, of the client that holds most; nil if none holds
// anything. The caller holds mu.
func (g *Gate) largest() (s *seat) {
	var most *sharer
	held := int64(0)
	for _, c := range g.clients {
		if n := c.held.Load(); n > held {
			most, held = c, n
		}
	}
	if most == nil {
		return nil
	}
	held = 0
	for o := range most.seats {
		if n := o.held.Load(); n > held {
			s, held = o, n
		}
	}
	return s
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
