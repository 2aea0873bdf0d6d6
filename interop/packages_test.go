// The packages of a release in a fresh Debian: installed, run, upgraded under load, and removed.

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// debianRoot is where the test inside the network namespace finds the root that the one outside has
// made, with the packages in it.
var debianRoot = flag.String("debian", "", "folder with a Debian, for the test of packages")

// serverUser is the user of the unit, which the packages make.
const serverUser = "bailiwick"

// debian is a Debian in a folder.
type debian string

// TestPackagesInAFreshDebian does what an operator does with two versions of each package: install
// the first, start it as its unit does, upgrade under load, remove, and purge.
func TestPackagesInAFreshDebian(t *testing.T) {
	if os.Getenv(inside) == "" {
		if os.Getuid() != 0 {
			t.Skip("needs root for a Debian of its own; .ci/run has it")
		}
		if _, err := exec.LookPath("mmdebstrap"); err != nil {
			t.Skip("mmdebstrap is not installed; .ci/run installs it")
		}
		t.Parallel()
		d := debian(t.TempDir())
		d.make(t)
		enterNow(t, []string{"ip", "unshare", "chroot", "setpriv", "rpm"},
			"-debian", string(d))
		return
	}
	d := debian(*debianRoot)
	loopback(t)
	run(t, "mount", "-t", "proc", "proc", d.path("/proc"))
	t.Cleanup(func() { run(t, "umount", d.path("/proc")) })

	root := listen(t, lab.Internet(time.Now()))
	t.Run("deb", func(t *testing.T) {
		dpkg := []string{"chroot", string(d), "dpkg", "--force-confold"}
		d.install(t, append(dpkg, "--install", "/first.deb"),
			"/usr/share/zsh/vendor-completions/_bailiwick")
		d.configure(t, root)
		d.upgrade(t, append(dpkg, "--install", "/second.deb"))
		d.remove(t, append(dpkg, "--remove", "bailiwick"), "/etc/bailiwick/bailiwick.yaml")
		t.Logf("%s", d.run(t, "dpkg", "--purge", "bailiwick"))
		d.left(t, nil)
	})
	// rpm puts packages into a root from outside, and knows nothing of those that are in this one.
	t.Run("rpm", func(t *testing.T) {
		rpm := []string{"rpm", "--root", string(d), "--nodeps"}
		d.install(t, append(rpm, "--upgrade", d.path("/first.rpm")),
			"/usr/share/zsh/site-functions/_bailiwick")
		d.configure(t, root)
		d.upgrade(t, append(rpm, "--upgrade", d.path("/second.rpm")))
		d.remove(t, append(rpm, "--erase", "bailiwick"), "/etc/bailiwick/bailiwick.yaml.rpmsave")
		d.left(t, []string{"/etc/bailiwick", "/etc/bailiwick/bailiwick.yaml.rpmsave",
			"/run/bailiwick", "/var/lib/bailiwick", "/var/log/bailiwick"})
	})
}

// install installs the first package in a root that has none; zsh is where the completions of zsh
// have to be.
func (d debian) install(t *testing.T, command []string, zsh string) {
	t.Helper()
	t.Logf("%s", run(t, command[0], command[1:]...))
	for _, want := range []string{"/usr/bin/bailiwick", "/etc/bailiwick/bailiwick.yaml",
		"/usr/lib/systemd/system/bailiwick.service", "/usr/share/man/man1/bailiwick.1.gz",
		"/usr/share/bash-completion/completions/bailiwick", zsh} {
		if _, err := os.Stat(d.path(want)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.run(t, "bailiwick", "version"); !released.MatchString(got) {
		t.Errorf("the first version says %s", got)
	}
	if got := d.run(t, "bailiwick", "config", "check", "/etc/bailiwick/bailiwick.yaml"); !strings.
		Contains(got, "good") {
		t.Errorf("the package's configuration: %s", got)
	}
}

// upgrade starts the server, and installs the second package under load.
func (d debian) upgrade(t *testing.T, command []string) {
	t.Helper()
	d.serve(t)
	await(t, "127.0.0.1:53", "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
		return m.AuthenticatedData && len(m.Answer) > 0
	})
	before := d.pid(t)
	l := load(t)
	t.Logf("%s", run(t, command[0], command[1:]...))
	l.grows(t, 100) // on the new process
	l.end(t)
	if got := d.run(t, "bailiwick", "ctl", "status"); !strings.Contains(got, "version: 1.0.1") {
		t.Errorf("after the upgrade: %s", got)
	}
	if d.pid(t) == before {
		t.Error("the same process serves after the upgrade")
	}
	if !strings.Contains(d.read(t, "/etc/bailiwick/bailiwick.yaml"), operators) {
		t.Error("the upgrade has taken the operator's configuration away")
	}
}

// remove removes the package, which ends the server and keeps the operator's configuration.
func (d debian) remove(t *testing.T, command []string, kept string) {
	t.Helper()
	t.Logf("%s", run(t, command[0], command[1:]...))
	eventually(t, "the server has ended", func() bool { // it is told to, and not waited for
		_, err := ask("127.0.0.1:53", "www.secure.example.", dns.TypeA)
		return err != nil
	})
	if !strings.Contains(d.read(t, kept), operators) {
		t.Error("the removal has taken the operator's configuration away")
	}
}

// left has only some files left in the end, and the user only if there are any.
func (d debian) left(t *testing.T, want []string) {
	t.Helper()
	_ = os.Remove(d.path("/etc/bailiwick/hints")) // the test's own
	got := strings.Fields(d.run(t, "find", "/etc", "/usr", "/var/lib", "/var/log", "/run", "/opt",
		"/home", "/root", "-name", "*bailiwick*"))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("there are left %v, want %v", got, want)
	}
	if user := d.run(t, "grep", "bailiwick", "/etc/passwd", "/etc/group"); (user != "") !=
		(want != nil) {
		t.Errorf("of the user is left: %q", user)
	}
}

// make makes the root, with a release of two versions. The first is made twice, by machines of two
// names: both are the same.
func (d debian) make(t *testing.T) {
	t.Helper()
	made := make(chan error, 1)
	go func() {
		out, err := exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "bookworm",
			string(d)).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("mmdebstrap: %w: %s", err, out)
		}
		made <- err
	}()
	release := func(version, host string) string {
		to := t.TempDir()
		cmd := exec.Command("unshare", "--uts", "sh", "-c", "hostname "+host+" && exec \"$@\"",
			"sh", "go", "run", ".", "-version", version, "-out", to, "-processors", runtime.GOARCH)
		cmd.Dir = "../deploy/packages"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("release %s: %v\n%s", version, err, out)
		}
		return to
	}
	first, again, second := release("1.0.0", "here"), release("1.0.0", "there"),
		release("1.0.1", "here")
	if a, b := readFile(t, first+"/SHA256SUMS"), readFile(t, again+"/SHA256SUMS"); a != b {
		t.Errorf("two builds of one release differ:\n%s\n%s", a, b)
	}
	cmd := exec.Command("sha256sum", "--check", "SHA256SUMS")
	cmd.Dir = first
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v %s", err, out)
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{"/first.deb": first, "/second.deb": second,
		"/first.rpm": first, "/second.rpm": second} {
		found, err := filepath.Glob(from + "/*" + filepath.Ext(to))
		if err != nil || len(found) != 1 {
			t.Fatalf("packages: %v %v", found, err)
		}
		d.write(t, to, readFile(t, found[0]))
	}
}

// path is a path of Debian as it is seen from outside.
func (d debian) path(name string) string { return filepath.Join(string(d), name) }

func (d debian) read(t *testing.T, name string) string { return readFile(t, d.path(name)) }

func (d debian) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in Debian.
func (d debian) run(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "chroot", append([]string{string(d)}, args...)...)
}

// released is how the first version tells what it is: with commit and date.
var released = regexp.MustCompile(`^bailiwick 1\.0\.0 [0-9a-f]{40}(-dirty)? of 20\S+Z go`)

// operators is in a configuration that an operator has changed.
const operators = "# the operator's own"

// configure adds to the configuration what a resolver of the lab needs, as an operator does.
func (d debian) configure(t *testing.T, root root) {
	t.Helper()
	d.write(t, "/etc/bailiwick/hints", root.hints())
	d.write(t, "/etc/bailiwick/bailiwick.yaml", d.read(t, "/etc/bailiwick/bailiwick.yaml")+
		fmt.Sprintf("\n"+operators+"\nresolver: {ipv6: \"false\", root_hints_file: hints, "+
			"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n"+
			"admin: {listen: \"\"}\n", root.anchor))
}

// serve starts the server by the command line of its unit, as the unit's user with its one
// capability, and with the folders that systemd makes for it.
func (d debian) serve(t *testing.T) {
	t.Helper()
	var command []string
	for line := range strings.Lines(d.read(t, "/usr/lib/systemd/system/bailiwick.service")) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart="); ok {
			command = strings.Fields(rest)
		}
	}
	for _, dir := range []string{"/run/bailiwick", "/var/lib/bailiwick", "/var/log/bailiwick"} {
		d.run(t, "install", "-d", "-o", serverUser, "-g", serverUser, dir)
	}
	start(t, append([]string{"chroot", string(d)}, asService(serverUser, command...)...)...)
}

// asService is a command line as systemd runs it by the unit: as its user with its one capability,
// and with the names of its folders.
func asService(user string, command ...string) []string {
	return append([]string{"env", "RUNTIME_DIRECTORY=/run/bailiwick",
		"STATE_DIRECTORY=/var/lib/bailiwick", "setpriv", "--reuid", user, "--regid", user,
		"--clear-groups", "--no-new-privs", "--bounding-set", "-all,+net_bind_service",
		"--inh-caps", "-all,+net_bind_service", "--ambient-caps", "-all,+net_bind_service"},
		command...)
}

// pid is the server's process, which the end of the test ends.
func (d debian) pid(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(d.run(t, "bailiwick", "ctl", "status")) {
		if pid, ok := strings.CutPrefix(strings.TrimSpace(line), "pid: "); ok {
			t.Cleanup(func() { _ = exec.Command("kill", pid).Run() })
			return pid
		}
	}
	t.Fatal("ctl status names no process")
	return ""
}

// loaded is a load of queries over UDP and TCP.
type loaded struct {
	stop       chan struct{}
	wg         sync.WaitGroup
	sent, lost atomic.Int64
}

// load begins a load: eight clients, each with one query at a time.
func load(t *testing.T) *loaded {
	t.Helper()
	l := &loaded{stop: make(chan struct{})}
	for i := range 8 {
		c := dns.Client{Timeout: patience}
		if i%2 == 1 {
			c.Net = "tcp"
		}
		l.wg.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				l.sent.Add(1)
				m := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
				if r, _, err := c.Exchange(m, "127.0.0.1:53"); err != nil || len(r.Answer) == 0 {
					l.lost.Add(1)
					t.Logf("lost over %q: %v", c.Net, err)
				}
			}
		})
	}
	l.grows(t, 100)
	return l
}

// grows waits for so many more queries.
func (l *loaded) grows(t *testing.T, by int64) {
	t.Helper()
	enough := l.sent.Load() + by
	eventually(t, "there are more queries", func() bool { return l.sent.Load() >= enough })
}

// end ends the load: nothing may be lost.
func (l *loaded) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	t.Logf("%d queries, %d lost", l.sent.Load(), l.lost.Load())
	if l.lost.Load() > 0 {
		t.Errorf("%d of %d queries are lost", l.lost.Load(), l.sent.Load())
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
