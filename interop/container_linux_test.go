// The container image, built by the steps of the Dockerfile and run in namespaces of its own. It
// needs no container engine.

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// TestContainer builds the image and runs it as an engine does: as process 1 of namespaces of its
// own, with a root that is read-only, as the image's user without any capability. It resolves
// names of the lab, its health command succeeds without a shell or another program in the image
// (github.com/docker/cli/issues/3719, github.com/rramiachraf/dumb/issues/79), what it has learnt is
// in the volume, and SIGTERM, which the kernel ignores for a process 1 that does not catch it, ends
// it with status 0. Only the volume and the directory of the control socket are writable
// (github.com/MatthewVance/unbound-docker/issues/159,
// github.com/TechnitiumSoftware/DnsServer/issues/1329).
func TestContainer(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Parallel()
		enterNow(t, []string{"ip", "unshare", "nsenter", "chroot"})
		return
	}
	loopback(t)
	dir := folder(t.TempDir())
	if err := os.Chmod(filepath.Dir(string(dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	root, volume := dir.path("image"), dir.path("volume")
	i := dockerfile(t, "..", dir, root)
	if i.User != "65534:65534" || len(i.Volumes) != 1 || i.Volumes[0] != "/var/lib/bailiwick" {
		t.Fatalf("the image is for user %q, with volumes %v", i.User, i.Volumes)
	}
	if _, err := os.Stat(root + "/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Error("the image has no certificates of authorities")
	}
	r := listen(t, lab.Internet(time.Now()))
	container := i.start(t, root, volume, r)
	await(t, "127.0.0.1:5300", "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
		return m.AuthenticatedData && len(m.Answer) > 0
	})
	for name, want := range map[string]string{"NSpid": "\t1$", "Uid": "^65534\t65534\t65534\t65534",
		"CapPrm": "^0+$", "CapEff": "^0+$", "Seccomp": "^2$", "NoNewPrivs": "^1$"} {
		if got := container.status(t, name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s of the server is %q", name, got)
		}
	}
	if out, err := container.exec(i.Check...); err != nil {
		t.Errorf("the health command: %v\n%s", err, out)
	}
	out, err := container.exec("/bailiwick", "ctl", "status")
	if err != nil || !strings.Contains(out, "pid: 1\n") || !strings.Contains(out, "landlock") {
		t.Errorf("ctl status: %v\n%s", err, out)
	}
	if out, err = container.exec("/bailiwick", "ctl", "upgrade"); err == nil ||
		!strings.Contains(out, "process 1") {
		t.Errorf("process 1 is upgraded: %v\n%s", err, out)
	}
	if err := syscall.Kill(container.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-container.ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(patience):
		t.Error("SIGTERM does not end it")
	}
	if _, err := os.Stat(volume + "/cache"); err != nil {
		t.Errorf("what was learnt is not in the volume: %v", err)
	}
}

// container is an image that runs.
type container struct {
	image
	pid   int // of its process 1, seen from outside
	ended chan error
}

// start runs an image with a volume and the configuration of a lab, in the network of this test.
func (i image) start(t *testing.T, root, volume string, r root) *container {
	t.Helper()
	// An operator's configuration, mounted beside that of the image, which it includes.
	for _, dir := range []string{root + "/proc", root + "/dev", root + "/etc/lab", volume} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(volume, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"hints": r.hints(), "lab.yaml": fmt.Sprintf(
		"include: /etc/bailiwick/bailiwick.yaml\nresolver: {ipv6: \"false\", "+
			"root_hints_file: hints, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\n", r.anchor)} {
		if err := os.WriteFile(root+"/etc/lab/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := inContainer(i.script(root, []seen{{Path: i.Volumes[0], From: volume},
		{Path: "/run/bailiwick", Options: "uid=65534,gid=65534"}}, "serve", "--config",
		"/etc/lab/lab.yaml"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	c := &container{image: i, ended: make(chan error, 1)}
	go func() { c.ended <- cmd.Wait() }()
	c.pid = first(t, cmd)
	return c
}

// status returns a line of the status of process 1.
func (c *container) status(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", c.pid))) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// exec runs a program in the container.
func (c *container) exec(command ...string) (string, error) {
	out, err := c.within(c.pid, command...).CombinedOutput()
	return string(out), err
}
