// Certificates while the server's process changes: another one takes over in the middle of an
// order, or it has given up root before it writes anything.

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// acmeUser is whom the server becomes: nobody.
const acmeUser = 65534

// handOver has another process take over in the middle of an order: it serves with the certificate
// that there is, knows of the order that was given up, and has the next one.
func (w *acmeWorld) handOver(t *testing.T) {
	w.sans, w.how = "names: [dns.acme.test], addresses: ["+acmeHost+"]", "profile: shortlived"
	w.begin()
	roots := w.issuer()
	w.until("a certificate", func() bool {
		return w.certificates().State == "issued" && w.shown(roots, "dns.acme.test") != nil
	})
	before := w.shown(roots, "dns.acme.test")
	asked := regexp.MustCompile(`"Ask":"([^"]+)"`)
	w.until("the authority has said when it wants it renewed", func() bool {
		text, _ := os.ReadFile(filepath.Join(w.path("state"), "acme"))
		m := asked.FindSubmatch(text)
		if m == nil {
			return false
		}
		next, err := time.Parse(time.RFC3339Nano, string(m[1]))
		return err == nil && next.After(time.Now())
	})
	if err := w.ca.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if out, err := w.ctl("certificates", "renew"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.until("an order is under way, and written down", func() bool {
		text, _ := os.ReadFile(filepath.Join(w.path("state"), "acme"))
		return w.certificates().State == "ordering" &&
			strings.Contains(string(text), `"Failures":1`)
	})
	var s struct{ PID int }
	out, err := w.ctl("upgrade")
	if err == nil {
		err = json.Unmarshal([]byte(out), &s)
	}
	if err != nil {
		t.Fatalf("ctl upgrade: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(s.PID, syscall.SIGTERM)
		w.until("the process that took over has ended", func() bool {
			return syscall.Kill(s.PID, 0) != nil
		})
	})
	if err := w.own.Wait(); err != nil {
		t.Errorf("the process before: %v", err)
	}
	if c := w.certificates(); c.Outcome != "interrupted" || c.Failures != 1 {
		t.Errorf("the next process knows %+v", c)
	}
	if now := w.shown(roots, "dns.acme.test"); now == nil || !now.Equal(before) {
		t.Error("it serves with another certificate, or none")
	}
	if err := w.ca.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if out, err := w.ctl("certificates", "renew"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.until("the next certificate", func() bool {
		now := w.shown(roots, "dns.acme.test")
		return now != nil && !now.Equal(before)
	})
	if c := w.certificates(); c.State != "issued" || c.Failures != 0 {
		t.Errorf("%+v", c)
	}
}

// asUser has a server that root starts become somebody who owns nothing: it writes its account,
// certificate and key after that, and reads them again.
func (w *acmeWorld) asUser(t *testing.T) {
	for d := string(w.folder); len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.more = fmt.Sprintf("process: {user: \"%d:%[1]d\"}\n", acmeUser)
	for _, file := range []string{w.path("ca.pem"), w.configure()} {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(w.path("state")); err != nil {
		t.Fatal(err)
	}
	// The directory of the control socket is the user's, as one is that the server makes.
	if err := os.Chown(string(w.folder), acmeUser, acmeUser); err != nil {
		t.Fatal(err)
	}
	w.begin()
	w.until("a certificate", func() bool { return w.certificates().State == "issued" })
	roots := w.issuer()
	first := w.shown(roots, "dns.acme.test")
	if first == nil {
		t.Fatal("it is not verified")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.own.Process.Pid))
	if err != nil || !strings.Contains(string(status), fmt.Sprintf("Uid:\t%d", acmeUser)) {
		t.Fatalf("%v: it has rights:\n%s", err, status)
	}
	info, err := os.Stat(filepath.Join(w.path("state"), "acme"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != acmeUser ||
		info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key has the owner %d and the rights %v", owner, info.Mode())
	}
	if out, err := w.ctl("certificates", "renew"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.until("it is renewed", func() bool {
		now := w.shown(roots, "dns.acme.test")
		return now != nil && !now.Equal(first)
	})
	second := w.shown(roots, "dns.acme.test")
	w.end()
	w.kill()
	w.begin()
	if now := w.shown(roots, "dns.acme.test"); now == nil || !now.Equal(second) {
		t.Error("after a restart it has another certificate, or none")
	}
	w.end()
}
