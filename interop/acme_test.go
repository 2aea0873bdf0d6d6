// A certificate from an authority: pebble, which proves names and addresses at the server's own
// listeners, and in zones of Knot DNS and BIND that take updates.

package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"bailiwick/internal/lab"
)

const (
	acmeHost   = "127.77.0.10" // of the server's listeners
	acmeAdmin  = "127.77.0.10:5380"
	acmeKnot   = "127.77.0.20" // of acme.test, which has the authority's name
	acmeBIND   = "127.77.0.21" // of bind.test
	acmeCA     = "127.77.0.30"
	acmeSecret = "c2VjcmV0IG9mIHRoZSB0d28gZW5kcyBvZiB1cGRhdGU="
)

// acmeWorld is a server, its authority, and what they need.
type acmeWorld struct {
	folder
	t    *testing.T
	root root
	bin  string
	ca   *exec.Cmd
	own  *exec.Cmd
	sans string // names and addresses that the configuration wants
	how  string // further keys of tls.acme
	more string // further sections of the configuration
	// lookups is where the authority looks names up.
	lookups string
}

// TestACME is what issue 19 wants to be shown of certificates.
func TestACME(t *testing.T) {
	if os.Getenv(inside) == "" {
		buildPebble(t, os.DevNull) // downloads what the namespace cannot
		enter(t, []string{"ip", "unshare", "knotd", "named", "kdig", "openssl"})
		return
	}
	loopback(t)
	run(t, "ip", "address", "add", acmeBIND+"/32", "dev", "lo") // BIND looks for interfaces
	dir := t.TempDir()
	w := &acmeWorld{t: t, folder: folder(dir), bin: build(t, dir),
		sans: "names: [dns.acme.test], addresses: [" + acmeHost + "]", how: "profile: shortlived"}
	buildPebble(t, w.path("pebble"))
	w.root = listen(t, lab.Internet(time.Now()))
	w.makeCA()
	w.primaries()
	w.lookUps()
	t.Run("without a certificate", w.without)
	t.Run("the first certificate", w.first)
	t.Run("renewal", w.renewal)
	t.Run("restart", w.restart)
	t.Run("damaged", w.damaged)
	t.Run("records", w.records)
	t.Run("hand-over", w.handOver)
	t.Run("as a user", w.asUser)
}

// buildPebble builds the authority in the version of go.mod.
func buildPebble(t *testing.T, to string) {
	t.Helper()
	out, err := exec.Command("go", "build", "-o", to,
		"github.com/letsencrypt/pebble/v2/cmd/pebble").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// makeCA makes the certificate of the authority's own server, and its configuration.
func (w *acmeWorld) makeCA() {
	run(w.t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-keyout", w.path("ca.key"), "-out", w.path("ca.pem"), "-days", "30", "-subj",
		"/CN=ca.acme.test", "-addext", "subjectAltName=DNS:ca.acme.test,IP:"+acmeCA)
	conf, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": acmeCA + ":443", "managementListenAddress": acmeCA + ":15000",
		"certificate": w.path("ca.pem"), "privateKey": w.path("ca.key"), "httpPort": 80,
		"tlsPort": 443, "keyAlgorithm": "ecdsa", "domainBlocklist": []string{"no.acme.test"},
		"profiles": map[string]any{"default": map[string]any{"validityPeriod": 7776000},
			// Debian's kdig takes no certificate with an empty subject.
			"shortlived": map[string]any{"validityPeriod": 518400, "promoteCommonName": true}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(w.t, "pebble.json", string(conf))
}

// authority starts the authority, which wants a fifth of all requests sent again.
func (w *acmeWorld) authority() {
	w.t.Helper()
	w.ca = exec.Command(w.path("pebble"), "-config", w.path("pebble.json"), "-dnsserver",
		w.lookups)
	w.ca.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=20",
		"PEBBLE_AUTHZREUSE=0")
	log, err := os.Create(w.path("pebble.log"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	w.ca.Stdout, w.ca.Stderr = log, log
	if err := w.ca.Start(); err != nil {
		w.t.Fatal(err)
	}
	ca := w.ca
	w.t.Cleanup(func() { _ = ca.Process.Kill(); _ = ca.Wait() })
	w.until("the authority is there", func() bool { return w.issuer() != nil })
}

// issuer returns the root that the authority issues from, nil if it is not there.
func (w *acmeWorld) issuer() *x509.CertPool {
	own := x509.NewCertPool()
	text, _ := os.ReadFile(w.path("ca.pem"))
	own.AppendCertsFromPEM(text)
	c := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: own}}}
	r, err := c.Get("https://" + acmeCA + ":15000/roots/0")
	if err != nil {
		return nil
	}
	defer r.Body.Close()
	root, _ := io.ReadAll(r.Body)
	pool := x509.NewCertPool()
	if pool.AppendCertsFromPEM(root) {
		w.write(w.t, "root.pem", string(root))
		return pool
	}
	return nil
}

// primaries starts Knot DNS and BIND, each of which takes signed updates of a zone.
func (w *acmeWorld) primaries() {
	zone := func(name, at string) string {
		return w.write(w.t, name+".zone", fmt.Sprintf("$ORIGIN %s.\n$TTL 10\n@ SOA ns hostmaster "+
			"1 3600 600 86400 1\n@ NS ns\nns A %s\ndns A %s\nmore A %[3]s\nno A %[3]s\nca A %s\n"+
			"_acme-challenge.alias CNAME here.bind.test.\n", name, at, acmeHost, acmeCA))
	}
	start(w.t, "knotd", "-c", w.write(w.t, "knot.conf", fmt.Sprintf("server:\n    rundir: %[1]q\n"+
		"    listen: %[2]s@53\nlog:\n  - target: stderr\n    any: warning\ndatabase:\n    "+
		"storage: %[1]q\nkey:\n  - id: update\n    algorithm: hmac-sha256\n    secret: %[3]s\n"+
		"acl:\n  - id: update\n    key: update\n    action: update\n    "+
		"update-type: [TXT]\nzone:\n"+
		"  - domain: acme.test\n    file: %[4]q\n    acl: update\n    zonefile-sync: -1\n    "+
		"journal-content: none\n    zonefile-load: whole\n",
		w.folder, acmeKnot, acmeSecret, zone("acme.test", acmeKnot))))
	start(w.t, "named", "-f", "-4", "-n", "1", "-c", w.write(w.t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on { %s; }; listen-on-v6 { none; }; recursion no; "+
			"pid-file none; session-keyfile none; dnssec-validation no; };\ncontrols { };\n"+
			"key update { algorithm hmac-sha256; secret %q; };\nzone bind.test { type primary; "+
			"file %q; update-policy { grant update zonesub TXT; }; };\n", w.folder, acmeBIND,
		acmeSecret, zone("bind.test", acmeBIND))))
	for at, name := range map[string]string{acmeKnot: "acme.test.", acmeBIND: "bind.test."} {
		await(w.t, at+":53", name, dns.TypeSOA, func(m *dns.Msg) bool { return len(m.Answer) > 0 })
	}
}

// lookUps answers the authority, which asks over TCP, as a resolver without a cache does.
func (w *acmeWorld) lookUps() {
	l, err := net.Listen("tcp", acmeCA+":53")
	if err != nil {
		w.t.Fatal(err)
	}
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(
		func(to dns.ResponseWriter, q *dns.Msg) {
			name, m := q.Question[0].Name, new(dns.Msg).SetReply(q)
			for _, server := range []string{acmeKnot, acmeBIND} {
				r, err := ask(server+":53", name, q.Question[0].Qtype)
				if err != nil || r.Rcode != dns.RcodeSuccess {
					continue
				}
				m.Answer = append(m.Answer, r.Answer...)
				if n := len(r.Answer); n > 0 && r.Answer[n-1].Header().Rrtype == dns.TypeCNAME {
					name = r.Answer[n-1].(*dns.CNAME).Target
				}
			}
			_ = to.WriteMsg(m)
		})}
	go func() { _ = s.ActivateAndServe() }()
	w.t.Cleanup(func() { _ = l.Close() })
	w.lookups = l.Addr().String()
}

// configure writes the configuration of the server. The authority's name is in acme.test, which
// this server asks Knot for: the system's resolver knows nothing of it.
func (w *acmeWorld) configure() string {
	return w.write(w.t, "bailiwick.yaml", fmt.Sprintf(`listen:
  udp: ["%[1]s:53"]
  tcp: ["%[1]s:53"]
  dot: ["%[1]s:853"]
  doq: ["%[1]s:853"]
  doh: ["%[1]s:443"]
  doh3: ["%[1]s:443"]
admin: {listen: %[2]q}
control: {socket: control.sock}
state: {directory: state}
shutdown: {wait: 0}
tls:
  acme: {directory: "https://ca.acme.test/dir", agree: true, ca: ca.pem, %[3]s, %[4]s}
resolver:
  ipv6: "false"
  do_not_query_localhost: false
  root_hints: [{name: %[5]s, address: %[6]s}]
  forward_zones:
    - {name: acme.test, addresses: [%[7]s], insecure: true}
    - {name: bind.test, addresses: [%[8]s], insecure: true}
trust_anchors: {builtin: false, records: [%[9]q]}
zones: {tsig_keys: [{name: update, secret: %[10]s}]}
%[11]s`, acmeHost, acmeAdmin, w.sans, w.how, w.root.server, w.root.address, acmeKnot, acmeBIND,
		w.root.anchor, acmeSecret, w.more))
}

// begin starts the server, and waits until it answers.
func (w *acmeWorld) begin() {
	w.t.Helper()
	log, err := os.OpenFile(w.path("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	w.own = exec.Command(w.bin, "serve", "--config", w.configure())
	w.own.Stdout, w.own.Stderr = log, log
	if err := w.own.Start(); err != nil {
		w.t.Fatal(err)
	}
	own := w.own
	w.t.Cleanup(func() {
		_ = own.Process.Kill()
		_ = own.Wait()
		if w.t.Failed() {
			text, _ := os.ReadFile(w.path("log"))
			said, _ := os.ReadFile(w.path("pebble.log"))
			w.t.Logf("the server's log:\n%s\nthe authority's:\n%s", text, said)
		}
	})
	await(w.t, acmeHost+":53", "ca.acme.test.", dns.TypeA, func(m *dns.Msg) bool {
		return len(m.Answer) > 0
	})
}

// end ends the server as a service manager does.
func (w *acmeWorld) end() {
	w.t.Helper()
	_ = w.own.Process.Signal(syscall.SIGTERM)
	if err := w.own.Wait(); err != nil {
		w.t.Error(err)
	}
}

// kill ends the authority.
func (w *acmeWorld) kill() {
	_ = w.ca.Process.Kill()
	_ = w.ca.Wait()
}

// ctl runs a command of ctl.
func (w *acmeWorld) ctl(args ...string) (string, error) {
	out, err := exec.Command(w.bin, append([]string{"ctl", "--socket", w.path("control.sock"),
		"--json"}, args...)...).CombinedOutput()
	return string(out), err
}

// told is what ctl certificates tells.
type told struct {
	State, Outcome, Problem string
	Failures                int
	For                     []string
	NextOrder               string              `json:"next_order"`
	Rows                    []map[string]string `json:"rows"`
}

// certificates returns what ctl tells of certificates.
func (w *acmeWorld) certificates() (c told) {
	w.t.Helper()
	out, err := w.ctl("certificates")
	if err == nil {
		err = json.Unmarshal([]byte(out), &c)
	}
	if err != nil {
		w.t.Fatalf("ctl certificates: %v\n%s", err, out)
	}
	return c
}

// until waits for what happens by itself.
func (w *acmeWorld) until(what string, is func() bool) {
	w.t.Helper()
	eventually(w.t, what, is) // a test that has failed shows the log
}

// metric returns the value of a series.
func (w *acmeWorld) metric(series string) string {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (.*)$`).FindStringSubmatch(
		scrape(w.t, acmeAdmin))
	if m == nil {
		return ""
	}
	return m[1]
}

// shown returns the certificate that a client is shown over a transport, verified as one for a name
// or an address; nil if that fails.
func (w *acmeWorld) shown(roots *x509.CertPool, name string) *x509.Certificate {
	d := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: name}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", acmeHost+":853")
	if err != nil {
		return nil
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

// designated returns how many endpoints clients are told of (RFC 9462).
func designated() int {
	m, err := ask(acmeHost+":53", "_dns.resolver.arpa.", dns.TypeSVCB)
	if err != nil {
		return -1
	}
	return len(m.Answer)
}

// without starts the server while the authority is down. It serves what needs no certificate, tells
// nobody of listeners that cannot be used, and asks the authority once, however often it starts.
func (w *acmeWorld) without(t *testing.T) {
	w.begin()
	w.until("an order has failed", func() bool { return w.certificates().State == "failing" })
	c := w.certificates()
	issued := func(row map[string]string) bool { return row["key"] == "tls.acme" }
	if c.Outcome != "unreachable" || c.Failures != 1 || slices.ContainsFunc(c.Rows, issued) {
		t.Errorf("%+v", c)
	}
	if w.shown(nil, "dns.acme.test") != nil || designated() != 0 {
		t.Errorf("a handshake without a certificate; %d endpoints", designated())
	}
	const faults = `bailiwick_transport_faults_total{cause="no_certificate",transport="dot"}`
	w.until("no_certificate is counted", func() bool { // the client knows before the server counts
		n := w.metric(faults)
		return n != "" && n != "0"
	})
	for range 3 {
		w.end()
		w.begin()
		if again := w.certificates(); again.Failures != 1 || again.NextOrder != c.NextOrder {
			t.Fatalf("after a restart: %+v", again)
		}
	}
}

// first has an operator order a certificate once the authority is there. All clients verify it, by
// name and by address, and are told of the listeners.
func (w *acmeWorld) first(t *testing.T) {
	w.authority()
	if out, err := w.ctl("certificates", "renew"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.until("a certificate", func() bool { return w.certificates().State == "issued" })
	roots := w.issuer()
	for _, name := range []string{"dns.acme.test", acmeHost} {
		if w.shown(roots, name) == nil {
			t.Errorf("%s is not verified", name)
		}
	}
	if w.shown(roots, "more.acme.test") != nil {
		t.Error("any name is verified")
	}
	w.verified(roots, "dns.acme.test")
	out, err := exec.Command("openssl", "s_client", "-connect", acmeHost+":853", "-CAfile",
		w.path("root.pem"), "-verify_ip", acmeHost, "-verify_return_error").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Verify return code: 0 (ok)") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	// RFC 9462, section 4.2: the client asks for the name that it was told, and demands that the
	// certificate has the address at which it has asked.
	if designated() == 0 {
		t.Error("clients are told of no endpoint")
	}
	if leaf := w.shown(roots, "dns.acme.test"); leaf == nil ||
		leaf.VerifyHostname(acmeHost) != nil {
		t.Error("verified discovery fails")
	}
	if life := w.shown(roots, "dns.acme.test"); life.NotAfter.Sub(life.NotBefore) >
		7*24*time.Hour {
		t.Errorf("it lives from %v to %v", life.NotBefore, life.NotAfter)
	}
	if out, err := w.ctl("certificates", "renew"); err == nil {
		t.Errorf("a second order within a minute:\n%s", out)
	}
}

// verified asks over each transport as a client that wants the certificate to be for a name. Over
// QUIC that is not kdig: Debian's 3.2.6 ends by a segmentation fault with +quic and +tls-ca.
func (w *acmeWorld) verified(roots *x509.CertPool, name string) {
	w.t.Helper()
	for _, over := range []string{"+tls", "+https"} {
		out, err := exec.Command("kdig", "@"+acmeHost, over, "+tls-ca="+w.path("root.pem"),
			"+tls-hostname="+name, "www.secure.example", "A").CombinedOutput()
		if !strings.Contains(string(out), "status: NOERROR") {
			w.t.Errorf("kdig %s, %s: %v\n%s", over, name, err, out)
		}
	}
	for over, dial := range acmeClients(roots, name) {
		c, err := dial()
		if err != nil {
			w.t.Errorf("%s, %s: %v", over, name, err)
			continue
		}
		m, err := c.exchange(new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA))
		if err != nil || m.Rcode != dns.RcodeSuccess {
			w.t.Errorf("%s, %s: %v, %v", over, name, m, err)
		}
		c.close()
	}
}

// acmeClients are connections that stay open, by transport, of clients that want the certificate to
// be for a name.
func acmeClients(roots *x509.CertPool, name string) map[string]func() (dayConn, error) {
	conf := func(alpn ...string) *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: name, NextProtos: alpn}
	}
	return map[string]func() (dayConn, error){
		"DoT": func() (dayConn, error) {
			c, err := dns.DialTimeoutWithTLS("tcp-tls", acmeHost+":853", conf(), dayPatience)
			return dayStream{c}, err
		},
		"DoQ": func() (dayConn, error) {
			ctx, cancel := context.WithTimeout(context.Background(), dayPatience)
			defer cancel()
			c, err := quic.DialAddr(ctx, acmeHost+":853", conf("doq"), nil)
			return dayQUIC{c}, err
		},
		"HTTP/2": func() (dayConn, error) {
			var dialled atomic.Bool
			dial := func(ctx context.Context, network, to string) (net.Conn, error) {
				if dialled.Swap(true) {
					return nil, errAnotherConnection
				}
				return (&net.Dialer{}).DialContext(ctx, network, to)
			}
			return dayHTTP{&http.Client{Timeout: dayPatience, Transport: toHost{&http.Transport{
				ForceAttemptHTTP2: true, TLSClientConfig: conf(), DialContext: dial}}}}, nil
		},
		"HTTP/3": func() (dayConn, error) {
			var dialled atomic.Bool
			dial := func(ctx context.Context, to string, c *tls.Config, q *quic.Config) (
				*quic.Conn, error) {
				if dialled.Swap(true) {
					return nil, errAnotherConnection
				}
				return quic.DialAddr(ctx, to, c, q)
			}
			return dayHTTP{&http.Client{Timeout: dayPatience, Transport: toHost{&http3.Transport{
				TLSClientConfig: conf(), Dial: dial}}}}, nil
		},
	}
}

// errAnotherConnection is the error of a client that has lost its connection.
var errAnotherConnection = errors.New("the connection is lost")

// toHost sends requests of the other test's clients to this test's server.
type toHost struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t toHost) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.URL.Host = acmeHost
	return t.RoundTripper.RoundTrip(q)
}

// renewal has another certificate issued, as the configuration wants one name more, while clients
// ask over connections that stay. None is lost; whoever connects anew is shown the new one, without
// a restart (NLnetLabs/unbound 278, AdguardTeam/AdGuardHome 1142 and 3962).
func (w *acmeWorld) renewal(t *testing.T) {
	roots := w.issuer()
	before := w.shown(roots, "dns.acme.test")
	if before == nil {
		t.Fatal("there is no certificate")
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var asked atomic.Int64
	ended := make(chan error)
	clients := acmeClients(roots, "dns.acme.test")
	for _, over := range slices.Sorted(maps.Keys(clients)) {
		c, err := clients[over]()
		if err != nil {
			t.Fatalf("%s: %v", over, err)
		}
		go func() {
			defer c.close()
			for ctx.Err() == nil { // one connection: what is lost ends it
				m, err := c.exchange(new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA))
				if err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0 {
					ended <- fmt.Errorf("%s: %v, %v", over, m, err)
					return
				}
				asked.Add(1)
				time.Sleep(time.Millisecond)
			}
			ended <- nil
		}()
	}
	w.sans = "names: [dns.acme.test, more.acme.test], addresses: [" + acmeHost + "]"
	w.configure()
	if out, err := w.ctl("reload"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.until("another certificate", func() bool {
		leaf := w.shown(roots, "more.acme.test")
		return leaf != nil && leaf.SerialNumber.Cmp(before.SerialNumber) != 0
	})
	reached := asked.Load() + 200
	w.until("more queries", func() bool { return asked.Load() > reached })
	stop()
	for range clients {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d queries over %d connections that stayed", asked.Load(), len(clients))
	w.verified(roots, "more.acme.test")
	if n := w.metric(`bailiwick_acme_orders_total{outcome="succeeded"}`); n != "2" {
		t.Errorf("%s orders have succeeded", n)
	}
}

// restart starts the server without its authority: it has its certificate at once, and orders none.
func (w *acmeWorld) restart(t *testing.T) {
	roots := w.issuer()
	before := w.shown(roots, "more.acme.test")
	w.kill()
	w.end()
	w.begin()
	leaf := w.shown(roots, "more.acme.test")
	if leaf == nil || !leaf.Equal(before) {
		t.Error("another certificate, or none")
	}
	if c := w.certificates(); c.State != "issued" || c.Failures != 0 {
		t.Errorf("%+v", c)
	}
}

// damaged starts the server with a file of which an octet was changed: it is put aside, and another
// certificate is ordered.
func (w *acmeWorld) damaged(t *testing.T) {
	w.end()
	path := filepath.Join(w.path("state"), "acme")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	w.write(t, "state/acme", string(text))
	w.authority()
	w.begin()
	w.until("another certificate", func() bool { return w.certificates().State == "issued" })
	if w.shown(w.issuer(), "more.acme.test") == nil {
		t.Error("it is not verified")
	}
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
	log, _ := os.ReadFile(w.path("log"))
	if strings.Contains(string(log), "PRIVATE KEY") {
		t.Error("a key is in the log")
	}
	if block, _ := pem.Decode(text); block != nil {
		t.Error("the file has a key in plain text beside its own form")
	}
}

// records has names proven by updates of zones: of Knot and, by an alias, of BIND. Nothing is left
// in them.
func (w *acmeWorld) records(t *testing.T) {
	for _, c := range []struct{ names, server, zone string }{
		{"dns.acme.test, \"*.acme.test\"", acmeKnot, "acme.test"},
		{"alias.acme.test", acmeBIND, "bind.test"},
	} {
		before := w.certificates().Rows[0]["serial"]
		w.sans = "names: [" + c.names + "]"
		w.how = "challenge: dns-01, dns_server: " + c.server + ", dns_zone: " + c.zone +
			", dns_tsig: update"
		w.configure()
		if out, err := w.ctl("reload"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		w.until("a certificate for "+c.names, func() bool {
			now := w.certificates()
			return now.State == "issued" && now.Rows[0]["serial"] != before
		})
		for _, name := range []string{"_acme-challenge.dns.acme.test.", "here.bind.test."} {
			m, err := ask(c.server+":53", name, dns.TypeTXT)
			if err != nil || len(m.Answer) > 0 {
				t.Errorf("%s: %v, %v", name, m, err)
			}
		}
	}
	w.end()
}
