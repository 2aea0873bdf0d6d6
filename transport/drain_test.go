package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// Clients whose connections wait in the backlog when the listener stops take them for established.
// They are accepted and answered, and then the connection ends without a reset.
func TestDrainAcceptsTheBacklog(t *testing.T) {
	l, err := Listen(TCP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"),
		Gate: NewGate(Default().Gate), Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var clients []*testConn
	for range 40 { // nobody accepts yet
		c := dialTCP(t, l.Addr())
		if _, err := c.Write(appendFrame(nil, query("fast"))); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	l.Start(&echo{})
	l.Stop()
	for i, c := range clients {
		if _, err := ReadFrame(c); err != nil {
			t.Errorf("client %d is not answered: %v", i, err)
		} else if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection of client %d ends by %v", i, err)
		}
	}
}

// lastAsk asks one question over a connection that stays open, and reports how the connection ends
// after the answer.
type lastAsk func(t *testing.T, at netip.AddrPort, packet []byte) (answer []byte, end error)

// recorded keeps the octets that are read.
type recorded struct {
	net.Conn
	octets []byte
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.octets = append(r.octets, p[:n]...)
	return n, err
}

// lastRecord returns the type of the last TLS record.
func (r *recorded) lastRecord() (kind byte) {
	for b := r.octets; len(b) >= 5; {
		kind = b[0]
		b = b[min(len(b), 5+int(binary.BigEndian.Uint16(b[3:]))):]
	}
	return kind
}

// framed asks over TCP, or over TLS on it, which has to end with an alert: crypto/tls reports the
// same without one.
func framed(secure bool) lastAsk {
	return func(t *testing.T, at netip.AddrPort, packet []byte) ([]byte, error) {
		raw, err := net.Dial("tcp", at.String())
		if err != nil {
			return nil, err
		}
		defer raw.Close()
		got := &recorded{Conn: raw}
		var c net.Conn = got
		if secure {
			cfg := insecureTLS.Clone()
			cfg.NextProtos = []string{"dot"}
			cfg.MaxVersion = tls.VersionTLS12 // the type of its records can be read
			c = tls.Client(got, cfg)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Write(appendFrame(nil, packet)); err != nil {
			return nil, err
		}
		answer, err := ReadFrame(c)
		if err != nil {
			return nil, err
		}
		const alert = 21 // RFC 5246, section 6.2.1
		if _, err = c.Read(make([]byte, 1)); secure && got.lastRecord() != alert {
			return answer, errors.New("no close_notify")
		}
		return answer, err
	}
}

// posted asks over HTTP.
func posted(client *http.Client) lastAsk {
	return func(t *testing.T, at netip.AddrPort, packet []byte) ([]byte, error) {
		r, err := client.Post("https://"+at.String()+"/dns-query", mediaType,
			bytes.NewReader(packet))
		if err != nil {
			return nil, err
		}
		defer r.Body.Close()
		answer, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return answer, io.EOF // the client's library does not tell how its connection ends
	}
}

// A listener that stops answers what it is working on, over every transport with connections, and
// ends them as the protocol demands: close_notify, or the code of no error.
func TestDrainAnswersWhatIsInWork(t *testing.T) {
	clients := httpClients(t)
	for _, c := range []struct {
		name string
		p    Protocol
		ask  lastAsk
	}{
		{"TCP", TCP, framed(false)},
		{"DoT", DoT, framed(true)},
		{"HTTP/1.1", DoH, posted(clients["h1"])},
		{"HTTP/2", DoH, posted(clients["h2"])},
		{"HTTP/3", DoH3, posted(clients["h3"])},
		{"DoQ", DoQ, func(t *testing.T, at netip.AddrPort, packet []byte) ([]byte, error) {
			conn := dialDoQ(t, at)
			answer, err := doqExchange(conn, appendFrame(nil, packet))
			if err != nil {
				return nil, err
			}
			<-conn.Context().Done()
			var end *quic.ApplicationError
			if errors.As(context.Cause(conn.Context()), &end) && end.ErrorCode == doqNoError {
				return answer[2:], io.EOF
			}
			return answer[2:], context.Cause(conn.Context())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			l, err := Listen(c.p, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"),
				TLS: NewTLS(source), Path: "/dns-query", Gate: NewGate(Default().Gate),
				Observer: &witness{}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			h := &echo{held: make(chan func(), 1)}
			l.Start(h)
			type outcome struct {
				answer []byte
				end    error
			}
			got := make(chan outcome, 1)
			go func() {
				answer, end := c.ask(t, l.Addr(), query("held"))
				got <- outcome{answer, end}
			}()
			answer := <-h.held
			l.Stop()
			answer()
			o := <-got
			if len(o.answer) == 0 || label(o.answer) != "held" {
				t.Fatalf("answer %x, %v", o.answer, o.end)
			}
			if o.end != io.EOF {
				t.Errorf("the connection ends by %v", o.end)
			}
		})
	}
}

// While a listener stops, the answers over HTTP/1.1 tell the client that the connection ends (RFC
// 9112, section 9.6).
func TestRFC9112ConnectionCloseWhileStopping(t *testing.T) {
	source, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(DoH, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), TLS: NewTLS(source),
		Path: "/dns-query", Gate: NewGate(Default().Gate), Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Start(&echo{})
	ask := func() bool {
		r, err := httpClients(t)["h1"].Post("https://"+l.Addr().String()+"/dns-query", mediaType,
			bytes.NewReader(query("fast")))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.Close
	}
	if ask() {
		t.Error("the connection of a listener that goes on is closed")
	}
	l.(*httpListener).stopping.Store(true)
	if !ask() {
		t.Error("the client is not told that its connection ends")
	}
}
