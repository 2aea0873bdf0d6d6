// The pages of docs that a reader follows word by word: their files are written and their commands
// run, on a machine that is made for each page, and what the commands print is as the page says.

package interop

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// pagePrograms are what every page may use.
var pagePrograms = []string{"ip", "unshare", "setpriv", "useradd", "bash", "curl", "dig", "kdig",
	"openssl"}

// TestPages follows each page of docs/recipes, and the first hour.
func TestPages(t *testing.T) {
	paths, err := filepath.Glob("../docs/recipes/*.md")
	if err != nil {
		t.Fatal(err)
	}
	paths = slices.DeleteFunc(append(paths, "../docs/first-hour.md"), func(p string) bool {
		return filepath.Base(p) == "README.md"
	})
	if len(paths) != len(pages) {
		t.Errorf("%d pages, %d machines for them", len(paths), len(pages))
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		t.Run(name, func(t *testing.T) {
			world, ok := pages[name]
			if !ok {
				t.Fatalf("%s: pages has no machine for it", path)
			}
			if os.Getenv(inside) == "" {
				t.Parallel()
				if world.build != nil && os.Getuid() == 0 {
					world.build(t)
				}
				enterNow(t, append(slices.Clone(pagePrograms), world.programs...))
				return
			}
			r := newReader(t, world)
			for _, b := range readPage(t, path) {
				r.follow(b)
			}
		})
	}
}

// block is what stands between two fences: a file, or commands.
type block struct {
	line     int
	file     string // its path; empty for commands
	text     string
	commands []command
}

// command is one that the reader types, with what it prints.
type command struct {
	line   int
	client bool // at the client's machine
	text   string
	want   []string
}

// named is the first line of a file: a comment with its path.
var named = regexp.MustCompile(`^(?:#|;|//|--) (/\S+)$`)

// prompt is what stands before a command.
var prompt = regexp.MustCompile(`^(client)?\$ (.*)$`)

// readPage returns the blocks of a page. All of them are to be followed: what is neither a file
// nor commands is an error.
func readPage(t *testing.T, path string) (blocks []block) {
	t.Helper()
	var in *block
	n := 0
	for line := range strings.Lines(readFile(t, path)) {
		n++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "    "):
			if in == nil {
				t.Errorf("%s:%d: an example without a fence", path, n)
			}
		case strings.HasPrefix(line, "```") && in == nil:
			in = &block{line: n}
			continue
		case strings.HasPrefix(line, "```"):
			if in.file == "" && in.commands == nil {
				t.Errorf("%s:%d: neither a file with its path nor commands", path, in.line)
			}
			blocks, in = append(blocks, *in), nil
			continue
		}
		if in == nil {
			continue
		}
		if m := named.FindStringSubmatch(line); m != nil && in.text == "" && in.commands == nil {
			in.file = m[1]
		}
		if in.file != "" {
			in.text += line + "\n"
			continue
		}
		in.add(t, path, n, line)
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no examples", path)
	}
	return blocks
}

// add adds a line to commands: another one, the rest of one that ends in a backslash, or what the
// last one prints.
func (b *block) add(t *testing.T, path string, n int, line string) {
	t.Helper()
	last := len(b.commands) - 1
	if last >= 0 && len(b.commands[last].want) == 0 &&
		strings.HasSuffix(b.commands[last].text, `\`) {
		b.commands[last].text += "\n" + line
		return
	}
	if m := prompt.FindStringSubmatch(line); m != nil {
		b.commands = append(b.commands, command{line: n, client: m[1] != "", text: m[2]})
		return
	}
	if last < 0 {
		t.Errorf("%s:%d: no command before it", path, n)
		return
	}
	b.commands[last].want = append(b.commands[last].want, line)
}

// spaces are of any number in what is printed, as columns are as wide as what is in them.
var spaces = regexp.MustCompile(`[ \t]+`)

// matches reports whether what a command has printed is what the page says: "..." is anything
// within a line, and any number of lines if it is alone.
func (c *command) matches(got string) bool {
	var b strings.Builder
	b.WriteString("^")
	for _, w := range c.want {
		w = strings.TrimSpace(spaces.ReplaceAllString(w, " "))
		if w == "..." {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(w), `\.\.\.`, ".*") + `\n`)
	}
	b.WriteString("$")
	var lines []string
	for line := range strings.Lines(got) {
		lines = append(lines, strings.TrimSpace(spaces.ReplaceAllString(line, " "))+"\n")
	}
	return regexp.MustCompile(b.String()).MatchString(strings.Join(lines, ""))
}

// looks reports whether a command only looks. Such a one is repeated until it prints what the page
// says, as a reader does who is too fast.
func (c *command) looks() bool {
	return lookers.MatchString(c.text) && !changers.MatchString(c.text)
}

var (
	lookers = regexp.MustCompile(`^(dig|kdig|curl|grep|tail|dnstap-read|redis-cli|bailiwick ctl|` +
		`docker exec [a-z]+ /bailiwick (ctl|health)) `)
	changers = regexp.MustCompile(`\b(reload|upgrade|drain|flush|add|remove|set|forget|probe|` +
		`refresh|ACL SETUSER)\b| -d | -X `)
)

// pageMachine is what a page needs besides a server as the package has installed it.
type pageMachine struct {
	programs []string
	make     func(*reader)    // before the server starts
	build    func(*testing.T) // programs, beside the server's
	bare     bool             // without the package and its server
}

// reader follows a page: at the server's machine, and at a client's.
type reader struct {
	*testing.T
	folder
	world          *lab.World
	server, client *shell
}

// Addresses of the machines of a page: the server, with other machines behind it, and a client.
const (
	pageServer, pageClient, pageGuest, pageStranger = "192.168.1.1", "192.168.1.20", "192.168.2.20",
		"203.0.113.7"
	pageRouter = "10.0.0.1"
)

// pageOthers are the addresses of other machines, which have one namespace.
var pageOthers = []string{"10.0.0.53", "10.0.0.63", "10.0.0.70", "198.51.100.53", "198.51.100.80",
	"170.247.170.2"}

// newReader makes the machines: their networks, folders of their own, a lab for an Internet, and
// the server with the configuration and the user of the package.
func newReader(t *testing.T, m pageMachine) *reader {
	t.Helper()
	r := &reader{T: t, folder: folder(t.TempDir()), world: lab.Internet(time.Now())}
	r.folders()
	r.networks()
	r.must("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/",
		"--shell", "/usr/sbin/nologin", "bailiwick")
	for _, dir := range []string{"/run/bailiwick", "/var/lib/bailiwick", "/var/log/bailiwick"} {
		r.must("install", "-d", "-o", "bailiwick", "-g", "bailiwick", dir)
	}
	r.must("install", "-d", "/etc/bailiwick")
	if m.make != nil {
		m.make(r)
	}
	r.put("/etc/bailiwick/bailiwick.yaml",
		readFile(t, "../deploy/packages/files/bailiwick.yaml"))
	root := listen(t, r.world)
	r.put("/etc/bailiwick/lab.hints", root.hints())
	r.put("/etc/bailiwick/lab.yaml", fmt.Sprintf("include: bailiwick.yaml\n"+
		"resolver: {ipv6: \"false\", root_hints_file: lab.hints, do_not_query_localhost: false}\n"+
		"trust_anchors: {builtin: false, records: [%q]}\nshutdown: {wait: 0}\n",
		root.anchor))
	bin := build(t, "/opt")
	if m.bare {
		r.shells()
		return r
	}
	start(t, asService("bailiwick", bin, "serve", "--config", "/etc/bailiwick/lab.yaml")...)
	await(t, "127.0.0.1:53", "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
		return m.AuthenticatedData
	})
	t.Cleanup(r.end)
	r.shells()
	return r
}

// shells opens a terminal at the server's machine, and one at the client's.
func (r *reader) shells() {
	r.Helper()
	r.server = r.shell("bash", "--noprofile", "--norc")
	r.client = r.shell("ip", "netns", "exec", "client", "bash", "--noprofile", "--norc")
}

// folders gives this process and its children folders of their own in place of those of the system
// that pages write to.
func (r *reader) folders() {
	r.Helper()
	r.must("cp", "-a", "/etc", r.path("etc"))
	r.must("mount", "--bind", r.path("etc"), "/etc")
	for _, dir := range []string{"/run", "/var/lib", "/var/log", "/opt", "/srv"} {
		r.must("mount", "-t", "tmpfs", "none", dir)
	}
}

// networks makes the machines of the client and of others, with a cable to the server each.
func (r *reader) networks() {
	r.Helper()
	loopback(r.T)
	for _, n := range []struct {
		name, at string
		own      []string
		routes   []string
	}{
		{"client", pageServer,
			[]string{pageClient + "/24", pageGuest + "/24", pageStranger + "/24"},
			[]string{"192.168.2.0/24", "203.0.113.0/24"}},
		{"others", pageRouter, append(slices.Clone(pageOthers), "10.0.0.2/24"), pageOthers},
	} {
		r.must("ip", "netns", "add", n.name)
		r.must("ip", "link", "add", n.name, "type", "veth", "peer", "name", "eth0", "netns", n.name)
		r.must("ip", "addr", "add", n.at+"/24", "dev", n.name)
		r.must("ip", "link", "set", n.name, "up")
		r.must("ip", "-n", n.name, "link", "set", "lo", "up")
		for _, a := range n.own {
			r.must("ip", "-n", n.name, "addr", "add", a, "dev", "eth0")
		}
		r.must("ip", "-n", n.name, "link", "set", "eth0", "up")
		r.must("ip", "-n", n.name, "route", "add", "default", "via", n.at, "onlink", "dev", "eth0")
		for _, a := range n.routes {
			if !strings.HasPrefix(a, "10.0.0.") { // beside the server
				r.must("ip", "route", "add", a, "dev", n.name)
			}
		}
	}
}

// must runs a command that has to succeed.
func (r *reader) must(argv ...string) {
	r.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		r.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

// elsewhere starts a program on one of the other machines.
func (r *reader) elsewhere(argv ...string) {
	r.Helper()
	start(r.T, append([]string{"ip", "netns", "exec", "others"}, argv...)...)
}

// awaitDone waits until a command succeeds.
func awaitDone(r *reader, argv ...string) {
	r.Helper()
	eventually(r.T, strings.Join(argv, " "), func() bool {
		return exec.Command(argv[0], argv[1:]...).Run() == nil
	})
}

// put writes a file of the machine that everybody may read.
func (r *reader) put(path, text string) {
	r.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// follow does what a block has the reader do.
func (r *reader) follow(b block) {
	r.Helper()
	if b.file != "" {
		r.put(b.file, b.text)
		return
	}
	for i, c := range b.commands {
		s := r.server
		if c.client {
			s = r.client
		}
		mayFail := i+1 < len(b.commands) && b.commands[i+1].text == "echo $?"
		var out string
		var status int
		for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
			out, status = s.run(c.text)
			if c.matches(out) && (status == 0 || mayFail) {
				r.Logf("$ %s\n%s", c.text, out)
				break
			}
			if !c.looks() || time.Now().After(end) {
				r.Fatalf("line %d: $ %s\nends with %d and prints\n%s\nin place of\n%s\n", c.line,
					c.text, status, out, strings.Join(c.want, "\n"))
			}
		}
	}
}

// end ends the server, which may be another one than was started.
func (r *reader) end() {
	out := run(r.T, "/opt/bailiwick", "ctl", "status")
	if _, rest, ok := strings.Cut(out, "pid: "); ok {
		pid, _, _ := strings.Cut(rest, "\n")
		_ = exec.Command("kill", pid).Run()
	}
}

// shell is a terminal in which a reader types.
type shell struct {
	t      *testing.T
	in     io.Writer
	out    *bufio.Reader
	status int // of the last command
}

// shell opens one. Its processes end with the test.
func (r *reader) shell(argv ...string) *shell {
	r.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/etc/bailiwick"
	cmd.Env = append(os.Environ(), "PATH=/opt:"+os.Getenv("PATH"), "HOME="+
		string(r.folder), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		r.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		r.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	_ = w.Close()
	r.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = in.Close()
		_ = cmd.Wait()
		_ = out.Close()
	})
	time.AfterFunc(2*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	return &shell{t: r.T, in: in, out: bufio.NewReader(out)}
}

// run types a command, and returns what it prints and how it ends.
func (s *shell) run(command string) (printed string, status int) {
	s.t.Helper()
	const end = "--- status "
	if _, err := fmt.Fprintf(s.in, "(exit %d)\n%s\nprintf '\\n%s%%d\\n' $?\n", s.status, command,
		end); err != nil {
		s.t.Fatal(err)
	}
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("$ %s\n%s: the shell has ended: %v", command, printed, err)
		}
		if rest, ok := strings.CutPrefix(line, end); ok {
			s.status, err = strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				s.t.Fatal(err)
			}
			return strings.TrimSuffix(printed, "\n"), s.status
		}
		printed += line
	}
}
