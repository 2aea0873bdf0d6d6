// Clients that hang up: their fetches end with them, unless others wait for the same.

package server_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// caller is a client with a connection that may hang up.
type caller struct {
	hangUp context.CancelFunc

	mu     sync.Mutex
	answer *dns.Msg // guarded by mu
	ended  bool     // the transport has been called, if only without an answer; guarded by mu
}

// got returns the client's answer, and whether its query has ended.
func (c *caller) got() (answer *dns.Msg, ended bool) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answer, c.ended
}

// call sends a query from a client with a connection.
func (f *front) call(name string, t uint16) *caller {
	f.t.Helper()
	packet, err := new(dns.Msg).SetQuestion(name, t).Pack()
	if err != nil {
		f.t.Fatal(err)
	}
	c := &caller{}
	var client context.Context
	client, c.hangUp = context.WithCancel(context.Background())
	f.t.Cleanup(c.hangUp)
	_, pending := f.Handle(packet, transport.Client{Protocol: transport.TCP,
		Addr: netip.MustParseAddrPort("127.0.0.1:1000")}, make([]byte, 0, 4096))
	if pending == nil {
		f.t.Fatalf("%s is answered at once", name)
	}
	pending.Resolve(client, func(b []byte) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ended = true; b == nil {
			return
		}
		if c.answer = new(dns.Msg); c.answer.Unpack(b) != nil {
			c.answer = nil
		}
	})
	synctest.Wait()
	return c
}

// The only client of a fetch hangs up, and the fetch ends at once. That is not a failure of the
// resolver or of the name, and the next client is answered.
func TestHangUpEndsTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, nil)
		defer f.close()
		c := f.call("www.slow.faulty.", dns.TypeA)
		if f.resolver.Stats().Fetches == 0 {
			t.Fatal("nothing is resolved")
		}
		c.hangUp()
		answer, ended := c.got()
		if n := f.resolver.Stats().Fetches; n != 0 || !ended || answer != nil {
			t.Errorf("%d fetches are left; ended %v with\n%v", n, ended, answer)
		}
		if !slices.Equal(f.seen.refused, []cause.Cause{cause.ClientGone}) ||
			len(f.seen.causes) > 0 {
			t.Errorf("counted: given up %v, SERVFAIL %v", f.seen.refused, f.seen.causes)
		}
		for _, name := range []string{"www.slow.faulty.", "slow.faulty."} {
			for _, typ := range []wire.Type{wire.TypeA, wire.TypeDNSKEY} {
				k := cache.Key{Name: wire.MustParseName(name), Type: typ}
				if fail, ok := f.store.GetFailure(k, f.clock.Now()); ok {
					t.Errorf("remembered of %s %s: %v", name, typ, fail)
				}
			}
		}
		if m := f.ask("www.slow.faulty.", dns.TypeA, nil); m.Rcode != dns.RcodeSuccess {
			t.Errorf("the next is answered\n%v", m)
		}
	})
}

// The client that began a fetch hangs up while another waits for it: the other is answered.
func TestHangUpLeavesTheFetchToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, nil)
		defer f.close()
		first := f.call("www.slow.faulty.", dns.TypeA)
		second := f.call("www.slow.faulty.", dns.TypeA)
		first.hangUp()
		if answer, ended := first.got(); !ended || answer != nil {
			t.Errorf("the first: ended %v with\n%v", ended, answer)
		}
		if _, ended := second.got(); ended {
			t.Error("the second has ended with the first")
		}
		time.Sleep(resolver.MaxTime)
		if m, _ := second.got(); m == nil || m.Rcode != dns.RcodeSuccess {
			t.Errorf("the second is answered\n%v", m)
		}
		if len(f.seen.causes) > 0 {
			t.Errorf("SERVFAIL for %v", f.seen.causes)
		}
	})
}

// holding is a network that holds all queries back until it is opened.
type holding struct {
	transport.Exchanger
	asked chan struct{} // a question is held back
	open  chan struct{}
}

func (h *holding) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	select {
	case h.asked <- struct{}{}:
	default:
	}
	select {
	case <-h.open:
		return h.Exchanger.Exchange(ctx, r)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// joins receives a value when one more client waits for a fetch.
type joins chan struct{}

func (j joins) Event(e event.Event) {
	if e.Kind == event.FetchJoin && e.Parent == 0 {
		j <- struct{}{}
	}
}

// gone receives the clients that have hung up.
type gone struct {
	quiet
	c chan cause.Cause
}

func (g *gone) Refused(c cause.Cause) { g.c <- c }

// The same with connections: a single client resets its connection, and nothing is left of its
// query. Two others ask for one name: one is reset, and the other gets the answer.
func TestHangUpOfAConnectionEndsTheFetch(t *testing.T) {
	network := &holding{asked: make(chan struct{}, 1), open: make(chan struct{})}
	joined, seen := make(joins, 8), &gone{c: make(chan cause.Cause, 8)}
	f := newFrontAll(t, nil, func(*resolver.Config) {}, seen, func(p *resolver.Parts) {
		network.Exchanger, p.Exchanger, p.Events = p.Exchanger, network, joined
	})
	l, err := transport.Listen(transport.TCP, transport.Spec{
		Addr: netip.MustParseAddrPort("127.0.0.1:0"), Observer: idleObserver{},
		Gate: transport.NewGate(transport.Default().Gate)})
	if err != nil {
		t.Fatal(err)
	}
	l.Start(f)
	t.Cleanup(l.Close)
	alone, first, second := dial(t, l.Addr()), dial(t, l.Addr()), dial(t, l.Addr())
	alone.ask(t, "www.nsec3.example.")
	await(t, network.asked)
	alone.reset(t)
	if c := await(t, seen.c); c != cause.ClientGone {
		t.Errorf("who was alone is refused for %v", c)
	}
	for f.resolver.Stats().Fetches > 0 { // those of keys end a moment later
		time.Sleep(time.Millisecond)
	}
	for len(network.asked) > 0 {
		<-network.asked
	}
	first.ask(t, "www.secure.example.")
	await(t, network.asked)
	second.ask(t, "www.secure.example.")
	await(t, joined)
	first.reset(t)
	if c := await(t, seen.c); c != cause.ClientGone {
		t.Errorf("the first is refused for %v", c)
	}
	if f.resolver.Stats().Fetches == 0 {
		t.Error("the fetch has ended with the first of two")
	}
	close(network.open)
	if m := second.read(t); m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0 {
		t.Errorf("the second is answered\n%v", m)
	}
}

// await waits for a value that is sure to come.
func await[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not come")
	}
	return v
}

// connection is a client's TCP connection.
type connection struct{ *net.TCPConn }

func dial(t *testing.T, at netip.AddrPort) connection {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return connection{c}
}

func (c connection) ask(t *testing.T, name string) {
	t.Helper()
	packet, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))),
		packet...)); err != nil {
		t.Fatal(err)
	}
}

func (c connection) read(t *testing.T) *dns.Msg {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := transport.ReadFrame(c)
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return m
}

// reset closes the connection with a TCP reset.
func (c connection) reset(t *testing.T) {
	t.Helper()
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// idleObserver is a transport.Observer.
type idleObserver struct{}

func (idleObserver) Connections(transport.Protocol, int)        {}
func (idleObserver) Handshake(transport.Protocol, uint16, bool) {}
func (idleObserver) Fault(transport.Protocol, cause.Cause)      {}

// Hanging up does not free the place at once: otherwise one client could start any number of
// resolutions (compare CVE-2023-44487).
func TestHangUpKeepsThePlaceForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, nil)
		defer f.close()
		a := netip.MustParseAddr("127.0.0.1")
		f.call("www.slow.faulty.", dns.TypeA).hangUp()
		synctest.Wait()
		if n := f.server.Serving(a); n != 1 {
			t.Errorf("%d places are taken after the hang-up", n)
		}
		time.Sleep(server.HangUpTime)
		synctest.Wait()
		if n := f.server.Serving(a); n != 0 {
			t.Errorf("%d places are taken %v after the hang-up", n, server.HangUpTime)
		}
	})
}
