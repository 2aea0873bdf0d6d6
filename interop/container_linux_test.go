// The container image, built by the steps of the Dockerfile and run in namespaces of its own. It
// needs no container engine.

package interop

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// image is what a Dockerfile makes, as far as ours says it.
type image struct {
	user                       string
	env, volumes               []string
	entrypoint, command, check []string
}

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
	i := dockerfile(t, dir, root)
	if i.user != "65534:65534" || len(i.volumes) != 1 || i.volumes[0] != "/var/lib/bailiwick" {
		t.Fatalf("the image is for user %q, with volumes %v", i.user, i.volumes)
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
	if out, err := container.exec(i.check...); err != nil {
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
	case <-time.After(20 * time.Second):
		t.Error("SIGTERM does not end it")
	}
	if _, err := os.Stat(volume + "/cache"); err != nil {
		t.Errorf("what was learnt is not in the volume: %v", err)
	}
}

// dockerfile builds the image of the Dockerfile in a directory. The steps of the first stage work
// on what looks like this machine and is thrown away: its image is Go's, and this machine has Go.
func dockerfile(t *testing.T, dir folder, root string) (i image) {
	t.Helper()
	context := dir.path("context")
	copyContext(t, "..", context)
	goEnv := func(name string) string {
		return strings.TrimSpace(run(t, "go", "env", name))
	}
	var script strings.Builder
	step := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
	stage := dir.path("stage")
	step("mkdir -p %s %s", stage, root)
	step("mount -t tmpfs stage %s && mkdir %[1]s/new %[1]s/work %[1]s/root", stage)
	step("mount -t overlay -o lowerdir=/,upperdir=%s/new,workdir=%[1]s/work stage %[1]s/root",
		stage)
	for _, shared := range []string{"/dev", "/proc", goEnv("GOROOT"), goEnv("GOCACHE"),
		goEnv("GOMODCACHE")} {
		step("mkdir -p %s/root%s && mount --rbind %[2]s %[1]s/root%[2]s", stage, shared)
	}
	from, work, args := "", "/", ""
	text := strings.ReplaceAll(readFile(t, "../Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		into := root
		if from != "scratch" {
			into = stage + "/root"
		}
		switch what {
		case "FROM":
			from, _, _ = strings.Cut(rest, " ")
			if from != "scratch" && !strings.HasPrefix(from, "golang:"+goMinor(t)) {
				t.Fatalf("nothing is known of the image %s", from)
			}
		case "ARG":
			args += " " + rest
		case "WORKDIR":
			work = rest
			step("mkdir -p %s%s", into, work)
		case "RUN":
			if from == "scratch" {
				t.Fatalf("there is no shell for %s", line)
			}
			step("chroot %s/root env%s PATH=%s/bin:$PATH GOPROXY=off sh -ec %s", stage, args,
				goEnv("GOROOT"), quoted("cd "+work+"; "+rest))
		case "COPY":
			step("%s", copyStep(t, strings.Fields(rest), context, stage+"/root", into, work))
		case "ENV":
			i.env = strings.Fields(rest)
		case "USER":
			i.user = rest
		case "VOLUME":
			i.volumes = words(t, rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(rest, "CMD ")
			i.check = words(t, command)
		case "ENTRYPOINT":
			i.entrypoint = words(t, rest)
		case "CMD":
			i.command = words(t, rest)
		case "EXPOSE", "STOPSIGNAL":
		default:
			t.Fatalf("the test does not know %s", line)
		}
	}
	out, err := exec.Command("unshare", "--mount", "sh", "-ec", script.String()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script.String(), out)
	}
	return i
}

// copyStep returns the commands of a COPY.
func copyStep(t *testing.T, fields []string, context, stage, into, work string) string {
	t.Helper()
	source, owner := context, ""
	for strings.HasPrefix(fields[0], "--") {
		option, value, _ := strings.Cut(fields[0], "=")
		switch {
		case option == "--from" && value == "build":
			source = stage
		case option == "--chown":
			owner = value
		default:
			t.Fatalf("the test does not know %s", fields[0])
		}
		fields = fields[1:]
	}
	to := fields[len(fields)-1]
	if !filepath.IsAbs(to) {
		to = filepath.Join(work, to) + "/"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "mkdir -p $(dirname %s%sx)", into, to)
	for _, f := range fields[:len(fields)-1] {
		if f == "." {
			f = "/."
		}
		fmt.Fprintf(&b, " && cp -RH --no-preserve=ownership %s/%s %s%s", source, f, into, to)
	}
	if owner != "" {
		fmt.Fprintf(&b, " && chown -R %s %s%s", owner, into, to)
	}
	return b.String()
}

// copyContext copies what the .dockerignore of a directory leaves of it.
func copyContext(t *testing.T, from, to string) {
	t.Helper()
	var ignored []string
	for line := range strings.Lines(readFile(t, from+"/.dockerignore")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ignored = append(ignored, line)
		}
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		for _, pattern := range ignored {
			name := rel
			if p, ok := strings.CutPrefix(pattern, "**/"); ok {
				pattern, name = p, filepath.Base(rel)
			}
			if is, _ := filepath.Match(pattern, name); is && d.IsDir() {
				return filepath.SkipDir
			} else if is {
				return nil
			}
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, filepath.Join(to, rel))
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// words reads a list of a Dockerfile's exec form: there is no shell for the other one.
func words(t *testing.T, text string) (list []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return list
}

// quoted quotes a text for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// goMinor returns the version of Go that go.mod has, without its last number.
func goMinor(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readFile(t, "../go.mod"))
	if m == nil {
		t.Fatal("go.mod has no version of Go")
	}
	return m[1]
}

// container is an image that runs.
type container struct {
	pid   int // of its process 1, seen from outside
	env   []string
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
	script := fmt.Sprintf("mount --bind %s %[1]s && mount -t proc proc %[1]s/proc && "+
		"mount --bind /dev %[1]s/dev && mount --bind %[2]s %[1]s%[3]s && "+
		"mount -t tmpfs -o uid=65534,gid=65534 run %[1]s/run/bailiwick && "+
		"mount -o remount,bind,ro %[1]s && exec env -i PATH=$PATH %[4]s "+
		"chroot --userspec=%[5]s %[1]s %[6]s serve --config /etc/lab/lab.yaml",
		root, volume, i.volumes[0], strings.Join(i.env, " "), i.user,
		strings.Join(i.entrypoint, " "))
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
		script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	c := &container{env: i.env, ended: make(chan error, 1)}
	go func() { c.ended <- cmd.Wait() }()
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)
	for range 200 {
		text, _ := os.ReadFile(children)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			c.pid = pid
			return c
		}
		time.Sleep(20 * time.Millisecond) // until unshare has its child
	}
	t.Fatal("the container has no process")
	return nil
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

// exec runs a program in the container, as docker exec does.
func (c *container) exec(command ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(c.pid), "--mount",
		"--pid", "--root", "--wd", "--setuid", "65534", "--setgid", "65534"}, command...)...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
