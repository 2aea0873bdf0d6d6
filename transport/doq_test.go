package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/wire"
)

// RFC 9250, section 4.3: a protocol error ends the connection with DOQ_PROTOCOL_ERROR.
func TestRFC9250Violations(t *testing.T) {
	id := query("fast")
	id[1] = 7
	keepalive := wire.AppendQuery(nil, 0, wire.FlagRD, []byte("\x04fast\x07example\x00"),
		wire.TypeA, 1232, false, wire.Options{}.Append(wire.OptionKeepalive))
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"an ID", appendFrame(nil, id)},
		{"a keepalive option", appendFrame(nil, keepalive)},
		{"half a message", appendFrame(nil, query("fast"))[:20]},
		{"nothing", nil},
		{"a message too short", appendFrame(nil, query("fast")[:11])},
		{"two messages", append(appendFrame(nil, query("fast")),
			appendFrame(nil, query("fast"))...)},
		{"an answer", appendFrame(nil, query("nothing"))},
	} {
		at, _, w := listener(t, DoQ, nil)
		conn := dialDoQ(t, at)
		_, err := doqExchange(conn, c.frame)
		var app *quic.ApplicationError
		if !errors.As(err, &app) || app.ErrorCode != doqProtocolError {
			t.Errorf("%s: %v", c.name, err)
		}
		w.await(t, cause.QUICProtocol)
	}
}

// A query that the client cancels does not affect others.
func TestDoQCancel(t *testing.T) {
	at, _, w := listener(t, DoQ, nil)
	conn := dialDoQ(t, at)
	s, err := conn.OpenStreamSync(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	s.CancelWrite(3) // DOQ_REQUEST_CANCELLED
	s.CancelRead(3)
	if b, err := doqExchange(conn, appendFrame(nil, query("fast"))); err != nil || len(b) < 12 {
		t.Errorf("the next query: %x %v", b, err)
	}
	if f := w.seen(); len(f) > 0 {
		t.Errorf("faults %v", f)
	}
}

// Clients must not open unidirectional streams.
func TestRFC9250Unidirectional(t *testing.T) {
	at, _, _ := listener(t, DoQ, nil)
	if _, err := dialDoQ(t, at).OpenUniStream(); err == nil {
		t.Error("a unidirectional stream")
	}
}

// Connections above a client's share are refused before the handshake (RFC 9000, section 20.1).
func TestDoQConnectionsPerClient(t *testing.T) {
	at, _, w := listener(t, DoQ, func(s *Spec) {
		s.Gate = gateOf(GateConfig{Max: 100,
			PerClient: 1})
	})
	if _, err := doqExchange(dialDoQ(t, at), appendFrame(nil, query("fast"))); err != nil {
		t.Fatal(err)
	}
	cfg := insecureTLS.Clone()
	cfg.NextProtos = []string{"doq"}
	_, err := quic.DialAddr(context.Background(), at.String(), cfg, nil)
	var refused *quic.TransportError
	if !errors.As(err, &refused) || refused.ErrorCode != quic.ConnectionRefused {
		t.Errorf("a second connection: %v", err)
	}
	w.await(t, cause.ConnectionsPerClient)
}

// RFC 9250, section 4.5: a session is resumed with 0-RTT, and the handler learns of it.
func TestRFC9250EarlyData(t *testing.T) {
	at, h, _ := listener(t, DoQ, func(s *Spec) { s.TLS.SetTickets(ticketsOf(1), time.Now()) })
	cfg := insecureTLS.Clone()
	cfg.NextProtos, cfg.ServerName = []string{"doq"}, "localhost"
	cfg.ClientSessionCache = newSessions()
	for i := range 2 {
		conn, err := quic.DialAddrEarly(context.Background(), at.String(), cfg,
			&quic.Config{TokenStore: quic.NewLRUTokenStore(1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := doqExchange(conn, appendFrame(nil, query("fast"))); err != nil {
			t.Fatal(err)
		}
		<-conn.HandshakeComplete()
		if used := conn.ConnectionState().Used0RTT; used != (i == 1) {
			t.Errorf("connection %d: 0-RTT %v", i, used)
		}
		_ = conn.CloseWithError(0, "")
	}
	if from := h.from(); len(from) != 2 || from[0].Early {
		t.Errorf("clients %v", from)
	}
}

// In a flood of new connections each has to prove its address, and so has a client that is near its
// share: nobody can use up the share of another address.
func TestRFC9000RetryOfAFlood(t *testing.T) {
	limittest.Met(t, limit.Unvalidated)
	from := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	l := &quicListener{spec: Spec{Gate: gateOf(GateConfig{Max: 100, PerClient: 2})}}
	if l.suspect(from) {
		t.Error("the first connection is suspect")
	}
	l.spec.Gate.enter(DoQ, nil).belongs(netip.MustParseAddr("192.0.2.77"))
	if !l.suspect(from) {
		t.Error("with half of the client's share taken none is suspect")
	}
	if l.suspect(&net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1}) {
		t.Error("another client is suspect")
	}
	for i := range 51 {
		l.spec.Gate.enter(DoQ, nil).belongs(netip.AddrFrom4([4]byte{10, 0, byte(i), 1}))
	}
	if !l.suspect(&net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 1}) {
		t.Error("with half of the seats taken none is suspect")
	}
	l = &quicListener{spec: Spec{Gate: NewGate(Default().Gate)}}
	last := false
	for range 3 * maxUnvalidated { // one new second may begin meanwhile, but not two
		last = l.suspect(from) || last
	}
	if !last {
		t.Error("a flood is not suspect")
	}
}

func FuzzDoQ(f *testing.F) {
	f.Add(appendFrame(nil, query("fast")))
	f.Add([]byte{0, 12, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		packet, why := doqMessage(in)
		if (packet == nil) != (why != cause.None) {
			t.Errorf("%x, %v", packet, why)
		}
	})
}
