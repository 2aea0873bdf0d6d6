package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nobody is the configuration of a server that has nobody to ask, with a control socket of its own.
func nobody(t *testing.T) (config, socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "control.sock")
	return "control: {socket: " + socket + "}\n" +
		"resolver: {priming: false, root_hints: [{name: ns., address: 127.0.0.1}]}\n", socket
}

// ctl runs a command of ctl in a process of its own.
func runCtl(t *testing.T, socket string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"ctl", "--socket", socket}, args...)...)
	cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// awaitReadyz waits until /readyz has a text.
func (p *process) awaitReadyz(text string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		got, err := p.get("/readyz")
		if err == nil && strings.Contains(got, text) {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("/readyz says %q, %v, and not %q", got, err, text)
		}
	}
}

// SIGTERM turns /readyz off, and clients are still served: a load balancer has the time to send
// them elsewhere. A second SIGTERM, or SIGINT, ends the wait.
func TestDrainServesWhileNotReady(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		config, _ := nobody(t)
		p := startConfigured(t, config+"shutdown: {wait: 1h, answers: 0}\n", nil, nil)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.awaitReadyz("not ready: it is being stopped")
		p.ask("www.example.")
		check := new(dns.Msg).SetQuestion("ready.server.", dns.TypeTXT)
		check.Question[0].Qclass = dns.ClassCHAOS
		check.SetEdns0(1232, false)
		if m, err := exchange(check, p.dns); err != nil ||
			m.Rcode != dns.RcodeServerFailure || !strings.Contains(m.String(), "being stopped") {
			t.Errorf("ready.server: %v, %v", m, err)
		}
		if text, err := p.get("/metrics"); err != nil ||
			!strings.Contains(text, "\nbailiwick_draining 1\n") {
			t.Errorf("no metric of draining: %v", err)
		}
		if err := p.cmd.Process.Signal(second); err != nil {
			t.Fatal(err)
		}
		if err := p.end(); err != nil {
			t.Errorf("after %v: %v", second, err)
		}
	}
}

// SIGINT ends the server without the wait.
func TestDrainIsSkippedBySIGINT(t *testing.T) {
	config, _ := nobody(t)
	p := startConfigured(t, config+"shutdown: {wait: 1h, answers: 0}\n", nil, nil)
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// `ctl drain` does what SIGTERM does, with a wait of its own; a second one is refused.
func TestDrainByCommand(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config+"shutdown: {wait: 0, answers: 0}\n", nil, nil)
	if out, err := runCtl(t, socket, "drain", "--wait", "soon"); err == nil ||
		!strings.Contains(out, `"soon" is not a duration`) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := runCtl(t, socket, "drain", "--wait", "1h"); err != nil ||
		!strings.Contains(out, "wait: 1h0m0s") {
		t.Fatalf("%v: %s", err, out)
	}
	p.awaitReadyz("not ready: it is being stopped")
	p.ask("www.example.")
	if out, err := runCtl(t, socket, "drain"); err == nil ||
		!strings.Contains(out, "is being stopped already") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := runCtl(t, socket, "reload"); err == nil ||
		!strings.Contains(out, "the server is being stopped") {
		t.Errorf("%v: %s", err, out)
	}
	p.terminate()
}
