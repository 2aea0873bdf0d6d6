// Asking servers: real resolvers as forwarders, and real authorities over TCP.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	upstreamOurs  = "127.0.0.1:5340"
	upstreamAdmin = "127.0.0.1:5341"
)

// good reports whether an answer has one address.
func good(m *dns.Msg) bool { return m.Rcode == dns.RcodeSuccess && len(m.Answer) == 1 }

// zoneText is the text of a zone in which all names have an address.
func zoneText(server, address string) string {
	return "@ 300 SOA ns h 1 2 3 4 60\n@ 300 NS ns\nns 300 A " + server + "\n* 60 A " + address +
		"\n"
}

// bind starts BIND with an authoritative zone, listening as it is told to, and waits for it.
func (d folder) bind(t *testing.T, zone, more, listen, at string) *exec.Cmd {
	t.Helper()
	d.write(t, zone+"named", "$ORIGIN "+zone+"\n"+zoneText("127.0.0.1", "192.0.2.53"))
	cmd := launch(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
		"%s\noptions { directory %q; %s listen-on-v6 { none; }; recursion no; pid-file none; "+
			"session-keyfile none; };\ncontrols { };\nzone %q { type primary; file %q; };\n", more,
		string(d), listen, zone, zone+"named")))
	await(t, at, "a."+zone, dns.TypeA, good)
	return cmd
}

// ourselves starts Bailiwick, which does not validate, with these lines of its resolver's keys.
func (d folder) ourselves(t *testing.T, lines string) (bin string) {
	t.Helper()
	bin = build(t, string(d))
	launch(t, bin, "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q]}\nadmin: {listen: %q}\ncontrol: {socket: %q}\n"+
			"validator: {validation: off}\npolicy: {special_names: false}\n"+
			"resolver:\n  ipv6: false\n  do_not_query_localhost: false\n%s", upstreamOurs,
		upstreamAdmin, d.path("control"), lines)))
	return bin
}

// forwarders returns what "ctl forwards list" prints.
func (d folder) forwarders(t *testing.T, bin string) string {
	t.Helper()
	return run(t, bin, "ctl", "--socket", d.path("control"), "forwards", "list")
}

// certificate makes a key with its own certificate.
func (d folder) certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	cert, key = d.path(name+".pem"), d.path(name+".key")
	run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN="+name, "-addext",
		"subjectAltName=DNS:"+name)
	return cert, key
}

// Unbound and BIND are the forwarders of a zone, over UDP. Unbound ends: no answer is late, and it
// is reported as down. It comes back and is up within seconds. BIND is the forwarder of another
// zone over TLS, and takes nobody without a certificate.
func TestForwardersOfOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"unbound", "named", "openssl", "ip"})
		return
	}
	loopback(t)
	d := folder(t.TempDir())
	cert, key := d.certificate(t, "dns.test")
	ours, oursKey := d.certificate(t, "client.test")
	d.bind(t, "forward.test.", fmt.Sprintf("tls mutual { cert-file %q; key-file %q; ca-file %q; };",
		cert, key, ours), "listen-on port 5343 { 127.0.0.1; }; "+
		"listen-on port 5344 tls mutual { 127.0.0.1; };", "127.0.0.1:5343")
	unbound := func() *exec.Cmd {
		cmd := launch(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", unboundConf(
			"  interface: 127.0.0.1\n  port: 5342\n  local-zone: \"forward.test.\" redirect\n"+
				"  local-data: \"forward.test. 60 A 192.0.2.1\"\n", "")))
		await(t, "127.0.0.1:5342", "a.forward.test.", dns.TypeA, good)
		return cmd
	}
	mortal := unbound()
	bin := d.ourselves(t, fmt.Sprintf(`  forward_zones:
    - {name: forward.test., addresses: ["127.0.0.1:5342 weight 1", "127.0.0.1:5343 weight 1"]}
    - name: mutual.forward.test.
      addresses: ["127.0.0.1:5344"]
      transport: dot
      tls_name: dns.test
      tls_ca: %q
      tls_certificate: %q
      tls_key: %q
    - {name: stranger.forward.test., addresses: ["127.0.0.1:5344"], transport: dot,
       tls_name: dns.test, tls_ca: %q}
`, cert, ours, oursKey, cert))
	await(t, upstreamOurs, "a.forward.test.", dns.TypeA, good)
	await(t, upstreamOurs, "a.mutual.forward.test.", dns.TypeA, good)
	if m, err := ask(upstreamOurs, "a.stranger.forward.test.", dns.TypeA); err != nil ||
		m.Rcode != dns.RcodeServerFailure {
		t.Errorf("without a certificate: %v %v", m, err)
	}
	questions, slow := 0, time.Duration(0) // of what has run
	each := func() {
		questions++
		began := ran()
		name := fmt.Sprintf("n%d.forward.test.", questions)
		if m, err := ask(upstreamOurs, name, dns.TypeA); err != nil || !good(m) {
			t.Errorf("%s: %v %v", name, m, err)
		}
		slow = max(slow, ran()-began)
	}
	state := func(s string) func() bool {
		return func() bool {
			each()
			return strings.Contains(d.forwarders(t, bin), s)
		}
	}
	if !end(t, mortal) {
		t.Fatal("Unbound does not end")
	}
	eventually(t, "Unbound is down", state("down"))
	unbound()
	within(t, 20*time.Second, "Unbound is up", func() bool { return !state("down")() })
	t.Logf("%d questions, the slowest took %v", questions, slow)
	if slow > 1500*time.Millisecond {
		t.Errorf("a question took %v", slow)
	}
}

// counted returns the sum of a metric's series that have some labels.
func counted(t *testing.T, name string) (sum float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{[^}]*\})? ([0-9.e+]+)$`).
		FindAllStringSubmatch(scrape(t, upstreamAdmin), -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// NSD, Knot and BIND are asked over TCP, sixty questions each and twenty at once: the questions
// share a few connections, each answer is right, and a server that is restarted costs none.
func TestTCPAuthoritiesAreReused(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"nsd", "knotd", "named", "ip"})
		return
	}
	loopback(t)
	run(t, "ip", "address", "add", "127.0.0.4/8", "dev", "lo") // BIND looks for interfaces
	d := folder(t.TempDir())
	nsd := d.nsd(t, "nsd", "127.0.0.2", "nsd.test.", zoneText("127.0.0.2", "192.0.2.1"))
	d.write(t, "knot.zone", "$ORIGIN knot.test.\n"+zoneText("127.0.0.3", "192.0.2.2"))
	launch(t, "knotd", "-c", d.write(t, "knot.conf", fmt.Sprintf("server:\n  rundir: %q\n  "+
		"listen: 127.0.0.3@53\ndatabase:\n  storage: %q\nzone:\n  - domain: knot.test.\n    "+
		"file: %q\n", string(d), string(d), d.path("knot.zone"))))
	await(t, "127.0.0.3:53", "a.knot.test.", dns.TypeA, good)
	d.bind(t, "bind.test.", "", "listen-on { 127.0.0.4; };", "127.0.0.4:53")
	d.ourselves(t, `  stub_zones:
    - {name: nsd.test., addresses: [127.0.0.2], transport: tcp}
    - {name: knot.test., addresses: [127.0.0.3], transport: tcp}
    - {name: bind.test., addresses: [127.0.0.4], transport: tcp}
`)
	const questions, atOnce = 60, 20
	all := func(round string) {
		var asking sync.WaitGroup
		for zone, address := range map[string]string{"nsd.test.": "192.0.2.1",
			"knot.test.": "192.0.2.2", "bind.test.": "192.0.2.53"} {
			await(t, upstreamOurs, round+"."+zone, dns.TypeA, good)
			for i := range atOnce {
				asking.Go(func() {
					for n := range questions / atOnce {
						name := fmt.Sprintf("%s%d-%d.%s", round, i, n, zone)
						m, err := ask(upstreamOurs, name, dns.TypeA)
						if err != nil || !good(m) ||
							!strings.HasSuffix(m.Answer[0].String(), address) {
							t.Errorf("%s: %v %v", name, m, err)
						}
					}
				})
			}
		}
		asking.Wait()
	}
	all("a")
	opened := counted(t, "bailiwick_upstream_connections_opened_total")
	reused := counted(t, "bailiwick_upstream_connections_reused_total")
	t.Logf("%v connections opened, %v questions on one that was there", opened, reused)
	if opened > 3*4 || reused < 3*questions-opened-3 {
		t.Error("connections are not reused")
	}
	if !end(t, nsd) {
		t.Fatal("NSD does not end")
	}
	d.nsd(t, "nsd", "127.0.0.2", "nsd.test.", zoneText("127.0.0.2", "192.0.2.1"))
	all("b")
}
