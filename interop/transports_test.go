// Every transport before real clients: the same answers as over UDP. And other resolvers as clients
// of ours, and as our forwarders.

package interop

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go/http3"

	"bailiwick/internal/lab"
)

var transportPrograms = []string{"ip", "unshare", "kdig", "curl", "openssl", "dnsperf", "unbound",
	"kresd"}

// Where everything listens in the namespace of this test.
const (
	plainPort   = 5300 // Bailiwick, UDP and TCP
	dotPort     = 8853 // and DoQ
	dohPort     = 8443 // and HTTP/3
	adminAddr   = "127.0.0.1:5380"
	unboundDoT  = 9853
	unboundDoH  = 9443
	unboundPort = 5310 // recursive
	clientPort  = 5320 // those that forward
)

func TestTransports(t *testing.T) {
	if os.Getenv(inside) == "" {
		buildH2spec(t, os.DevNull) // downloads what the namespace cannot
		enter(t, transportPrograms)
		return
	}
	w := startTransports(t)
	t.Run("kdig", w.kdig)
	t.Run("access", w.access)
	t.Run("messages", w.messages)
	t.Run("openssl", w.openssl)
	t.Run("h2spec", w.h2spec)
	t.Run("dnsperf", w.dnsperf)
	t.Run("certificate", w.certificate)
	t.Run("limits", w.limits)
	t.Run("forwarders", w.forwarders)
	t.Run("forwarding", w.forwarding)
}

// transports is a lab with Bailiwick in front of it.
type transports struct {
	folder
	bin, hints, anchor string
	cert, key          string
	server             *exec.Cmd
}

func startTransports(t *testing.T) *transports {
	t.Helper()
	w := &transports{folder: folder(t.TempDir())}
	w.bin, w.cert, w.key = build(t, string(w.folder)), w.path("cert.pem"), w.path("key.pem")
	loopback(t)
	root := listen(t, lab.Internet(time.Now()))
	w.anchor, w.hints = root.anchor, w.write(t, "hints", root.hints())
	w.makeCertificate(t, 1)
	w.server = w.serve(t, "main.yaml", fmt.Sprintf(`listen:
  udp: ["127.0.0.1:%d"]
  tcp: ["127.0.0.1:%d", {address: "127.0.0.1:5301", access: ["127.0.0.1 refuse"]}, "[::1]:5300"]
  dot: ["127.0.0.1:%d"]
  doq: ["127.0.0.1:%d"]
  doh: ["127.0.0.1:%d"]
  doh3: ["127.0.0.1:%d"]
tls: {certificates: [{certificate: %q, key: %q}]}
admin: {listen: %q}
connections: {per_client: 300}
`, plainPort, plainPort, dotPort, dotPort, dohPort, dohPort, w.cert, w.key, adminAddr))
	awaitAnswer(t, plainPort)
	return w
}

// makeCertificate puts a certificate with a serial number where the servers look for it.
func (w *transports) makeCertificate(t *testing.T, serial int) {
	t.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:P-256", "-nodes", "-keyout", w.key+".new", "-out", w.cert+".new",
		"-days", "30",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
		"-set_serial", strconv.Itoa(serial)).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl req: %v\n%s", err, out)
	}
	for _, f := range []string{w.key, w.cert} {
		if err := os.Rename(f+".new", f); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs a program until the end of the test.
func start(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%v:\n%s", argv, log.String())
		}
	})
	return cmd
}

// serve runs Bailiwick with a configuration, to which what the lab needs is added.
func (w *transports) serve(t *testing.T, file, text string) *exec.Cmd {
	t.Helper()
	text += fmt.Sprintf("resolver:\n  ipv6: \"false\"\n  do_not_query_localhost: false\n  "+
		"root_hints_file: %q\ntrust_anchors: {builtin: false, records: [%q]}\n"+
		"log: {level: error}\n",
		w.hints, w.anchor)
	return start(t, w.bin, "serve", "--config", w.write(t, file, text))
}

func awaitAnswer(t *testing.T, port int) {
	t.Helper()
	await(t, fmt.Sprintf("127.0.0.1:%d", port), "nic.example.", dns.TypeA, func(m *dns.Msg) bool {
		return m.Rcode != dns.RcodeServerFailure
	})
}

// twenty are the questions: secure, insecure, bogus, there and not there.
var twenty = []string{"www.secure.example. A", "www.secure.example. AAAA",
	"txt.secure.example. TXT", "secure.example. DNSKEY", "no.secure.example. A",
	"www.secure.example. TXT", "x.wild.secure.example. A",
	"alias.secure.example. A", "leaf.tree.secure.example. A", "www.nsec3.example. A",
	"no.nsec3.example. A", "x.wild.nsec3.example. A", "www.unsigned.example. A",
	"no.unsigned.example. A",
	"www.unsigned.optout. A", "www.expired.faulty. A", "www.ds-mismatch.faulty. A",
	"no.no-denial.faulty. A", "www.refusing.faulty. A", "secure.example. DS"}

var times = regexp.MustCompile(`\s+\d+\s+IN\s+`)

// kdigAnswer is what kdig prints of an answer, without what differs from time to time: TTLs, IDs,
// sizes, padding, and whether a failure was still remembered.
func kdigAnswer(out string) string {
	var lines []string
	for _, l := range strings.Split(out, "\n") {
		l = strings.TrimSpace(l)
		switch {
		case strings.Contains(l, "->>HEADER<<-"):
			lines = append(lines, l[:strings.Index(l, "; id:")])
		case strings.HasPrefix(l, ";; PADDING"), strings.HasPrefix(l, ";; Received"),
			strings.HasPrefix(l, ";; Time"), strings.HasPrefix(l, ";; From"),
			strings.Contains(l, "(Cached Error)"), strings.Contains(l, " session "), l == "":
		default:
			lines = append(lines, times.ReplaceAllString(l, " IN "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// kdig speaks every transport but HTTP/3.
func (w *transports) kdig(t *testing.T) {
	for _, q := range twenty {
		ask := func(port int, options ...string) string {
			args := append([]string{"@127.0.0.1", "-p", strconv.Itoa(port), "+dnssec", "+retry=0",
				"+timeout=60"}, options...)
			return run(t, "kdig", append(args, strings.Fields(q)...)...)
		}
		ask(plainPort)
		want := kdigAnswer(ask(plainPort))
		if !strings.Contains(want, "HEADER") {
			t.Fatalf("%s over UDP: %s", q, want)
		}
		for _, c := range []struct {
			port    int
			options []string
		}{{plainPort, []string{"+tcp"}}, {dotPort, []string{"+tls"}},
			{dotPort, []string{"+tls", "+tls-ca=" + w.cert, "+tls-hostname=localhost"}},
			{dohPort, []string{"+https"}}, {dohPort, []string{"+https-get"}},
			{dotPort, []string{"+quic"}}} {
			out := ask(c.port, c.options...)
			if got := kdigAnswer(out); got != want {
				t.Errorf("%s %v:\n%s\nover UDP\n%s", q, c.options, got, want)
			}
			if c.port != plainPort && !strings.Contains(out, ";; PADDING: ") {
				t.Errorf("%s %v: not padded", q, c.options)
			}
		}
	}
	t.Logf("%d questions, 6 ways to ask, answer, flags and Extended DNS Errors as over UDP",
		len(twenty))
}

// access: a listener may have rules of its own, and there are listeners of both families.
func (w *transports) access(t *testing.T) {
	for at, want := range map[string]string{"127.0.0.1 -p 5301": "status: REFUSED",
		"::1 -p 5300": "status: NOERROR"} {
		if out := run(t, "kdig", append(strings.Fields("@"+at+" +tcp +edns"), "www.secure.example",
			"A")...); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s", at, want, out)
		}
	}
}

// messages compares whole messages that other clients bring: curl by HTTP/2 and HTTP/1.1, quic-go
// by HTTP/3.
func (w *transports) messages(t *testing.T) {
	url := fmt.Sprintf("https://127.0.0.1:%d/dns-query", dohPort)
	h3 := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer h3.Close()
	clients := map[string]func(q []byte) []byte{
		"curl --http2": func(q []byte) []byte {
			return curl(t, q, "--http2", url+"?dns="+base64.RawURLEncoding.EncodeToString(q))
		},
		"curl --http2 POST": func(q []byte) []byte {
			return curl(t, q, "--http2", "-H", "content-type: application/dns-message",
				"--data-binary", "@-", url)
		},
		"curl --http1.1": func(q []byte) []byte {
			return curl(t, q, "--http1.1", url+"?dns="+base64.RawURLEncoding.EncodeToString(q))
		},
		"quic-go HTTP/3": func(q []byte) []byte {
			r, err := (&http.Client{Transport: h3, Timeout: patience}).Post(url,
				"application/dns-message", bytes.NewReader(q))
			if err != nil {
				t.Error(err)
				return nil
			}
			defer r.Body.Close()
			b, err := io.ReadAll(r.Body)
			if err != nil || r.ProtoMajor != 3 || r.Header.Get("Cache-Control") == "" {
				t.Errorf("%v %v %v", r.Proto, r.Header, err)
			}
			return b
		},
	}
	for _, q := range twenty {
		f := strings.Fields(q)
		m := new(dns.Msg).SetQuestion(f[0], dns.StringToType[f[1]])
		m.SetEdns0(1232, true)
		m.Id = 0
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		want, err := ask(fmt.Sprintf("127.0.0.1:%d", plainPort), f[0], m.Question[0].Qtype)
		if err != nil {
			t.Fatal(err)
		}
		for name, client := range clients {
			got := new(dns.Msg)
			if err := got.Unpack(client(packet)); err != nil {
				t.Errorf("%s, %s: %v", q, name, err)
				continue
			}
			if whole(got) != whole(want) || got.Id != 0 {
				t.Errorf("%s, %s:\n%s\nover UDP\n%s", q, name, whole(got), whole(want))
			}
		}
	}
}

// whole is a message without ID, TTLs, and whether a failure was still remembered.
func whole(m *dns.Msg) string {
	m = m.Copy()
	m.Id = 0
	if o := m.IsEdns0(); o != nil {
		o.Option = slices.DeleteFunc(o.Option, func(x dns.EDNS0) bool {
			e, ok := x.(*dns.EDNS0_EDE)
			return ok && e.InfoCode == dns.ExtendedErrorCodeCachedError
		})
	}
	for _, s := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range s {
			rr.Header().Ttl = 0
		}
	}
	return m.String()
}

func curl(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("curl", append([]string{"-sk", "--max-time", "60"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("curl %v: %v", args, err)
	}
	return out
}

// openssl sees the versions, the ALPN identifiers and the resumption that are promised.
func (w *transports) openssl(t *testing.T) {
	client := func(port int, args ...string) string {
		cmd := exec.Command("openssl", append([]string{"s_client", "-connect",
			fmt.Sprintf("127.0.0.1:%d", port), "-servername", "localhost", "-CAfile", w.cert},
			args...)...)
		// A query, so that the server speaks and its session ticket is read.
		q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		in, input, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		defer input.Close()
		var out output
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait() // it fails where the handshake does, and says so
			close(ended)
		}()
		_, _ = input.Write(append([]byte{0, byte(len(packet))}, packet...))
		eventually(t, "openssl prints the response, or ends", func() bool {
			select {
			case <-ended:
				return true
			default:
				return strings.Contains(out.String(), "\x06secure\x07example")
			}
		})
		input.Close() // it ends with its input
		<-ended
		return out.String()
	}
	for _, c := range []struct {
		port int
		args []string
		want string
	}{
		{dotPort, []string{"-tls1_3", "-alpn", "dot"}, "ALPN protocol: dot"},
		{dotPort, []string{"-tls1_2", "-alpn", "dot"}, "ALPN protocol: dot"},
		{dotPort, []string{"-tls1_3"}, "Verify return code: 0 (ok)"},
		{dotPort, []string{"-tls1_3"}, "New, TLSv1.3"},
		{dotPort, []string{"-tls1_2"}, "New, TLSv1.2"},
		{dotPort, []string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, "alert"},
		{dotPort, []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"}, "alert"},
		{dotPort, []string{"-alpn", "h2"}, "alert"},
		{dohPort, []string{"-alpn", "h2"}, "ALPN protocol: h2"},
		{dohPort, []string{"-alpn", "http/1.1"}, "ALPN protocol: http/1.1"},
	} {
		if out := client(c.port, c.args...); !strings.Contains(out, c.want) {
			t.Errorf("s_client %v: no %q in\n%s", c.args, c.want, out)
		}
	}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		session := w.path("session" + version)
		client(dotPort, version, "-alpn", "dot", "-sess_out", session)
		if out := client(dotPort, version, "-alpn", "dot", "-sess_in",
			session); !strings.Contains(out, "Reused, TLS") {
			t.Errorf("%s is not resumed:\n%s", version, out)
		}
	}
}

// output is what a program that runs has printed.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (p *output) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Write(b)
}

func (p *output) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.String()
}

// dnsperf loses nothing over any transport that it speaks.
func (w *transports) dnsperf(t *testing.T) {
	data := w.write(t, "queries", "www.secure.example. A\nwww.nsec3.example. "+
		"A\nno.secure.example. A\nwww.unsigned.example. AAAA\nwww.expired.faulty. A\n")
	for _, mode := range [][]string{{"udp", strconv.Itoa(plainPort)},
		{"tcp", strconv.Itoa(plainPort)}, {"dot", strconv.Itoa(dotPort)},
		{"doh", strconv.Itoa(dohPort)}} {
		out := dnsperf(t, "-s", "127.0.0.1", "-m", mode[0], "-p", mode[1], "-d", data, "-n",
			"2000", "-t", "60", "-c", "8", "-q", "100", "-e", "-D", "-O",
			"doh-uri=https://localhost/dns-query")
		if !regexp.MustCompile(`Queries lost: +0 `).MatchString(out) ||
			!regexp.MustCompile(`Queries completed: +10000 `).MatchString(out) {
			t.Errorf("dnsperf over %s:\n%s", mode[0], out)
		}
		rate := regexp.MustCompile(`Queries per second: .*`).FindString(out)
		t.Logf("%s: %s", mode[0], strings.TrimSpace(rate))
	}
}

// certificate swaps the certificate while dnsperf runs: no query is lost, and new connections see
// the new one.
func (w *transports) certificate(t *testing.T) {
	serial := func() string {
		c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", dotPort),
			&tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	data := w.write(t, "queries", "www.secure.example. A\nwww.unsigned.example. AAAA\n")
	done := make(chan string, 2)
	for _, mode := range [][]string{{"dot", strconv.Itoa(dotPort)},
		{"doh", strconv.Itoa(dohPort)}} {
		go func() {
			done <- dnsperf(t, "-s", "127.0.0.1", "-m", mode[0], "-p", mode[1], "-d",
				data, "-l", "4", "-t", "60", "-c", "8", "-Q", "5000", "-O",
				"doh-uri=https://localhost/dns-query")
		}()
	}
	for i := 2; i < 6; i++ {
		time.Sleep(600 * time.Millisecond)
		w.makeCertificate(t, i)
		if err := w.server.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if out := <-done; !regexp.MustCompile(`Queries lost: +0 `).MatchString(out) {
			t.Errorf("queries are lost while certificates change:\n%s", out)
		}
	}
	eventually(t, "the last certificate is shown", func() bool { return serial() == "5" })
	expiry := regexp.MustCompile(
		`bailiwick_certificate_expiry_timestamp_seconds\{from="file",index="0",` +
			`key="tls.certificates",name="localhost"\} (\S+)`)
	m := expiry.FindStringSubmatch(metrics(t))
	if m == nil {
		t.Fatal("the metrics do not tell when the certificate ends")
	}
	ends, err := strconv.ParseFloat(m[1], 64)
	if days := time.Until(time.Unix(int64(ends), 0)).Hours() / 24; err != nil || days < 29.9 ||
		days > 30 {
		t.Errorf("the certificate has %v days by the metrics, want 30", days)
	}
}

// metrics returns what the server under test reports.
func metrics(t *testing.T) string {
	t.Helper()
	return scrape(t, adminAddr)
}

// limits abuses the transports, and looks for the metric of each abuse; others are served
// meanwhile.
func (w *transports) limits(t *testing.T) {
	dot, doh, tcp := fmt.Sprintf("127.0.0.1:%d", dotPort), fmt.Sprintf("127.0.0.1:%d",
		dohPort), fmt.Sprintf("127.0.0.1:%d", plainPort)
	var open []net.Conn
	dial := func(at, say string) {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, say)
		open = append(open, c)
	}
	dial(dot, "GET / HTTP/1.1\r\n\r\n") // no TLS
	dial(dot, "")                       // half open
	dial(tcp, "\x00\x20half")           // a message that does not end
	dial(tcp, "\x00\x05short")          // shorter than a header
	// not found, nothing asked, no base64url
	for _, path := range []string{"/", "/dns-query", "/dns-query?dns=AA=="} {
		curl(t, nil, fmt.Sprintf("https://%s%s", doh, path))
	}
	curl(t, nil, "-X", "DELETE", "https://"+doh+"/dns-query")
	curl(t, []byte("text"), "--data-binary", "@-", "https://"+doh+"/dns-query")
	for range 310 { // more than connections.per_client
		dial(tcp, "")
	}
	want := map[string]string{"dot handshake": `transport="dot"`, "dot handshake_time": "",
		"tcp slow_writer": "", "tcp frame_malformed": "", "doh http_path": "", "doh http_query": "",
		"doh http_method": "", "doh http_media_type": "", "tcp connections_per_client": ""}
	defer func() {
		if len(want) > 0 {
			t.Errorf("no metric for %v", want)
		}
	}()
	eventually(t, "each abuse is in the metrics", func() bool {
		m := metrics(t)
		for k := range want {
			f := strings.Fields(k)
			counted := regexp.MustCompile(fmt.Sprintf(
				`bailiwick_transport_faults_total\{cause="%s",transport="%s"\} [1-9]`, f[1], f[0]))
			if counted.MatchString(m) {
				delete(want, k)
			}
		}
		if _, err := ask(tcp, "www.secure.example.", dns.TypeA); err != nil {
			t.Errorf("others are not served meanwhile: %v", err)
		}
		return len(want) == 0
	})
	for _, c := range open {
		c.Close()
	}
	for _, l := range strings.Split(metrics(t), "\n") {
		if strings.HasPrefix(l, "bailiwick_transport_faults_total") {
			t.Log(l)
		}
	}
}

// judged are answers that every validating resolver gives in front of ours, or behind it.
func judged(t *testing.T, what string, port int) {
	t.Helper()
	awaitAnswer(t, port)
	for _, c := range []struct {
		name  string
		rcode int
		ad    bool
	}{{"www.secure.example.", dns.RcodeSuccess, true}, {"no.secure.example.", dns.RcodeNameError,
		true}, {"www.nsec3.example.", dns.RcodeSuccess, true},
		{"x.wild.secure.example.", dns.RcodeSuccess, true},
		{"alias.secure.example.", dns.RcodeSuccess, true},
		{"www.unsigned.example.", dns.RcodeSuccess, false},
		{"www.expired.faulty.", dns.RcodeServerFailure, false},
		{"www.ds-mismatch.faulty.", dns.RcodeServerFailure, false}} {
		m, err := ask(fmt.Sprintf("127.0.0.1:%d", port), c.name, dns.TypeA)
		if err != nil || m.Rcode != c.rcode || m.AuthenticatedData != c.ad {
			t.Errorf("%s, %s: %v %v", what, c.name, m, err)
		}
	}
}

// forwarders: Unbound and Knot Resolver ask us over DoT, and validate what they hear.
func (w *transports) forwarders(t *testing.T) {
	conf := w.write(t, "forward.unbound",
		unboundConf(fmt.Sprintf("  interface: 127.0.0.1@%d\n  do-not-query-localhost: no\n  "+
			"trust-anchor: %q\n  tls-cert-bundle: %q\n", clientPort, w.anchor, w.cert),
			fmt.Sprintf("forward-zone:\n  name: \".\"\n  forward-tls-upstream: yes\n  "+
				"forward-addr: 127.0.0.1@%d#localhost\n", dotPort)))
	start(t, "unbound", "-d", "-c", conf)
	judged(t, "Unbound forwards to us over DoT", clientPort)

	if err := os.Mkdir(w.path("kresd"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf = w.write(t, "kresd.conf",
		fmt.Sprintf("net.listen('127.0.0.1', %d, { kind = 'dns' })\nnet.ipv6 = "+
			"false\nlog_level('err')\ncache.size = 10 * "+
			"MB\ntrust_anchors.remove('.')\ntrust_anchors.add(%q)\nmodules = { 'policy' }\n"+
			"policy.add(policy.all(policy.TLS_FORWARD({{ '127.0.0.1@%d', hostname = 'localhost', "+
			"ca_file = %q }})))\n", clientPort+1, w.anchor, dotPort, w.cert))
	start(t, "kresd", "-n", "-c", conf, w.path("kresd"))
	judged(t, "Knot Resolver forwards to us over DoT", clientPort+1)
}

// forwarding: we ask Unbound over DoT and DoH, and another of us over every transport, and validate
// what we hear.
func (w *transports) forwarding(t *testing.T) {
	conf := w.write(t, "recursive.unbound",
		unboundConf(fmt.Sprintf("  interface: 127.0.0.1@%d\n  interface: 127.0.0.1@%d\n  "+
			"interface: 127.0.0.1@%d\n  tls-port: %d\n  https-port: %d\n  tls-service-pem: %q\n  "+
			"tls-service-key: %q\n  do-not-query-localhost: no\n  root-hints: %q\n  "+
			"trust-anchor: %q\n", unboundPort, unboundDoT, unboundDoH, unboundDoT, unboundDoH,
			w.cert, w.key, w.hints, w.anchor), ""))
	start(t, "unbound", "-d", "-c", conf)
	awaitAnswer(t, unboundPort)
	port := clientPort + 10
	for _, c := range []struct {
		what, transport string
		at              int
	}{{"Unbound", "dot", unboundDoT}, {"Unbound", "doh", unboundDoH}, {"us", "tcp", plainPort},
		{"us", "dot", dotPort}, {"us", "doh", dohPort}, {"us", "doh3", dohPort},
		{"us", "doq", dotPort}} {
		name := fmt.Sprintf("we forward to %s over %s", c.what, c.transport)
		identity := fmt.Sprintf(", tls_name: localhost, tls_ca: %q", w.cert)
		if c.transport == "tcp" {
			identity = ""
		}
		text := fmt.Sprintf("listen: {udp: [\"127.0.0.1:%d\"], tcp: [\"127.0.0.1:%d\"]}\nadmin: "+
			"{listen: \"\"}\nresolver:\n  forward_zones:\n    - {name: \".\", addresses: "+
			"[\"127.0.0.1:%d\"], transport: %s%s}\n  ipv6: \"false\"\n"+
			"  do_not_query_localhost: false\ntrust_anchors: {builtin: false, records: "+
			"[%q]}\nlog: {level: error}\n", port, port, c.at, c.transport, identity, w.anchor)
		start(t, w.bin, "serve", "--config", w.write(t, fmt.Sprintf("forward%d.yaml", port), text))
		judged(t, name, port)
		port++
	}
	// A certificate of another name is not accepted, and nothing is asked in plain instead.
	text := fmt.Sprintf("listen: {udp: [\"127.0.0.1:%d\"], tcp: [\"127.0.0.1:%d\"]}\nadmin: "+
		"{listen: \"\"}\nresolver:\n  forward_zones:\n    - {name: \".\", addresses: "+
		"[\"127.0.0.1:%d\"], transport: dot, tls_name: elsewhere.example, tls_ca: %q}\n  "+
		"ipv6: \"false\"\n"+
		"  do_not_query_localhost: false\ntrust_anchors: {builtin: false, records: [%q]}\nlog: "+
		"{level: error}\n", port, port, dotPort, w.cert, w.anchor)
	start(t, w.bin, "serve", "--config", w.write(t, "stranger.yaml", text))
	var m *dns.Msg
	eventually(t, "there is an answer with a server of another name", func() (ok bool) {
		var err error
		m, err = ask(fmt.Sprintf("127.0.0.1:%d", port), "www.secure.example.", dns.TypeA)
		return err == nil
	})
	if m.Rcode != dns.RcodeServerFailure || !strings.Contains(m.String(), "EDE: 23") {
		t.Errorf("a server of another name: %v", m)
	}
}
