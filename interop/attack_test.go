package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// attack is one way to have a server hold memory. once does it one time, until the server ends it
// or some seconds have passed.
type attack struct {
	name  string
	many  int           // at the same time
	every time.Duration // the pause after each
	once  func(ctx context.Context, w *transports, i int)
}

func attacks() []attack {
	const slow, fast = 2 * time.Second, 50 * time.Millisecond
	return []attack{
		{"tcp: incomplete message", 400, slow, tcpIncomplete},
		{"tcp: answers not read", 100, slow, tcpUnread},
		{"dot: incomplete message", 250, slow, dotIncomplete},
		{"dot: incomplete handshake", 150, slow, dotHandshake},
		{"doh: incomplete bodies", 80, slow, dohIncomplete},
		{"doh: answers not read", 50, slow, dohUnread},
		{"doh: HTTP/1.1, incomplete bodies", 100, slow, http1Incomplete},
		{"doq: incomplete messages", 60, slow, doqIncomplete},
		{"doq: pending queries", 20, slow, doqPending},
		{"doh3: incomplete bodies", 40, slow, doh3Incomplete},
		{"tcp: pending queries", 30, slow, tcpPending},
		{"udp: names whose server is silent", 2, fast, flood("silent.")},
		{"udp: large answers", 1, fast, flood("big.")},
		{"udp: large answers that stop", 1, fast, flood("drip.")},
	}
}

// pause waits, but not longer than the context lasts.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// until waits until the server has closed a connection, or the attack is over.
func until(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = c.SetReadDeadline(time.Now().Add(8 * time.Second))
	_, _ = io.Copy(io.Discard, c)
}

// from is the address of an attacker: ten share a network.
func from(i int) net.IP { return net.IPv4(127, byte(10+i/10/200), byte(1+i/10%200), byte(1+i%10)) }

func dialTCP(ctx context.Context, port, i int) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from(i)}, Timeout: 2 * time.Second}
	return d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

func dialTLS(ctx context.Context, w *transports, port, i int, alpn string) (net.Conn, error) {
	raw, err := dialTCP(ctx, port, i)
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, w.clientTLS(alpn))
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

// incomplete is the begin of a message of 65,535 octets.
var incomplete = append([]byte{0xff, 0xff}, make([]byte, 60_000)...)

func tcpIncomplete(ctx context.Context, _ *transports, i int) {
	if c, err := dialTCP(ctx, plainPort, i); err == nil {
		defer c.Close()
		_, _ = c.Write(incomplete)
		until(ctx, c)
	}
}

func dotIncomplete(ctx context.Context, w *transports, i int) {
	if c, err := dialTLS(ctx, w, dotPort, i, "dot"); err == nil {
		defer c.Close()
		_, _ = c.Write(incomplete)
		until(ctx, c)
	}
}

func dotHandshake(ctx context.Context, _ *transports, i int) {
	if c, err := dialTCP(ctx, dotPort, i); err == nil {
		defer c.Close()
		_, _ = c.Write(append([]byte{22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0}, make([]byte, 15_000)...))
		until(ctx, c)
	}
}

var names atomic.Int64

// question is a query for a new name below a zone.
func question(zone string) []byte {
	m := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.%s", names.Add(1), zone), dns.TypeTXT)
	m.SetEdns0(1232, false)
	b, _ := m.Pack()
	return b
}

// repeated is a query for one name of a hundred.
func repeated(i int) []byte {
	m := new(dns.Msg).SetQuestion(fmt.Sprintf("again%d.big.", i%100), dns.TypeTXT)
	b, _ := m.Pack()
	return b
}

func frame(b []byte) []byte { return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...) }

func tcpUnread(ctx context.Context, _ *transports, i int) {
	c, err := dialTCP(ctx, plainPort, i)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	for k := range 100 {
		if _, err := c.Write(frame(repeated(k))); err != nil {
			break
		}
	}
	pause(ctx, 5*time.Second)
}

func tcpPending(ctx context.Context, _ *transports, i int) {
	if c, err := dialTCP(ctx, plainPort, i); err == nil {
		defer c.Close()
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		for range 100 {
			_, _ = c.Write(frame(question("silent.")))
		}
		until(ctx, c)
	}
}

// newHTTP2 begins a connection with a setting of the windows of its streams.
func newHTTP2(ctx context.Context, w *transports, i int, window uint32) (net.Conn, *http2.Framer) {
	c, err := dialTLS(ctx, w, dohPort, i, "h2")
	if err != nil {
		return nil, nil
	}
	_, _ = io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	return c, f
}

// post writes the header of a request.
func post(f *http2.Framer, stream uint32) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"},
		{":authority", "localhost"}, {":path", "/dns-query"},
		{"content-type", "application/dns-message"}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(),
		EndHeaders: true})
}

func dohIncomplete(ctx context.Context, w *transports, i int) {
	c, f := newHTTP2(ctx, w, i, 65535)
	if c == nil {
		return
	}
	defer c.Close()
	for k := range 30 {
		post(f, uint32(1+2*k))
		if f.WriteData(uint32(1+2*k), false, incomplete[:16_000]) != nil {
			break
		}
	}
	until(ctx, c)
}

func dohUnread(ctx context.Context, w *transports, i int) {
	c, f := newHTTP2(ctx, w, i, 0)
	if c == nil {
		return
	}
	defer c.Close()
	for k := range 50 {
		post(f, uint32(1+2*k))
		if f.WriteData(uint32(1+2*k), true, repeated(k)) != nil {
			break
		}
	}
	until(ctx, c)
}

func http1Incomplete(ctx context.Context, _ *transports, i int) {
	if c, err := dialTCP(ctx, http1Port, i); err == nil {
		defer c.Close()
		_, _ = io.WriteString(c, "POST /dns-query HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
			"application/dns-message\r\nContent-Length: 61000\r\n\r\n")
		_, _ = c.Write(incomplete)
		until(ctx, c)
	}
}

// dialQUIC makes a connection from an attacker's address.
func dialQUIC(ctx context.Context, w *transports, port, i int, alpn string) (*quic.Conn, func()) {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: from(i)})
	if err != nil {
		return nil, nil
	}
	t := &quic.Transport{Conn: s}
	end := func() { _, _ = t.Close(), s.Close() }
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	c, err := t.Dial(ctx, at, w.clientTLS(alpn), &quic.Config{HandshakeIdleTimeout: 5 * time.Second,
		MaxIdleTimeout: 8 * time.Second, DisablePathMTUDiscovery: true})
	if err != nil {
		end()
		return nil, nil
	}
	return c, end
}

// overStreams sends data on many streams without ending them, or with their end.
func overStreams(ctx context.Context, w *transports, i, streams int, data func() []byte, end bool) {
	c, done := dialQUIC(ctx, w, dotPort, i, "doq")
	if c == nil {
		return
	}
	defer done()
	for range streams {
		s, err := c.OpenStream()
		if err != nil {
			break
		}
		_ = s.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = s.Write(data())
		if end {
			_ = s.Close()
		}
	}
	select {
	case <-ctx.Done():
	case <-c.Context().Done():
	case <-time.After(6 * time.Second):
	}
}

func doqIncomplete(ctx context.Context, w *transports, i int) {
	overStreams(ctx, w, i, 30, func() []byte { return incomplete[:20_000] }, false)
}

func doqPending(ctx context.Context, w *transports, i int) {
	overStreams(ctx, w, i, 90, func() []byte {
		q := question("silent.")
		q[0], q[1] = 0, 0
		return frame(q)
	}, true)
}

// stalled is a body that stops.
type stalled struct {
	ctx  context.Context
	left int
}

func (s *stalled) Read(b []byte) (int, error) {
	if s.left == 0 {
		pause(s.ctx, 6*time.Second)
		return 0, io.ErrUnexpectedEOF
	}
	n := min(len(b), s.left)
	s.left -= n
	return n, nil
}

func doh3Incomplete(ctx context.Context, w *transports, i int) { doh3N(ctx, w, i, 30, 15_000) }

// doh3N sends the begin of many bodies.
func doh3N(ctx context.Context, w *transports, i, streams, octets int) {
	c, end := dialQUIC(ctx, w, dohPort, i, "h3")
	if c == nil {
		return
	}
	defer end()
	var taken atomic.Bool
	t := &http3.Transport{TLSClientConfig: w.clientTLS("h3"), Dial: func(context.Context, string,
		*tls.Config, *quic.Config) (*quic.Conn, error) {
		if taken.Swap(true) { // it has ended: that is the end of this attack
			return nil, io.EOF
		}
		return c, nil
	}}
	defer t.Close()
	ctx, stop := context.WithTimeout(ctx, 6*time.Second)
	defer stop()
	done := make(chan bool)
	for range streams {
		go func() {
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost,
				fmt.Sprintf("https://localhost:%d/dns-query", dohPort), &stalled{ctx, octets})
			r.Header.Set("Content-Type", "application/dns-message")
			if a, err := t.RoundTrip(r); err == nil {
				_ = a.Body.Close()
			}
			done <- true
		}()
	}
	for range streams {
		<-done
	}
}

// flood asks over UDP for new names of a zone, from many addresses.
func flood(zone string) func(context.Context, *transports, int) {
	return func(ctx context.Context, _ *transports, i int) {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: from(int(names.Load() % 20_000))},
			&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: plainPort})
		if err != nil {
			return
		}
		defer c.Close()
		for range 100 {
			_, _ = c.Write(question(zone))
		}
	}
}
