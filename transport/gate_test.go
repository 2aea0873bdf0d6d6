package transport

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"io"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
)

// gateOf returns a gate with a configuration; zero fields have the defaults.
func gateOf(c GateConfig) *Gate {
	d := Default().Gate
	c.Max, c.Queries = cmp.Or(c.Max, d.Max), cmp.Or(c.Queries, d.Queries)
	c.Idle, c.Memory = cmp.Or(c.Idle, d.Idle), cmp.Or(c.Memory, d.Memory)
	return NewGate(c)
}

func TestMaxConnectionsDisplacesTheIdlest(t *testing.T) {
	g := gateOf(GateConfig{Max: 4, PerClient: 2})
	var ended []int
	seats := make([]*seat, 6)
	for i := range seats {
		seats[i] = g.enter(TCP, func(c cause.Cause) {
			if c != cause.ConnectionDisplaced {
				t.Errorf("seat %d ended for %v", i, c)
			}
			ended = append(ended, i)
		})
		if !seats[i].belongs(netip.AddrFrom4([4]byte{192, 0, byte(i), 1})) {
			t.Errorf("client %d gets no seat", i)
		}
		seats[i].last.Store(int64(10 - i)) // the later, the longer idle
	}
	if len(ended) != 2 || ended[0] != 3 || ended[1] != 4 {
		t.Errorf("displaced %v, want the idlest each time: 3, then 4", ended)
	}
	seats[0].leave()
	seats[0].leave()
	if s := g.enter(TCP, nil); !s.belongs(netip.MustParseAddr("192.0.9.1")) || len(g.seats) != 4 {
		t.Errorf("a seat that was left is not free: %d taken", len(g.seats))
	}
}

// RFC 9210, section 4.4: the more seats are taken, the shorter a connection may be idle.
func TestPatience(t *testing.T) {
	for taken, want := range map[int]time.Duration{0: 10 * time.Second, 50: 10 * time.Second,
		75: 5 * time.Second, 95: time.Second, 100: minIdle} {
		if got := patience(10*time.Second, taken, 100); got != want {
			t.Errorf("%d of 100 seats taken: %v, want %v", taken, got, want)
		}
	}
}

// Connections above a client's share are refused. Connections above the total displace an idle one.
// Both are counted.
func TestConnectionLimits(t *testing.T) {
	at, _, w := listener(t, TCP, func(s *Spec) {
		s.Gate = gateOf(GateConfig{Max: 100,
			PerClient: 2})
	})
	open := func() *testConn { return dialTCP(t, at) }
	a, b := open(), open()
	a.ask(t, "fast")
	b.ask(t, "fast")
	if c := open(); c.answers("fast") {
		t.Error("a third connection of one client")
	}
	w.await(t, cause.ConnectionsPerClient)

	at, _, w = listener(t, TCP, func(s *Spec) {
		s.Gate = gateOf(GateConfig{Max: 2,
			PerClient: 10})
	})
	a, b = open(), open()
	a.ask(t, "fast")
	b.ask(t, "fast")
	c := open()
	c.ask(t, "fast")
	w.await(t, cause.ConnectionDisplaced)
	// Which of them was idle for longer depends on the scheduling of their goroutines, and so does
	// whether it answers once more before it leaves.
	stays := b
	for a.answers("fast") {
		if !b.answers("fast") {
			stays = a
			break
		}
	}
	if !stays.answers("fast") {
		t.Error("both have left")
	}
}

// No more than maxLingering connections are read after their end was announced.
func TestMaxLingering(t *testing.T) {
	limittest.Met(t, limit.Lingering)
	g := NewGate(Default().Gate)
	for i := range maxLingering {
		if !g.linger() {
			t.Fatalf("no place after %d", i)
		}
	}
	if g.linger() {
		t.Error("one too many")
	}
	if g.unlinger(); !g.linger() || g.linger() {
		t.Error("a place that was given back is not there once")
	}
}

// The more seats are taken, the shorter the open connections may be idle (RFC 9210, section 4.4).
func TestPatienceFollowsTheSeats(t *testing.T) {
	g := gateOf(GateConfig{Max: 4, PerClient: 4, Idle: 10 * time.Second})
	s := g.enter(TCP, nil)
	for taken := 1; taken <= 4; taken++ {
		one := s
		if taken > 1 {
			one = g.enter(TCP, nil)
		}
		if !one.belongs(netip.MustParseAddr("192.0.2.1")) {
			t.Fatal("no seat")
		}
		if got, want := s.patience(), patience(10*time.Second, taken, 4); got != want {
			t.Errorf("%d of 4 seats taken: %v, want %v", taken, got, want)
		}
	}
}

// Less is allowed from now on: no connection ends by that. Where more are open than may be, their
// number does not grow, they may be idle for the shortest time only, and a client that has its
// share gets no more. What is allowed again holds at once.
func TestAllowEndsNoConnection(t *testing.T) {
	g := gateOf(GateConfig{Max: 10, PerClient: 10, Idle: 10 * time.Second})
	ended := 0
	enter := func(client byte) (*seat, bool) {
		s := g.enter(TCP, func(cause.Cause) { ended++ })
		in := s.belongs(netip.AddrFrom4([4]byte{192, 0, client, 1}))
		if !in {
			s.leave()
		}
		return s, in
	}
	var open []*seat
	for i := range byte(8) {
		s, _ := enter(i % 2)
		open = append(open, s)
	}
	g.Allow(GateConfig{Max: 4, PerClient: 2, Queries: 7, Idle: 5 * time.Second, Memory: 1 << 20})
	if ended != 0 || g.Taken() != 8 || g.Seats() != 4 || g.PerClient() != 2 {
		t.Errorf("%d ended, %d of %d taken, %d for a client", ended, g.Taken(), g.Seats(),
			g.PerClient())
	}
	if got := open[0].patience(); got != minIdle {
		t.Errorf("the open ones may be idle for %v", got)
	}
	if _, in := enter(0); in || ended != 0 {
		t.Error("a client that has its share gets one more, or another one ends")
	}
	if _, in := enter(9); !in || ended != 1 || g.Taken() != 8 {
		t.Errorf("%d ended for a new client, %d taken", ended, g.Taken())
	}
	g.Allow(GateConfig{Max: 100, PerClient: 50, Idle: 20 * time.Second, Memory: 1 << 20})
	if got := open[0].patience(); got != 20*time.Second {
		t.Errorf("with more seats they may be idle for %v", got)
	}
	if _, in := enter(0); !in || ended != 1 {
		t.Error("what is allowed again is refused")
	}
}

// What the descriptors leave is the most that any configuration allows, at the start and later.
func TestAllowStaysWithinDescriptors(t *testing.T) {
	g := gateOf(GateConfig{Max: 10, Descriptors: 128})
	g.Allow(GateConfig{Max: 8192, Idle: time.Second, Memory: 1 << 20})
	if g.Seats() != 48 || g.PerClient() != 9 {
		t.Errorf("%d seats, %d for a client", g.Seats(), g.PerClient())
	}
}

// How long a connection may be silent changes for HTTP/1.1 and QUIC too, where libraries end it:
// for open connections of HTTP/1.1, and for those of QUIC that are to come.
func TestAllowChangesIdleTimesOfLibraries(t *testing.T) {
	const long = 24 * time.Hour
	short := Default().Gate
	short.Idle = 20 * time.Millisecond
	var gate *Gate
	gated := func(s *Spec) {
		gate = gateOf(GateConfig{Idle: long})
		s.Gate = gate
	}
	at, _, _ := listener(t, DoH, gated)
	cfg := insecureTLS.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	c, err := tls.Dial("tcp", at.String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	gate.Allow(short)
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 404")) {
		t.Errorf("HTTP/1.1: %.20s, %v", b, err)
	}
	at, _, _ = listener(t, DoQ, gated)
	gate.Allow(short)
	q := dialDoQ(t, at)
	select {
	case <-q.Context().Done():
	case <-time.After(20 * time.Second):
		t.Error("QUIC: the connection stays")
	}
}
