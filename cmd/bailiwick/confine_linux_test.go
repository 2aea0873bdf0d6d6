// What a server takes from itself, seen from outside, and what it does all the same.

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// field returns a line of /proc/PID/status, or of one of the process's threads.
func field(t *testing.T, status, name string) string {
	t.Helper()
	b, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// statusOf is the path of a process's status.
func statusOf(pid int) string { return fmt.Sprintf("/proc/%d/status", pid) }

// hosts writes a hosts file with one name.
func hosts(t *testing.T, path, address string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	text := address + " printer.corp.example\n"
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// printer returns the address of the name of hosts, by a server.
func printer(t *testing.T, at string) string {
	t.Helper()
	c := dns.Client{Timeout: patience}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion("printer.corp.example.", dns.TypeA), at)
	if err != nil || len(m.Answer) != 1 {
		return fmt.Sprint(m, err)
	}
	return m.Answer[0].(*dns.A).A.String()
}

// rewrite has the configuration file of a process be another one, as an editor does.
func (p *process) rewrite(change func(string) string) {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.file+".new", []byte(change(string(text))), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(p.file+".new", p.file); err != nil {
		p.t.Fatal(err)
	}
}

// with adds a line to a configuration.
func with(line string) func(string) string {
	return func(text string) string { return text + line + "\n" }
}

// All threads of the server have the filter of system calls, and no program that it executes gets
// more than it has. It says so in the status, in a list of what it may use, and in metrics.
func TestConfined(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("the threads of the server: %v, %v", tasks, err)
	}
	for _, task := range tasks {
		if field(t, task, "Seccomp") != "2" || field(t, task, "NoNewPrivs") != "1" {
			t.Errorf("%s has Seccomp %s, NoNewPrivs %s", task, field(t, task, "Seccomp"),
				field(t, task, "NoNewPrivs"))
		}
	}
	out, err := runCtl(t, socket, "confinement")
	for _, want := range []string{"seccomp: yes", filepath.Dir(p.file),
		filepath.Dir(socket) + " "} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("confinement does not tell %q: %v\n%s", want, err, out)
		}
	}
	if out, err = runCtl(t, socket, "status"); err != nil || !strings.Contains(out, "confined: "+
		"landlock ") {
		t.Errorf("status: %v\n%s", err, out)
	}
	text, err := p.get("/metrics")
	for _, by := range []string{"landlock", "seccomp"} {
		if want := fmt.Sprintf("bailiwick_confined{by=%q} 1", by); err != nil ||
			!strings.Contains(text, want) {
			t.Errorf("no %s, %v", want, err)
		}
	}
	p.terminate()
}

// The keys switch all of it off.
func TestConfinedByNothing(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config+"process: {landlock: off, seccomp: off, capabilities: off}\n",
		nil, nil)
	pid := p.cmd.Process.Pid
	for name, want := range map[string]string{"Seccomp": "0", "NoNewPrivs": "0",
		"CapPrm": field(t, "/proc/self/status", "CapPrm")} {
		if got := field(t, statusOf(pid), name); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	other := filepath.Join(t.TempDir(), "hosts")
	hosts(t, other, "192.0.2.1")
	p.rewrite(with(fmt.Sprintf("policy: {hosts_files: [{file: %s}]}", other)))
	if out, err := runCtl(t, socket, "reload"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	p.terminate()
}

// A reload that names a file in another directory is refused: it says which file, and that it
// takes a restart, where others only tell that permission is denied, which the file's own
// permissions contradict (github.com/yrutschle/sslh/issues/450,
// github.com/Zouuup/landrun/issues/12). The start takes it.
func TestConfinedReloadOfAnotherDirectory(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	other := filepath.Join(t.TempDir(), "hosts")
	hosts(t, other, "192.0.2.1")
	p.rewrite(with(fmt.Sprintf("policy: {hosts_files: [{file: %s}]}", other)))
	out, err := runCtl(t, socket, "reload")
	if err == nil || !strings.Contains(out, other) || !strings.Contains(out, "be restarted") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = runCtl(t, socket, "upgrade"); err == nil || !strings.Contains(out,
		"this process goes on") {
		t.Errorf("a successor has more than the server: %v\n%s", err, out)
	}
	p.terminate()
	// Somebody else may have the ports by now.
	dns, admin := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p.rewrite(strings.NewReplacer(p.dns, dns, p.admin, admin).Replace)
	p.dns = dns
	again := exec.Command(os.Args[0], "serve", "--config", p.file)
	again.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Process.Kill(); _ = again.Wait() }()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if printer(t, p.dns) == "192.0.2.1" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a restart does not take the file")
		}
	}
}

// Files that are replaced are read again: by others of their name, as editors and orchestrators
// do, and through links to other directories: those of certbot's live point into archive, and
// those of Kubernetes into a directory that is another one each time. Landlock goes by what a link
// leads to (github.com/jdx/mise/pull/11958, github.com/Mic92/dotfiles/pull/5045).
func TestConfinedReloadOfReplacedFiles(t *testing.T) {
	link := func(t *testing.T, to, at string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(at+".new", at); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, file string
		write      func(t *testing.T, dir string, turn int, address string)
	}{
		{"by a rename", "hosts", func(t *testing.T, dir string, _ int, address string) {
			hosts(t, dir+"/hosts", address)
		}},
		{"certbot", "live/hosts", func(t *testing.T, dir string, turn int, address string) {
			file := fmt.Sprintf("archive/hosts%d", turn)
			hosts(t, filepath.Join(dir, file), address)
			link(t, "../"+file, dir+"/live/hosts")
		}},
		{"Kubernetes", "hosts", func(t *testing.T, dir string, turn int, address string) {
			hosts(t, fmt.Sprintf("%s/..%d/hosts", dir, turn), address)
			link(t, fmt.Sprintf("..%d", turn), dir+"/..data")
			if turn == 0 {
				link(t, "..data/hosts", dir+"/hosts")
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, socket := nobody(t)
			dir := t.TempDir()
			c.write(t, dir, 0, "192.0.2.1")
			p := startConfigured(t, config+fmt.Sprintf("policy: {hosts_files: [{file: %s/%s}]}\n",
				dir, c.file), nil, nil)
			if got := printer(t, p.dns); got != "192.0.2.1" {
				t.Fatalf("at first: %s", got)
			}
			c.write(t, dir, 1, "192.0.2.2")
			if out, err := runCtl(t, socket, "reload"); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if got := printer(t, p.dns); got != "192.0.2.2" {
				t.Errorf("after the reload: %s", got)
			}
			p.terminate()
		})
	}
}

// What is written is written: the state, also at the end, and a query log whose file was moved
// away. Renaming is a right of its own (github.com/netblue30/firejail/issues/6696).
func TestConfinedWrites(t *testing.T) {
	config, socket := nobody(t)
	state, logs := filepath.Join(t.TempDir(), "state"), t.TempDir()
	p := startConfigured(t, fmt.Sprintf("%sstate: {directory: %s}\nquery_log: {to: file, "+
		"file: %s/queries}\n", config, state, logs), nil, nil)
	if err := os.Rename(logs+"/queries", logs+"/queries.1"); err != nil {
		t.Fatal(err)
	}
	if out, err := runCtl(t, socket, "querylog", "reopen"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		printer(t, p.dns)
		if b, err := os.ReadFile(logs + "/queries"); err == nil && len(b) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the query log is not opened again")
		}
	}
	if out, err := runCtl(t, socket, "dump"); err != nil {
		t.Errorf("dump: %v\n%s", err, out)
	}
	p.terminate()
	if _, err := os.Stat(state + "/cache"); err != nil {
		t.Errorf("the caches are not saved at the end: %v", err)
	}
}

// A successor has what its predecessor has, and puts nothing on top of it: filters would pile up,
// and after 16 upgrades the kernel would take no more rules of landlock (E2BIG).
func TestConfinedUpgrades(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	before, err := runCtl(t, socket, "confinement")
	if err != nil {
		t.Fatalf("%v\n%s", err, before)
	}
	for range 2 {
		if out, err := runCtl(t, socket, "upgrade"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		pid := pidOf(t, socket)
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		if n := field(t, statusOf(pid), "Seccomp_filters"); n != "1" {
			t.Errorf("process %d has %s filters", pid, n)
		}
		after, err := runCtl(t, socket, "confinement")
		if err != nil || after != before {
			t.Errorf("%v\n%s\nnot\n%s", err, after, before)
		}
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// published copies the program of this test to where any user may execute it.
func published(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bailiwick-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(dir+"/bailiwick", os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close(), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lowPort returns a port below 1024 of loopback that nothing uses.
func lowPort(t *testing.T, not ...int) int {
	t.Helper()
	for port := 1023; port > 600; port-- {
		c, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = c.Close()
		if !slices.Contains(not, port) {
			return port
		}
	}
	t.Fatal("no port below 1024 is free")
	return 0
}

// A server that root starts becomes the user of the configuration before it opens anything, with
// the one capability that it needs: its start, a reload and a successor listen below port 1024,
// which others lose with root (github.com/namecoin/ncdns/issues/13,
// github.com/PowerDNS/pdns/issues/2798). Its directories are made for it.
func TestProcessUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; .ci/run has it")
	}
	dir := published(t)
	first := lowPort(t)
	second := lowPort(t, first)
	config := func(ports string) string {
		return fmt.Sprintf("listen: {udp: [%s], tcp: []}\nadmin: {listen: \"\"}\n"+
			"process: {user: \"65534:65534\"}\nstate: {directory: %s/state}\n"+
			"resolver: {priming: false, root_hints: [{name: ns., address: 127.0.0.1}]}\n"+
			"shutdown: {wait: 0, answers: 0}\n", ports, dir)
	}
	at := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	file := dir + "/bailiwick.yaml"
	if err := os.WriteFile(file, []byte(config(strconv.Quote(at(first)))), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dir+"/bailiwick", "serve", "--config", file)
	cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1", "RUNTIME_DIRECTORY="+dir+"/run")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	socket := dir + "/run/control.sock"
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if answersAt(at(first)) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server does not serve")
		}
	}
	check := func(pid int) {
		t.Helper()
		only := fmt.Sprintf("%016x", 1<<unix.CAP_NET_BIND_SERVICE)
		for name, want := range map[string]string{"Uid": "65534\t65534\t65534\t65534",
			"Gid": "65534\t65534\t65534\t65534", "Groups": "65534", "CapPrm": only,
			"CapEff": only, "CapBnd": only, "CapAmb": only} {
			if got := field(t, statusOf(pid), name); got != want {
				t.Errorf("%s of process %d is %q, not %q", name, pid, got, want)
			}
		}
	}
	check(cmd.Process.Pid)
	if err := os.WriteFile(file, []byte(config(strconv.Quote(at(first))+", "+
		strconv.Quote(at(second)))), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := runCtl(t, socket, "reload"); err != nil || !answersAt(at(second)) {
		t.Fatalf("another port below 1024: %v\n%s", err, out)
	}
	if out, err := runCtl(t, socket, "upgrade"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := <-ended; err != nil { // until then it may be the former process that is asked
		t.Error(err)
	}
	next := pidOf(t, socket)
	check(next)
	if err := syscall.Kill(next, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(dir + "/state/cache"); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the user's state is not saved")
		}
	}
}

// Root that stays root is told so, and loses what reaches beyond the server.
func TestRootLosesCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root; .ci/run has it")
	}
	config, _ := nobody(t)
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	p := startConfigured(t, config, nil, log)
	has, err := strconv.ParseUint(field(t, statusOf(p.cmd.Process.Pid), "CapPrm"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, lost := range []int{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE, unix.CAP_SYS_MODULE,
		unix.CAP_SETUID, unix.CAP_MKNOD} {
		if has&(1<<lost) != 0 {
			t.Errorf("the server has capability %d", lost)
		}
	}
	if has&(1<<unix.CAP_NET_BIND_SERVICE) == 0 {
		t.Error("the server cannot listen below port 1024 any more")
	}
	p.terminate()
	if text, err := os.ReadFile(log.Name()); err != nil || !strings.Contains(string(text),
		"set process.user") {
		t.Errorf("root is not told: %v\n%s", err, text)
	}
}

// Who has an address is told, though the server cannot see other processes once it is confined.
func TestConfinedServerTellsWhoHasItsAddress(t *testing.T) {
	config, _ := nobody(t)
	p := startConfigured(t, config, nil, nil)
	second := exec.Command(os.Args[0], "serve", "--config", p.file)
	second.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
	out, err := second.CombinedOutput()
	want := fmt.Sprintf("(process %d)", p.cmd.Process.Pid)
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("no %s: %v\n%s", want, err, out)
	}
	p.terminate()
}

// A server that another process shares its address with is confined all the same, if it could
// listen there: later than others, when it has seen that.
func TestConfinedBesideAnother(t *testing.T) {
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		bad := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(bad, err)
	}}
	other, err := share.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	config, socket := nobody(t)
	file := t.TempDir() + "/bailiwick.yaml"
	if err := os.WriteFile(file, []byte(fmt.Sprintf("listen: {udp: [%q], tcp: []}\n"+
		"admin: {listen: \"\"}\nshutdown: {wait: 0, answers: 0}\n%s", other.LocalAddr(), config)),
		0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "serve", "--config", file)
	cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := runCtl(t, socket, "status")
		if err == nil && strings.Contains(out, "confined: landlock ") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if got := field(t, statusOf(cmd.Process.Pid), "Seccomp"); got != "2" {
		t.Errorf("Seccomp is %s", got)
	}
}

// answersAt reports whether a server at an address answers.
func answersAt(at string) bool {
	c := dns.Client{Timeout: 20 * time.Second}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA), at)
	return err == nil && m.Rcode == dns.RcodeSuccess
}
