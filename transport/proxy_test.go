package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"bailiwick/internal/cause"
	"bailiwick/internal/logtest"
)

// proxyHeader returns a header of version 2 for a client.
func proxyHeader(t *testing.T, client string, tlvs ...proxyproto.TLV) []byte {
	t.Helper()
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 53}
	if from.AddrPort().Addr().Is6() {
		to.IP = net.ParseIP("2001:db8::53")
	}
	h := proxyproto.HeaderProxyFromAddrs(2, from, to)
	if err := h.SetTLVs(tlvs); err != nil {
		t.Fatal(err)
	}
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A header comes before TLS, or inside it as dnsdist sends it: it is accepted where the operator
// has configured it, and only there. The query may come in the same segment.
func TestProxyHeaderBeforeOrInsideTLS(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	const client, six = "192.0.2.7:4711", "[2001:db8::7]:4711"
	long := proxyproto.TLV{Type: 0xe0, Value: make([]byte, 1000)}
	for _, c := range []struct {
		name           string
		inside         bool
		before, within []byte
		want           string
	}{
		{"before TLS", false, proxyHeader(t, client), nil, client},
		{"inside TLS", true, nil, proxyHeader(t, client), client},
		{"inside TLS, of IPv6 and with TLVs", true, nil, proxyHeader(t, six, long), six},
		{"inside TLS, expected before", false, nil, proxyHeader(t, client), ""},
		{"before TLS, expected inside", true, proxyHeader(t, client), nil, ""},
		{"nowhere", true, nil, nil, ""},
	} {
		at, h, w := listener(t, DoT, func(s *Spec) {
			s.ProxyFrom, s.ProxyInside = loopback,
				c.inside
		})
		raw := dialTCP(t, at)
		_, _ = raw.Write(c.before)
		conn := tls.Client(raw, insecureTLS)
		_, err := conn.Write(append(c.within, appendFrame(nil, query("fast"))...))
		if err == nil {
			_, err = ReadFrame(conn)
		}
		from := h.from()
		switch {
		case c.want == "" && (err == nil || len(from) > 0):
			t.Errorf("%s: answered %v", c.name, from)
		case c.want != "" && (err != nil || len(from) != 1 || from[0].Addr.String() != c.want):
			t.Errorf("%s: %v %v, want %s", c.name, from, err, c.want)
		case c.want != "" && len(w.seen()) > 0:
			t.Errorf("%s: faults %v", c.name, w.seen())
		}
	}
	// DoH by HTTP/2 and HTTP/1.1 too.
	for name, next := range map[string]string{"h2": "h2", "h1": "http/1.1"} {
		at, h, _ := listener(t, DoH, func(s *Spec) { s.ProxyFrom, s.ProxyInside = loopback, true })
		conn, err := tls.Dial("tcp", at.String(),
			&tls.Config{InsecureSkipVerify: true, NextProtos: []string{next}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(proxyHeader(t, client)); err != nil {
			t.Fatal(err)
		}
		if name == "h2" {
			f := newH2(conn)
			f.hello()
			f.post(1, "fast")
			f.until(0)
		} else {
			q, _ := http.NewRequest("POST", "https://localhost/dns-query",
				bytes.NewReader(query("fast")))
			q.Header.Set("Content-Type", mediaType)
			if err := q.Write(conn); err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Read(make([]byte, 100))
		}
		if from := h.from(); len(from) != 1 || from[0].Addr.String() != client {
			t.Errorf("%s: %v", name, from)
		}
	}
}

// A trusted proxy that sends no header, or a wrong one, is logged once. One that only checks
// whether the port is open is not logged.
func TestProxyFaultsAreLoggedOnce(t *testing.T) {
	out := &logtest.Log{}
	trust := func(s *Spec) {
		s.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		s.Log = slog.New(slog.NewTextHandler(out, nil))
	}
	at, _, w := listener(t, TCP, trust)
	dialTCP(t, at).Close()
	for _, say := range [][]byte{appendFrame(nil, query("fast")),
		[]byte("PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n"),
		append([]byte(proxySignature), 0x21, 0x11, 0xff, 0xff)} {
		before := w.seen()[cause.ProxyHeader]
		c := dialTCP(t, at)
		if _, err := c.Write(say); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrame(c); err == nil {
			t.Errorf("%q is answered", say)
		}
		if got := w.seen()[cause.ProxyHeader]; got != before+1 {
			t.Errorf("%q: counted %d times", say, got-before)
		}
	}
	if n := strings.Count(out.String(), "from=127.0.0.1"); n != 1 {
		t.Errorf("%d lines: %s", n, out)
	}
	s := &Spec{Gate: NewGate(Default().Gate)}
	trust(s)
	for i := range 2 * maxLoggedSources {
		s.badProxy(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), errNoHeader)
	}
	if n := strings.Count(out.String(), "\n"); n != 1+maxLoggedSources {
		t.Errorf("%d lines for many sources", n)
	}
}

// A PROXY header of an address that is not a trusted proxy is not believed.
func TestProxyHeadersOfStrangersAreNotBelieved(t *testing.T) {
	spoken := netip.MustParseAddrPort("198.51.100.7:4711")
	for _, p := range []Protocol{UDP, TCP} {
		var from, to net.Addr = net.TCPAddrFromAddrPort(spoken), &net.TCPAddr{IP: net.IPv4zero}
		if p == UDP {
			from, to = net.UDPAddrFromAddrPort(spoken), &net.UDPAddr{IP: net.IPv4zero}
		}
		header, err := proxyproto.HeaderProxyFromAddrs(2, from, to).Format()
		if err != nil {
			t.Fatal(err)
		}
		at, h, _ := listener(t, p, func(s *Spec) {
			s.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		})
		c, err := net.Dial(p.Network(), at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		q := query("fast")
		if p == TCP {
			q = appendFrame(nil, q)
		}
		if _, err := c.Write(append(header, q...)); err != nil {
			t.Fatal(err)
		}
		if end, ok := c.(*net.TCPConn); ok {
			_ = end.CloseWrite()
		} else if _, err := c.Write(q); err != nil { // it is answered, whatever was before
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _ = c.Read(make([]byte, 512)) // whatever it comes to
		for _, from := range h.from() {
			if from.Addr.Addr() == spoken.Addr() {
				t.Errorf("%v: the client is taken for %v", p, from.Addr)
			}
		}
	}
}

// A header of version 1 is a line, of which nothing is guessed. Health checks are UNKNOWN, as they
// are LOCAL in version 2, which others took for faults (kanidm/kanidm 3866,
// TechnitiumSoftware/DnsServer 1241, varnishcache/varnish-cache 2151). What follows is not read.
func TestProxyLine(t *testing.T) {
	const peer, client = "127.0.0.1:1", "192.0.2.7:4711"
	for _, c := range []struct{ line, want string }{
		{"PROXY TCP4 192.0.2.7 192.0.2.1 4711 53\r\n", client},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 4711 53\r\n", "[2001:db8::7]:4711"},
		{"PROXY TCP6 192.0.2.7 ::1 4711 53\r\n", client}, // of nginx
		{"PROXY UNKNOWN\r\n", peer},
		{"PROXY UNKNOWN 2001:db8::7 2001:db8::1 4711 53\r\n", peer},
		{"PROXY TCP4 2001:db8::7 2001:db8::1 4711 53\r\n", ""},
		{"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n", ""},
		{"PROXY TCP4 192.0.2.7 192.0.2.1 65536 53\r\n", ""},
		{"PROXY TCP4 192.0.2.7 192.0.2.1 4711 53 7\r\n", ""},
		{"PROXY TCP4  192.0.2.7 192.0.2.1 4711 53\r\n", ""},
		{"PROXY TCP6 fe80::1%eth0 fe80::2 4711 53\r\n", ""},
		{"PROXY UDP4 192.0.2.7 192.0.2.1 4711 53\r\n", ""},
		{"PROXY TCP4 192.0.2.7 192.0.2.1 4711 53\n", ""},
		{"PROXYTCP4 192.0.2.7 192.0.2.1 4711 53\r\n", ""},
		{"PROXY " + strings.Repeat("x", maxProxyLine) + "\r\n", ""},
	} {
		r := strings.NewReader(c.line + "rest")
		got, err := readProxyHeader(r, netip.MustParseAddrPort(peer))
		if (err == nil) != (c.want != "") || err == nil && got.String() != c.want {
			t.Errorf("%q: %v %v, want %s", c.line, got, err, c.want)
		}
		if err == nil && r.Len() != len("rest") {
			t.Errorf("%q: %d octets are left", c.line, r.Len())
		}
		if read := len(c.line) + len("rest") - r.Len(); read > maxProxyLine {
			t.Errorf("%q: %d octets were read", c.line, read)
		}
	}
}

// Who is not trusted, or puts the header where it is not expected, is disconnected at once, counted
// and logged, over every transport: taken for the length of a message, the header would have it
// wait for an answer (NLnetLabs/unbound 325, razvandimescu/numa 216).
func TestProxyHeadersThatNobodyAskedForAreRefused(t *testing.T) {
	const line = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 53\r\n"
	for _, p := range Protocols() {
		if !p.Proxied() {
			continue
		}
		for _, inside := range []bool{false, p.Encrypted()} {
			for name, header := range map[string][]byte{"version 1": []byte(line),
				"version 2": proxyHeader(t, "192.0.2.7:4711")} {
				if p == UDP && name == "version 1" {
					continue
				}
				out := &logtest.Log{}
				at, h, w := listener(t, p, func(s *Spec) {
					s.Log = slog.New(slog.NewTextHandler(out, nil))
				})
				c, err := net.Dial(p.Network(), at.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if inside {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true,
						NextProtos: []string{p.ALPN()}})
				}
				if _, err := c.Write(append(header, query("fast")...)); err != nil && !inside {
					t.Fatal(err)
				}
				w.await(t, cause.ProxyHeader)
				if p.Stream() {
					if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
					}
				}
				if from := h.from(); len(from) > 0 {
					t.Errorf("%v, %s: asked by %v", p, name, from)
				}
				if !strings.Contains(out.String(), "PROXY header where none is expected") {
					t.Errorf("%v, %s: the log has %q", p, name, out)
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}

// FuzzProxyHeader reads headers of any form. What the module accepts of version 1 is accepted and
// says the same; nothing behind a header is read.
func FuzzProxyHeader(f *testing.F) {
	for _, s := range []string{"PROXY TCP4 192.0.2.7 192.0.2.1 4711 53\r\n", "PROXY UNKNOWN\r\n",
		"PROXY TCP6 2001:db8::7 2001:db8::1 4711 53\r\nrest", "PROXY \r\n",
		proxySignature + "\x20\x00\x00\x00", proxySignature + "\x21\x11\x00\x0c" +
			"\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x00\x35"} {
		f.Add([]byte(s))
	}
	peer := netip.MustParseAddrPort("127.0.0.1:1")
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		got, err := readProxyHeader(r, peer)
		if read := len(b) - r.Len(); read > proxyFixed+maxProxyHeader {
			t.Errorf("%d octets were read", read)
		}
		if !bytes.HasPrefix(b, []byte(proxyLine)) {
			return
		}
		h, bad := proxyproto.Read(bufio.NewReader(bytes.NewReader(b)))
		if bad != nil {
			return
		}
		want := peer
		if a, ok := h.SourceAddr.(*net.TCPAddr); ok {
			want = a.AddrPort()
		}
		if err != nil || got != netip.AddrPortFrom(want.Addr().Unmap(), want.Port()) &&
			got != want {
			t.Errorf("%q: %v %v, want %v", b, got, err, want)
		}
	})
}

// A PROXY header whose length is above maxProxyHeader is refused before the rest is read.
func TestMaxProxyHeader(t *testing.T) {
	for octets, want := range map[int]int{36: 0, maxProxyHeader: 0, maxProxyHeader + 1: 1 << 16} {
		b := append([]byte(proxySignature), 0x20, 0, byte(octets>>8), byte(octets))
		r := bytes.NewReader(append(b, make([]byte, 1<<16)...))
		_, err := readProxyHeader(r, netip.MustParseAddrPort("192.0.2.1:1"))
		if left := r.Len(); (err == nil) != (octets <= maxProxyHeader) || want > 0 && left != want {
			t.Errorf("%d octets: %v, %d octets are not read", octets, err, left)
		}
	}
}
