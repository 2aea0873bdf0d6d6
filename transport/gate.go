// How many connections clients may have open, all connection-oriented transports together.

package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
)

// Gate counts connections in and out. When all seats are taken a new connection displaces an idle one (RFC 9210, section 4.5 asks for
// such management); a client that has its share is refused.
type Gate struct {
	max, perClient int
	queries        int64
	idle           time.Duration

	mu      sync.Mutex
	seats   map[*seat]struct{}   // guarded by mu
	clients map[netip.Prefix]int // seats taken, by client; guarded by mu
}

// GateConfig is what the operator decides about connections. Zeros are the defaults.
type GateConfig struct {
	Max       int           // connections at once
	PerClient int           // of them from one client prefix
	Queries   int64         // on one connection; then it is closed in an orderly way
	Idle      time.Duration // that a connection may be silent
}

// NewGate returns a gate with all seats free.
func NewGate(c GateConfig) *Gate {
	g := &Gate{max: c.Max, perClient: c.PerClient, queries: c.Queries, idle: c.Idle, seats: map[*seat]struct{}{}, clients: map[netip.Prefix]int{}}
	if g.max == 0 {
		g.max = MaxConnections
	}
	if g.perClient == 0 {
		g.perClient = max(g.max/5, 1)
	}
	if g.queries == 0 {
		g.queries = MaxQueriesPerConnection
	}
	if g.idle == 0 {
		g.idle = MaxIdle
	}
	return g
}

// seat is a connection that was let in.
type seat struct {
	gate   *Gate
	client netip.Prefix // zero while it is not known
	close  func(cause.Cause)
	last   atomic.Int64 // when it last did something, as age has it
	gone   bool         // guarded by gate.mu
}

// displaceSample is how many connections are compared to find an idle one: the idlest of 16 is among the idlest fifth of all but for one
// time in forty, and no list has to be kept in order.
const displaceSample = 16

// enter takes a seat. end closes the connection, for the cause given; it may be called at any time until leave returns.
func (g *Gate) enter(end func(cause.Cause)) *seat {
	s := &seat{gate: g, close: end}
	s.touch(time.Now())
	g.mu.Lock()
	var idlest *seat
	if len(g.seats) >= g.max {
		n := 0
		for o := range g.seats {
			if idlest == nil || o.last.Load() < idlest.last.Load() {
				idlest = o
			}
			if n++; n == displaceSample {
				break
			}
		}
		g.remove(idlest)
	}
	g.seats[s] = struct{}{}
	g.mu.Unlock()
	if idlest != nil {
		idlest.close(cause.ConnectionDisplaced)
	}
	return s
}

// belongs says whose the connection is; false if the client has its share of seats already.
func (s *seat) belongs(a netip.Addr) bool {
	p := ClientPrefix(a.Unmap())
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	if s.gone || s.gate.clients[p] >= s.gate.perClient {
		return false
	}
	s.client = p
	s.gate.clients[p]++
	return true
}

// touch notes that the connection is in use.
func (s *seat) touch(now time.Time) { s.last.Store(age(now)) }

// leave gives the seat back.
func (s *seat) leave() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.remove(s)
}

// remove frees a seat; once. The caller holds mu.
func (g *Gate) remove(s *seat) {
	if s.gone {
		return
	}
	s.gone = true
	delete(g.seats, s)
	if s.client.IsValid() {
		if g.clients[s.client]--; g.clients[s.client] <= 0 {
			delete(g.clients, s.client)
		}
	}
}

// patience is how long a connection may be silent now: all of the time while half of the seats are free, then less and less (RFC 7766,
// section 6.2.3; RFC 9210, section 4.4).
func (g *Gate) patience() time.Duration {
	g.mu.Lock()
	taken := len(g.seats)
	g.mu.Unlock()
	return patience(g.idle, taken, g.max)
}

func patience(idle time.Duration, taken, seats int) time.Duration {
	if 2*taken <= seats {
		return idle
	}
	return max(idle*2*time.Duration(seats-taken)/time.Duration(seats), min(MinIdle, idle))
}
