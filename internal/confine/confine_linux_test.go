package confine

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// task names what a process of this test does in place of the tests.
const task = "CONFINE_TEST_TASK"

// TestMain is a process that is confined, where a test has started it for that.
func TestMain(m *testing.M) {
	switch os.Getenv(task) {
	case "":
		os.Exit(m.Run())
	case "filtered":
		filteredProcess()
	case "enter":
		enterProcess()
	}
}

// say ends the process with a line that its test does not expect.
func say(text ...string) {
	_, _ = os.Stdout.WriteString(strings.Join(text, " ") + "\n")
	os.Exit(1)
}

// An address that may not be listened at is no path outside of the rules: what is said of it would
// mislead.
func TestOutsideIsAboutPaths(t *testing.T) {
	refused := func(network string) error {
		return &net.OpError{Op: "listen", Net: network,
			Err: os.NewSyscallError("bind", syscall.EACCES)}
	}
	r := Report{Landlock: 1}
	for network, want := range map[string]bool{"udp4": false, "tcp": false, "unix": true} {
		if got := r.Outside(refused(network)) != nil; got != want {
			t.Errorf("%s: %v, want %v", network, got, want)
		}
	}
	if r.Outside(fs.ErrPermission) == nil {
		t.Error("a path is not told of")
	}
}

// inProcess runs this test again as a process with a task, and returns what it says.
func inProcess(t *testing.T, name string, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	// What it may not use is among the temporary files of this test.
	cmd.Env = append(append(os.Environ(), task+"="+name, "TMPDIR=/nonexistent"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// filteredProcess makes system calls with a filter, on a thread that ran before the filter came.
func filteredProcess() {
	calls, results := make(chan func() error), make(chan error)
	go func() {
		runtime.LockOSThread() // which is another one than that of the filter
		for call := range calls {
			results <- call()
		}
	}()
	on := func(call func() error) error { calls <- call; return <-results }
	runtime.LockOSThread()
	_ = on(func() error { return nil })
	var r Report
	r.Filter()
	if !r.Seccomp {
		say("no filter:", r.Missing["seccomp"])
	}
	for name, call := range map[string]func() error{
		"mount":   func() error { return unix.Mount("none", "/", "", unix.MS_PRIVATE, "") },
		"unshare": func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"ptrace":  func() error { return unix.PtraceSeize(os.Getppid()) },
		"bpf":     func() error { return raw(unix.SYS_BPF) },
		"keyctl":  func() error { return raw(unix.SYS_KEYCTL) },
		"io_uring": func() error {
			return raw(unix.SYS_IO_URING_SETUP)
		},
		"perf_event_open": func() error { return raw(unix.SYS_PERF_EVENT_OPEN) },
	} {
		if err := on(call); !errors.Is(err, syscall.EPERM) {
			say(name, "is not denied:", "it says", errorText(err))
		}
	}
	if err := exec.Command("true").Run(); err != nil { // a successor is started like that
		say("no program can be executed:", err.Error())
	}
}

// raw makes a call with arguments that no kernel takes.
func raw(number uintptr) error {
	_, _, e := unix.Syscall(number, ^uintptr(0), 0, 0)
	if e == 0 {
		return nil
	}
	return e
}

func errorText(err error) string {
	if err == nil {
		return "nothing"
	}
	return err.Error()
}

// Calls that no resolver makes fail with EPERM in threads that were there before the filter, too.
// Programs can be executed, as an upgrade does.
func TestSeccomp(t *testing.T) {
	if out := inProcess(t, "filtered"); out != "" {
		t.Error(out)
	}
}

// Each name of the list is a system call of some processor, and of this one most are.
func TestSeccompNames(t *testing.T) {
	list, err := filtered(false)
	if err != nil || len(list) < 60 {
		t.Errorf("%d of %d calls are filtered: %v", len(list), len(denied), err)
	}
	if alone, _ := filtered(true); !slices.Contains(alone, "execve") {
		t.Error("process 1 can execute a program")
	}
	if slices.Contains(list, "execve") {
		t.Error("no successor can be started")
	}
}

// enterProcess is confined to one directory, and looks what it can do when it is executed again.
func enterProcess() {
	mine, other := os.Getenv("MINE"), os.Getenv("OTHER")
	if _, again := Inherited(); !again {
		self, _ := os.Executable()
		p := Plan{Own: []Path{{mine + "/made/state", Write, "a test"}}}
		p.Paths = append(append(System(self), Around(Path{mine + "/x", Read, "a test"})...),
			p.Own...)
		say(Enter(p, func() error { return syscall.Exec(self, os.Args, os.Environ()) }).Error())
	}
	for path, want := range map[string]error{mine + "/x": nil, other + "/x": syscall.EACCES} {
		if _, err := os.ReadFile(path); !errors.Is(err, want) {
			say("reading", path, errorText(err))
		}
	}
	if err := os.WriteFile(mine+"/y", nil, 0o600); !errors.Is(err, syscall.EACCES) {
		say("writing where files are read:", errorText(err))
	}
	at := mine + "/made/state/"
	if err := errors.Join(os.WriteFile(at+"new", nil, 0o600), os.Rename(at+"new", at+"file"),
		os.Remove(at+"file")); err != nil {
		say("in the directory of the state:", err.Error())
	}
	if err := exec.Command("true").Run(); err == nil {
		say("another program can be executed")
	}
}

// Files can be read where the plan says, and written where it has that; all else is denied, and no
// program can be executed but those beside this one.
func TestLandlock(t *testing.T) {
	mine, other := t.TempDir(), t.TempDir()
	for _, dir := range []string{mine, other} {
		if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := inProcess(t, "enter", "MINE="+mine, "OTHER="+other); out != "" {
		t.Error(out)
	}
}

// Around gives the directory of a file, that of what it is a link to, and of a pattern what stands
// before it; a file in the root directory stands for itself.
func TestAround(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/archive", 0o700), os.Mkdir(dir+"/live", 0o700),
		os.WriteFile(dir+"/archive/a1", nil, 0o600),
		os.Symlink("../archive/a1", dir+"/live/a")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/etc/bailiwick/bailiwick.yaml": "/etc/bailiwick",
		"/bailiwick.yaml":               "/bailiwick.yaml",
		dir + "/live/a":                 dir + "/live " + dir + "/archive",
		dir + "/conf.d/*.yaml":          dir + "/conf.d",
		dir + "/x*/y/z.yaml":            dir,
	} {
		var got []string
		for _, r := range Around(Path{Path: path}) {
			got = append(got, r.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, not %s", path, got, want)
		}
	}
}

// Users are known by name or number; those without a name need a group, and none is root.
func TestParseUser(t *testing.T) {
	for text, want := range map[string]string{"nobody": "", "65534:65534": "", "4242:4243": "",
		"nobody:4243": "", "4242": "is not a user", "0:0": "is root", "root": "is root",
		"nobody:nogroup-there": "is not a group", "-1:1": "is not a user", "": "is not a user"} {
		err := ParseUser(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", text, err, want)
		}
	}
}

// Capabilities that are there already need no system call, which a service manager's filter may
// deny; others are dropped.
func TestCapabilities(t *testing.T) {
	if got := setOf(unix.CAP_CHOWN, unix.CAP_BPF); got != 1|1<<39 {
		t.Errorf("%#x", got)
	}
	if names[unix.CAP_NET_BIND_SERVICE] != "net_bind_service" ||
		names[unix.CAP_CHECKPOINT_RESTORE] != "checkpoint_restore" {
		t.Error("the names are not at the numbers of capabilities")
	}
	if n := unsafe.Sizeof(capabilities(0)); n*8 < uintptr(len(names)) {
		t.Errorf("%d octets have no place for %d capabilities", n, len(names))
	}
	has, _, err := now()
	if err != nil || surplus(has) && os.Geteuid() == 0 {
		t.Errorf("%#x is a surplus to itself: %v", has, err)
	}
}

// A reload may turn on a log, which is written to a place that the first configuration did not
// name.
func TestSystemHasPlacesForLaterLogs(t *testing.T) {
	t.Setenv("TMPDIR", "/var/tmp/of-a-service")
	all := System("/usr/bin/bailiwick")
	for _, dir := range []string{"/var/tmp/of-a-service", "/var/log/bailiwick"} {
		if !slices.ContainsFunc(all, func(p Path) bool {
			return p.Path == dir && p.Access == Write
		}) {
			t.Errorf("nothing may be written to %s", dir)
		}
	}
}
