package transport

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
)

// hello returns the octets that a client sends first.
func hello(t *testing.T) []byte {
	t.Helper()
	a, b := net.Pipe()
	defer b.Close()
	go func() { _ = tls.Client(a, insecureTLS).Handshake() }()
	buf := make([]byte, 4096)
	n, err := b.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// Clients that send nothing, a part of a record, or the first half of a handshake, delay no other:
// as many of each as there are turns wait while one more handshake is served.
func TestSilentClientsHoldUpNoHandshake(t *testing.T) {
	first := hello(t)
	for name, say := range map[string][]byte{
		"nothing": nil, "one octet": first[:1], "half a ClientHello": first[:len(first)/2],
		"a ClientHello and no more": first,
	} {
		at, _, _ := listener(t, DoT, nil)
		for range maxHandshakes {
			c, err := net.Dial("tcp", at.String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write(say); err != nil {
				t.Fatal(err)
			}
		}
		// The deadline is shorter than the time after which the others are given up.
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: handshakeTime / 2}, "tcp", at.String(),
			insecureTLS)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := c.Write(appendFrame(nil, query("fast"))); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrame(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

// A handshake has a turn only while it computes, and one client has no more turns than its share.
func TestHandshakesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Default().Gate)
		prefix := ClientPrefix(insecureClient.Addr.Addr())
		q := g.turns.join(prefix)
		var places []*place
		began := 0
		for range 2 * maxHandshakesPerClient {
			p := &place{ctx: t.Context(), all: g.turns.slots, own: q.slots}
			places = append(places, p)
			go func() {
				if p.begin() == nil {
					began++
				}
			}()
			synctest.Wait()
		}
		if began != maxHandshakesPerClient || len(g.turns.slots) != maxHandshakesPerClient {
			t.Errorf("%d handshakes of one client are computed at once", began)
		}
		other := &place{ctx: t.Context(), all: g.turns.slots, own: make(chan struct{}, 1)}
		if err := other.begin(); err != nil {
			t.Error(err)
		}
		other.end()
		for _, p := range places { // each that ends, or waits for its client, frees a turn
			p.end()
			synctest.Wait()
		}
		for _, p := range places {
			p.end()
		}
		if began != 2*maxHandshakesPerClient || len(g.turns.slots) != 0 {
			t.Errorf("%d handshakes began, %d turns are left taken", began, len(g.turns.slots))
		}
		if g.turns.leave(prefix, q); len(g.turns.clients) != 0 {
			t.Error("a client without handshakes is remembered")
		}
	})
}

var insecureClient = Client{Addr: netip.MustParseAddrPort("192.0.2.1:1")}

// A client that has sent nothing is given up earlier than one that has begun, and both in time.
func TestHandshakePatience(t *testing.T) {
	first := hello(t)
	for _, c := range []struct {
		say  []byte
		want time.Duration
	}{{nil, firstOctetTime}, {first[:1], handshakeTime}, {first, handshakeTime}} {
		source, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			w := &witness{}
			client, done := pipe(&echo{}, w, NewGate(Default().Gate), func(_ Handler, c *conn) {
				if c.handshake(NewTLS(source).config("dot")) != nil {
					t.Error("a handshake")
				}
			})
			began := time.Now()
			go func() {
				if len(c.say) > 0 {
					_, _ = client.Write(c.say)
				}
				_, _ = bytes.NewBuffer(nil).ReadFrom(client)
			}()
			<-done
			if took := time.Since(began); took != c.want || w.seen()[cause.HandshakeTime] != 1 {
				t.Errorf("%d octets: given up after %v, want %v; %v", len(c.say), took, c.want,
					w.seen())
			}
			client.Close()
		})
	}
}
