// The server under the system calls that its unit file leaves it.

package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// TestUnitFileLeavesTheServerItsSystemCalls runs the server with the filter that systemd makes of
// the unit file: it starts, confines itself, reads its configuration again, and ends. A call that
// the filter denies must fail, and not end the process: loading a configuration lowers the priority
// of its thread, and Go begins to make calls of @resources with new versions
// (github.com/NixOS/nixpkgs/issues/197443, github.com/systemd/systemd/issues/11967,
// github.com/NixOS/nixpkgs/pull/148543).
func TestUnitFileLeavesTheServerItsSystemCalls(t *testing.T) {
	policy := unitPolicy(t, "../deploy/bailiwick.service")
	t.Parallel()
	dir := folder(t.TempDir())
	bin := build(t, string(dir))
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	conf := dir.write(t, "bailiwick.yaml", fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q]}\n"+
		"admin: {listen: \"\"}\ncontrol: {socket: control.sock}\nresolver: {priming: false}\n"+
		"shutdown: {wait: 0, answers: 0}\n"+
		"process: {capabilities: off}\n", at)) // systemd has dropped them
	cmd := exec.Command(bin, "serve", "--config", conf)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the process inherits the filter of this thread alone
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = seccomp.LoadFilter(seccomp.Filter{Policy: policy})
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ctl := func(command string) string {
		out, err := exec.Command(bin, "ctl", "--socket", dir.path("control.sock"),
			command).CombinedOutput()
		if err != nil {
			select {
			case err := <-ended:
				t.Fatalf("%s: the server ended: %v", command, err)
			case <-time.After(time.Second):
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
		}
		return string(out)
	}
	await(t, at, "localhost.", dns.TypeA, func(m *dns.Msg) bool {
		return m.Rcode == dns.RcodeSuccess
	})
	if got := ctl("status"); !strings.Contains(got, "confined: landlock ") ||
		!strings.Contains(got, "seccomp") {
		t.Errorf("the server is not confined:\n%s", got)
	}
	ctl("reload")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
}

// unitPolicy returns the filter of a unit file.
func unitPolicy(t *testing.T, file string) seccomp.Policy {
	t.Helper()
	analyze := systemdProgram(t, "systemd-analyze")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	denied := seccomp.ActionKillProcess
	allowed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "SystemCallErrorNumber=EPERM" {
			denied = seccomp.ActionErrno // which is EPERM
		}
		list, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		list, not := strings.CutPrefix(list, "~")
		for _, name := range strings.Fields(list) {
			for _, call := range systemdSet(t, analyze, name) {
				allowed[call] = !not
			}
		}
	}
	var names []string
	for name, is := range allowed {
		if _, here := info.SyscallNames[name]; is && here {
			names = append(names, name)
		}
	}
	if len(names) < 100 {
		t.Fatalf("the unit allows %d system calls", len(names))
	}
	return seccomp.Policy{DefaultAction: denied, Syscalls: []seccomp.SyscallGroup{{Names: names,
		Action: seccomp.ActionAllow}}}
}

// systemdSet returns the system calls of a name, which may be a set of systemd.
func systemdSet(t *testing.T, analyze, name string) (calls []string) {
	t.Helper()
	if !strings.HasPrefix(name, "@") {
		return []string{name}
	}
	out, err := exec.Command(analyze, "--no-pager", "syscall-filter", name).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line == "" || line == name || strings.HasPrefix(line, "#") {
			continue
		}
		calls = append(calls, systemdSet(t, analyze, line)...)
	}
	return calls
}
