// The command doctor on a machine of its own, with real servers in the places where faults are.

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// diagnosis is what doctor reports, as far as it matters here.
type diagnosis struct {
	Works    bool
	Path     []string
	Findings []struct{ ID, Seen string }
	status   int
}

// has returns what was seen of a finding, and whether it is there.
func (d *diagnosis) has(id string) (seen string, ok bool) {
	for _, f := range d.Findings {
		if f.ID == id {
			return f.Seen, true
		}
	}
	return "", false
}

// machine is a network namespace in which programs ask 127.0.0.1 at port 53.
type machine struct {
	t    *testing.T
	dir  folder
	bin  string
	conf string
	root root
}

// doctor runs the command, and returns its report.
func (m *machine) doctor(flags ...string) *diagnosis {
	m.t.Helper()
	cmd := exec.Command(m.bin, append([]string{"doctor", "--json", "--config", m.conf, "--root",
		string(m.dir)}, flags...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, _ := cmd.Output() // its status is looked at
	d := &diagnosis{status: cmd.ProcessState.ExitCode()}
	if err := json.Unmarshal(out, d); err != nil {
		m.t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	return d
}

// want fails unless a report has a finding, whose facts have a text in them.
func (m *machine) want(d *diagnosis, works bool, status int, id, seen string) {
	m.t.Helper()
	if got, ok := d.has(id); !ok || !strings.Contains(got, seen) || d.Works != works ||
		d.status != status {
		m.t.Errorf("want %s with %q, works %t, status %d: %+v", id, seen, works, status, d)
	}
}

// run runs a server until the returned function is called.
func (m *machine) run(argv ...string) (end func()) {
	m.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	m.t.Cleanup(end)
	await(m.t, "127.0.0.1:53", ".", dns.TypeSOA, func(*dns.Msg) bool { return true })
	return end
}

// TestDoctor has doctor look at a machine with Bailiwick, and then with Unbound and dnsmasq, as
// programs that hold the port, strip signatures, want a login, and intercept.
func TestDoctor(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unbound", "dnsmasq"})
		return
	}
	loopback(t)
	// All addresses lead to this machine: a default route, and a network that can be intercepted.
	must(t, "ip", "route", "add", "local", "default", "dev", "lo")
	dir := folder(t.TempDir())
	m := &machine{t: t, dir: dir, bin: build(t, string(dir)), root: listen(t, lab.New(time.Now()))}
	if err := os.Mkdir(dir.path("etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir.write(t, "etc/nsswitch.conf", "hosts: files dns\n")
	dir.write(t, "etc/resolv.conf", "nameserver 127.0.0.1\n")
	hints := dir.write(t, "hints", m.root.hints())
	m.conf = dir.write(t, "bailiwick.yaml", fmt.Sprintf("listen: {udp: [\"127.0.0.1:53\"], tcp: "+
		"[\"127.0.0.1:53\"]}\nadmin: {listen: \"\"}\nlog: {level: error}\nresolver: {ipv6: "+
		"\"false\", root_hints_file: %q, do_not_query_localhost: false}\ntrust_anchors: "+
		"{builtin: false, records: [%q]}\ncontrol: {socket: %q}\n", hints, m.root.anchor,
		dir.path("control.sock")))

	m.want(m.doctor(), false, 1, "nameservers-silent", "the port is closed")

	end := m.run(m.bin, "serve", "--config", m.conf)
	d := m.doctor()
	if !d.Works || d.status != 0 || len(d.Findings) > 0 || !slices.ContainsFunc(d.Path,
		func(s string) bool { return strings.Contains(s, "127.0.0.1:53 is bailiwick (pid ") }) {
		t.Errorf("all is well: %+v", d)
	}
	end()

	unbound := func(listen ...string) (end func()) {
		conf := fmt.Sprintf("  do-not-query-localhost: no\n  root-hints: %q\n  trust-anchor: %q\n",
			hints, m.root.anchor)
		for _, a := range listen {
			conf += "  interface: " + a + "\n"
		}
		return m.run("unbound", "-d", "-c", dir.write(t, "unbound", unboundConf(conf, "")))
	}
	end = unbound("127.0.0.1")
	m.want(m.doctor(), true, 1, "port-taken", "127.0.0.1:53/udp is held by unbound (pid ")
	end()

	dnsmasq := func(options ...string) (end func()) {
		return m.run(append([]string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
			"--no-resolv", "--no-hosts", "--user=root", "--group=root", "--pid-file=",
			"--listen-address=127.0.0.1", "--bind-interfaces"}, options...)...)
	}
	end = dnsmasq("--address=/#/10.0.0.1")
	m.want(m.doctor(), false, 1, "captive-portal", "10.0.0.1")
	end()
	end = dnsmasq("--server="+m.root.address, "--filter-rr=RRSIG")
	m.want(m.doctor("--listen", "127.0.0.9"), true, 0, "dnssec-stripped", "signature")
	end()

	// Somebody on the path has packets to servers answered by a resolver of its own.
	unbound("127.0.0.1", "198.51.100.1", "192.0.2.1")
	d = m.doctor("--authority", "198.51.100.1", "--listen", "127.0.0.9:5300")
	m.want(d, true, 1, "port-53-intercepted", "no server is")
	m.want(d, true, 1, "replies-rewritten", "REFUSED")
}
