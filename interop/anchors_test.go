package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// rollingRoot is a root whose keys roll: signed with BIND's tools, served by NSD, and followed by
// Bailiwick, whose clock moves.
type rollingRoot struct {
	t       *testing.T
	dir     string
	bin     string
	nsd     *exec.Cmd
	served  int // zones so far
	subject *exec.Cmd
}

// The addresses of the two.
const (
	rollServer = "127.0.0.2"
	rollAddr   = "127.0.0.1:5304"
)

// TestAnchorRoll rolls the key of a root that BIND signs and NSD serves, from its first appearance
// over its use to the revocation of the old one (RFC 5011), under a clock that moves.
func TestAnchorRoll(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsd", "dnssec-keygen", "dnssec-signzone",
			"dnssec-revoke"})
		return
	}
	r := &rollingRoot{t: t, dir: t.TempDir()}
	r.run("ip", "link", "set", "lo", "up")
	r.bin = filepath.Join(r.dir, "bailiwick")
	r.run("go", "build", "-tags", "testclock", "-o", r.bin, "bailiwick/cmd/bailiwick")
	zsk, old, next := r.key(), r.key("-f", "KSK"), r.key("-f", "KSK")
	r.serve(zsk, []string{old}, old)
	r.write("anchor.ds", r.run("dnssec-dsfromkey", "-2", r.file(old+".key")))
	r.start()
	t.Cleanup(func() { r.stop(r.subject); r.stop(r.nsd) })
	r.expect(old, "valid")

	r.serve(zsk, []string{old, next}, old)
	r.expect(next, "pending")
	for range 3 {
		r.ctl("clock", "advance", "264h")
		r.ctl("anchors", "refresh")
		r.expect(old, "valid")
	}
	r.expect(next, "valid")

	r.serve(zsk, []string{old, next}, next)
	r.secure()
	revoked := strings.TrimSpace(filepath.Base(r.run("dnssec-revoke", "-K", r.dir, old)))
	revoked = strings.TrimSuffix(revoked, ".private")
	r.serve(zsk, []string{revoked, next}, next, revoked)
	r.expect(old, "revoked")
	r.secure()

	r.stop(r.subject) // the old anchor is still configured
	r.start()
	r.expect(old, "revoked")
	r.expect(next, "valid")
	r.secure()
}

// file is the path of a file.
func (r *rollingRoot) file(name string) string { return filepath.Join(r.dir, name) }

// run runs a program and returns what it prints.
func (r *rollingRoot) run(name string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		text := ""
		if e, ok := err.(*exec.ExitError); ok {
			text = string(e.Stderr)
		}
		r.t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, text)
	}
	return strings.TrimSpace(string(out))
}

// write writes a file.
func (r *rollingRoot) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file(name), []byte(text+"\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// key makes a key of the root.
func (r *rollingRoot) key(flags ...string) string {
	r.t.Helper()
	return r.run("dnssec-keygen", append(flags, "-q", "-K", r.dir, "-a", "ECDSAP256SHA256", ".")...)
}

// tag is the tag of a key, as it stands in its name.
func tag(key string) string {
	return strings.TrimLeft(key[strings.LastIndex(key, "+")+1:], "0")
}

// serve has the root's server begin anew with other keys in the zone, some of which sign them.
func (r *rollingRoot) serve(zsk string, published []string, signers ...string) {
	r.t.Helper()
	r.served++
	var zone strings.Builder
	fmt.Fprintf(&zone, "$TTL 300\n. SOA ns. host. %d 3600 600 86400 60\n. NS ns.\nns. A %s\n"+
		"www.roll. A 192.0.2.1\n", r.served, rollServer)
	for _, k := range append(published, zsk) {
		b, err := os.ReadFile(r.file(k + ".key"))
		if err != nil {
			r.t.Fatal(err)
		}
		zone.Write(b)
	}
	r.write("root", zone.String())
	args := []string{"-q", "-x", "-P", "-K", r.dir, "-o", ".", "-s", "now-1d", "-e", "now+100d",
		"-f", r.file("root.signed")}
	for _, s := range signers {
		args = append(args, "-k", s)
	}
	r.run("dnssec-signzone", append(args, r.file("root"), zsk)...)
	r.stop(r.nsd)
	r.write("nsd.conf", fmt.Sprintf("server:\n ip-address: %s\n username: \"\"\n zonesdir: %q\n"+
		" database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n zonelistfile: %q\n"+
		"remote-control:\n control-enable: no\nzone:\n name: \".\"\n zonefile: root.signed\n",
		rollServer, r.dir, r.file("zones")))
	r.nsd = exec.Command("nsd", "-d", "-c", r.file("nsd.conf"))
	r.nsd.Stderr = os.Stderr
	if err := r.nsd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.wait(func() bool { _, err := ask(rollServer+":53", ".", dns.TypeSOA); return err == nil },
		"the root's server")
	if r.subject != nil {
		r.ctl("anchors", "refresh")
		r.ctl("flush", "--subtree", ".")
	}
}

// stop ends a process.
func (r *rollingRoot) stop(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// start starts Bailiwick.
func (r *rollingRoot) start() {
	r.t.Helper()
	r.write("hints", ". 3600 NS ns.\nns. 3600 A "+rollServer)
	r.write("b.yaml", fmt.Sprintf("listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: \"\"}\n"+
		"control: {socket: ctl}\nstate: {directory: state}\nlog: {level: error}\n"+
		"resolver: {ipv6: \"false\", do_not_query_localhost: no, root_hints_file: hints}\n"+
		"trust_anchors: {builtin: no, file: anchor.ds}\n", rollAddr, rollAddr))
	r.subject = exec.Command(r.bin, "serve", "-c", r.file("b.yaml"))
	r.subject.Stderr = os.Stderr
	if err := r.subject.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.wait(func() bool { _, err := ask(rollAddr, "www.roll.", dns.TypeA); return err == nil },
		"bailiwick")
}

// wait waits until something is so.
func (r *rollingRoot) wait(is func() bool, what string) {
	r.t.Helper()
	eventually(r.t, what, is)
}

// ctl does a command of the control socket.
func (r *rollingRoot) ctl(args ...string) string {
	r.t.Helper()
	return r.run(r.bin, append([]string{"ctl", "-s", r.file("ctl")}, args...)...)
}

// expect waits until a key has a state.
func (r *rollingRoot) expect(key, state string) {
	r.t.Helper()
	r.wait(func() bool {
		for _, line := range strings.Split(r.ctl("anchors", "list"), "\n") {
			if f := strings.Fields(line); len(f) > 2 && f[1] == tag(key) && f[2] == state {
				return true
			}
		}
		return false
	}, fmt.Sprintf("key %s is %s; it was\n%s", tag(key), state, r.ctl("anchors", "list")))
}

// secure demands a validated answer.
func (r *rollingRoot) secure() {
	r.t.Helper()
	m, err := ask(rollAddr, "www.roll.", dns.TypeA)
	if err != nil || !m.AuthenticatedData || len(m.Answer) == 0 {
		r.t.Errorf("%v, %v", err, m)
	}
}
