// The unit files, and socket activation, by the programs of systemd itself.

package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// systemdProgram returns the path of a program of systemd.
func systemdProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s", name)
	}
	return path
}

// The unit file leaves the service few privileges, and systemd understands all of it.
func TestUnitFileIsHardened(t *testing.T) {
	analyze := systemdProgram(t, "systemd-analyze")
	out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20",
		"../deploy/bailiwick.service").CombinedOutput()
	if err != nil {
		t.Errorf("more exposed than 2.0: %v\n%s", err, out)
	}
	out, _ = exec.Command(analyze, "verify", "../deploy/bailiwick.service",
		"../deploy/bailiwick.socket").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "bailiwick") && !strings.Contains(line, "is not executable") {
			t.Error(line)
		}
	}
}

// systemd-socket-activate opens the sockets, and starts the server with the first client.
func TestSystemdSocketActivation(t *testing.T) {
	activate := systemdProgram(t, "systemd-socket-activate")
	dir := folder(t.TempDir())
	bin := build(t, string(dir))
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	conf := dir.write(t, "bailiwick.yaml", fmt.Sprintf("listen: {tcp: [%q]}\n"+
		"admin: {listen: \"\"}\ncontrol: {socket: \"\"}\nresolver: {priming: false}\n", at))
	log, err := os.Create(filepath.Join(string(dir), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(activate, "-l", at, "--fdname=dns", bin, "serve", "--config", conf)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(syscall.SIGINT); _ = cmd.Wait() }()
	c := dns.Client{Net: "tcp"}
	defer func() {
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
		}
	}()
	eventually(t, "somebody answers", func() bool {
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA), at)
		return err == nil && m.Rcode == dns.RcodeSuccess
	})
}
