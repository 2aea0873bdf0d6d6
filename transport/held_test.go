package transport

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	h2 "golang.org/x/net/http2"

	"bailiwick/internal/cause"
)

// The largest holder is cut: the largest connection of the client that holds most. So many small
// connections of an attacker do not outlast one large connection of another client.
func TestLargestHolderIsCut(t *testing.T) {
	g := gateOf(GateConfig{Memory: 80_000, Max: 1000})
	var cut []string
	sit := func(name, addr string, octets int) *seat {
		s := g.enter(TCP, func(why cause.Cause) {
			if why != cause.HeldOctets {
				t.Errorf("%s ends for %v", name, why)
			}
			cut = append(cut, name)
		})
		s.belongs(netip.MustParseAddr(addr))
		s.hold(octets)
		return s
	}
	honest := sit("honest", "198.51.100.1", 20_000)
	for i := range 60 {
		sit("attacker", netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), 1000)
	}
	if len(cut) > 0 {
		t.Errorf("%v cut within the bound", cut)
	}
	last := sit("attacker", "192.0.2.200", 2000)
	if len(cut) == 0 || g.Held() > 70_000 {
		t.Errorf("%d cut, %d octets held", len(cut), g.Held())
	}
	for _, c := range cut {
		if c != "attacker" {
			t.Errorf("%s is cut", c)
		}
	}
	before := g.Held()
	last.hold(-2000) // it was cut, and is not counted any more
	last.leave()
	if g.Held() != before {
		t.Errorf("what was cut is counted twice: %d, %d", before, g.Held())
	}
	honest.leave()
	if g.Held() != before-20_000 {
		t.Errorf("%d octets after the honest client has left", g.Held())
	}
}

// All octets that clients make us hold stay within the bound together, on every transport. The
// client that holds most is cut, others are served, and in the end nothing is held.
func TestHeldOctetsAreBoundedInAll(t *testing.T) {
	const limit = 1 << 20
	tlsOf := func(c net.Conn, next string) *tls.Conn {
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{next}})
	}
	part := append(binary.BigEndian.AppendUint16(nil, 60002), make([]byte, 60000)...)
	for name, c := range map[string]struct {
		protocol Protocol
		send     func(net.Conn)
	}{
		"messages over TCP": {TCP, func(c net.Conn) { _, _ = c.Write(part) }},
		"messages over DoT": {DoT, func(c net.Conn) { _, _ = tlsOf(c, "dot").Write(part) }},
		"records of TLS": {DoT, func(c net.Conn) {
			if tlsOf(c, "dot").Handshake() == nil {
				_, _ = c.Write(append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 16000)...))
			}
		}},
		"bodies of HTTP/2": {DoHPlain, func(c net.Conn) {
			h := newH2(c)
			h.hello()
			for i := range uint32(10) {
				h.open(2*i + 1)
				_ = h.WriteData(2*i+1, false, make([]byte, 6000))
			}
		}},
		"answers of HTTP/2": {DoHPlain, func(c net.Conn) {
			h := newH2(c)
			_, _ = io.WriteString(c, http2Preface)
			_ = h.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 0})
			h.post(1, "large")
		}},
		"bodies of HTTP/1.1": {DoHPlain, func(c net.Conn) {
			_, _ = io.WriteString(c, "POST /dns-query HTTP/1.1\r\nHost: a\r\n"+
				"Content-Type: "+mediaType+
				"\r\nContent-Length: 60000\r\n\r\n")
			_, _ = c.Write(make([]byte, 59000))
		}},
	} {
		g := gateOf(GateConfig{Memory: limit, PerClient: 1000})
		at, _, w := listener(t, c.protocol, func(s *Spec) { s.Gate = g })
		n := 0
		for ; n < 400 && w.seen()[cause.HeldOctets] == 0; n++ {
			c.send(dialTCP(t, at))
			// the octets that one connection adds before it is checked
			if held := g.Held(); held > limit+100_000 {
				t.Fatalf("%s: %d octets are held", name, held)
			}
		}
		if w.seen()[cause.HeldOctets] == 0 {
			t.Errorf("%s: nobody is cut after %d connections, %d octets held", name, n, g.Held())
		}
	}
	// DoQ: streams that do not end, and windows that grow as they are read.
	g := gateOf(GateConfig{Memory: limit, PerClient: 1000})
	at, _, w := listener(t, DoQ, func(s *Spec) { s.Gate = g })
	for n := 0; n < 100 && w.seen()[cause.HeldOctets] == 0; n++ {
		s, err := dialDoQ(t, at).OpenStreamSync(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		_ = s.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = s.Write(part)
	}
	w.await(t, cause.HeldOctets)
}

// An answer that its client does not read counts as held while it is written, and so do the answers
// after it.
func TestUnsentAnswersAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Default().Gate)
		e := &echo{held: make(chan func(), 1)}
		client, done := pipe(e, &witness{}, g, plain)
		_, _ = client.Write(append(appendFrame(nil, query("held")),
			appendFrame(nil, query("large"))...))
		synctest.Wait()
		large := 2 + len(query("large")) + 60000
		if g.Held() != int64(large) {
			t.Errorf("%d octets are held, want %d", g.Held(), large)
		}
		(<-e.held)()
		synctest.Wait()
		small := 2 + len(query("held"))
		if g.Held() != int64(large+small) {
			t.Errorf("%d octets are held, want %d", g.Held(), large+small)
		}
		for range 2 {
			if _, err := ReadFrame(client); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if g.Held() != 0 {
			t.Errorf("%d octets are held of what was taken", g.Held())
		}
		client.Close()
		<-done
	})
}

// RFC 9114: a request and its header have a time limit, regardless of other requests of the
// connection.
func TestHTTP3RequestsHaveDeadlines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as a message may")
	}
	at, _, w := listener(t, DoH3, nil)
	client := httpClients(t)["h3"]
	r, body := io.Pipe()
	go func() {
		for range 100 {
			if _, err := body.Write([]byte{0}); err != nil || w.seen()[cause.SlowWriter] > 0 {
				break
			}
			time.Sleep(messageTime / 10)
		}
		body.Close()
	}()
	answer, err := client.Post("https://"+at.String()+"/dns-query", mediaType, r)
	if err == nil && answer.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body by the octet: %v", answer.Status)
	}
	w.await(t, cause.SlowWriter)
}

// No more than maxUnsent octets of answers wait for a client that does not read. Then it is
// disconnected, before writeTime is over.
func TestMaxUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, ours := net.Pipe()
		cut := 0
		o := &outbox{}
		o.init(ours, newBurst(ours), nil, func() { cut++; ours.Close() })
		began := time.Now()
		done := make(chan struct{})
		go func() { o.put([]byte("the first is being written")); close(done) }()
		synctest.Wait()
		for range maxUnsent / 1024 {
			if !o.put(make([]byte, 1024)) {
				t.Fatal("cut off within the bound")
			}
		}
		if o.put([]byte("x")) || cut != 1 || o.put([]byte("x")) || cut != 1 {
			t.Errorf("above the bound it is cut off %d times", cut)
		}
		<-done
		if took := time.Since(began); took != 0 || len(o.pending) > 0 {
			t.Errorf("cut off after %v, %d octets are kept", took, len(o.pending))
		}
		client.Close()
	})
}
