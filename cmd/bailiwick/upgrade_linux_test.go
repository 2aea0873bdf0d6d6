package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

// pidOf returns the process that serves a control socket.
func pidOf(t *testing.T, socket string) int {
	t.Helper()
	out, err := runCtl(t, socket, "status", "--json")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var s struct{ PID int }
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return s.PID
}

// crowd asks over UDP and TCP, one question after the other, until it is stopped.
type crowd struct {
	asked, lost atomic.Int64
	stop        chan struct{}
	wg          sync.WaitGroup
}

// gather begins to ask for a name that is answered without asking anybody.
func gather(at string) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for _, network := range []string{"udp", "udp", "udp", "tcp", "tcp", "tcp"} {
		c.wg.Go(func() {
			client := dns.Client{Net: network, Timeout: patience}
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				// Each question has a socket of its own: the kernel spreads them.
				m, _, err := client.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA), at)
				c.asked.Add(1)
				if err != nil || m.Rcode != dns.RcodeSuccess {
					c.lost.Add(1)
				}
			}
		})
	}
	return c
}

// leave ends the crowd.
func (c *crowd) leave() (asked, lost int64) {
	close(c.stop)
	c.wg.Wait()
	return c.asked.Load(), c.lost.Load()
}

// A new process takes over with the sockets of the old one, those of the operator too, which others
// fail to bind again (github.com/coredns/coredns/issues/4 and 519). It does so while clients ask,
// twice: by ctl, and by SIGUSR2. None of them loses a query, and the old process ends.
func TestUpgradeLosesNoQuery(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	c := gather(p.dns)
	first := pidOf(t, socket)
	out, err := runCtl(t, socket, "upgrade", "--json")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := p.end(); err != nil {
		t.Errorf("the old process: %v", err)
	}
	second := pidOf(t, socket)
	t.Cleanup(func() { _ = syscall.Kill(second, syscall.SIGKILL) })
	if second == first || !strings.Contains(out, fmt.Sprintf(`"pid": %d`, second)) {
		t.Errorf("process %d serves after %d, and ctl reports %s", second, first, out)
	}
	if err := syscall.Kill(second, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	third := second
	for end := time.Now().Add(patience); third == second; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody takes over after SIGUSR2")
		}
		third = pidOf(t, socket)
	}
	t.Cleanup(func() { _ = syscall.Kill(third, syscall.SIGKILL) })
	until(t, "nobody asks", func() bool { return c.asked.Load() >= 100 })
	if asked, lost := c.leave(); lost > 0 {
		t.Errorf("%d of %d queries are lost", lost, asked)
	}
	if _, err := p.get("/healthz"); err != nil {
		t.Errorf("the admin listener: %v", err)
	}
	if err := syscall.Kill(third, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Lstat(socket); os.IsNotExist(err) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the control socket is not removed at the end")
		}
	}
}

// certified writes a certificate and its key, and returns the section tls of a configuration.
func certified(t *testing.T) string {
	t.Helper()
	source, err := transport.SelfSigned(time.Now(), []string{"localhost"},
		[]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	c := source.All()[0]
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("tls: {certificates: [{certificate: %s/cert.pem, key: %[1]s/key.pem}]}\n",
		dir)
}

// resumesHTTP is resumes for a DoH listener.
func resumesHTTP(t *testing.T, at string, cache tls.ClientSessionCache) bool {
	t.Helper()
	query, err := new(dns.Msg).SetQuestion("localhost.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ClientSessionCache: cache}}}
	defer client.CloseIdleConnections()
	r, err := client.Post("https://"+at+"/dns-query", "application/dns-message",
		bytes.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", r.Status, err)
	}
	return r.TLS.DidResume
}

// What clients have of a server is good at the process that takes over, though its secrets are in
// memory only: sessions of DoT and DoH are resumed, and a server cookie is answered with the same.
// Others lose them with the keys that a process makes for itself
// (github.com/envoyproxy/envoy/pull/1747), or are to keep keys in files, where they end forward
// secrecy (github.com/PowerDNS/pdns/pull/10103).
func TestUpgradeKeepsSessionsAndCookies(t *testing.T) {
	config, socket := nobody(t)
	dot, doh := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := startConfigured(t, config+certified(t), nil, nil)
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "listen: {", fmt.Sprintf("listen: {dot: [%q], "+
		"doh: [%q], ", dot, doh), 1)
	if err := os.WriteFile(p.file, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runCtl(t, socket, "reload"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cookie := "0102030405060708"
	ask := func() {
		t.Helper()
		m := new(dns.Msg).SetQuestion("localhost.", dns.TypeA).SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
		c := dns.Client{Timeout: patience}
		r, _, err := c.Exchange(m, p.dns)
		if err != nil || r.IsEdns0() == nil {
			t.Fatalf("%v, %v", r, err)
		}
		cookie = r.IsEdns0().Option[0].(*dns.EDNS0_COOKIE).Cookie
	}
	overDoT, overDoH := tls.NewLRUClientSessionCache(1), tls.NewLRUClientSessionCache(1)
	resumes(t, dot, overDoT)
	resumesHTTP(t, doh, overDoH)
	ask()
	before := cookie
	for range 2 { // the process after the next has them too
		if out, err := runCtl(t, socket, "upgrade"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		now := pidOf(t, socket)
		t.Cleanup(func() { _ = syscall.Kill(now, syscall.SIGKILL) })
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", now)); err != nil ||
			bytes.Contains(b, []byte("tickets")) {
			t.Errorf("the environment has secrets, %v", err)
		}
		if !resumes(t, dot, overDoT) || !resumesHTTP(t, doh, overDoH) {
			t.Error("a session of the process before is not resumed")
		}
		if ask(); cookie != before {
			t.Errorf("the cookie %s is answered with %s", before, cookie)
		}
	}
}

// A program that does not start leaves the old process in service, and ctl tells why.
func TestUpgradeThatFailsChangesNothing(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	c := gather(p.dns)
	before := pidOf(t, socket)
	if err := os.WriteFile(p.file, []byte("listen: {udp: nowhere}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runCtl(t, socket, "upgrade"); err == nil ||
		!strings.Contains(out, "this process goes on: it ended with exit status 1") {
		t.Errorf("%v: %s", err, out)
	}
	if after := pidOf(t, socket); after != before {
		t.Errorf("process %d serves, and not %d", after, before)
	}
	if asked, lost := c.leave(); lost > 0 {
		t.Errorf("%d of %d queries are lost", lost, asked)
	}
	text, err := p.get("/metrics")
	if err != nil || !strings.Contains(text, `bailiwick_upgrades_total{outcome="failed"} 1`) {
		t.Errorf("no metric of the attempt: %v", err)
	}
	p.terminate()
}

// A program that does not start leaves the old process to order certificates: what it had under way
// was given up for the new one.
func TestUpgradeThatFailsKeepsOrdering(t *testing.T) {
	config, socket := nobody(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("c2VjcmV0IG9mIHRoZSB0d28gZW5kcyBvZiB1cGRhdGU=\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	p := startConfigured(t, config+fmt.Sprintf("state: {directory: %q}\n"+
		"zones: {tsig_keys: [{name: update, secret_file: %q}]}\n"+
		"tls: {acme: {directory: \"https://127.0.0.1:1/dir\", agree: true, challenge: dns-01, "+
		"names: [dns.example.com], dns_server: 127.0.0.1, dns_zone: example.com, "+
		"dns_tsig: update}}\n", t.TempDir(), key), nil, nil)
	failures := func(want string) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			out, _ := runCtl(t, socket, "certificates")
			if strings.Contains(out, "failures: "+want+"\n") && strings.Contains(out, "failing") {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("there are not %s failures: %s", want, out)
			}
		}
	}
	failures("1")
	if err := os.WriteFile(p.file, []byte("listen: {udp: nowhere}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runCtl(t, socket, "upgrade"); err == nil {
		t.Errorf("it is another process: %s", out)
	}
	if out, err := runCtl(t, socket, "certificates", "renew"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	failures("2")
	p.terminate()
}

// serviceManager returns the socket of a service manager, and a function that waits until it hears
// of assignments in one message.
func serviceManager(t *testing.T) (path string, hear func(want ...string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return path, func(want ...string) {
		t.Helper()
		_ = l.SetReadDeadline(time.Now().Add(patience))
		for buf := make([]byte, 4096); ; {
			n, err := l.Read(buf)
			if err != nil {
				t.Fatalf("the manager does not hear %q: %v", want, err)
			}
			said := "\n" + string(buf[:n]) + "\n"
			if !slices.ContainsFunc(want,
				func(w string) bool { return !strings.Contains(said, "\n"+w) }) {
				return
			}
		}
	}
}

// The service manager hears of every state, and which process is the main one after an upgrade
// (sd_notify(3)). It hears READY when the sockets are served, and no earlier
// (github.com/PowerDNS/pdns/issues/11318), and after every reload, refused ones too: without it a
// unit stays in reloading (github.com/systemd/systemd/issues/37515), or is ended if the time of its
// begin is not told (github.com/ergochat/ergo/issues/2454).
func TestNotifyTellsTheServiceManager(t *testing.T) {
	manager, hear := serviceManager(t)
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil, "NOTIFY_SOCKET="+manager)
	hear("READY=1\n", "STATUS=serving\n")
	if out, err := runCtl(t, socket, "reload"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	hear("RELOADING=1\n", "MONOTONIC_USEC=")
	hear("READY=1\n", "STATUS=serving\n")
	good, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ config, status string }{
		{"listen: {udp: nowhere}\n", "STATUS=serving; a configuration was refused: "},
		{string(good), "STATUS=serving\n"},
	} {
		if err := os.WriteFile(p.file, []byte(c.config), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = runCtl(t, socket, "reload")
		hear("RELOADING=1\n")
		hear("READY=1\n", c.status)
	}
	if out, err := runCtl(t, socket, "upgrade"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := p.end(); err != nil {
		t.Errorf("the old process: %v", err)
	}
	second := pidOf(t, socket)
	t.Cleanup(func() { _ = syscall.Kill(second, syscall.SIGKILL) })
	hear(fmt.Sprintf("MAINPID=%d\n", second))
	if err := syscall.Kill(second, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hear("STOPPING=1\n")
}

// The manager's watchdog is served by questions to the server's own listeners, over all transports
// in turn. One that does not answer is an error, and one that may not answer is none.
func TestWatchdogAsksTheServersOwnListener(t *testing.T) {
	manager, hear := serviceManager(t)
	config, socket := nobody(t)
	p := startConfigured(t, config+certified(t), nil, nil, "NOTIFY_SOCKET="+manager,
		"WATCHDOG_USEC=800000")
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	port := func() string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }
	if err := os.WriteFile(p.file, []byte(strings.Replace(string(text), "listen: {",
		fmt.Sprintf("listen: {dot: [%q], doh: [%q], doq: [%q], doh3: [%q], doh_plain: [%q], ",
			port(), port(), port(), port(), port()), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runCtl(t, socket, "reload"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	asked := func() map[string]string {
		t.Helper()
		text, err := p.get("/metrics")
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, l := range regexp.MustCompile(`(?m)^bailiwick_handshakes_total{.*transport="(\w+)"`+
			`.*} (\S+)$`).FindAllStringSubmatch(text, -1) {
			if l[2] != "0" {
				m[l[1]] = l[2]
			}
		}
		return m
	}
	for end := time.Now().Add(patience); len(asked()) < 4; {
		hear("WATCHDOG=1\n")
		if time.Now().After(end) {
			t.Fatalf("only %v were asked", asked())
		}
	}
	if text, _ := p.get("/metrics"); !strings.Contains(text,
		`bailiwick_listeners_stuck{transport="doq"} 0`) {
		t.Error("the metrics lack bailiwick_listeners_stuck")
	}

	// Sockets that nobody reads: the handshakes of TCP are the kernel's.
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	here := netip.MustParsePrefix("127.0.0.0/8")
	for _, via := range transport.Protocols() {
		at := tcp.Addr().(*net.TCPAddr).AddrPort()
		if via.Network() == "udp" {
			at = udp.LocalAddr().(*net.UDPAddr).AddrPort()
		}
		for action, silent := range map[policy.Action]bool{policy.Allow: true,
			policy.Drop: false} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err := ask(ctx, via, at, &way{access: policy.NewACL(
				[]policy.Rule{{Net: here, Action: action}}), view: &policy.View{}},
				&transport.Peer{Pins: [][32]byte{{}}, Path: "/"})
			cancel()
			if (err != nil) != silent {
				t.Errorf("%v: %v, with the action %v", via, err, action)
			}
		}
	}
}

// One listener that is stuck, while all others answer, is named, and the manager is not told that
// all is well: listeners of DoQ have hung elsewhere for days
// (github.com/TechnitiumSoftware/DnsServer/issues/1114, github.com/hagezi/dns-servers/issues/14).
func TestWatchdogNamesAStuckListener(t *testing.T) {
	s, log := daylight(t, 0, "")
	for range 3 {
		if err := s.healthy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	silent, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := silent.LocalAddr().(*net.UDPAddr).AddrPort()
	before := s.now()
	t.Cleanup(func() { s.inUse.Store(before) })
	now := *before
	now.listeners = append(slices.Clone(now.listeners), listening{Listener: deaf{at: at},
		protocol: transport.DoQ})
	now.ways = append(slices.Clone(now.ways), now.ways[0])
	s.inUse.Store(&now)
	healthy := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for range 50 { // half a second in which this process has run
				time.Sleep(10 * time.Millisecond)
			}
			cancel()
		}()
		return s.healthy(ctx)
	}
	failed := 0
	for range 2 * len(now.listeners) {
		if err := healthy(); err == nil && failed > 0 {
			t.Error("the others make up for it")
		} else if err != nil {
			if failed++; !strings.Contains(err.Error(), "doq "+at.String()) {
				t.Error(err)
			}
		}
	}
	if failed < len(now.listeners) {
		t.Errorf("%d times it was not well", failed)
	}
	log.has(t, `msg="a listener does not answer" listener="doq `+at.String()+`"`)
	if n := strings.Count(log.String(), "does not answer"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	// A listener that waits for its address is not asked.
	now.listeners = append(now.listeners[:len(now.listeners)-1], listening{
		Listener: deaf{at: netip.MustParseAddrPort("192.0.2.1:53")}, protocol: transport.UDP})
	for range len(now.listeners) {
		if err := healthy(); err != nil {
			t.Error(err)
		}
	}
	log.has(t, `msg="a listener answers again"`)
}

// deaf is a listener that nobody reads.
type deaf struct {
	transport.Listener
	at netip.AddrPort
}

// Addr implements transport.Listener.
func (d deaf) Addr() netip.AddrPort { return d.at }

// A service manager opens the sockets, one for each listener, and the process serves at them; one
// that no listener wants is closed, and reported. Unbound could not take over IPv6 sockets, which
// are bound already (github.com/NLnetLabs/unbound/issues/741).
func TestSocketActivation(t *testing.T) {
	for _, loopback := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback} {
		t.Run(loopback.String(), func(t *testing.T) { activated(t, loopback) })
	}
}

func activated(t *testing.T, loopback net.IP) {
	open := func(f interface{ File() (*os.File, error) }, err error) *os.File {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		file, err := f.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return file
	}
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: loopback})
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	at := tcp.Addr().(*net.TCPAddr)
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: loopback, Port: at.Port})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	unwanted, err := net.ListenTCP("tcp", &net.TCPAddr{IP: loopback})
	if err != nil {
		t.Fatal(err)
	}
	defer unwanted.Close()
	config, _ := nobody(t)
	file := filepath.Join(t.TempDir(), "bailiwick.yaml")
	config = fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q]}\nadmin: {listen: \"\"}\n%[2]s", at,
		config)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	// A question that waits in the socket before the process is there.
	early := dns.Client{Timeout: patience}
	answered := make(chan error, 1)
	go func() {
		_, _, err := early.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA), at.String())
		answered <- err
	}()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve --config "$1"`, os.Args[0], file)
	cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1", "LISTEN_FDS=3",
		"LISTEN_FDNAMES=dns:dns:other")
	cmd.ExtraFiles = []*os.File{open(udp, nil), open(tcp, nil), open(unwanted, nil)}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if err := <-answered; err != nil {
		t.Errorf("the early question: %v", err)
	}
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: patience}
		if _, _, err := c.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA),
			at.String()); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if want := fmt.Sprintf(`socket="other tcp %v"`, unwanted.Addr()); !strings.Contains(
		log.String(), want) {
		t.Errorf("no line with %s in\n%s", want, &log)
	}
}
