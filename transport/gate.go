// How many connections clients may have open, all connection-oriented transports together.

package transport

import (
	"cmp"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
)

// Gate counts connections in and out. A client that has its share of connections is refused. For
// any other client a new connection displaces an idle one when all seats are taken (RFC 9210,
// section 4.5 asks for such management). The share is checked first: a client that has its share
// displaces nobody.
//
// It also counts the octets that are held for connections, see [Gate.hold].
type Gate struct {
	allowed   atomic.Pointer[allowance]
	inFlight  int            // queries in work on one connection
	share     int            // queries in work on all connections of a client; 0: no limit
	nameless  int            // connections that may wait for a PROXY header
	lingering int            // connections that may be read after their end was announced
	ledger    *ledger.Ledger // that all of it is drawn from; nil: no limit

	taken atomic.Int64 // seats
	held  atomic.Int64 // octets

	proxies   sources    // proxies whose wrong headers were logged
	strangers sources    // others whose headers were logged
	turns     handshakes // of TLS handshakes

	mu      sync.Mutex
	seats   map[*seat]struct{}       // taken; guarded by mu
	unknown map[*seat]struct{}       // connections whose client is not known yet; guarded by mu
	clients map[netip.Prefix]*sharer // guarded by mu
	lingers int                      // guarded by mu

	descriptors int // of the process; 0: no limit
	reserved    int // of them, for others than connections
}

// allowance is what the operator allows; it is immutable.
type allowance struct {
	max, perClient int
	queries        int64
	idle           time.Duration
	octets         int64
}

// GateConfig is the operator's configuration of connections.
type GateConfig struct {
	Max       int           // connections at once
	PerClient int           // of them from one client prefix; 0: a fifth of Max
	Queries   int64         // on one connection; then it is closed in an orderly way
	Idle      time.Duration // that a connection may be silent
	Memory    int64         // bytes held for all connections
	// Descriptors is how many descriptors the process may have open; 0: no limit.
	Descriptors int
	// Demand is what it may need of them; the zero value: as by default.
	Demand Demand
	// Ledger is what connections and all that is held for them are drawn from; nil: no limit.
	Ledger *ledger.Ledger
}

// NewGate returns a gate with all seats free.
func NewGate(c GateConfig) *Gate {
	g := &Gate{inFlight: maxInFlight, nameless: maxNameless, lingering: maxLingering,
		ledger: c.Ledger, seats: map[*seat]struct{}{}, unknown: map[*seat]struct{}{},
		clients: map[netip.Prefix]*sharer{}, descriptors: c.Descriptors}
	g.turns.init()
	g.ledger.OnShort(g.giveWay)
	if c.Descriptors > 0 {
		g.reserve(c.Descriptors, cmp.Or(c.Demand.reserve(), descriptorReserve))
	}
	g.Allow(c)
	return g
}

// Allow changes what connections are allowed; Descriptors, Demand and Ledger of c do not count,
// they hold from the start. It ends no connection. Where more are open now than may be, their
// number does not grow: each new one displaces an idle one, as ever, and all may be idle for a
// short time only.
func (g *Gate) Allow(c GateConfig) {
	a := &allowance{max: c.Max, perClient: c.PerClient, queries: c.Queries, idle: c.Idle,
		octets: c.Memory}
	if g.descriptors > 0 {
		a.max = max(1, min(a.max, g.descriptors-g.reserved-g.nameless-g.lingering))
	}
	if a.perClient == 0 {
		a.perClient = max(a.max/5, 1)
	}
	g.allowed.Store(a)
}

// reserve leaves descriptors for listeners, upstream sockets and files: what they may need, or
// half of the limit if that is less. Connections without a seat, at their begin or their end, are
// counted separately.
func (g *Gate) reserve(limit, demand int) {
	g.nameless = max(1, min(maxNameless, limit/16))
	g.lingering = max(1, min(maxLingering, limit/16))
	g.reserved = min(limit/2, demand)
	if g.reserved < demand { // each query may take a socket
		g.share = max(minInFlight, g.reserved/5)
		g.inFlight = min(maxInFlight, g.share)
	}
}

// Seats returns how many connections may be open.
func (g *Gate) Seats() int { return g.allowed.Load().max }

// Taken returns how many connections are open.
func (g *Gate) Taken() int { return int(g.taken.Load()) }

// PerClient returns how many connections one client prefix may have.
func (g *Gate) PerClient() int { return g.allowed.Load().perClient }

// Reserved returns how many descriptors connections do not use; 0 where the limit is not known.
func (g *Gate) Reserved() int { return g.reserved }

// sharer is a client prefix with its seats, octets and queries.
type sharer struct {
	seats map[*seat]struct{} // guarded by gate.mu
	load
	work chan struct{} // one for each query in work; nil: not limited
}

// work waits until the client may have one more query in work; done ends that query.
func (s *seat) work() {
	if s.client.work != nil {
		s.client.work <- struct{}{}
	}
}

// tryWork is like work but does not wait. It returns false if the client has its share.
func (s *seat) tryWork() bool {
	if s.client.work == nil {
		return true
	}
	select {
	case s.client.work <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *seat) done() {
	if s.client.work != nil {
		<-s.client.work
	}
}

// seat is a connection that was let in.
type seat struct {
	gate   *Gate
	via    Protocol
	prefix netip.Prefix
	client *sharer // nil while it is not known
	close  func(cause.Cause)
	last   atomic.Int64 // the age at which it was last used
	gone   bool         // guarded by gate.mu

	mu   sync.Mutex
	load      // written under mu
	off  bool // the connection ends, and what it holds is no longer counted; guarded by mu
}

// displaceSample is how many connections are compared to find an idle one. The idlest of 16 is
// among the idlest fifth of all but for one time in forty, and no list has to be kept in order.
const displaceSample = 16

// enter lets a connection of a protocol in until its client is known. Until then it has no seat,
// and displaces only connections whose client is not known either. end closes the connection for a
// cause; it may be called at any time until leave returns.
func (g *Gate) enter(p Protocol, end func(cause.Cause)) *seat {
	s := &seat{gate: g, close: end, via: p}
	s.touch(time.Now())
	g.mu.Lock()
	var idlest *seat
	if len(g.unknown) >= g.nameless {
		idlest = g.idlest(g.unknown)
		g.remove(idlest)
	}
	g.unknown[s] = struct{}{}
	g.mu.Unlock()
	if idlest != nil {
		idlest.close(cause.ConnectionDisplaced)
	}
	return s
}

// idleOf returns how long connections of a protocol may be silent while there are seats.
func (g *Gate) idleOf(p Protocol) time.Duration {
	idle := g.allowed.Load().idle
	if p.HTTP() {
		return httpIdleFactor * idle
	}
	return idle
}

// idlest finds a connection that has been idle for long. The caller holds mu.
func (g *Gate) idlest(seats map[*seat]struct{}) (idlest *seat) {
	n := 0
	for o := range seats {
		if idlest == nil || o.last.Load() < idlest.last.Load() {
			idlest = o
		}
		if n++; n == displaceSample {
			break
		}
	}
	return idlest
}

// belongs assigns the connection to a client, and takes its seat. It returns false if the client
// has its share of seats already, or the connection was displaced meanwhile.
func (s *seat) belongs(a netip.Addr) bool {
	g, p := s.gate, ClientPrefix(a.Unmap())
	allowed := g.allowed.Load()
	g.mu.Lock()
	c := g.clients[p]
	if s.gone || c != nil && len(c.seats) >= allowed.perClient {
		g.mu.Unlock()
		return false
	}
	var idlest *seat
	if len(g.seats) >= allowed.max {
		idlest = g.idlest(g.seats)
		g.remove(idlest)
		c = g.clients[p] // the displaced connection may have been the client's only one
	}
	if c == nil {
		c = &sharer{seats: map[*seat]struct{}{}}
		if g.share > 0 {
			c.work = make(chan struct{}, g.share)
		}
		g.clients[p] = c
	}
	delete(g.unknown, s)
	s.prefix, s.client = p, c
	c.held.Add(s.held.Load())
	c.fixed.Add(s.fixed.Load())
	c.seats[s] = struct{}{}
	g.seats[s] = struct{}{}
	g.taken.Store(int64(len(g.seats)))
	g.mu.Unlock()
	if idlest != nil {
		idlest.close(cause.ConnectionDisplaced)
	}
	return true
}

// displace closes an idle connection to free its descriptor. It returns false if there is none.
func (g *Gate) displace() bool {
	g.mu.Lock()
	idlest := g.idlest(g.seats)
	if idlest == nil {
		idlest = g.idlest(g.unknown)
	}
	if idlest != nil {
		g.remove(idlest)
	}
	g.mu.Unlock()
	if idlest != nil {
		idlest.close(cause.Descriptors) // without lingering: the descriptor is needed now
	}
	return idlest != nil
}

// crowded reports whether a client has half of its share, or all clients together have more than
// half of the seats.
func (g *Gate) crowded(a netip.Addr) bool {
	allowed := g.allowed.Load()
	if 2*g.taken.Load() > int64(allowed.max) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.clients[ClientPrefix(a.Unmap())]
	return c != nil && 2*len(c.seats) >= allowed.perClient
}

// alive reports whether the connection has not been displaced.
func (s *seat) alive() bool {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return !s.gone
}

// touch records that the connection is in use.
func (s *seat) touch(now time.Time) { s.last.Store(age(now)) }

// leave gives the seat back, and counts out what is held for it.
func (s *seat) leave() {
	s.writeOff()
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.remove(s)
}

// remove frees a seat. A second call does nothing. The caller holds mu.
func (g *Gate) remove(s *seat) {
	if s.gone {
		return
	}
	s.gone = true
	delete(g.unknown, s)
	delete(g.seats, s)
	g.taken.Store(int64(len(g.seats)))
	if s.client != nil {
		delete(s.client.seats, s)
		if len(s.client.seats) == 0 {
			delete(g.clients, s.prefix)
		}
	}
}

// linger takes a place among the connections that are read after their end was announced. unlinger
// gives it back.
func (g *Gate) linger() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lingers >= g.lingering {
		limit.Lingering.Met()
		return false
	}
	g.lingers++
	return true
}

func (g *Gate) unlinger() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lingers--
}

// patience returns how long the connection may be silent now: the whole idle time while half of the
// seats are free, then less and less (RFC 7766, section 6.2.3; RFC 9210, section 4.4).
func (s *seat) patience() time.Duration {
	return patience(s.gate.idleOf(s.via), int(s.gate.taken.Load()), s.gate.Seats())
}

func patience(idle time.Duration, taken, seats int) time.Duration {
	if 2*taken <= seats {
		return idle
	}
	return max(idle*2*time.Duration(seats-taken)/time.Duration(seats), min(minIdle, idle))
}

// occasional decides whether to log an event that repeats.
type occasional struct{ last atomic.Int64 }

func (o *occasional) now(t time.Time) bool {
	last, now := o.last.Load(), age(t)
	return (last == 0 || now-last >= int64(logPause)) && o.last.CompareAndSwap(last, now)
}
