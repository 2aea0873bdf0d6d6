package transport

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/pires/go-proxyproto"

	"bailiwick/internal/cause"
)

// full returns a gate with all seats taken, each by another client. It appends the causes of
// displacement to displaced.
func full(c GateConfig, displaced *[]cause.Cause) *Gate {
	g := gateOf(c)
	for i := range g.Seats() {
		s := g.enter(TCP, func(why cause.Cause) { *displaced = append(*displaced, why) })
		s.belongs(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}))
	}
	return g
}

// All seats are taken. One more connection of a client that has its share is refused, and displaces
// nobody. A connection of a client that has none displaces an idle one.
func TestShareComesBeforeDisplacement(t *testing.T) {
	var displaced []cause.Cause
	g := full(GateConfig{Max: 6, PerClient: 1}, &displaced)
	for _, a := range []string{"10.0.3.1", "10.0.3.200", "::ffff:10.0.3.7"} { // one /24
		if s := g.enter(TCP, nil); s.belongs(netip.MustParseAddr(a)) || len(displaced) > 0 {
			t.Errorf("%v has its share, and makes %d others leave", a, len(displaced))
		}
	}
	if s := g.enter(TCP, nil); !s.belongs(netip.MustParseAddr("192.0.2.1")) || len(displaced) != 1 {
		t.Errorf("who has none displaces %d, want one", len(displaced))
	}
	// An IPv6 client is its /56, whichever addresses of it are used.
	g = full(GateConfig{Max: 6, PerClient: 2}, &displaced)
	displaced = nil
	six := []string{"2001:db8:0:100::1", "2001:db8:0:1ff:2::1", "2001:db8:0:142::9"}
	for i, a := range six {
		if got := g.enter(TCP, nil).belongs(netip.MustParseAddr(a)); got != (i < 2) {
			t.Errorf("%v: %v", a, got)
		}
	}
	if len(displaced) != 2 {
		t.Errorf("%d displaced, want two", len(displaced))
	}
}

// The same holds behind a proxy. Until the header has come, a connection displaces only others
// whose client is not known. Then the client's share counts.
func TestShareComesBeforeDisplacementBehindAProxy(t *testing.T) {
	var displaced []cause.Cause
	g := full(GateConfig{Max: 6, PerClient: 1}, &displaced)
	at, h, w := listener(t, TCP, func(s *Spec) {
		s.Gate, s.ProxyFrom = g, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	header, err := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(10, 0, 2, 9),
		Port: 1},
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 53}).Format()
	if err != nil {
		t.Fatal(err)
	}
	c := dialTCP(t, at)
	if _, err := c.Write(append(header, appendFrame(nil, query("fast"))...)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFrame(c); err == nil || len(h.from()) > 0 {
		t.Error("a client that has its share is served")
	}
	w.await(t, cause.ConnectionsPerClient)
	if len(displaced) > 0 {
		t.Errorf("%d others had to leave for it", len(displaced))
	}
}

// The number of connections whose client is not known is bounded.
func TestNamelessConnectionsAreBounded(t *testing.T) {
	g := NewGate(Default().Gate)
	ended := 0
	for range maxNameless + 10 {
		g.enter(TCP, func(cause.Cause) { ended++ })
	}
	if ended != 10 || len(g.unknown) != maxNameless || g.Taken() != 0 {
		t.Errorf("%d ended, %d wait, %d seats", ended, len(g.unknown), g.Taken())
	}
}

// Connections leave descriptors for resolving: the seats, the connections that wait for a seat or
// are ending, and the reserve together never exceed the process's limit.
func TestDescriptorsBoundConnections(t *testing.T) {
	for _, c := range []struct{ limit, seats, reserved, inFlight int }{
		{0, maxConnections, 0, maxInFlight},
		{128, 48, 64, 12},
		{256, 96, 128, 25},
		{1024, 384, 512, maxInFlight},
		{1 << 20, maxConnections, descriptorReserve, maxInFlight},
	} {
		g := gateOf(GateConfig{Descriptors: c.limit})
		if g.Seats() != c.seats || g.Reserved() != c.reserved || g.inFlight != c.inFlight {
			t.Errorf("%d descriptors: %d seats, %d reserved, %d in flight; want %+v", c.limit,
				g.Seats(),
				g.Reserved(), g.inFlight, c)
		}
		if sum := g.Seats() + g.reserved + g.nameless + g.lingering; c.limit > 0 && sum > c.limit {
			t.Errorf("%d of %d descriptors are given away", sum, c.limit)
		}
		if g.PerClient() > max(1, g.Seats()/5) {
			t.Errorf("%d descriptors: one client may have %d of %d seats", c.limit, g.PerClient(),
				g.Seats())
		}
	}
}

// exhausted is a listener that at first has no descriptors.
type exhausted struct {
	listeningSocket
	mu   sync.Mutex
	left int // failures to come; guarded by mu
}

func (e *exhausted) Accept() (net.Conn, error) {
	e.mu.Lock()
	e.left--
	left := e.left
	e.mu.Unlock()
	if left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return e.listeningSocket.Accept()
}

// When descriptors run out, an idle connection is closed. The metric counts it, and the log
// mentions it once.
func TestOutOfDescriptors(t *testing.T) {
	var log bytes.Buffer
	var ended []cause.Cause
	g := full(GateConfig{Max: 3}, &ended)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{}
	a := &acceptor{protocol: TCP, conns: map[*conn]struct{}{},
		l:     &exhausted{listeningSocket: l.(*net.TCPListener), left: 4},
		spec:  Spec{Gate: g, Observer: w, Log: slog.New(slog.NewTextHandler(&log, nil))}.ready(),
		serve: func(h Handler, c *conn) { serveStream(h, c, c) }}
	a.Start(&echo{})
	dialTCP(t, a.Addr()).ask(t, "fast")
	a.Close()
	if len(ended) != 3 || ended[0] != cause.Descriptors {
		t.Errorf("displaced %v, want each of the three for its descriptor", ended)
	}
	if w.seen()[cause.Descriptors] != 1 { // the fourth time there was no connection to displace
		t.Errorf("faults %v", w.seen())
	}
	if n := strings.Count(log.String(), "out of file descriptors"); n != 1 {
		t.Errorf("%d lines in the log: %s", n, &log)
	}
}

// With few descriptors a client that pipelines on many connections has no more than its share of
// queries in work. The others wait in its connections, and another client is served.
func TestPipeliningTakesAShareOfTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gateOf(GateConfig{Max: 100, PerClient: 50, Descriptors: 128})
		e := &echo{held: make(chan func(), 100)}
		burst := bytes.Repeat(appendFrame(nil, query("held")), 10)
		answered := make(chan int)
		for range 5 {
			client, done := pipe(e, &witness{}, g, plain)
			go func() { _, _ = client.Write(burst) }()
			go func() {
				n := 0
				for ; n < 10; n++ {
					if _, err := ReadFrame(client); err != nil {
						break
					}
				}
				client.Close()
				<-done
				answered <- n
			}()
		}
		synctest.Wait()
		if n := len(e.held); n != g.share || n != 12 {
			t.Errorf("%d of 50 queries are worked on, want 12, a fifth of what is reserved", n)
		}
		other := g.enter(TCP, nil)
		if !other.belongs(netip.MustParseAddr("192.0.2.1")) || !other.tryWork() {
			t.Error("another client has no share")
		}
		go func() {
			for r := range e.held {
				r()
			}
		}()
		for range 5 {
			if n := <-answered; n != 10 {
				t.Errorf("%d of 10 are answered", n)
			}
		}
		close(e.held)
	})
}

// What may be needed is reserved, and a limit of a billion descriptors, which containers have, is
// taken as any other: nothing is made as large as that (github.com/moby/moby/issues/38814, 44547).
func TestDescriptorsDemanded(t *testing.T) {
	d := DemandOf(GateConfig{Max: 10000}, 10, 5000)
	if want := 10 + 10000 + 512 + 5000 + 1024 + 64; d.Total() != want || d.Least() != 138 {
		t.Errorf("the demand is %d, not %d; the least %d", d.Total(), want, d.Least())
	}
	for limit, seats := range map[int]int{1 << 30: 10000, d.Total(): 10000,
		d.Total() - 100: 9900, 2000: 2000/2 - 2*2000/16} {
		g := gateOf(GateConfig{Max: 10000, Descriptors: limit, Demand: d})
		if g.Seats() != seats {
			t.Errorf("of %d descriptors clients have %d, not %d", limit, g.Seats(), seats)
		}
	}
}
