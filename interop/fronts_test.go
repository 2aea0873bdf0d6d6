// dnsdist, HAProxy and nginx in front of three instances, by the configurations of deploy/fronts as
// they are: who the client is, health checks, pipelining, and a restart of one instance after the
// other that loses no query.

package interop

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

var frontPrograms = []string{"ip", "unshare", "dnsdist", "haproxy", "nginx", "kdig", "curl",
	"dnsperf"}

// The addresses of deploy/fronts, and those of its clients.
const (
	dnsdistAt, haproxyAt, nginxAt = "198.51.100.1", "198.51.100.2", "198.51.100.3"
	strayFront                    = "198.18.0.1"
	client, staff                 = "203.0.113.7", "203.0.113.8"
	limited, unwanted             = "203.0.113.9", "203.0.113.66"
	staffBySix                    = "2001:db8:113::8"
)

// bySix are the addresses of the fronts for clients with IPv6.
var bySix = map[string]string{dnsdistAt: "2001:db8:100::1", haproxyAt: "2001:db8:100::2",
	nginxAt: "2001:db8:100::3"}

// frontWorld is three instances before a lab, with their fronts.
type frontWorld struct {
	folder
	*testing.T
	bin       string
	instances [3]*exec.Cmd
}

// startFronts starts the instances and the fronts that are named.
func startFronts(t *testing.T, fronts ...string) *frontWorld {
	t.Helper()
	w := &frontWorld{folder: folder(t.TempDir()), T: t}
	w.bin = build(t, string(w.folder))
	loopback(t)
	for _, a := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", dnsdistAt, haproxyAt, nginxAt,
		strayFront, client, staff, limited, unwanted, staffBySix, bySix[dnsdistAt],
		bySix[haproxyAt], bySix[nginxAt]} {
		// The address alone is a network of its own.
		if out, err := exec.Command("ip", "addr", "add", a, "dev", "lo").
			CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	root := listen(t, lab.Internet(time.Now()))
	w.write(t, "hints", root.hints())
	for _, f := range []string{"bailiwick.yaml", "dnsdist.conf", "haproxy.cfg", "nginx.conf"} {
		text, err := os.ReadFile(filepath.Join("../deploy/fronts", f))
		if err != nil {
			t.Fatal(err)
		}
		conf := string(text)
		if f == "dnsdist.conf" {
			// It takes an instance for gone when the machine stands still.
			conf = strings.ReplaceAll(conf, "checkTimeout=1000", "checkTimeout=30000")
			if strings.Count(string(text), "checkTimeout") != 1 || conf == string(text) {
				t.Fatal("dnsdist.conf does not wait a second for a check, once")
			}
		}
		w.write(t, f, conf)
	}
	w.certify()
	w.write(t, "lab.yaml", fmt.Sprintf("include: bailiwick.yaml\ncontrol: {socket: \"\"}\n"+
		"resolver: {ipv6: \"false\", do_not_query_localhost: false, root_hints_file: hints}\n"+
		"trust_anchors: {builtin: false, records: [%q]}\n"+
		"query_log: {to: file, file: \"${ADDRESS}.queries\", clients: full}\n"+
		"views:\n  - {name: staff, clients: [%s, \"%s\"], local_records: "+
		"[\"view.example A 192.0.2.8\"]}\n"+
		"  - {name: limited, clients: [%s], limits: {queries_per_address: 1}}\n",
		root.anchor, staff, staffBySix, limited))
	for i := range w.instances {
		w.serve(i)
	}
	for i := range w.instances {
		w.awaitReady(i)
	}
	for _, f := range fronts {
		w.front(f)
	}
	return w
}

// certify makes the certificate of the instances and the fronts.
func (w *frontWorld) certify() {
	w.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:P-256", "-nodes", "-keyout", w.path("key.pem"), "-out",
		w.path("cert.pem"), "-days", "30", "-subj", "/CN=dns.example", "-addext",
		"subjectAltName=DNS:dns.example").CombinedOutput()
	if err == nil { // HAProxy looks for the key there
		err = os.Link(w.path("key.pem"), w.path("cert.pem.key"))
	}
	if err != nil {
		w.Fatalf("%v\n%s", err, out)
	}
}

// address returns the address of an instance.
func address(i int) string { return fmt.Sprintf("192.0.2.%d", i+1) }

// serve starts an instance.
func (w *frontWorld) serve(i int) {
	w.Helper()
	log, err := os.OpenFile(w.path(address(i)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(w.bin, "serve", "--config", w.path("lab.yaml"))
	cmd.Env = append(os.Environ(), "ADDRESS="+address(i))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.instances[i] = cmd
	w.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // without the wait; an error means that it has ended
		_ = cmd.Wait()
		if w.Failed() {
			w.Logf("%s:\n%s", address(i), w.read(address(i)+".log"))
		}
	})
}

// read returns a file's text.
func (w *frontWorld) read(file string) string {
	b, err := os.ReadFile(w.path(file))
	if err != nil {
		w.Error(err)
	}
	return string(b)
}

// awaitReady waits until an instance is ready.
func (w *frontWorld) awaitReady(i int) {
	w.Helper()
	w.until(address(i)+" is ready", func() bool {
		out := run(w.T, "curl", "-s", "http://"+address(i)+":5380/readyz")
		return strings.HasPrefix(out, "ready")
	})
}

// until waits for something that comes to be true.
func (w *frontWorld) until(what string, is func() bool) {
	w.Helper()
	eventually(w.T, what, is)
}

// front starts a front in the folder, where its certificate is.
func (w *frontWorld) front(name string) {
	w.Helper()
	argv := map[string][]string{
		"dnsdist": {"dnsdist", "--supervised", "--disable-syslog", "-C", w.path("dnsdist.conf")},
		"haproxy": {"haproxy", "-db", "-f", w.path("haproxy.cfg")},
		"nginx": {"nginx", "-p", string(w.folder), "-c", w.path("nginx.conf"), "-g",
			"daemon off; user root; pid nginx.pid; error_log stderr;"},
		// It is not in proxy_from.
		"stray": {"dnsdist", "--supervised", "--disable-syslog", "-C", w.write(w.T, "stray.conf",
			"addLocal(\""+strayFront+":53\")\nsetACL(\"0.0.0.0/0\")\nnewServer({address="+
				"\"192.0.2.1:53\", source=\""+strayFront+"\", useProxyProtocol=true}):setUp()\n")},
	}[name]
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = string(w.folder)
	log, err := os.Create(w.path(name + ".log"))
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if w.Failed() {
			w.Logf("%s:\n%s", name, w.read(name+".log"))
		}
	})
}

// way is one path from a client to an instance.
type way struct {
	front, transport string // the latter as the instance sees it
	ask              func(w *frontWorld, from, name string) string
}

// by asks with kdig, and options of it.
func by(front string, options ...string) func(*frontWorld, string, string) string {
	return func(w *frontWorld, from, name string) string {
		front := frontFor(front, from)
		args := append([]string{"@" + front, "-b", from, "+retry=0", "+timeout=60", name, "A"},
			options...)
		return run(w.T, "kdig", args...)
	}
}

// frontFor returns the address of a front in a client's family.
func frontFor(front, from string) string {
	if strings.Contains(from, ":") {
		return bySix[front]
	}
	return front
}

// byCurl asks with curl, by POST, and with a field that names somebody else.
func byCurl(front, version string) func(*frontWorld, string, string) string {
	return func(w *frontWorld, from, name string) string {
		q, err := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA).Pack()
		if err != nil {
			w.Fatal(err)
		}
		at := frontFor(front, from)
		if strings.Contains(at, ":") {
			at = "[" + at + "]"
		}
		body := w.write(w.T, "body-"+front+version, string(q))
		out := []byte(run(w.T, "curl", "-sk", "--max-time", "60", version, "--interface", from,
			"-H", "Content-Type: application/dns-message", "-H", "X-Forwarded-For: "+staff,
			"--data-binary", "@"+body, "https://"+at+"/dns-query"))
		m := new(dns.Msg)
		if err := m.Unpack(out); err != nil {
			return fmt.Sprintf("%v: %q", err, out)
		}
		return strings.ReplaceAll(m.String(), "\t", " ")
	}
}

var ways = []way{
	{"dnsdist", "udp", by(dnsdistAt)},
	{"dnsdist", "tcp", by(dnsdistAt, "+tcp")},
	{"dnsdist DoT", "tcp", by(dnsdistAt, "+tls")},
	{"dnsdist DoH", "udp", by(dnsdistAt, "+https")},
	{"dnsdist, PROXY inside TLS", "dot", by(dnsdistAt, "-p", "5353", "+tcp")},
	{"HAProxy", "tcp", by(haproxyAt, "+tcp")},
	{"HAProxy, PROXY before TLS", "dot", by(haproxyAt, "+tls")},
	{"HAProxy DoH, HTTP/2", "doh_plain", byCurl(haproxyAt, "--http2")},
	{"HAProxy DoH, HTTP/1.1", "doh_plain", byCurl(haproxyAt, "--http1.1")},
	{"nginx", "tcp", by(nginxAt, "+tcp")},
	{"nginx, PROXY before TLS", "dot", by(nginxAt, "+tls")},
	{"nginx DoH, HTTP/2", "doh_plain", byCurl(nginxAt, "--http2")},
	{"nginx DoH, HTTP/1.1", "doh_plain", byCurl(nginxAt, "--http1.1")},
}

// TestFronts: the client is the client behind every front, for access lists, views, rates and the
// query log; checks are no faults; replies come in any order.
func TestFronts(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, frontPrograms)
		return
	}
	w := startFronts(t, "dnsdist", "haproxy", "nginx", "stray")
	t.Run("clients", func(t *testing.T) { w.T = t; w.clients() })
	t.Run("rates", func(t *testing.T) { w.T = t; w.rates() })
	t.Run("order", func(t *testing.T) { w.T = t; w.order() })
	t.Run("loads", func(t *testing.T) { w.T = t; w.loads() })
	t.Run("stray", func(t *testing.T) { w.T = t; w.stray() })
}

// clients: who is in a view gets its answer, who may not ask is refused, and the query log has the
// address and the transport. What a client says of itself is not believed.
func (w *frontWorld) clients() {
	for _, way := range ways {
		w.until(way.front+" has somebody to ask", func() bool {
			return strings.Contains(way.ask(w, client, "www.secure.example"), "NOERROR")
		})
		for _, c := range []struct{ from, name, want, not string }{
			{staff, "view.example", "192.0.2.8", ""},
			{client, "view.example", "NXDOMAIN", "192.0.2.8"},
			{unwanted, "view.example", "REFUSED", "192.0.2.8"},
			{staffBySix, "view.example", "192.0.2.8", ""},
		} {
			if out := way.ask(w, c.from, c.name); !strings.Contains(out, c.want) ||
				c.not != "" && strings.Contains(out, c.not) {
				w.Errorf("%s: %s asks for %s and hears\n%s", way.front, c.from, c.name, out)
			}
			line := fmt.Sprintf("client=%s transport=%s name=%s.", c.from, way.transport, c.name)
			w.until(way.front+" is in the log: "+line, func() bool {
				return strings.Contains(w.queries(), line)
			})
		}
	}
	w.Logf("%d ways by three fronts", len(ways))
}

// queries returns the lines of all query logs.
func (w *frontWorld) queries() (all string) {
	for i := range w.instances {
		all += w.read(address(i) + ".queries")
	}
	return all
}

// rates: a client's rate is its own, whoever else comes by the same front.
func (w *frontWorld) rates() {
	burst := func(from, patience string) string {
		data := w.write(w.T, "rates", "www.secure.example A\n")
		return dnsperf(w.T, "-s", dnsdistAt, "-a", from, "-d", data, "-n", "60", "-q", "60",
			"-t", patience)
	}
	if out := burst(client, "60"); !lostNone.MatchString(out) {
		w.Errorf("others are limited:\n%s", out)
	}
	// Sixty come at once, and one may come in a second.
	if out := burst(limited, "2"); lostNone.MatchString(out) {
		w.Errorf("nobody is limited:\n%s", out)
	}
}

var lostNone = regexp.MustCompile(`Queries lost: +0 `)

// order: a client that pipelines gets what is ready first, and the rest on the same connection.
func (w *frontWorld) order() {
	for slow, front := range map[string]string{"www.slow.faulty.": dnsdistAt,
		"x.wild.slow.faulty.": haproxyAt, "leaf.deep.slow.faulty.": nginxAt} { // each is new
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}, Timeout: patience}
		c, err := d.Dial("tcp", front+":53")
		if err != nil {
			w.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		conn := &dns.Conn{Conn: c}
		names := []string{slow, "www.secure.example."}
		for _, name := range names {
			if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
				w.Fatal(err)
			}
		}
		var got []string
		for range names {
			m, err := conn.ReadMsg()
			if err != nil {
				w.Fatalf("%s, after %v: %v", front, got, err)
			}
			got = append(got, m.Question[0].Name)
		}
		if got[0] != names[1] || got[1] != names[0] {
			w.Errorf("%s: the answers come in the order %v", front, got)
		}
	}
}

// loads: many clients' connections by each front, of which no query is lost.
func (w *frontWorld) loads() {
	data := w.write(w.T, "queries", "www.secure.example. A\nno.secure.example. A\n"+
		"www.unsigned.example. AAAA\nwww.expired.faulty. A\n")
	for _, c := range [][]string{{dnsdistAt, "udp", "53"}, {dnsdistAt, "tcp", "53"},
		{dnsdistAt, "dot", "853"}, {dnsdistAt, "tcp", "5353"}, {haproxyAt, "tcp", "53"},
		{haproxyAt, "dot", "853"}, {nginxAt, "tcp", "53"}, {nginxAt, "dot", "853"}} {
		out := dnsperf(w.T, "-s", c[0], "-a", client, "-m", c[1], "-p", c[2], "-d", data,
			"-n", "50", "-t", "60", "-c", "8", "-q", "40", "-e")
		if !lostNone.MatchString(out) || !strings.Contains(out, "Queries completed:    200") {
			w.Errorf("dnsperf to %v:\n%s", c, out)
		}
	}
	// dnsperf 2.10 loses answers of HTTP/2 that share a TLS record, as those of the fronts do.
	q, err := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).Pack()
	if err != nil {
		w.Fatal(err)
	}
	for _, front := range []string{dnsdistAt, haproxyAt, nginxAt} {
		out := run(w.T, "curl", "-sk", "--max-time", "60", "--http2", "-Z", "--parallel-max", "20",
			"--interface", client, "-o", "/dev/null", "-w", "%{http_code}\\n", "https://"+front+
				"/dns-query?n=[1-100]&dns="+base64.RawURLEncoding.EncodeToString(q))
		if n := strings.Count(out, "200\n"); n != 100 {
			w.Errorf("%s answers %d of 100 requests", front, n)
		}
	}
}

// stray: a front that is not trusted may not speak for others: its headers are refused and counted.
// The checks of those that are trusted are no faults.
func (w *frontWorld) stray() {
	ask := by(strayFront, "+timeout=1")
	if out := ask(w, staff, "view.example"); strings.Contains(out, "192.0.2.8") {
		w.Errorf("a stranger speaks for a client:\n%s", out)
	}
	by(strayFront, "+tcp", "+timeout=2")(w, staff, "view.example")
	faults := `bailiwick_transport_faults_total{cause="proxy_header",transport="%s"}`
	for _, transport := range []string{"udp", "tcp"} {
		w.until("the faults of a stranger are counted over "+transport, func() bool {
			return value(scrape(w.T, address(0)+":5380"), fmt.Sprintf(faults, transport)) > 0
		})
	}
	for i := range w.instances {
		log := w.read(address(i) + ".log")
		for line := range strings.Lines(log) {
			if strings.Contains(line, "PROXY") && !strings.Contains(line, "from="+strayFront) {
				w.Errorf("%s: %s", address(i), line)
			}
		}
		if i == 0 && !strings.Contains(log, "from="+strayFront) {
			w.Error("the log does not tell of the stranger")
		}
	}
	for i := 1; i < 3; i++ {
		m := scrape(w.T, address(i)+":5380")
		for _, transport := range []string{"udp", "tcp", "dot", "doh_plain"} {
			if n := value(m, fmt.Sprintf(faults, transport)); n > 0 {
				w.Errorf("%s counts %v faults of proxies over %s", address(i), n, transport)
			}
		}
	}
}

// restartRate is how many queries come in a second while instances are restarted: as many as two
// busy cores bear with dnsperf, dnsdist and three instances on them.
const restartRate = 2000

// TestRollingRestartBehindDnsdist: three instances are restarted one after the other, under load
// over UDP and TCP, and no query is lost: dnsdist hears from an instance that it is being stopped,
// and sends it no more queries before its sockets are closed.
func TestRollingRestartBehindDnsdist(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, frontPrograms)
		return
	}
	w := startFronts(t, "dnsdist", "haproxy", "nginx")
	w.until("dnsdist has somebody to ask", func() bool {
		return strings.Contains(by(dnsdistAt)(w, client, "www.secure.example"), "NOERROR")
	})
	data := w.write(t, "queries", "www.secure.example. A\nno.secure.example. A\n"+
		"www.unsigned.example. AAAA\nview.example. A\n")
	var loads []*exec.Cmd
	for _, c := range [][]string{{"udp", strconv.Itoa(restartRate)}, {"tcp", "200"}} {
		log, err := os.Create(w.path(c[0] + ".load"))
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		cmd := exec.Command("dnsperf", "-s", dnsdistAt, "-a", client, "-m", c[0], "-p", "53", "-d",
			data, "-l", "600", "-t", "60", "-b", "8192", "-c", "4", "-Q", c[1])
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		loads = append(loads, cmd)
		defer func() { _ = cmd.Process.Kill() }() // has ended, unless the test fails
	}
	asked := func(i int) float64 {
		return value(scrape(t, address(i)+":5380"),
			`bailiwick_queries_total{transport="udp",type="A"}`)
	}
	for i := range w.instances {
		w.until(address(i)+" is asked", func() bool { return asked(i) > 500 })
	}
	end := w.others()
	for i, cmd := range w.instances {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", address(i), err)
		}
		w.serve(i)
		w.awaitReady(i)
		w.until(address(i)+" is asked again", func() bool { return asked(i) > 500 })
	}
	end()
	for i, cmd := range loads {
		_ = cmd.Process.Signal(syscall.SIGINT) // it waits for what it has asked, and prints
		_ = cmd.Wait()
		out := w.read([]string{"udp", "tcp"}[i] + ".load")
		if !lostNone.MatchString(out) || !completed.MatchString(out) {
			t.Errorf("queries are lost:\n%s", out)
		}
		t.Log(strings.Join(strings.Fields(rates.FindString(out)), " "), completed.FindString(out))
	}
}

// others asks by HAProxy and nginx, one question after the other, until end is called: each has its
// answer, though it may have to go to the next instance.
func (w *frontWorld) others() (end func()) {
	var asking sync.WaitGroup
	done := make(chan struct{})
	for _, way := range ways {
		if strings.HasPrefix(way.front, "dnsdist") {
			continue
		}
		asking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					w.Logf("%s: %d questions", way.front, n)
					return
				default:
				}
				if out := way.ask(w, client, "www.secure.example"); !strings.Contains(out,
					"NOERROR") {
					w.Errorf("%s, question %d:\n%s", way.front, n, out)
				}
				time.Sleep(20 * time.Millisecond) // the processors are for the loads
			}
		})
	}
	return func() { close(done); asking.Wait() }
}

var (
	completed = regexp.MustCompile(`Queries completed: +[1-9]\d{2,}`)
	rates     = regexp.MustCompile(`Queries per second: .*`)
)

// value returns the value of a metric, 0 if it is not there.
func value(metrics, name string) float64 {
	for line := range strings.Lines(metrics) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return v
			}
		}
	}
	return 0
}
