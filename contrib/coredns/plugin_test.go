package coredns

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/metrics" // the directive prometheus
	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// CoreDNS runs the plugins of a server in the order of this list, which is made of its plugin.cfg.
func init() { dnsserver.Directives = append(dnsserver.Directives, name) }

// serveLab serves the lab on loopback, and returns the lines of a directive for it.
func serveLab(t *testing.T) (w *lab.World, lines string) {
	t.Helper()
	w = lab.Internet(time.Now())
	_, roots := w.Roots()
	for range 20 { // another process may have the port
		ctx, stop := context.WithCancel(context.Background())
		port := uint16(20000 + rand.IntN(10000))
		if err := w.Listen(ctx, port); err != nil {
			stop()
			continue
		}
		t.Cleanup(stop)
		return w, fmt.Sprintf("trust_anchor %q\nroot_servers %v\nport %d\nallow_loopback",
			strings.ReplaceAll(w.Anchor(), "\t", " "), roots[0], port)
	}
	t.Fatal("the lab finds no port")
	return nil, ""
}

// free returns a port of loopback that nobody uses.
func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startCoreDNS starts a CoreDNS with a server block, and returns its address.
func startCoreDNS(t *testing.T, block string) string {
	t.Helper()
	caddy.Quiet, dnsserver.Quiet = true, true
	i, err := caddy.Start(caddy.CaddyfileInput{Contents: []byte(".:0 {\nbind 127.0.0.1\n" + block +
		"\n}\n"), ServerTypeName: "dns"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if errs := i.ShutdownCallbacks(); len(errs) > 0 {
			t.Error(errs)
		}
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	})
	return i.Servers()[0].LocalAddr().String()
}

// ask sends a query; change is what it has besides the question.
func ask(t *testing.T, at, qname string, qtype uint16, change ...func(*dns.Msg)) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetQuestion(qname, qtype)
	for _, f := range change {
		f(m)
	}
	r, _, err := (&dns.Client{Timeout: 10 * time.Second}).ExchangeContext(t.Context(), m, at)
	if err != nil {
		t.Fatalf("%s: %v", qname, err)
	}
	return r
}

func edns(m *dns.Msg) { m.SetEdns0(1232, false) }
func do(m *dns.Msg)   { m.SetEdns0(1232, true) }
func ad(m *dns.Msg)   { m.AuthenticatedData = true }
func cd(m *dns.Msg)   { m.CheckingDisabled = true }

// shown is a response in short: the RCODE, AD, the code of an Extended DNS Error, and the types of
// the answer.
func shown(m *dns.Msg) string {
	words := []string{dns.RcodeToString[m.Rcode]}
	if m.AuthenticatedData {
		words = append(words, "AD")
	}
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				words = append(words, fmt.Sprint("EDE ", e.InfoCode))
			}
		}
	}
	for _, rr := range m.Answer {
		words = append(words, dns.TypeToString[rr.Header().Rrtype])
	}
	return strings.Join(words, " ")
}

// TestPluginInCoreDNS asks a CoreDNS with the plugin, before the lab, for what can become of a
// question. A chart that wants validation asks for AD and gets none from CoreDNS's own plugins
// (Mailu/helm-charts issue 144), and a server that only leaves AD out passes forged data on
// (handshake-org/hnsd pull request 42).
func TestPluginInCoreDNS(t *testing.T) {
	_, lines := serveLab(t)
	at := startCoreDNS(t, "bailiwick {\n"+lines+"\n}")
	for _, c := range []struct {
		name   string
		typ    uint16
		change func(*dns.Msg)
		want   string
	}{
		{"www.secure.example.", dns.TypeA, edns, "NOERROR A"},
		{"www.secure.example.", dns.TypeA, ad, "NOERROR AD A"},
		{"www.secure.example.", dns.TypeA, do, "NOERROR AD A RRSIG"},
		{"WWW.secure.example.", dns.TypeMX, ad, "NOERROR AD"},
		{"alias.secure.example.", dns.TypeA, ad, "NOERROR AD CNAME A"},
		{"no.secure.example.", dns.TypeA, ad, "NXDOMAIN AD"},
		{"no.compact.example.", dns.TypeA, ad, "NXDOMAIN AD"},
		{"no.compact.example.", dns.TypeA, do, "NOERROR AD"},
		{"www.unsigned.example.", dns.TypeA, do, "NOERROR A"},
		{"www.expired.faulty.", dns.TypeA, do, "SERVFAIL EDE 7"},
		{"www.expired.faulty.", dns.TypeA, ad, "SERVFAIL"},
		{"www.expired.faulty.", dns.TypeA, cd, "NOERROR A"},
		{"www.secure.example.", dns.TypeA, func(m *dns.Msg) { edns(m); m.RecursionDesired = false },
			"REFUSED EDE 20"},
		{"secure.example.", dns.TypeIXFR, edns, "NOTIMP"},
		{"secure.example.", dns.TypeA, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
			"REFUSED"},
	} {
		r := ask(t, at, c.name, c.typ, c.change)
		if got := shown(r); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, dns.TypeToString[c.typ], got, c.want)
		}
		if r.Question[0].Name != c.name {
			t.Errorf("the question %s comes back as %s", c.name, r.Question[0].Name)
		}
	}
}

// TestPluginKeepsOPTToItself has no OPT record in responses to clients without EDNS (RFC 6891,
// section 7), whatever there is to explain.
func TestPluginKeepsOPTToItself(t *testing.T) {
	_, lines := serveLab(t)
	at := startCoreDNS(t, "bailiwick {\n"+lines+"\n}")
	for _, n := range []string{"www.expired.faulty.", "www.secure.example."} {
		if r := ask(t, at, n, dns.TypeA); r.IsEdns0() != nil {
			t.Errorf("%s: %v", n, r)
		}
	}
}

// TestPluginMetrics reads the plugin's metrics where CoreDNS serves them.
func TestPluginMetrics(t *testing.T) {
	_, lines := serveLab(t)
	port := free(t)
	at := startCoreDNS(t, fmt.Sprintf("prometheus 127.0.0.1:%d\nbailiwick {\n%s\n}", port, lines))
	for _, n := range []string{"www.secure.example.", "www.unsigned.example.",
		"www.corrupt-signatures.faulty."} {
		ask(t, at, n, dns.TypeA)
	}
	text := get(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", port), http.StatusOK)
	for _, want := range []string{`answers_total{SERVER,status="bogus"}`,
		`answers_total{SERVER,status="secure"}`, `answers_total{SERVER,status="insecure"}`,
		`failures_total{cause="signature_invalid",SERVER}`, `duration_seconds_count{SERVER}`} {
		want = "coredns_bailiwick_" + strings.ReplaceAll(want, "SERVER",
			`server="dns://127.0.0.1:0"`)
		if !strings.Contains(text, want) {
			t.Errorf("no %s among\n%s", want, strings.Join(slices.DeleteFunc(
				strings.Split(text, "\n"), func(l string) bool {
					return !strings.Contains(l, "coredns_bailiwick")
				}), "\n"))
		}
	}
}

// get returns what a web server has at a URL, which may take it some time.
func get(t *testing.T, url string, status int) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return string(b)
}

// TestPluginIsReady has CoreDNS report that it is ready when names can be resolved, and not before.
func TestPluginIsReady(t *testing.T) {
	w, lines := serveLab(t)
	if err := w.Break(".", lab.Failing); err != nil {
		t.Fatal(err)
	}
	h := &handler{zones: []string{"."}}
	c := caddy.NewTestController("dns", "bailiwick . {\n"+lines+"\n}")
	h, err := parseDirective(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.start(); err != nil {
		t.Fatal(err)
	}
	if h.Ready() {
		t.Error("it is ready while the root's servers fail")
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.Break("."); err != nil {
		t.Fatal(err)
	}
	if err := h.start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.stop() }()
	if !h.Ready() {
		t.Error("it is not ready though names resolve")
	}
}

// TestPluginLeavesOtherZones passes what is not in its zones on to the next plugin.
func TestPluginLeavesOtherZones(t *testing.T) {
	_, lines := serveLab(t)
	at := startCoreDNS(t, "bailiwick secure.example {\n"+lines+"\n}")
	if got := shown(ask(t, at, "www.secure.example.", dns.TypeA, ad)); got != "NOERROR AD A" {
		t.Errorf("its own zone: %s", got)
	}
	if got := shown(ask(t, at, "www.unsigned.example.", dns.TypeA)); got == "NOERROR A" {
		t.Errorf("another zone: %s", got)
	}
}

// TestPluginDirective reads directives, right ones and wrong ones.
func TestPluginDirective(t *testing.T) {
	for options, want := range map[string]string{
		"": "",
		"forward . 192.0.2.1 192.0.2.2:5353\ninsecure corp.example": "",
		"forward . 2001:db8::1 tls dns.example\nmemory 67108864":    "",
		"max_queries 100":          "",
		"forward":                  "missing",
		"forward . dns.example":    "dns.example",
		"forward .":                "no servers",
		"forward . 127.0.0.53":     "AllowLoopback",
		"memory 1 2":               "too much",
		"memory plenty":            "plenty",
		"memory 1":                 "at least",
		"port 70000":               "70000",
		"allow_loopback yes":       "no value",
		"root_servers a.root":      "a.root",
		"trust_anchor nonsense":    "trust anchor",
		"cache 5":                  "no such option",
		"memory 1\n}\nbailiwick {": "once",
	} {
		text := "bailiwick {\n" + options + "\n}"
		c := caddy.NewTestController("dns", text)
		c.ServerBlockKeys = []string{"."}
		_, err := parseDirective(c)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
