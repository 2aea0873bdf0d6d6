// What is held for connections: octets of messages that are not whole, and of answers that their
// clients have not taken.

package transport

import "bailiwick/internal/cause"

// hold counts octets that are held for the connection in or, negative, out. When all connections
// together hold more than Gate.octets, the largest holder is cut: of the client that holds most,
// the connection that holds most, and so on until an eighth is free. A client's connections count
// together, so that many small ones do not outlive one of somebody else.
func (s *seat) hold(octets int) {
	if octets != 0 && s.count(octets) > s.gate.octets && octets > 0 {
		s.gate.cut()
	}
}

// tryHold counts octets in, if that is possible without cutting anybody.
func (s *seat) tryHold(octets int) bool {
	if s.gate.held.Load()+int64(octets) > s.gate.octets {
		return false
	}
	s.hold(octets)
	return true
}

// keep counts a query that is kept until its answer is there, if it is large; it returns what is
// to be counted out then. Small ones are bounded by the number of queries in work.
func (s *seat) keep(octets int) int {
	if octets <= smallQuery {
		return 0
	}
	s.hold(octets)
	return octets
}

// count changes what is held, and returns what all connections hold.
func (s *seat) count(octets int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return 0
	}
	return s.add(int64(octets))
}

// add is count's arithmetic. The caller holds mu.
func (s *seat) add(octets int64) int64 {
	s.held.Add(octets)
	if s.client != nil {
		s.client.held.Add(octets)
	}
	return s.gate.held.Add(octets)
}

// writeOff counts nothing more for a connection that ends.
func (s *seat) writeOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(-s.held.Load())
	s.off = true
}

// Held is how many octets are held for connections now.
func (g *Gate) Held() int64 { return g.held.Load() }

// cut ends the largest holders.
func (g *Gate) cut() {
	var victims []*seat
	g.mu.Lock()
	for g.held.Load() > g.octets-g.octets/8 {
		s := g.largest()
		if s == nil {
			break
		}
		s.writeOff()
		g.remove(s)
		victims = append(victims, s)
	}
	g.mu.Unlock()
	for _, s := range victims {
		s.close(cause.HeldOctets)
	}
}

// largest finds the connection that holds most of the client that holds most; nil if none holds
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

// holding is what one exchange holds for a connection: what is small is not counted.
type holding struct {
	seat    *seat
	octets  int
	counted int
}

// more counts octets that are held until release.
func (h *holding) more(octets int) {
	if h.octets += octets; h.octets > burstSize {
		h.seat.hold(h.octets - h.counted)
		h.counted = h.octets
	}
}

func (h *holding) release() { h.seat.hold(-h.counted) }
