package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
)

// exchanger returns an exchanger that is closed when the test ends.
func exchanger(t testing.TB) *NetExchanger {
	n := &NetExchanger{}
	t.Cleanup(n.Close)
	return n
}

// ofUpstreams are parts of the stacks of goroutines of connections to servers: our own, and those
// of net/http's and quic-go's clients.
var ofUpstreams = []string{"transport.(*background)", "transport.(*streamConn)",
	"transport.(*quicUpstream)", "http.(*persistConn)", "http.(*http2ClientConn)",
	"http3.(*ClientConn)"}

// ofConnections returns the stacks of goroutines of connections to servers, by the name of the
// goroutine.
func ofConnections() map[string]string {
	stacks, buf := map[string]string{}, make([]byte, 1<<22)
	for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		has := func(part string) bool { return strings.Contains(s, part) }
		if slices.ContainsFunc(ofUpstreams, has) {
			name, _, _ := strings.Cut(s, " [")
			stacks[name] = s
		}
	}
	return stacks
}

// Close ends connections that are idle, that a question waits on, and that are in progress, and
// waits for their goroutines.
func TestCloseWaitsForConnectionsToServers(t *testing.T) {
	for _, p := range upstreamProtocols {
		at, h, _, leaf := upstreamListener(t, p)
		n, peer := &NetExchanger{}, peerOf(leaf, true)
		others := ofConnections() // of other tests
		left := func() (stacks []string) {
			for name, s := range ofConnections() {
				if _, old := others[name]; !old {
					stacks = append(stacks, s)
				}
			}
			return stacks
		}
		ask := func(to netip.AddrPort, label string) error {
			_, err := n.Exchange(context.Background(), Request{Server: to, Via: p, Peer: peer,
				Query: query(label), Timeout: time.Minute})
			return err
		}
		if err := ask(at, "fast"); err != nil {
			t.Fatalf("%v: %v", p, err)
		}
		if len(left()) == 0 {
			t.Errorf("%v: no goroutine of a connection is found: what would be waited for?", p)
		}
		waits := make(chan error, 2)
		go func() { waits <- ask(at, "held") }()
		release := <-h.held
		silent := silence(t, p)
		go func() { waits <- ask(silent, "fast") }()
		n.Close()
		for range 2 {
			if err := <-waits; err == nil || errors.Is(err, ErrTimeout) {
				t.Errorf("%v: a question to a closed exchanger: %v", p, err)
			}
		}
		release()
		// The library's goroutines end after their connection is closed.
		stacks := left()
		for end := time.Now().Add(10 * time.Second); len(stacks) > 0; stacks = left() {
			if ours(stacks) || time.Now().After(end) {
				t.Fatalf("%v: %d goroutines are left:\n%s", p, len(stacks),
					strings.Join(stacks, "\n\n"))
			}
			time.Sleep(time.Millisecond)
		}
		if err := ask(at, "fast"); !errors.Is(err, ErrLocal) {
			t.Errorf("%v: asked after Close: %v, not %v", p, err, ErrLocal)
		}
	}
}

// Close returns when the last goroutine has ended, and not before.
func TestCloseWaitsForTheLastGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ended := &NetExchanger{}, false
		n.named.owner.start(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
		})
		n.Close()
		if !ended {
			t.Error("Close returned while a goroutine had still to end")
		}
		if n.named.owner.start(func(context.Context) {}) {
			t.Error("a goroutine was started after Close")
		}
	})
}

// ours reports whether one of the stacks is in this package.
func ours(stacks []string) bool {
	for _, s := range stacks {
		if strings.Contains(s, "bailiwick/transport.(*") {
			return true
		}
	}
	return false
}

// silence returns an address that accepts connections of a protocol, and sends nothing.
func silence(t *testing.T, p Protocol) netip.AddrPort {
	t.Helper()
	if p.Network() == "udp" {
		c, err := net.ListenUDP("udp",
			net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// countingUpstream is an upstream that was last asked at a fixed time. It records its closing.
type countingUpstream struct {
	asked  time.Time
	closed bool
}

func (c *countingUpstream) exchange(context.Context, []byte) ([]byte, error) { return nil, nil }
func (c *countingUpstream) lastAsked() time.Time                             { return c.asked }
func (c *countingUpstream) close()                                           { c.closed = true }

// maxUpstreams holds in any case: idle upstreams are closed, and if none is idle, the one that was
// asked longest ago.
func TestMaxUpstreamsHoldsAlsoIfNoneIsIdle(t *testing.T) {
	limittest.Met(t, limit.Upstreams)
	now := time.Now()
	key := func(i int) upstreamKey {
		addr := netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
		return upstreamKey{TCP, netip.AddrPortFrom(addr, 53), nil}
	}
	for _, tc := range []struct {
		name string
		idle int // number of idle upstreams, the first ones
	}{{"none is idle", 0}, {"some are", 10}} {
		u := &upstreams{}
		defer u.close()
		u.get(key(0), nil, nil)
		all := map[upstreamKey]*countingUpstream{}
		for i := range maxUpstreams {
			age := time.Duration(maxUpstreams-i) * time.Millisecond
			c := &countingUpstream{asked: now.Add(-age)}
			if i < tc.idle {
				c.asked = now.Add(-upstreamIdle - time.Second)
			}
			all[key(i)], u.known[key(i)] = c, c
		}
		u.get(key(maxUpstreams), nil, nil)
		gone := max(1, tc.idle)
		if want := maxUpstreams - gone + 1; len(u.known) != want {
			t.Errorf("%s: %d servers have connections, want %d", tc.name, len(u.known), want)
		}
		for i := range maxUpstreams {
			if all[key(i)].closed != (i < gone) {
				t.Errorf("%s: server %d closed: %v", tc.name, i, all[key(i)].closed)
				break
			}
		}
	}
}
