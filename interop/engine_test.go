// The program docker of a page's machine: what the pages have it do, without a container engine.

package interop

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engineOf is set for a run of this test's binary as docker: to the checkout's configuration of the
// lab, which the reader of a page has nothing of.
const engineOf = "INTEROP_ENGINE"

// Where the engine has its things, and the container the configuration of the lab.
const (
	engineImages     = folder("/var/lib/docker/images")
	engineVolumes    = folder("/var/lib/docker/volumes")
	engineContainers = folder("/run/docker")
	engineLogs       = folder("/var/lib/docker")
	engineLab        = "/etc/lab"
)

// engine puts the program docker on a page's machine, and ends what it leaves running.
func (r *reader) engine() {
	r.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		r.Fatal(err)
	}
	r.put("/opt/docker", fmt.Sprintf("#!/bin/sh\nHOME=%s %s=/etc/bailiwick exec %s \"$@\"\n", home,
		engineOf, os.Args[0]))
	r.must("chmod", "+x", "/opt/docker")
	r.checkout()
	r.Cleanup(func() {
		left, _ := filepath.Glob(engineContainers.path("*"))
		for _, path := range left {
			var c running
			if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &c) == nil &&
				c.PID > 0 {
				_ = syscall.Kill(c.PID, syscall.SIGKILL)
			}
		}
		if logs, _ := filepath.Glob(engineLogs.path("*.log")); r.Failed() {
			for _, path := range logs {
				r.Logf("%s:\n%s", path, readFile(r, path))
			}
		}
	})
}

// checkout has the machine have a checkout, which nothing is written to.
func (r *reader) checkout() {
	r.Helper()
	r.must("mkdir", "/srv/bailiwick")
	r.must("mount", "--bind", "..", "/srv/bailiwick")
	r.must("mount", "-o", "remount,bind,ro", "/srv/bailiwick")
}

// running is a container that was made.
type running struct {
	tagged
	PID int // 0: it has ended
}

// tagged is an image that was built, and the folder that it is in: another one of the same name
// leaves it alone.
type tagged struct {
	Image image
	Root  string
}

// docker is a run of the program. Whatever it does not know is an error: a page says nothing that
// is not done.
type docker struct {
	testing.TB // what is used of it is below
}

func (docker) Helper() {}

func (docker) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"docker:"}, args...)...)
	os.Exit(125)
}

func (d docker) Fatalf(format string, args ...any) { d.Fatal(fmt.Sprintf(format, args...)) }

// main does what the arguments say.
func (d docker) main(args []string) {
	if len(args) < 2 {
		d.Fatal("no command")
	}
	flags := flag.NewFlagSet(args[0], flag.ExitOnError)
	switch args[0] {
	case "build":
		d.build(flags, args[1:])
	case "run":
		d.run(flags, args[1:])
	case "exec":
		d.exec(args[1], args[2:])
	case "stop":
		wait := flags.Int("t", 10, "seconds before it is killed")
		_ = flags.Parse(args[1:]) // it exits
		d.stop(flags.Arg(0), time.Duration(*wait)*time.Second)
	case "rm":
		if c := d.container(args[1]); c.PID != 0 {
			d.Fatalf("%s runs", args[1])
		}
		if err := os.Remove(engineContainers.path(args[1])); err != nil {
			d.Fatal(err)
		}
		fmt.Println(args[1])
	default:
		d.Fatalf("%s is not known here", args[0])
	}
}

// build builds an image of a checkout.
func (d docker) build(flags *flag.FlagSet, args []string) {
	tag := flags.String("t", "", "name")
	quiet := flags.Bool("q", false, "print the identifier alone")
	_ = flags.Parse(args) // it exits
	if !*quiet || *tag == "" || flags.NArg() != 1 {
		d.Fatalf("build %v is not known here", args)
	}
	dir, err := os.MkdirTemp("", "build")
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	i := tagged{Root: engineImages.path(filepath.Base(dir))}
	i.Image = dockerfile(d, flags.Arg(0), folder(dir), i.Root)
	d.lab(i.Root)
	d.keep(engineImages.path(*tag), i)
	fmt.Printf("sha256:%x\n", sha256.Sum256([]byte(i.Root)))
}

// lab puts the configuration of the lab into an image, and folders for what an engine mounts. The
// lab's includes what the image, or whoever mounts another, has in its place.
func (d docker) lab(root string) {
	from := folder(os.Getenv(engineOf))
	for _, dir := range []string{"/proc", "/dev", engineLab} {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			d.Fatal(err)
		}
	}
	for _, name := range []string{"lab.hints", "lab.yaml"} {
		text := strings.Replace(readFile(d, from.path(name)), "include: bailiwick.yaml",
			"include: /etc/bailiwick/bailiwick.yaml", 1)
		path := filepath.Join(root, engineLab, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			d.Fatal(err)
		}
	}
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// run starts a container of an image. The network is this machine's, and its user has no capability
// to drop and gets no privileges: the image names another than root.
func (d docker) run(flags *flag.FlagSet, args []string) {
	var volumes, tmpfs, dropped, options list
	detached, readOnly := flags.Bool("d", false, ""), flags.Bool("read-only", false, "")
	name, network := flags.String("name", "", ""), flags.String("network", "bridge", "")
	flags.Var(&volumes, "v", "")
	flags.Var(&tmpfs, "tmpfs", "")
	flags.Var(&dropped, "cap-drop", "")
	flags.Var(&options, "security-opt", "")
	_ = flags.Parse(args) // it exits
	if !*detached || !*readOnly || *name == "" || *network != "host" || flags.NArg() != 1 ||
		dropped.String() != "ALL" || options.String() != "no-new-privileges" {
		d.Fatalf("run %v is not known here", args)
	}
	var c running
	d.read(engineImages.path(flags.Arg(0)), &c.tagged)
	if _, err := os.Stat(engineContainers.path(*name)); err == nil {
		d.Fatalf("%s is there", *name)
	}
	var mounts []seen
	for _, v := range volumes {
		f := strings.Split(v, ":")
		if len(f) < 2 || len(f) > 3 || len(f) == 3 && f[2] != "ro" {
			d.Fatalf("-v %s is not known here", v)
		}
		if !filepath.IsAbs(f[0]) {
			f[0] = d.volume(f[0], c.Root+f[1])
		}
		mounts = append(mounts, seen{Path: f[1], From: f[0], ReadOnly: len(f) == 3})
	}
	for _, v := range tmpfs {
		path, with, _ := strings.Cut(v, ":")
		mounts = append(mounts, seen{Path: path, Options: with})
	}
	command := c.Image.Command
	for i, word := range command {
		if word == "/etc/bailiwick/bailiwick.yaml" {
			command[i] = engineLab + "/lab.yaml"
		}
	}
	script := c.Image.script(c.Root, mounts, command...)
	cmd := inContainer(script)
	log, err := os.Create(engineLogs.path(*name + ".log"))
	if err != nil {
		d.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	c.PID = first(d, cmd)
	d.keep(engineContainers.path(*name), c)
	fmt.Printf("%x\n", sha256.Sum256([]byte(script)))
}

// volume returns the folder of a volume. One that is new has the owner of what the image has there.
func (d docker) volume(name, path string) string {
	at := engineVolumes.path(name)
	if _, err := os.Stat(at); err == nil {
		return at
	}
	if err := os.MkdirAll(string(engineVolumes), 0o755); err != nil {
		d.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", path, at).CombinedOutput(); err != nil {
		d.Fatalf("%v: %s", err, out)
	}
	return at
}

// exec runs a program in a container, and ends as it does.
func (d docker) exec(name string, command []string) {
	c := d.container(name)
	cmd := c.Image.within(c.PID, command...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		d.Fatal(err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// stop ends a container.
func (d docker) stop(name string, wait time.Duration) {
	c := d.container(name)
	if err := syscall.Kill(c.PID, syscall.SIGTERM); err != nil {
		d.Fatal(err)
	}
	for end := time.Now().Add(wait); syscall.Kill(c.PID, 0) == nil; {
		if time.Now().After(end) {
			d.Fatalf("%s does not end", name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.PID = 0
	d.keep(engineContainers.path(name), c)
	fmt.Println(name)
}

// container returns one that was made.
func (d docker) container(name string) (c running) {
	d.read(engineContainers.path(name), &c)
	return c
}

// keep writes something down, and read reads it.
func (d docker) keep(path string, what any) {
	text, err := json.Marshal(what)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		d.Fatal(err)
	}
}

func (d docker) read(path string, what any) {
	if err := json.Unmarshal([]byte(readFile(d, path)), what); err != nil {
		d.Fatal(err)
	}
}
