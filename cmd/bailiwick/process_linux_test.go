// The program as a process whose output is not read.

package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestMain is the program itself in the processes that these tests start.
func TestMain(m *testing.M) {
	if os.Getenv("BAILIWICK_TEST_PROCESS") != "" {
		_ = os.Setenv("TMPDIR", "/nonexistent") // tests have what the process may not use in it
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// exchange puts a query to a server over UDP.
func exchange(m *dns.Msg, at string) (*dns.Msg, error) {
	c := dns.Client{Timeout: patience}
	r, _, err := c.Exchange(m, at)
	return r, err
}

// process is a server in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	file  string // its configuration
	dns   string
	admin string
	ended chan error
}

// freePort returns a port without a listener.
func freePort(t *testing.T) int {
	t.Helper()
	// Below the ports that the system gives to the sockets of other tests, over TCP and UDP.
	for range 100 {
		at := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(22000))
		l, err := net.Listen("tcp", at)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", at)
		l.Close()
		if err == nil {
			u.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// startProcess starts a server that has no server to ask, so that each question is a line in its
// log, and waits until it is there. more is of its configuration's section resolver.
func startProcess(t *testing.T, format, more string, stdout, stderr *os.File) *process {
	t.Helper()
	return startConfigured(t, fmt.Sprintf("log: {format: %s}\nshutdown: {wait: 0, answers: 0}\n"+
		"resolver: {priming: false, root_hints: [{name: ns., address: 127.0.0.1}]%s}\n",
		format, more), stdout, stderr)
}

// startConfigured is startProcess with a configuration of the caller's, but for listeners.
func startConfigured(t *testing.T, config string, stdout, stderr *os.File,
	env ...string) *process {
	t.Helper()
	p := &process{t: t, dns: fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		admin: fmt.Sprintf("127.0.0.1:%d", freePort(t)), ended: make(chan error, 1)}
	p.file = filepath.Join(t.TempDir(), "bailiwick.yaml")
	config = fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q]}\nadmin: {listen: %[2]q}\n%[3]s",
		p.dns, p.admin, config)
	if err := os.WriteFile(p.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0], "serve", "--config", p.file)
	p.cmd.Env = append(append(os.Environ(), "BAILIWICK_TEST_PROCESS=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for end := time.Now().Add(patience); ; {
		if _, err := p.get("/healthz"); err == nil {
			return p
		} else if time.Now().After(end) {
			t.Fatalf("the server did not start: %v", err)
		}
		select {
		case err := <-p.ended:
			t.Fatalf("the server ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) get(path string) (string, error) {
	r, err := http.Get("http://" + p.admin + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// ask expects SERVFAIL, as there is no server to ask.
func (p *process) ask(name string) {
	p.t.Helper()
	c := dns.Client{Timeout: patience}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), p.dns)
	if err != nil || m.Rcode != dns.RcodeServerFailure {
		p.t.Fatalf("%s: %v, %v", name, m, err)
	}
}

// dropped is how many lines were, by the metrics.
func (p *process) dropped() string {
	p.t.Helper()
	text, err := p.get("/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^bailiwick_log_lines_dropped_total (\d+)$`).
		FindStringSubmatch(text)
	if m == nil {
		p.t.Fatal("no bailiwick_log_lines_dropped_total")
	}
	return m[1]
}

// terminate sends SIGTERM and waits for the end.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.end(); err != nil {
		p.t.Errorf("after SIGTERM: %v", err)
	}
}

// end waits for the end of the process.
func (p *process) end() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		return errors.New("the process does not end")
	}
}

// unread is a pipe whose reader does not read, and that is full.
func unread(t *testing.T) (w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		for err == nil {
			_, err = syscall.Write(int(fd), make([]byte, 1)) // to the last octet
		}
	})
	return w
}

// gone is a pipe whose reader has ended.
func gone(t *testing.T) (w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// full is a file on a disk without room.
func full(t *testing.T) (w *os.File) {
	t.Helper()
	w, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// Whatever becomes of standard output and standard error, clients are answered, lines that could
// not be written are counted, and SIGTERM ends the process as ever.
func TestServiceDoesNotDependOnItsLog(t *testing.T) {
	for _, c := range []struct {
		name  string
		open  func(*testing.T) *os.File
		drops bool
	}{
		{"a reader that has stopped", unread, false}, // the lines wait for it
		{"a reader that has gone", gone, true},
		{"a full disk", full, true},
	} {
		for _, format := range []string{"text", "json"} {
			t.Run(c.name+", "+format, func(t *testing.T) {
				w := c.open(t)
				p := startProcess(t, format, "", w, w)
				if text, err := p.get("/readyz"); err != nil ||
					!strings.HasPrefix(text, "not ready: ") {
					t.Errorf("with nobody to ask, /readyz says %s, %v", text, err)
				}
				for i := range 5 {
					p.ask(fmt.Sprintf("www%d.example.", i))
				}
				if n := p.dropped(); (n != "0") != c.drops {
					t.Errorf("%s lines dropped", n)
				}
				p.terminate()
			})
		}
	}
}

// SIGTERM ends what is being resolved: clients over UDP get SERVFAIL with the cause, and do not
// wait for nothing.
func TestQueriesInWorkAreAnsweredOnSIGTERM(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p := startProcess(t, "text", fmt.Sprintf(", do_not_query_localhost: false, "+
		"forward_zones: [{name: example, addresses: [%q], insecure: true}]",
		silent.LocalAddr()), null, null)
	const clients = 30 // more than leave at once
	conns := make([]*dns.Conn, clients)
	for i := range conns {
		if conns[i], err = dns.Dial("udp", p.dns); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
		q := new(dns.Msg).SetQuestion(fmt.Sprintf("www%d.example.", i), dns.TypeA).SetEdns0(1232,
			false)
		if err := conns[i].WriteMsg(q); err != nil {
			t.Fatal(err)
		}
	}
	_ = silent.SetReadDeadline(time.Now().Add(patience))
	inWork := map[string]bool{} // names that the server has begun to ask for
	for buf := make([]byte, 4096); len(inWork) < clients; {
		n, _, err := silent.ReadFrom(buf)
		m := new(dns.Msg)
		if err != nil || m.Unpack(buf[:n]) != nil {
			t.Fatalf("%d queries are in work, %v", len(inWork), err)
		}
		inWork[strings.ToLower(m.Question[0].Name)] = true
	}
	p.terminate()
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		m, err := c.ReadMsg()
		if err != nil || m.Rcode != dns.RcodeServerFailure {
			t.Errorf("client %d: %v, %v", i, m, err)
			continue
		}
		var ede *dns.EDNS0_EDE
		for _, o := range m.IsEdns0().Option {
			ede, _ = o.(*dns.EDNS0_EDE)
		}
		if ede == nil || ede.InfoCode != dns.ExtendedErrorCodeNotReady {
			t.Errorf("client %d hears %v", i, ede)
		}
	}
}
