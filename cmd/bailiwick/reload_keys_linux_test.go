// Keys that decide about parts which live as long as the process: they change by reload, too.

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/memcache"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// The log changes its level and its form. A line is in one of the forms, whole, and events are
// lines only at level debug, those of queries from the cache and of resolutions. Elsewhere the log
// stayed as it was (github.com/NLnetLabs/unbound/issues/640, e2guardian/e2guardian/issues/350), its
// former level did not come back (github.com/NLnetLabs/unbound/issues/727), and a key that was
// removed kept its last value (github.com/nghttp2/nghttp2/pull/1356).
func TestReloadChangesTheLog(t *testing.T) {
	s, log := daylight(t, 0, "")
	const base = "listen: {udp: [UDP], tcp: []}\nadmin: {listen: ''}\ncontrol: {socket: ''}\n"
	s.expect("www.secure.example.", "NOERROR+ad")
	s.change(base + "log: {level: debug, format: json}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.nsec3.example.", "NOERROR+ad")
	log.has(t, `"msg":"configuration read again"`)
	log.has(t, `"name":"www.secure.example.","type":"A","client":"127.0.0.1"`)
	log.has(t, `"fetch":`)
	s.change(base + "log: {level: warn}\n")
	before := log.String()
	for line := range strings.Lines(before) {
		if text, json := strings.HasPrefix(line, "time="), strings.HasPrefix(line, "{"); !text &&
			!json || json && !strings.HasSuffix(line, "}\n") {
			t.Errorf("a line of both forms: %s", line)
		}
	}
	if strings.Contains(before, "level=DEBUG") {
		t.Error("events are lines before they are wanted")
	}
	s.expect("www.nsec3.example.", "NOERROR+ad")
	s.change(base) // the default is info; the line of this comes after all that was before
	log.has(t, `level=INFO msg="configuration read again" changed=log.level`)
	s.expect("www.secure.example.", "NOERROR+ad")
	if after := log.String()[len(before):]; strings.Contains(after, "DEBUG") {
		t.Errorf("events are lines at level warn or info: %s", after)
	}
}

// DoH moves to another path, for the requests to come over connections that are open already.
func TestReloadMovesDoH(t *testing.T) {
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	text := fmt.Sprintf("listen: {udp: [UDP], tcp: [], doh: [%q]}\n", at)
	s := reloadable(t, text)
	query, err := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	dialled := 0
	client := &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled++
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		}}}
	defer client.CloseIdleConnections()
	status := func(path string) int {
		t.Helper()
		r, err := client.Post("https://"+at+path, "application/dns-message",
			bytes.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		_, _ = io.Copy(io.Discard, r.Body)
		return r.StatusCode
	}
	for _, path := range []string{"/dns-query", "/elsewhere", "/dns-query"} {
		m := s.change(text + "doh: {path: " + path + "}\n")
		if m["needs_restart"] != nil {
			t.Errorf("report %v", m)
		}
		for _, p := range []string{"/dns-query", "/elsewhere"} {
			if got, want := status(p), map[bool]int{true: 200, false: 404}[p == path]; got != want {
				t.Errorf("%s at %s: %d", p, path, got)
			}
		}
	}
	if dialled != 1 {
		t.Errorf("%d connections", dialled)
	}
}

// Connections that are open stay, however few are allowed from now on; new ones go by the new
// limits.
func TestReloadChangesConnectionsAndCutsNone(t *testing.T) {
	s := reloadable(t, plain)
	var open []*dns.Conn
	alive := func(c *dns.Conn) error {
		_ = c.SetDeadline(time.Now().Add(patience))
		if err := c.WriteMsg(new(dns.Msg).SetQuestion("www.secure.example.",
			dns.TypeA)); err != nil {
			return err
		}
		_, err := c.ReadMsg()
		return err
	}
	dial := func() (*dns.Conn, error) {
		t.Helper()
		c, err := dns.Dial("tcp", s.udp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, alive(c)
	}
	for range 4 {
		c, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	m := s.change(plain + "connections: {per_client: 3, queries: 2}\n")
	if m["needs_restart"] != nil || m["changed"] != "connections.per_client, connections.queries" {
		t.Errorf("report %v", m)
	}
	if _, err := dial(); err == nil {
		t.Error("a client that has its share gets one more connection")
	}
	for i, c := range open {
		for range 3 {
			if err := alive(c); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		}
	}
	s.change(plain + "connections: {queries: 2}\n")
	c, err := dial()
	if err == nil {
		err = alive(c)
	}
	if err != nil || alive(c) == nil {
		t.Errorf("a new connection has not the new limit of queries: %v", err)
	}
}

// resumes reports whether a client's session at a DoT listener is resumed, with one answer.
func resumes(t *testing.T, at string, cache tls.ClientSessionCache) bool {
	t.Helper()
	c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost",
		ClientSessionCache: cache, NextProtos: []string{"dot"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn := &dns.Conn{Conn: c}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := conn.WriteMsg(new(dns.Msg).SetQuestion("localhost.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReadMsg(); err != nil { // the ticket comes before it
		t.Fatal(err)
	}
	return c.ConnectionState().DidResume
}

// Sessions are resumed across a reload, though the server's own secret is in memory only. With the
// secret of a fleet they are resumed where that is known, and a damaged one refuses the reload.
// dnsdist had made another key with the first handshake after keys were loaded
// (github.com/PowerDNS/pdns/pull/8949).
func TestReloadChangesTicketKeys(t *testing.T) {
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	text := fmt.Sprintf("listen: {udp: [UDP], tcp: [], dot: [%q]}\n", at)
	s := reloadable(t, text)
	cache := tls.NewLRUClientSessionCache(1)
	expect := func(what string, want bool) {
		t.Helper()
		if got := resumes(t, at, cache); got != want {
			t.Errorf("%s: resumed %v", what, got)
		}
	}
	expect("the first connection", false)
	expect("the second", true)
	s.change(text + "server: {ede: false}\n")
	expect("after a reload", true)
	secret := filepath.Join(t.TempDir(), "tickets")
	write := func(octets int) {
		t.Helper()
		if err := os.WriteFile(secret, bytes.Repeat([]byte{7}, octets), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(32)
	fleet := text + "tls: {ticket_secret: " + secret + "}\n"
	if m := s.change(fleet); m["needs_restart"] != nil {
		t.Errorf("report %v", m)
	}
	expect("with the secret of a fleet", false)
	expect("once more", true)
	write(5)
	if _, err := s.reload(); err == nil {
		t.Error("a secret of 5 octets is in use")
	}
	expect("after a refused reload", true)
	s.change(text)
	expect("with a secret of its own", false)
}

// A proxy that is trusted from now on names its clients, at a listener that stays open.
func TestReloadTrustsOtherProxies(t *testing.T) {
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	const access = "policy: {access: [\"127.0.0.0/8 allow\", \"192.0.2.0/24 refuse\"]}\n"
	s := reloadable(t, fmt.Sprintf("listen: {udp: [UDP], tcp: [%q]}\n", at)+access)
	was := s.now().listeners
	// PROXY protocol version 2: 192.0.2.1, port 1000, by TCP to 192.0.2.2, port 53.
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"),
		192, 0, 2, 1, 192, 0, 2, 2, 1000>>8, 1000&0xff, 0, 53)
	ask := func(header []byte) (string, error) {
		c, err := dns.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Conn.Write(header); err != nil {
			return "", err
		}
		if err := c.WriteMsg(new(dns.Msg).SetQuestion("localhost.", dns.TypeA)); err != nil {
			return "", err
		}
		m, err := c.ReadMsg()
		if err != nil {
			return "", err
		}
		return dns.RcodeToString[m.Rcode], nil
	}
	if got, err := ask(nil); got != "NOERROR" {
		t.Errorf("without a proxy: %s, %v", got, err)
	}
	m := s.change(fmt.Sprintf("listen: {udp: [UDP], tcp: [{address: %q, proxy_from: "+
		"[127.0.0.0/8]}]}\n", at) + access)
	if m["needs_restart"] != nil || m["opened"] != nil {
		t.Errorf("report %v", m)
	}
	for i, l := range s.now().listeners {
		if l.Listener != was[i].Listener {
			t.Errorf("%s was opened anew", l.text())
		}
	}
	if got, err := ask(header); got != "REFUSED" {
		t.Errorf("for a client that may not ask: %s, %v", got, err)
	}
	if got, err := ask(nil); err == nil {
		t.Errorf("without a header: %s", got)
	}
}

// The caches shrink and grow: what was used last is still known, the ledger and the limit of the
// heap follow, and nothing needs a restart. In Unbound another size empties the cache
// (github.com/NLnetLabs/unbound/pull/569), and memory grows with fast reloads
// (github.com/NLnetLabs/unbound/issues/1450).
func TestReloadChangesTheMemory(t *testing.T) {
	limit := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(limit)
	s := reloadable(t, plain+"cache: {memory: 256MiB}\n")
	now := s.clock.Now()
	for i := range 100_000 {
		s.store.PutRRset(cache.Key{Name: wire.MustParseName(fmt.Sprintf("n%d.test.", i)),
			Type: wire.TypeA}, cache.RRset{Set: &wire.RRset{TTL: 3600, Type: wire.TypeA,
			Class: wire.ClassIN, Name: wire.MustParseName(fmt.Sprintf("n%d.test.", i)),
			Data: wire.RDataList{0, 4, 192, 0, 2, 1}}}, now)
	}
	size := func() (bytes int) {
		st := s.now().resolver.Stats()
		for _, c := range []memcache.Stats{s.store.Answers.Stats(), s.store.RRsets.Stats(),
			s.store.Negatives.Stats(), s.store.Failures.Stats(), s.store.Delegations.Stats(),
			s.store.Denials.Stats(), st.Servers, st.Trust} {
			bytes += c.Bytes
		}
		return bytes
	}
	for range 3 {
		s.expect("www.secure.example.", "NOERROR+ad")
	}
	was := size()
	m := s.change(plain + "memory: {total: 256MiB}\ncache: {memory: 4MiB}\n")
	if m["needs_restart"] != nil || m["changed"] != "memory.total, cache.memory" {
		t.Errorf("report %v", m)
	}
	if is := size(); is > 4<<20 || is < 256<<10 || was < 4<<20 {
		t.Errorf("%d bytes before, and %d of 4 MiB", was, is)
	}
	if d := s.now().Config.Division(); s.ledger.Total() != d.Held ||
		debug.SetMemoryLimit(-1) != d.Heap {
		t.Errorf("the ledger has %d of %d, and the limit of the heap is %d of %d",
			s.ledger.Total(), d.Held, debug.SetMemoryLimit(-1), d.Heap)
	}
	known := func() bool {
		a := s.now().resolver.Known(wire.Question{Name: wire.MustParseName("www.secure.example"),
			Type: wire.TypeA, Class: wire.ClassIN}, false, true, &resolver.Checks{})
		return a != nil && a.Failure == nil
	}
	if !known() {
		t.Error("what was just asked for is not known any more")
	}
	s.change(plain + "cache: {memory: 512MiB}\n")
	if is := size(); !known() || is < 256<<10 {
		t.Errorf("%d bytes are left in a larger cache", is)
	}
	s.expect("www.secure.example.", "NOERROR+ad")
}

// cookies are asked through, and have the cookies that servers were sent.
type cookies struct {
	transport.Exchanger
	mu  sync.Mutex
	all map[netip.Addr][8]byte
}

// Exchange implements transport.Exchanger.
func (c *cookies) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if r.Cookie.Sent {
		c.mu.Lock()
		c.all[r.Server.Addr()] = r.Cookie.Client
		c.mu.Unlock()
	}
	return c.Exchanger.Exchange(ctx, r)
}

// Where questions leave from another address, servers get other cookies than before (RFC 9018,
// section 3).
func TestReloadOfTheSourceGivesServersOtherCookies(t *testing.T) {
	c := &cookies{all: map[netip.Addr][8]byte{}}
	s := reloadableOver(t, plain, func(w transport.Exchanger) transport.Exchanger {
		c.Exchanger = w
		return c
	})
	names := 0
	sent := func() map[netip.Addr][8]byte {
		t.Helper()
		c.mu.Lock()
		clear(c.all)
		c.mu.Unlock()
		names++
		s.expect(fmt.Sprintf("no%d.unsigned.example.", names), "NXDOMAIN")
		c.mu.Lock()
		defer c.mu.Unlock()
		return maps.Clone(c.all)
	}
	sent()
	home := sent()
	s.change(plain + "server: {ede: false}\n")
	same := sent()
	s.change(plain + "resolver: {source_addresses: [127.0.0.1]}\n")
	other := sent()
	compared := 0
	for a, cookie := range home {
		second, again := same[a]
		third, elsewhere := other[a]
		if !again || !elsewhere { // the server asked it for itself meanwhile
			continue
		}
		if compared++; second != cookie || third == cookie {
			t.Errorf("%v gets %x, %x, and from elsewhere %x", a, cookie, second, third)
		}
	}
	if compared == 0 {
		t.Error("no server was sent a cookie each time")
	}
}
