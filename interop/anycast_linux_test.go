// A server whose route ExaBGP or BIRD announces to a router while it is well.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

const (
	serviceRoute  = "192.0.2.53/32"
	serviceRoute6 = "2001:db8::53/128"
	serviceAddr   = "192.0.2.53:53"
	probedName    = "www.secure.example."
)

// anycast is a node and a router, each in a network namespace of its own.
type anycast struct {
	t      *testing.T
	dir    folder
	bin    string
	world  *lab.World
	conf   string
	server *exec.Cmd
	router string // the process whose namespace the router has
	ipv6   bool   // the node has a route of IPv6 too
}

// unprivileged is the user that the announcing process has: nobody.
const unprivileged = 65534

// newAnycast makes the two namespaces and the router, a BIRD that uses what the node announces.
func newAnycast(t *testing.T) *anycast {
	loopback(t)
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil { // who has no rights reads the program
			t.Fatal(err)
		}
	}
	a := &anycast{t: t, dir: folder(dir), bin: a755(t, dir), world: lab.Internet(time.Now())}
	root := listen(t, a.world)
	hold := exec.Command("unshare", "-n", "sleep", "600")
	a.start(hold)
	a.router = fmt.Sprint(hold.Process.Pid)
	a.until("the router has a namespace", func() bool {
		own, err := os.Readlink("/proc/self/ns/net")
		its, err2 := os.Readlink("/proc/" + a.router + "/ns/net")
		return err == nil && err2 == nil && own != its
	})
	a.sh("ip link add node0 type veth peer name router0")
	a.sh("ip link set router0 netns " + a.router)
	a.sh("ip addr add 10.9.0.2/24 dev node0 && ip link set node0 up")
	a.sh("ip addr add fd00:9::2/64 dev node0 nodad")
	a.sh("ip addr add " + serviceRoute + " dev lo")
	a.sh("ip addr add " + serviceRoute6 + " dev lo")
	a.sh(a.there("ip link set lo up"))
	a.sh(a.there("ip addr add 10.9.0.1/24 dev router0"))
	a.sh(a.there("ip link set router0 up"))
	a.sh(a.there("ip addr add fd00:9::1/64 dev router0 nodad"))
	a.dir.write(t, "router.conf", `router id 10.9.0.1;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol kernel { ipv6 { export where source = RTS_BGP; }; }
protocol bgp node6 {
	local fd00:9::1 as 65000;
	neighbor fd00:9::2 as 65001;
	connect retry time 1; error wait time 1, 2; connect delay time 1;
	ipv6 { import all; export none; };
}
protocol bgp node {
	local 10.9.0.1 as 65000;
	neighbor 10.9.0.2 as 65001;
	connect retry time 1; error wait time 1, 2; connect delay time 1;
	ipv4 { import all; export none; };
}
`)
	bird := exec.Command("nsenter", "-t", a.router, "-n", "bird", "-f", "-c",
		a.dir.path("router.conf"), "-s", a.dir.path("router.ctl"))
	a.start(bird)
	a.conf = a.dir.write(t, "node.yaml", fmt.Sprintf("listen: {udp: [%q, \"[2001:db8::53]:53\"], "+
		"tcp: [%[1]q, \"[2001:db8::53]:53\"]}\n"+
		"admin: {listen: \"127.0.0.1:5500\"}\ncontrol: {socket: \"\"}\nlog: {level: error}\n"+
		"shutdown: {wait: 1h}\nresolver: {ipv6: \"false\", root_hints_file: %q, "+
		"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n"+
		"cache: {max_ttl: 1, max_negative_ttl: 1}\nstale: {enabled: false}\n"+
		"policy: {access: [\"10.9.0.0/16 allow\", \"192.0.2.53/32 allow\", "+
		"\"fd00:9::/64 allow\", \"2001:db8::53/128 allow\"]}\n",
		serviceAddr, a.dir.write(t, "hints", root.hints()), root.anchor))
	return a
}

// a755 copies the program to where everybody may execute it.
func a755(t *testing.T, dir string) string {
	t.Helper()
	octets, err := os.ReadFile(build(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "program")
	if err := os.WriteFile(bin, octets, 0o755); err != nil {
		t.Fatal(err)
	}
	return bin
}

// there returns a command in the router's namespace.
func (a *anycast) there(command string) string {
	return "nsenter -t " + a.router + " -n " + command
}

// sh runs a command, and returns what it prints.
func (a *anycast) sh(command string) string {
	a.t.Helper()
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		a.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// start starts a program, which ends with the test.
func (a *anycast) start(cmd *exec.Cmd) {
	a.t.Helper()
	if cmd.Stdout == nil {
		cmd.Stdout = os.Stderr
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// until waits until something is so.
func (a *anycast) until(what string, is func() bool) {
	a.t.Helper()
	defer func() {
		if a.t.Failed() {
			a.t.Logf("the router has: %s", a.place())
		}
	}()
	eventually(a.t, what, is)
}

// place returns where the router sees the routes, and both if they are in two places.
func (a *anycast) place() string {
	four := a.placeOf(serviceRoute)
	if six := a.placeOf(serviceRoute6); a.ipv6 && six != four {
		return four + ", by IPv6 " + six
	}
	return four
}

// placeOf returns where the router sees a route.
func (a *anycast) placeOf(route string) string {
	addr, _, _ := strings.Cut(route, "/")
	out, err := exec.Command("birdc", "-s", a.dir.path("router.ctl"), "show", "route", "for", addr,
		"all").CombinedOutput()
	switch text := string(out); {
	case strings.Contains(text, "Network not found"):
		return "withdrawn"
	case err != nil:
		return err.Error()
	case strings.Contains(text, "(65535,0)"):
		return "lowered"
	}
	return "announced"
}

// comes waits until the router sees the route in a place.
func (a *anycast) comes(to, why string) {
	a.t.Helper()
	a.until(why+": "+to, func() bool { return a.place() == to })
	a.t.Logf("%s: %s", why, to)
}

// serve starts the server.
func (a *anycast) serve() {
	a.t.Helper()
	a.server = exec.Command(a.bin, "serve", "--config", a.conf)
	a.start(a.server)
}

// end ends the server with a signal, and waits for that.
func (a *anycast) end(s syscall.Signal) {
	a.t.Helper()
	if err := a.server.Process.Signal(s); err != nil {
		a.t.Fatal(err)
	}
	_ = a.server.Wait()
}

// story is what happens to a server, and what the router sees of it.
func (a *anycast) story() {
	if p := a.place(); p != "withdrawn" {
		a.t.Errorf("before there is a server: %s", p)
	}
	a.serve()
	a.comes("announced", "the server has validated answers")
	// The router's own clients get there.
	a.sh(a.there("ip route get 192.0.2.53") + " | grep -q 'via 10.9.0.2'")
	if a.ipv6 {
		a.sh(a.there("ip -6 route get 2001:db8::53") + " | grep -q 'via fd00:9::2'")
	}

	if err := a.world.Break("secure.example.", lab.Refusing); err != nil {
		a.t.Fatal(err)
	}
	a.comes("lowered", "no name is answered")
	if err := a.world.Break("secure.example."); err != nil {
		a.t.Fatal(err)
	}
	a.comes("announced", "names are answered again")

	a.end(syscall.SIGKILL)
	a.comes("withdrawn", "the server was killed")
	a.serve()
	a.comes("announced", "another one serves")

	if err := a.server.Process.Signal(syscall.SIGSTOP); err != nil {
		a.t.Fatal(err)
	}
	a.comes("withdrawn", "the server hangs")
	if err := a.server.Process.Signal(syscall.SIGCONT); err != nil {
		a.t.Fatal(err)
	}
	a.comes("announced", "the server goes on")

	// It is withdrawn first, and answers until it ends.
	if err := a.server.Process.Signal(syscall.SIGTERM); err != nil {
		a.t.Fatal(err)
	}
	a.comes("withdrawn", "the server is to end")
	if m, err := ask(serviceAddr, probedName, dns.TypeA); err != nil || !m.AuthenticatedData {
		a.t.Errorf("it does not answer until its end: %v\n%v", err, m)
	}
	a.end(syscall.SIGTERM)
	a.serve()
	a.comes("announced", "another one serves")
}

// deployed returns a file of deploy/anycast.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/anycast/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flags are those of the announcing process, with times for a test.
var flags = []string{"--server", serviceAddr, "--name", probedName + "/A", "--every", "200ms",
	"--timeout", "1s", "--rise", "3", "--fall", "3", "--hold", "1s", "--linger", "1s"}

// TestAnycastByExaBGP has ExaBGP announce the route of a server, and of none.
func TestAnycastByExaBGP(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "exabgp", "bird"})
		return
	}
	a := newAnycast(t)
	conf := a.dir.write(t, "exabgp.conf", strings.ReplaceAll(deployed(t, "exabgp.conf"),
		"/usr/local/bin/bailiwick announce exabgp --server "+serviceAddr,
		a.bin+" announce exabgp --community 65001:53 "+strings.Join(flags, " ")))
	if err := os.Chmod(conf, 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := func() *exec.Cmd {
		cmd := exec.Command("exabgp", conf)
		cmd.Env = append(os.Environ(), "exabgp_api_cli=false", "exabgp_daemon_user=nobody",
			"exabgp_log_level=WARNING")
		a.start(cmd)
		return cmd
	}
	exabgp := daemon()
	a.until("the session is there", func() bool { return a.session() })
	a.story()

	// ExaBGP ends, and the process with it; its next one says again what holds.
	pid := a.announcer()
	_ = exabgp.Process.Kill()
	_ = exabgp.Wait()
	a.comes("withdrawn", "ExaBGP was killed")
	a.until("the announcing process ends with ExaBGP", func() bool {
		return syscall.Kill(pid, 0) != nil
	})
	daemon()
	a.comes("announced", "ExaBGP was started again")

	// The announcing process is killed: ExaBGP starts it again, and it begins anew.
	old := a.announcer()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	a.until("it is started again", func() bool { pid = a.find(); return pid != 0 && pid != old })
	a.end(syscall.SIGKILL)
	a.comes("withdrawn", "the server was killed after that")
}

// session reports whether the router has a session with the node.
func (a *anycast) session() bool {
	out, _ := exec.Command("birdc", "-s", a.dir.path("router.ctl"), "show", "protocols",
		"node").CombinedOutput()
	return strings.Contains(string(out), "Established")
}

// announcer returns the process that announces.
func (a *anycast) announcer() (pid int) {
	a.t.Helper()
	a.until("there is a process that announces", func() bool { pid = a.find(); return pid != 0 })
	return pid
}

// find returns the process that announces, 0 if there is none. It has no rights.
func (a *anycast) find() int {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(text), a.bin+"\x00announce\x00") {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
			a.t.Fatal(err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && !strings.Contains(string(status), fmt.Sprintf("Uid:\t%d", unprivileged)) {
			a.t.Errorf("it has rights:\n%s", status)
		}
		return pid
	}
	return 0
}

// TestAnycastByBIRD has a BIRD on the node announce the route of a server.
func TestAnycastByBIRD(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "bird"})
		return
	}
	a := newAnycast(t)
	a.ipv6 = true
	quick := "connect retry time 1; error wait time 1, 2; connect delay time 1;\n\tneighbor "
	a.dir.write(t, "node.conf", strings.ReplaceAll(deployed(t, "bird.conf"), "neighbor ", quick))
	socket := a.dir.path("node.ctl")
	daemon := func() *exec.Cmd {
		cmd := exec.Command("bird", "-f", "-c", a.dir.path("node.conf"), "-s", socket)
		a.start(cmd)
		a.until("BIRD is there", func() bool {
			return exec.Command("birdc", "-s", socket, "show", "status").Run() == nil
		})
		if err := os.Chmod(socket, 0o666); err != nil { // in practice its group
			t.Fatal(err)
		}
		return cmd
	}
	bird := daemon()
	args := append([]string{"announce", "bird", "--socket", socket, "--protocol", "anycast",
		"--lowered", "anycast_low", "--protocol", "anycast6", "--lowered", "anycast6_low",
		"--server", "[2001:db8::53]:53", "--metrics", "127.0.0.1:9153"}, flags...)
	announcer := func() *exec.Cmd {
		cmd := exec.Command(a.bin, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged,
			Gid: unprivileged}}
		a.start(cmd)
		return cmd
	}
	cmd := announcer()
	a.until("the session is there", func() bool { return a.session() })
	a.story()
	// The router knows before the process counts.
	a.until("the metrics have the place", func() bool {
		return strings.Contains(a.sh("curl -s http://127.0.0.1:9153/metrics"),
			"bailiwick_announce_place{place=\"announced\"} 1\n")
	})

	// BIRD is killed, and begins without the route: it is told again what holds.
	_ = bird.Process.Kill()
	_ = bird.Wait()
	a.comes("withdrawn", "BIRD was killed")
	daemon()
	a.comes("announced", "BIRD was started again")

	// Somebody changes it by hand. The announcing process is held up until the router has seen it.
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	a.sh("birdc -s " + socket + " disable anycast")
	a.sh("birdc -s " + socket + " disable anycast6")
	a.comes("withdrawn", "somebody disables them")
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	a.comes("announced", "it is told again")

	// The announcing process ends: nobody looks any more.
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	a.comes("withdrawn", "the announcing process has ended")
	cmd = announcer()
	a.comes("announced", "it was started again")

	// It is killed: its unit has birdc withdraw the route (docs/anycast.md).
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for _, line := range strings.Split(deployed(t, "bailiwick-announce.service"), "\n") {
		if command, ok := strings.CutPrefix(line, "ExecStopPost=-/usr/sbin/birdc "); ok {
			a.sh("birdc -s " + socket + " " + command)
		}
	}
	a.comes("withdrawn", "what the unit does when it was killed")
}
