package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// echo answers by the first label of the question: fast at once, serve in a goroutine, held when
// release is called, large with 60,000 octets; silent is dropped, and nothing gets no answer.
type echo struct {
	held    chan func()
	mu      sync.Mutex
	clients []Client
}

func query(label string) []byte {
	name := append([]byte{byte(len(label))}, label...)
	return wire.AppendQuery(nil, 0, wire.FlagRD, append(name, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e',
		0), wire.TypeA, 0, false, nil)
}

func label(packet []byte) string { return string(packet[13 : 13+packet[12]]) }

func (e *echo) Handle(packet []byte, from Client, buf []byte) ([]byte, Pending) {
	e.mu.Lock()
	e.clients = append(e.clients, from)
	e.mu.Unlock()
	switch label(packet) {
	case "fast":
		return append(buf, answerTo(packet, nil)...), nil
	case "large":
		return append(append(buf, answerTo(packet, nil)...), make([]byte, 60000)...), nil
	case "silent":
		return nil, nil
	}
	return nil, &echoed{e, bytes.Clone(packet)}
}

// echoed is a Pending that echo answers later.
type echoed struct {
	e      *echo
	packet []byte
}

func (p *echoed) Resolve(_ context.Context, reply func([]byte)) {
	switch label(p.packet) {
	case "nothing":
		reply(nil)
	case "held":
		p.e.held <- func() { reply(answerTo(p.packet, nil)) }
	default:
		go reply(answerTo(p.packet, nil))
	}
}

// from returns the clients of the packets.
func (e *echo) from() []Client {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Client(nil), e.clients...)
}

// witness counts faults.
type witness struct {
	mu     sync.Mutex
	faults map[cause.Cause]int
	open   int
}

func (w *witness) Connections(_ Protocol, delta int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open += delta
}
func (w *witness) Handshake(Protocol, uint16, bool) {}
func (w *witness) Fault(_ Protocol, c cause.Cause) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faults == nil {
		w.faults = map[cause.Cause]int{}
	}
	w.faults[c]++
}

func (w *witness) seen() map[cause.Cause]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.faults)
}

// await waits for a fault.
func (w *witness) await(t *testing.T, c cause.Cause) {
	t.Helper()
	for range 500 {
		if w.seen()[c] > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("no fault %v, but %v", c, w.seen())
}

// listener serves a protocol on loopback.
func listener(t *testing.T, p Protocol, change func(*Spec)) (netip.AddrPort, *echo, *witness) {
	t.Helper()
	h, w := &echo{held: make(chan func(), 10)}, &witness{}
	return listenBy(t, p, h, w, change), h, w
}

// listenBy serves a protocol on loopback by a handler.
func listenBy(t *testing.T, p Protocol, h Handler, w *witness, change func(*Spec)) netip.AddrPort {
	t.Helper()
	source, err := SelfSigned(time.Now(), []string{"localhost"},
		[]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 1, TLS: NewTLS(source),
		Path: "/dns-query", Gate: NewGate(Default().Gate), AltSvc: func() uint16 { return 8443 }}
	s.Observer = w
	if change != nil {
		change(&s)
	}
	l, err := Listen(p, s)
	if err != nil {
		t.Fatal(err)
	}
	l.Start(h)
	t.Cleanup(l.Close)
	return l.Addr()
}

var insecureTLS = &tls.Config{InsecureSkipVerify: true}

// httpClients are clients of all versions of HTTP.
func httpClients(t *testing.T) map[string]*http.Client {
	only := func(set func(*http.Protocols)) *http.Client {
		var p http.Protocols
		set(&p)
		return &http.Client{Transport: &http.Transport{TLSClientConfig: insecureTLS.Clone(),
			Protocols: &p}, Timeout: 10 * time.Second}
	}
	h3 := &http3.Transport{TLSClientConfig: insecureTLS.Clone()}
	t.Cleanup(func() { h3.Close() })
	return map[string]*http.Client{
		"h1":  only(func(p *http.Protocols) { p.SetHTTP1(true) }),
		"h2":  only(func(p *http.Protocols) { p.SetHTTP2(true) }),
		"h2c": only(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }),
		"h3":  {Transport: h3, Timeout: 10 * time.Second},
	}
}

// doqExchange sends one message on a stream of its own and reads the stream to its end.
func doqExchange(c *quic.Conn, frame []byte) ([]byte, error) {
	s, err := c.OpenStreamSync(context.Background())
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(frame); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	return io.ReadAll(s)
}

func dialDoQ(t *testing.T, at netip.AddrPort) *quic.Conn {
	t.Helper()
	cfg := insecureTLS.Clone()
	cfg.NextProtos = []string{"doq"}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := quic.DialAddr(ctx, at.String(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseWithError(0, "") })
	return c
}

// Every transport carries prepared answers, resolved answers, and the largest message.
func TestEveryTransport(t *testing.T) {
	clients := httpClients(t)
	post := func(client, scheme string) func(*testing.T, netip.AddrPort, []byte) []byte {
		return func(t *testing.T, at netip.AddrPort, q []byte) []byte {
			r, err := clients[client].Post(scheme+"://"+at.String()+"/dns-query", mediaType,
				bytes.NewReader(q))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			b, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != 200 || r.Header.Get("Content-Type") != mediaType {
				t.Fatalf("%v %v %v", r.Status, r.Header, err)
			}
			return b
		}
	}
	dial := func(secure bool) func(*testing.T, netip.AddrPort, []byte) []byte {
		return func(t *testing.T, at netip.AddrPort, q []byte) []byte {
			var c net.Conn
			var err error
			if secure {
				c, err = tls.Dial("tcp", at.String(), &tls.Config{InsecureSkipVerify: true,
					NextProtos: []string{"dot"}})
			} else {
				c, err = net.Dial("tcp", at.String())
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write(appendFrame(nil, q)); err != nil {
				t.Fatal(err)
			}
			b, err := ReadFrame(c)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	for _, c := range []struct {
		name     string
		protocol Protocol
		exchange func(*testing.T, netip.AddrPort, []byte) []byte
	}{
		{"TCP", TCP, dial(false)}, {"DoT", DoT, dial(true)},
		{"DoH by HTTP/1.1", DoH, post("h1", "https")}, {"DoH by HTTP/2", DoH, post("h2", "https")},
		{"DoH by HTTP/3", DoH3, post("h3", "https")},
		{"DoH without TLS by HTTP/1.1", DoHPlain, post("h1", "http")},
		{"DoH without TLS by HTTP/2", DoHPlain, post("h2c", "http")},
		{"DoQ", DoQ, func(t *testing.T, at netip.AddrPort, q []byte) []byte {
			b, err := doqExchange(dialDoQ(t, at), appendFrame(nil, q))
			if err != nil || len(b) < 2 {
				t.Fatalf("%x %v", b, err)
			}
			return b[2:]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, h, w := listener(t, c.protocol, nil)
			for _, l := range []string{"fast", "serve", "large"} {
				got := c.exchange(t, at, query(l))
				if want := answerTo(query(l), nil); !bytes.HasPrefix(got, want) ||
					l == "large" != (len(got) > 60000) {
					t.Errorf("%s: %d octets %x", l, len(got), got[:min(len(got), 60)])
				}
			}
			if from := h.from(); len(from) < 3 || from[0].Protocol != c.protocol ||
				!from[0].Addr.Addr().IsLoopback() {
				t.Errorf("clients %v", from)
			}
			if f := w.seen(); len(f) > 0 {
				t.Errorf("faults %v", f)
			}
		})
	}
}

// An invalid DNS request gets the HTTP status of its error, over every version of HTTP.
func TestRFC8484Faults(t *testing.T) {
	good := base64.RawURLEncoding.EncodeToString(query("fast"))
	clients := httpClients(t)
	for name, p := range map[string]Protocol{"h1": DoH, "h2": DoH, "h3": DoH3} {
		at, _, w := listener(t, p, nil)
		for _, c := range []struct {
			what, method, path, media string
			body                      []byte
			want                      int
			why                       cause.Cause
		}{
			{"a query", "GET", "/dns-query?dns=" + good, "", nil, 200, cause.None},
			{"more parameters", "GET", "/dns-query?a=b&dns=" + good + "&ct", "", nil, 200,
				cause.None},
			{"an escape", "GET", "/dns-query?dns=%41" + good[1:], "", nil, 200, cause.None},
			{"another path", "GET", "/dns?dns=" + good, "", nil, 404, cause.HTTPPath},
			{"no parameter", "GET", "/dns-query", "", nil, 400, cause.HTTPQuery},
			{"no base64url", "GET", "/dns-query?dns=AA+/", "", nil, 400, cause.HTTPQuery},
			{"padded base64", "GET", "/dns-query?dns=" + good + "=", "", nil, 400, cause.HTTPQuery},
			{"too short", "GET", "/dns-query?dns=AAAA", "", nil, 400, cause.HTTPQuery},
			{"another method", "PUT", "/dns-query", mediaType, query("fast"), 405,
				cause.HTTPMethod},
			{"HEAD", "HEAD", "/dns-query?dns=" + good, "", nil, 405, cause.HTTPMethod},
			{"another type", "POST", "/dns-query", "text/plain", query("fast"), 415,
				cause.HTTPMediaType},
			{"no type", "POST", "/dns-query", "", query("fast"), 415, cause.HTTPMediaType},
			{"a type with a parameter", "POST", "/dns-query", mediaType + "; a=b", query("fast"),
				200, cause.None},
			{"nothing", "POST", "/dns-query", mediaType, nil, 400, cause.HTTPQuery},
			{"too large", "POST", "/dns-query", mediaType, make([]byte, 70000), 413,
				cause.HTTPTooLarge},
			{"an answer instead of a query", "POST", "/dns-query", mediaType, query("nothing"), 400,
				cause.HTTPQuery},
		} {
			before := w.seen()[c.why]
			q, err := http.NewRequest(c.method, "https://"+at.String()+c.path,
				bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.media != "" {
				q.Header.Set("Content-Type", c.media)
			}
			r, err := clients[name].Do(q)
			if err != nil {
				t.Errorf("%s, %s: %v", name, c.what, err)
				continue
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
			if r.StatusCode != c.want || r.Header.Get("Alt-Svc") != `h3=":8443"; ma=86400` {
				t.Errorf("%s, %s: status %d, want %d; %v", name, c.what, r.StatusCode, c.want,
					r.Header)
			}
			if c.want == 405 && r.Header.Get("Allow") != "GET, POST" {
				t.Errorf("%s, %s: no Allow", name, c.what)
			}
			if c.why != cause.None && w.seen()[c.why] == before {
				t.Errorf("%s, %s: not counted as %v", name, c.what, c.why)
			}
		}
	}
}

// A client that must not be answered is disconnected.
func TestSilence(t *testing.T) {
	at, _, _ := listener(t, DoH, nil)
	if _, err := httpClients(t)["h2"].Post("https://"+at.String()+"/dns-query", mediaType,
		bytes.NewReader(query("silent"))); err == nil {
		t.Error("an answer by HTTP/2")
	}
	at, _, _ = listener(t, DoQ, nil)
	if b, err := doqExchange(dialDoQ(t, at), appendFrame(nil, query("silent"))); err == nil {
		t.Errorf("an answer over DoQ: %x", b)
	}
}

// PROXY headers are believed and required from trusted addresses; all others are clients.
func TestProxy(t *testing.T) {
	source, dest := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7),
		Port: 4711}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 53}
	v2, err := proxyproto.HeaderProxyFromAddrs(2, source, dest).Format()
	if err != nil {
		t.Fatal(err)
	}
	v1, err := proxyproto.HeaderProxyFromAddrs(1, source, dest).Format()
	if err != nil {
		t.Fatal(err)
	}
	local, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}).Format()
	if err != nil {
		t.Fatal(err)
	}
	trust := func(s *Spec) { s.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }
	for _, c := range []struct {
		name   string
		change func(*Spec)
		header []byte
		want   string
	}{
		{"version 2", trust, v2, "192.0.2.7:4711"},
		{"the proxy's own", trust, local, "127.0.0.1"},
		{"version 1", trust, v1, "192.0.2.7:4711"},
		{"no header", trust, nil, ""},
		{"a stranger without", nil, nil, "127.0.0.1"},
	} {
		at, h, w := listener(t, TCP, c.change)
		conn, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(append(c.header, appendFrame(nil, query("fast"))...)); err != nil {
			t.Fatal(err)
		}
		_, err = ReadFrame(conn)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: an answer", c.name)
			}
			w.await(t, cause.ProxyHeader)
			continue
		}
		if err != nil || !strings.HasPrefix(h.from()[0].Addr.String(), c.want) {
			t.Errorf("%s: %v %v", c.name, h.from(), err)
		}
	}
	// Over UDP each packet has a header.
	at, h, w := listener(t, UDP, trust)
	conn, err := net.Dial("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	udp, err := proxyproto.HeaderProxyFromAddrs(2, &net.UDPAddr{IP: source.IP, Port: 99},
		&net.UDPAddr{IP: dest.IP, Port: 53}).Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]byte{query("fast"), append(udp, query("fast")...)} {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Read(make([]byte, 512)); err != nil || n != len(query("fast")) ||
		len(h.from()) != 1 || h.from()[0].Addr.String() != "192.0.2.7:99" {
		t.Errorf("over UDP: %v %v", h.from(), err)
	}
	w.await(t, cause.ProxyHeader)
}
