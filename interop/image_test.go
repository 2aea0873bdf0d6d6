// Images of containers: built by the steps of a Dockerfile, and run in namespaces. There is no
// container engine.

package interop

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// image is what a Dockerfile makes, as far as ours says it.
type image struct {
	User                       string
	Env, Volumes               []string
	Entrypoint, Command, Check []string
}

// dockerfile builds the image of the checkout in a directory, by its Dockerfile, and puts it into
// root; dir is for what is needed meanwhile. The steps of the first stage work on what looks like
// this machine and is thrown away: its image is Go's, and this machine has Go.
func dockerfile(t testing.TB, checkout string, dir folder, root string) (i image) {
	t.Helper()
	context := dir.path("context")
	copyContext(t, checkout, context)
	goEnv := func(name string) string {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
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
	text := strings.ReplaceAll(readFile(t, checkout+"/Dockerfile"), "\\\n", " ")
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
			if from != "scratch" && !strings.HasPrefix(from, "golang:"+goMinor(t, checkout)) {
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
			i.Env = strings.Fields(rest)
		case "USER":
			i.User = rest
		case "VOLUME":
			i.Volumes = words(t, rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(rest, "CMD ")
			i.Check = words(t, command)
		case "ENTRYPOINT":
			i.Entrypoint = words(t, rest)
		case "CMD":
			i.Command = words(t, rest)
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
func copyStep(t testing.TB, fields []string, context, stage, into, work string) string {
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
func copyContext(t testing.TB, from, to string) {
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
func words(t testing.TB, text string) (list []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return list
}

// quoted quotes a text for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// goMinor returns the version of Go that a checkout's go.mod has, without its last number.
func goMinor(t testing.TB, checkout string) string {
	t.Helper()
	text := readFile(t, checkout+"/go.mod")
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("go.mod has no version of Go")
	}
	return m[1]
}

// seen is what a container sees at a path: a file or folder of this machine, or an empty folder of
// its own with options of tmpfs.
type seen struct {
	Path, From, Options string
	ReadOnly            bool
}

// script returns the commands that run an image as an engine does: as its user without any
// capability, with a root that is read-only, and with arguments of its entry point.
func (i image) script(root string, mounts []seen, args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mount --bind %s %[1]s; mount -t proc proc %[1]s/proc; "+
		"mount --bind /dev %[1]s/dev; ", root)
	for _, m := range mounts {
		switch {
		case m.From == "":
			fmt.Fprintf(&b, "mount -t tmpfs -o %s none %s%s; ", m.Options, root, m.Path)
		default:
			fmt.Fprintf(&b, "mount --bind %s %s%s; ", m.From, root, m.Path)
		}
		if m.ReadOnly {
			fmt.Fprintf(&b, "mount -o remount,bind,ro %s%s; ", root, m.Path)
		}
	}
	fmt.Fprintf(&b, "mount -o remount,bind,ro %s; exec env -i PATH=$PATH %s chroot --userspec=%s "+
		"%[1]s %[4]s", root, strings.Join(i.Env, " "), i.User,
		strings.Join(append(slices.Clone(i.Entrypoint), args...), " "))
	return b.String()
}

// inContainer is a command in namespaces of a container's own, but for that of the network.
func inContainer(script string) *exec.Cmd {
	return exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
		script)
}

// first returns the process 1 of a container that was started, as it is seen from outside.
func first(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)
	pid := 0
	eventually(t, "unshare has its child", func() bool {
		text, _ := os.ReadFile(children)
		var err error
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

// within returns a program in a container of an image, as docker exec has it.
func (i image) within(pid int, command ...string) *exec.Cmd {
	uid, gid, _ := strings.Cut(i.User, ":")
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(pid), "--mount",
		"--pid", "--root", "--wd", "--setuid", uid, "--setgid", gid}, command...)...)
	cmd.Env = i.Env
	return cmd
}
