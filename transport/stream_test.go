package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
)

// pipe serves one end of a connection in memory, and returns the other. done is closed when the
// engine has ended.
func pipe(h Handler, w *witness, g *Gate, serve func(Handler, *conn)) (client net.Conn,
	done chan struct{}) {
	client, ours := net.Pipe()
	c := newConn(&acceptor{protocol: TCP, spec: Spec{Observer: w, Gate: g}}, ours)
	c.burst = newBurst(ours)
	c.from = TCP.client(netip.MustParseAddrPort("127.0.0.1:1"))
	c.seat = g.enter(TCP, c.lose)
	c.seat.belongs(c.from.Addr.Addr())
	done = make(chan struct{})
	go func() {
		serve(h, c)
		c.seat.leave()
		close(done)
	}()
	return client, done
}

func plain(h Handler, c *conn) { serveStream(h, c, c) }

// RFC 7766, section 7: a slow answer does not delay the others on its connection.
func TestOutOfOrder(t *testing.T) {
	for _, p := range []Protocol{TCP, DoT} {
		at, h, _ := listener(t, p, nil)
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		if p == DoT {
			c = tlsClient(c)
		}
		defer c.Close()
		for i, l := range []string{"held", "serve", "fast"} {
			q := query(l)
			q[1] = byte(i)
			if _, err := c.Write(appendFrame(nil, q)); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[byte]bool{}
		for range 2 {
			r, err := ReadFrame(c)
			if err != nil {
				t.Fatal(err)
			}
			seen[r[1]] = true
		}
		if !seen[1] || !seen[2] {
			t.Errorf("%v: got %v before the slow answer, want 1 and 2", p, seen)
		}
		(<-h.held)()
		if r, err := ReadFrame(c); err != nil || r[1] != 0 {
			t.Errorf("%v: the slow answer: %v %v", p, r, err)
		}
	}
}

// Queries of one segment are answered in one write, not one by one.
func TestCoalescing(t *testing.T) {
	client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), plain)
	var burst []byte
	for range 20 {
		burst = appendFrame(burst, query("fast"))
	}
	go func() { _, _ = client.Write(burst) }()
	buf := make([]byte, 8192)
	n, err := client.Read(buf) // a pipe keeps writes separate
	if err != nil || n != len(burst) {
		t.Errorf("the first write has %d octets of %d: %v", n, len(burst), err)
	}
	client.Close()
	<-done
}

// A message that is split at any place is read as one message.
func TestSplitMessages(t *testing.T) {
	two := appendFrame(appendFrame(nil, query("fast")), query("serve"))
	for at := 1; at < len(two); at++ {
		client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), plain)
		go func() { _, _ = client.Write(two[:at]); _, _ = client.Write(two[at:]) }()
		for range 2 {
			if r, err := ReadFrame(client); err != nil || r[2]&0x80 == 0 {
				t.Fatalf("split at %d: %x %v", at, r, err)
			}
		}
		client.Close()
		<-done
	}
}

// Connections end for faults of their clients, each with its cause, and in bounded time.
func TestRFC7766StreamFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(net.Conn)
		want cause.Cause
		took time.Duration // at most
	}{
		{"silence", func(net.Conn) {}, cause.None, maxIdle},
		{"half a length", func(c net.Conn) { _, _ = c.Write([]byte{0}) }, cause.SlowWriter,
			messageTime},
		{"half a message", func(c net.Conn) {
			_, _ = c.Write(appendFrame(nil,
				query("fast"))[:20])
		}, cause.SlowWriter, messageTime},
		{"one octet a second", func(c net.Conn) {
			for _, b := range appendFrame(nil, query("fast")) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, cause.SlowWriter, messageTime},
		{"a message too short", func(c net.Conn) {
			_, _ = c.Write(appendFrame(nil,
				query("fast")[:11]))
		}, cause.FrameMalformed, 0},
		{"HTTP", func(c net.Conn) { _, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) },
			cause.SlowWriter, messageTime},
		{"to be dropped", func(c net.Conn) { _, _ = c.Write(appendFrame(nil, query("silent"))) },
			cause.ClientRefused, 0},
		{"no reading", func(c net.Conn) { _, _ = c.Write(appendFrame(nil, query("large"))) },
			cause.SlowReader, writeTime},
		{"no reading of what is resolved", func(c net.Conn) {
			for range 50 {
				if _, err := c.Write(appendFrame(nil, query("serve"))); err != nil {
					return
				}
			}
		}, cause.SlowReader, maxIdle + writeTime},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &witness{}
			client, done := pipe(&echo{}, w, NewGate(Default().Gate), plain)
			began := time.Now()
			sent := make(chan struct{})
			go func() { c.send(client); close(sent) }()
			<-done
			if took := time.Since(began); took > c.took {
				t.Errorf("%s: ended after %v, want %v", c.name, took, c.took)
			}
			synctest.Wait()
			if f := w.seen(); c.want == cause.None && len(f) > 0 || c.want != cause.None &&
				f[c.want] != 1 {
				t.Errorf("%s: faults %v, want %v", c.name, f, c.want)
			}
			client.Close()
			<-sent
		})
	}
}

// A connection ends in an orderly way after its share of queries.
func TestQueriesPerConnection(t *testing.T) {
	limittest.Met(t, limit.ConnectionQueries)
	client, done := pipe(&echo{}, &witness{}, gateOf(GateConfig{Queries: 3}), plain)
	go func() { _, _ = client.Write(bytes.Repeat(appendFrame(nil, query("serve")), 5)) }()
	for i := range 4 {
		_, err := ReadFrame(client)
		if (err == nil) != (i < 3) {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	<-done
}

// A client that ends its sending side still gets its answers.
func TestRFC7766HalfClose(t *testing.T) {
	at, h, _ := listener(t, TCP, nil)
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(appendFrame(nil, query("held"))); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	go (<-h.held)()
	if _, err := ReadFrame(c); err != nil {
		t.Error(err)
	}
	if _, err := ReadFrame(c); !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %v", err)
	}
}

// halfClosing is a connection in memory whose writing side can be closed alone.
type halfClosing struct{ net.Conn }

func (halfClosing) CloseWrite() error { return nil }

// A client that has had its share of queries and continues to write is read for a while, so that
// the last answers reach it, but no more than maxReadOut octets.
func TestMaxReadOut(t *testing.T) {
	limittest.Met(t, limit.ReadOut)
	synctest.Test(t, func(t *testing.T) {
		client, ours := net.Pipe()
		c := newConn(&acceptor{protocol: TCP, spec: Spec{Observer: &witness{},
			Gate: NewGate(Default().Gate)}}, halfClosing{ours})
		c.burst = newBurst(ours)
		written := make(chan int)
		go func() {
			n, _ := client.Write(make([]byte, 4*maxReadOut))
			written <- n
		}()
		c.readOut(lingerTime)
		_ = ours.Close()
		if n := <-written; n < maxReadOut || n >= maxReadOut+len(c.buf) {
			t.Errorf("%d octets are read", n)
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, query("fast")), query("serve")))
	f.Add([]byte{0, 5, 1, 2, 3, 4, 5})
	f.Add(append(binary.BigEndian.AppendUint16(nil, 0xFFFF), query("fast")...))
	f.Fuzz(func(t *testing.T, in []byte) {
		client, done := pipe(safe{}, &witness{}, NewGate(Default().Gate), plain)
		go func() { _, _ = client.Write(in); client.Close() }()
		_, _ = io.Copy(io.Discard, client)
		<-done
	})
}

// safe answers every packet.
type safe struct{}

func (safe) Handle(packet []byte, _ Client, buf []byte) ([]byte, Pending) {
	if packet[0]&1 == 0 {
		return append(buf, packet...), nil
	}
	return nil, echoing(bytes.Clone(packet))
}

// echoing is a packet that is its own answer.
type echoing []byte

func (p echoing) Resolve(_ context.Context, reply func([]byte)) { reply(p) }

// Each answer over TLS has a record of its own, in however few segments they leave: dnsdist 1.7 and
// older systemd-resolved do not see what else is in a record (systemd/systemd 22132).
func TestAnswersOverTLSHaveARecordEach(t *testing.T) {
	at, _, _ := listener(t, DoT, nil)
	c, err := tls.Dial("tcp", at.String(), insecureTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	one := appendFrame(nil, query("fast"))
	if _, err := c.Write(bytes.Repeat(one, 5)); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		b := make([]byte, 4096)
		n, err := c.Read(b) // crypto/tls returns one record
		if err != nil || n < 2 || n != 2+int(binary.BigEndian.Uint16(b)) {
			t.Fatalf("record %d has %d octets: %x, %v", i, n, b[:n], err)
		}
	}
}
