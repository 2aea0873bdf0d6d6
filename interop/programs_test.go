// Programs that the tests run: their files, and the parts of their configurations that are alike.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// write writes a file, and returns its path. A program that reads it meanwhile has what was there
// before, and never a half of it.
func (d folder) write(t *testing.T, file, text string) string {
	t.Helper()
	path, rights := d.path(file), os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		rights = info.Mode().Perm()
	}
	err := os.WriteFile(path+".written", []byte(text), 0o600)
	if err == nil {
		err = os.Chmod(path+".written", rights)
	}
	if err == nil {
		err = os.Rename(path+".written", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// unboundConf returns the configuration of an Unbound that validates in the foreground, with
// further lines of its server clause, and clauses after it.
func unboundConf(server, clauses string) string {
	return "server:\n  do-ip6: no\n  do-daemonize: no\n  use-syslog: no\n  username: \"\"\n  " +
		"chroot: \"\"\n  pidfile: \"\"\n  module-config: \"validator iterator\"\n" + server +
		"remote-control:\n  control-enable: no\n" + clauses
}

// found reports whether an answer has an address.
func found(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess && slices.ContainsFunc(m.Answer, func(r dns.RR) bool {
		return r.Header().Rrtype == dns.TypeA
	})
}

// await asks a server until it answers as it has to.
func await(t *testing.T, at, name string, qtype uint16, ready func(*dns.Msg) bool) {
	t.Helper()
	eventually(t, at+" answers for "+name, func() bool {
		m, err := ask(at, name, qtype)
		return err == nil && ready(m)
	})
}
