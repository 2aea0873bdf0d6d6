package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"bailiwick/internal/guard"
)

// broken panics for some labels, in Handle or in Resolve.
type broken struct{ echo }

func (b *broken) Handle(packet []byte, from Client, buf []byte) ([]byte, Pending) {
	if label(packet) == "panic" {
		panic("at once")
	}
	answer, p := b.echo.Handle(packet, from, buf)
	if label(packet) == "later" {
		return nil, breaking{}
	}
	return answer, p
}

// breaking panics in Resolve.
type breaking struct{}

func (breaking) Resolve(context.Context, func([]byte)) { panic("as it is resolved") }

// A panic ends only the packet, the connection or the stream that caused it: the next client of the
// same listener is served.
func TestPanicsEndOneConnection(t *testing.T) {
	clients := httpClients(t)
	for _, p := range Protocols() {
		panics := make(chan guard.Place, 10)
		g := guard.New(slog.New(slog.DiscardHandler), func(at guard.Place) { panics <- at },
			func() {})
		at := listenBy(t, p, &broken{}, &witness{}, func(s *Spec) { s.Guard = g })
		ask := func(l string) bool {
			switch p {
			case UDP:
				c, err := net.Dial("udp", at.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = c.Write(query(l))
				if l != "fast" {
					return false
				}
				_, err = c.Read(make([]byte, 512))
				return err == nil
			case TCP, DoT:
				c := net.Conn(dialTCP(t, at))
				if p == DoT {
					c = tlsClient(c)
				}
				defer c.Close()
				return (&testConn{c}).answers(l)
			case DoQ:
				b, err := doqExchange(dialDoQ(t, at), appendFrame(nil, query(l)))
				return err == nil && len(b) > 12
			}
			name, scheme := map[Protocol]string{DoH: "h2", DoH3: "h3", DoHPlain: "h1"}[p], "https"
			if p == DoHPlain {
				scheme = "http"
			}
			r, err := clients[name].Post(scheme+"://"+at.String()+"/dns-query", mediaType,
				bytes.NewReader(query(l)))
			if err != nil {
				return false
			}
			defer r.Body.Close()
			b, err := io.ReadAll(r.Body)
			return err == nil && len(b) > 12 && r.StatusCode == 200
		}
		for _, l := range []string{"panic", "later"} {
			if ask(l) {
				t.Errorf("%v: %s is answered", p, l)
			}
			<-panics
			if !ask("fast") {
				t.Errorf("%v: the next query is not answered after %s", p, l)
			}
		}
	}
}

// A panic in a connection to a server ends that connection. Its question fails, so that it is asked
// over another one, and no lock stays held.
func TestPanicsEndOneUpstreamConnection(t *testing.T) {
	panics := make(chan guard.Place, 10)
	g := guard.New(slog.New(slog.DiscardHandler), func(at guard.Place) { panics <- at }, func() {})
	c := &streamConn{server: &streamUpstream{owner: &background{guard: g}},
		ready: make(chan struct{})}
	c.server.conns = []*streamConn{c}
	c.server.key.via = TCP
	c.waiting = map[uint16]*streamQuestion{1: {got: make(chan []byte)}}
	got := c.waiting[1].got
	c.server.tls = &identities{current: &tls.Config{VerifyConnection: func(
		tls.ConnectionState) error {
		panic("in the handshake")
	}, InsecureSkipVerify: true}}
	at, _, _ := listener(t, DoT, nil)
	c.server.key.server = at
	c.guarded(t.Context())
	if place := <-panics; place != guard.Upstream {
		t.Errorf("counted at %v", place)
	}
	<-c.ready
	if _, open := <-got; open || c.load(time.Now()) != maxInFlight || len(c.server.conns) != 0 {
		t.Error("the connection is still of use")
	}
}
