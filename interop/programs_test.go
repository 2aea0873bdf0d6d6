// Programs that the tests run: their files, and the parts of their configurations that are alike.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// loopback brings up the loopback interface of a network namespace.
func loopback(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// root is what a resolver is told of a lab's root: a server of it, and a trust anchor in one line.
type root struct{ server, address, anchor string }

// listen has the servers of a lab listen until the end of the test.
func listen(t *testing.T, w *lab.World) root {
	t.Helper()
	if err := w.Listen(t.Context(), 53); err != nil {
		t.Fatal(err)
	}
	server, addrs := w.Roots()
	return root{server, addrs[0].String(), strings.ReplaceAll(w.Anchor(), "\t", " ")}
}

// hints returns the text of a file of root hints.
func (r root) hints() string {
	return fmt.Sprintf(". 300 NS %s\n%s 300 A %s\n", r.server, r.server, r.address)
}

// folder is where the programs of a test have their files.
type folder string

func (d folder) path(file string) string { return filepath.Join(string(d), file) }

// write writes a file, and returns its path.
func (d folder) write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(d.path(file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return d.path(file)
}

// unboundConf returns the configuration of an Unbound that validates in the foreground, with
// further lines of its server clause, and clauses after it.
func unboundConf(server, clauses string) string {
	return "server:\n  do-ip6: no\n  do-daemonize: no\n  use-syslog: no\n  username: \"\"\n  " +
		"chroot: \"\"\n  pidfile: \"\"\n  module-config: \"validator iterator\"\n" + server +
		"remote-control:\n  control-enable: no\n" + clauses
}

// await asks a server until it answers as it has to.
func await(t *testing.T, at, name string, qtype uint16, ready func(*dns.Msg) bool) {
	t.Helper()
	for range 200 {
		if m, err := ask(at, name, qtype); err == nil && ready(m) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer for %s", at, name)
}
