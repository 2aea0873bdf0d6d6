// What connections draw from the ledger of the process.

package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	h2 "golang.org/x/net/http2"

	"bailiwick/internal/cause"
	"bailiwick/internal/ledger"
)

// connectDoQ makes a connection.
func connectDoQ(at netip.AddrPort) (*quic.Conn, error) {
	cfg := insecureTLS.Clone()
	cfg.NextProtos = []string{"doq"}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return quic.DialAddr(ctx, at.String(), cfg, nil)
}

// Connections fill the process's memory. For the next one the client is cut that holds most, by all
// of its connections and what is held for them; the others stay.
func TestLedgerCutsTheClientThatHoldsMost(t *testing.T) {
	l := ledger.New(100_000)
	g := gateOf(GateConfig{Max: 1000, PerClient: 1000, Ledger: l})
	cut := map[string]int{}
	sit := func(name, addr string, octets int) {
		s := g.enter(TCP, func(why cause.Cause) {
			if why != cause.HeldOctets {
				t.Errorf("%s ends for %v", name, why)
			}
			cut[name]++
		})
		if !s.charge(1000) || !s.belongs(netip.MustParseAddr(addr)) {
			t.Errorf("%s is refused", name)
		}
		s.hold(octets)
	}
	sit("one large message", "198.51.100.1", 20_000)
	for range 30 {
		sit("many connections", "192.0.2.1", 1000)
	}
	if len(cut) > 0 {
		t.Fatalf("%v cut while there is memory", cut)
	}
	for i := range 30 {
		sit("others", netip.AddrFrom4([4]byte{203, 0, byte(i), 1}).String(), 0)
	}
	if cut["many connections"] == 0 || len(cut) != 1 {
		t.Errorf("cut: %v", cut)
	}
	if held := l.Held(ledger.Connections) + l.Held(ledger.Messages); held > 100_000 {
		t.Errorf("%d bytes are held", held)
	}
}

// Queries hold all memory: a connection is refused, with its cause, and connections that are there
// stay. When there is memory again the next one is served.
func TestConnectionWithoutMemoryIsRefused(t *testing.T) {
	for _, p := range []Protocol{TCP, DoQ} {
		l := ledger.New(10 << 20)
		at, _, w := listener(t, p, func(s *Spec) { s.Gate = gateOf(GateConfig{Ledger: l}) })
		l.Add(ledger.Queries, 10<<20)
		if p == TCP {
			c := dialTCP(t, at)
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("%v: %v", p, err)
			}
		} else if _, err := connectDoQ(at); err == nil {
			t.Errorf("%v: a connection is accepted", p)
		}
		w.await(t, cause.Overload)
		l.Add(ledger.Queries, -10<<20)
		if p == TCP {
			if !dialTCP(t, at).answers("a") {
				t.Errorf("%v: no answer later", p)
			}
		} else if _, err := doqExchange(dialDoQ(t, at), appendFrame(nil,
			query("a"))); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
}

// On every transport a connection is charged while it lasts, and gives all back at its end.
func TestConnectionIsChargedWhileItLasts(t *testing.T) {
	for _, p := range Protocols(Protocol.Stream) {
		l := ledger.New(100 << 20)
		at, _, _ := listener(t, p, func(s *Spec) { s.Gate = gateOf(GateConfig{Ledger: l}) })
		var end func()
		switch {
		case p == DoQ:
			c := dialDoQ(t, at)
			end = func() { _ = c.CloseWithError(0, "") }
		case p == DoH3:
			c := httpClients(t)["h3"]
			r, err := c.Post("https://"+at.String()+"/dns-query", mediaType,
				bytes.NewReader(query("a")))
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
			end = func() { _ = c.Transport.(io.Closer).Close() }
		default:
			c := dialTCP(t, at)
			end = func() { _ = c.Close() }
		}
		awaitHeld(t, l, ledger.Connections, table[p].charge)
		end()
		awaitHeld(t, l, ledger.Connections, 0)
	}
}

// awaitHeld waits until an account holds an amount.
func awaitHeld(t *testing.T, l *ledger.Ledger, a ledger.Account, want int64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); l.Held(a) != want; {
		if time.Now().After(end) {
			t.Fatalf("%s: %d held, want %d", a.Label(), l.Held(a), want)
		}
		time.Sleep(time.Millisecond)
	}
}

// A stream of QUIC is charged while it lasts. Without memory it is refused in a way that allows a
// retry, and its connection goes on.
func TestStreamIsChargedAndRefusedWithoutMemory(t *testing.T) {
	l := ledger.New(10 << 20)
	at, _, w := listener(t, DoQ, func(s *Spec) { s.Gate = gateOf(GateConfig{Ledger: l}) })
	c := dialDoQ(t, at)
	s, err := c.OpenStreamSync(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Write([]byte{0})
	awaitHeld(t, l, ledger.Connections, quicBytes+streamBytes)
	s.CancelWrite(doqRequestCancelled)
	awaitHeld(t, l, ledger.Connections, quicBytes)
	rest := 10<<20 - l.Held(ledger.Connections)
	l.Add(ledger.Queries, rest)
	if b, err := doqExchange(c, appendFrame(nil, query("a"))); err == nil {
		t.Errorf("a stream without memory is served: %x", b)
	}
	w.await(t, cause.Overload)
	l.Add(ledger.Queries, -rest)
	if _, err := doqExchange(c, appendFrame(nil, query("a"))); err != nil {
		t.Errorf("later: %v", err)
	}
}

// The header fields of HTTP/2 requests whose bodies have not come are kept, and count as held.
func TestFieldsOfOpenRequestsAreHeld(t *testing.T) {
	g := NewGate(Default().Gate)
	at, _, _ := listener(t, DoHPlain, func(s *Spec) { s.Gate = g })
	h := newH2(dialTCP(t, at))
	h.hello()
	const n = 10
	for i := range uint32(n) {
		block := h.block(append(postFields, "x-forwarded-for", strings.Repeat("a", 8000))...)
		_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: block,
			EndHeaders: true})
	}
	for end := time.Now().Add(20 * time.Second); g.Held() < n*8000; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d octets are held for %d requests", g.Held(), n)
		}
	}
}

// A server announces a large reply over TCP and does not send it: its memory is drawn until the
// question ends, and without memory it is not read.
func TestAnnouncedReplyIsDrawn(t *testing.T) {
	const size = 60_000
	l := ledger.New(size)
	ours, server := net.Pipe()
	defer server.Close()
	done := make(chan error)
	read := func() {
		_, err := readReply(ours, l)
		done <- err
	}
	go read()
	_, _ = server.Write([]byte{size >> 8, size & 0xff})
	awaitHeld(t, l, ledger.Upstream, size)
	go func() {
		_, err := readReply(bytes.NewReader([]byte{1, 0}), l)
		done <- err
	}()
	if err := <-done; !errors.Is(err, errMemory) || !errors.Is(explain(err), ErrLocal) {
		t.Errorf("another reply: %v", err)
	}
	_ = ours.Close()
	if err := <-done; err == nil {
		t.Error("a reply that did not come")
	}
	awaitHeld(t, l, ledger.Upstream, 0)
}

// A connection that has had large answers, and whose next message is incomplete, keeps no large
// buffer: what is not counted stays small.
func TestIncompleteMessageKeepsNoLargeBuffers(t *testing.T) {
	g := NewGate(Default().Gate)
	e := engine{conn: &conn{seat: g.enter(TCP, func(cause.Cause) {})},
		work: &work{in: make([]byte, 1, burstSize), out: make([]byte, 0, 8*outSize)}}
	e.count()
	if cap(e.work.out) != outSize || g.Held() != 0 {
		t.Errorf("%d octets are kept, %d are counted", cap(e.work.out), g.Held())
	}
	e.work.in, e.work.out = make([]byte, 1, 4*burstSize), e.work.out[:0:outSize]
	e.count()
	if g.Held() != 3*burstSize {
		t.Errorf("%d octets are counted", g.Held())
	}
}

// Many connections have to go at once: those of the largest holders go, in order.
func TestManyHoldersAreCutInOrder(t *testing.T) {
	const clients = 2000
	g := gateOf(GateConfig{Max: 10_000, Memory: 1 << 40})
	gone := map[int]bool{}
	seats := make([]*seat, clients)
	for i := range clients {
		seats[i] = g.enter(TCP, func(cause.Cause) { gone[i] = true })
		seats[i].belongs(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}))
		seats[i].hold(1000 + i)
	}
	most := g.Held() / 2
	g.Allow(GateConfig{Max: 10_000, Memory: most})
	seats[0].hold(1)
	for i := range clients {
		if gone[i] != (i >= clients-len(gone)) {
			t.Fatalf("%d are cut, and client %d: %v", len(gone), i, gone[i])
		}
	}
	if len(gone) == 0 || g.Held() > most-most/8 {
		t.Errorf("%d are cut, %d octets are held", len(gone), g.Held())
	}
}
