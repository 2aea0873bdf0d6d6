// Packets that are taken before the kernel's network stack has them (AF_XDP), with a server in one
// network namespace and clients in another, at both ends of a veth, whose driver runs XDP programs.

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// xdpWorld is a server at the near end of a cable, and clients at the far end.
type xdpWorld struct {
	farSide
	dir    folder
	bin    string
	conf   string
	server *exec.Cmd
}

// layXDP lays the cable. Clients are in 192.0.2.0/24 and 2001:db8:5::/64.
func layXDP(t *testing.T) *xdpWorld {
	t.Helper()
	loopback(t)
	far := newFarSide(t)
	w := &xdpWorld{farSide: far, dir: folder(t.TempDir())}
	b, err := os.ReadFile(build(t, string(w.dir)))
	if err == nil { // a copy: what the link leads to is root's alone
		w.bin = w.dir.path("server")
		err = os.WriteFile(w.bin, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.plug()
	return w
}

// plug makes the cable.
func (w *xdpWorld) plug() {
	w.t.Helper()
	must(w.t, "ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", w.pid)
	// nodad: an address of IPv6 is there at once.
	must(w.t, "ip", "address", "add", "192.0.2.1/24", "dev", "near0")
	must(w.t, "ip", "address", "add", "2001:db8:5::1/64", "dev", "near0", "nodad")
	w.do("address", "add", "192.0.2.2/24", "dev", "far0")
	w.do("address", "add", "2001:db8:5::2/64", "dev", "far0", "nodad")
	must(w.t, "ip", "link", "set", "near0", "up")
	w.do("link", "set", "far0", "up")
}

// xdpConf is a configuration of a server with an interface; what is more stands behind it.
const xdpConf = `
listen:
  udp: ["192.0.2.1:53", "192.0.2.1:5353", "[2001:db8:5::1]:53"]
  tcp: ["192.0.2.1:53"]
  %s
policy:
  access: ["192.0.2.0/24 allow", "2001:db8:5::/64 allow", "127.0.0.0/8 allow"]
  local_records: [%s]
control: {socket: %s}
process: {user: "65534:65534"}
admin: {listen: "127.0.0.1:5380"}
shutdown: {wait: 0s}
`

// xdpPort is what the configuration says of the interface.
const xdpPort = `xdp: [{interface: near0, address: ["192.0.2.1", "2001:db8:5::1"]}]`

// configure writes the configuration.
func (w *xdpWorld) configure(port string) {
	w.t.Helper()
	var records []string
	for i := range 17 {
		records = append(records, fmt.Sprintf(`"large.test. 60 TXT %02d%s"`, i,
			strings.Repeat("x", 50)))
	}
	w.conf = w.dir.write(w.t, "bailiwick.yaml", fmt.Sprintf(xdpConf, port,
		strings.Join(records, ", "), w.dir.path("run/control.sock")))
}

// serve starts the server, and waits until it answers.
func (w *xdpWorld) serve() {
	w.t.Helper()
	if err := os.MkdirAll(w.dir.path("run"), 0o777); err != nil {
		w.t.Fatal(err)
	}
	// The server is nobody, and the folders of tests are root's.
	must(w.t, "chmod", "-R", "a+rwX", string(w.dir))
	for at := string(w.dir); len(at) > len(os.TempDir()); at = at[:strings.LastIndexByte(at, '/')] {
		_ = os.Chmod(at, 0o777)
	}
	w.server = launch(w.t, w.bin, "serve", "--lab", "--config", w.conf)
	eventually(w.t, "the server answers", func() bool {
		return strings.Contains(w.kdig("@192.0.2.1", "www.secure.example", "+retry=0",
			"+timeout=1"), "NOERROR")
	})
}

// client runs a program at the far end, and returns what it says.
func (w *xdpWorld) client(name string, args ...string) string {
	out, err := exec.Command("nsenter", append([]string{"-t", w.pid, "-n", name},
		args...)...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s: %v", out, err)
	}
	return string(out)
}

func (w *xdpWorld) kdig(args ...string) string { return w.client("kdig", args...) }

// asks requires an answer to have a text.
func (w *xdpWorld) asks(want string, args ...string) {
	w.t.Helper()
	if out := w.kdig(args...); !strings.Contains(out, want) {
		w.t.Errorf("kdig %v: no %q in\n%s", args, want, out)
	}
}

// ctl has the server do something.
func (w *xdpWorld) ctl(args ...string) string {
	w.t.Helper()
	out, err := exec.Command(w.bin, append([]string{"ctl", "--socket",
		w.dir.path("run/control.sock")}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("ctl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// count returns a metric of the interface, by its label.
func (w *xdpWorld) count(label string) int {
	w.t.Helper()
	m := regexp.MustCompile(`near0 \w+=` + label + ` +(\d+)`).FindStringSubmatch(
		w.ctl("stats", "bailiwick_xdp"))
	if m == nil {
		w.t.Fatalf("no count of %s", label)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// by requires the interface to be served in a way, by what status says.
func (w *xdpWorld) by(want string) {
	w.t.Helper()
	if out := w.ctl("status"); !strings.Contains(out, "xdp: near0: "+want) {
		w.t.Errorf("the interface is not served %q:\n%s", want, out)
	}
}

// packets returns how many the server's interface has received and sent.
func (w *xdpWorld) packets() (received, sent int) {
	w.t.Helper()
	out, err := exec.Command("ip", "-s", "-j", "link", "show", "near0").Output()
	var links []struct {
		Stats struct{ RX, TX struct{ Packets int } } `json:"stats64"`
	}
	if err == nil {
		err = json.Unmarshal(out, &links)
	}
	if err != nil || len(links) != 1 {
		w.t.Fatalf("%v\n%s", err, out)
	}
	return links[0].Stats.RX.Packets, links[0].Stats.TX.Packets
}

// load asks at a rate for some seconds, and returns how many queries were not answered. It asks
// again, a few times at most, when many of them never came to the server's interface, or something
// has left it that kxdpgun did not count: where kxdpgun has waited for a processor, it sends at
// once what was due meanwhile, and has not read what came.
func (w *xdpWorld) load(rate, seconds int, during func()) (asked, lost int) {
	w.t.Helper()
	for range 4 {
		var elsewhere int
		asked, lost, elsewhere = w.loadOnce(rate, seconds, during)
		w.t.Logf("%d asked, %d not answered, at most %d of them lost elsewhere", asked, lost,
			elsewhere)
		if min(lost, elsewhere) <= 20 { // both ends have packets of their own
			break
		}
	}
	return asked, lost
}

// loadOnce asks once. What may be lost elsewhere is what never came to the server's interface, and
// what has left it and was not counted.
func (w *xdpWorld) loadOnce(rate, seconds int, during func()) (asked, lost, elsewhere int) {
	w.t.Helper()
	file := w.dir.write(w.t, "queries", "www.secure.example. A\n")
	received, sent := w.packets()
	result := make(chan string, 1)
	go func() {
		result <- w.client("kxdpgun", "-t", strconv.Itoa(seconds), "-Q", strconv.Itoa(rate), "-i",
			file, "-I", "far0", "192.0.2.1")
	}()
	during()
	out := <-result
	number := func(what string) int {
		m := regexp.MustCompile(what + `: +(\d+)`).FindStringSubmatch(out)
		if m == nil {
			w.t.Fatalf("kxdpgun says\n%s", out)
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	asked = number("total queries")
	lost = asked - number("total replies")
	in, left := w.packets()
	return asked, lost, max(asked-(in-received), 0) + max(left-sent-(asked-lost), 0)
}

// Clients over IPv4 and IPv6 are answered by AF_XDP, from the cache and when the answer has to be
// resolved; everything else is the kernel's. What does not fit the MTU is truncated, and comes over
// TCP. The server has lost all capabilities that it has begun with.
func TestXDP(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "kdig", "kxdpgun", "ping"})
		return
	}
	w := layXDP(t)
	w.configure(xdpPort)
	w.serve()
	w.by("native, copied, 1 queues")
	if caps := regexp.MustCompile(`capabilities: .*`).FindString(w.ctl("status")); caps !=
		"capabilities: net_bind_service" {
		t.Error(caps)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.server.Process.Pid))
	if err != nil || !regexp.MustCompile(`CapPrm:\s0*400\n`).Match(status) ||
		!regexp.MustCompile(`Seccomp:\s2\n`).Match(status) {
		t.Errorf("%v\n%s", err, status)
	}

	before := w.count("sent")
	w.asks("ANSWER: 1;", "@192.0.2.1", "www.secure.example") // prepared
	w.asks("NXDOMAIN", "@192.0.2.1", "absent.secure.example")
	w.asks("ad;", "@2001:db8:5::1", "+dnssec", "mail.secure.example", "AAAA")
	w.asks("SERVFAIL", "@2001:db8:5::1", "www.expired.faulty")
	if n := w.count("sent") - before; n != 4 {
		t.Errorf("%d of 4 answers went by AF_XDP", n)
	}

	w.asks("ANSWER: 1;", "@192.0.2.1", "+tcp", "www.secure.example")
	w.asks("ANSWER: 1;", "@192.0.2.1", "+tcp", "www.unsigned.example")
	if out := w.client("ping", "-c", "1", "-s", "4000", "192.0.2.1"); !strings.Contains(out,
		"1 received") {
		t.Error(out)
	}
	before = w.count("sent")
	w.asks("ANSWER: 1;", "@192.0.2.1", "-p", "5353", "www.secure.example")
	if n := w.count("sent") - before; n != 0 {
		t.Errorf("%d answers of another port went by AF_XDP", n)
	}

	w.asks("tc", "@192.0.2.1", "+ignore", "+bufsize=512", "large.test", "TXT")
	w.asks("ANSWER: 17", "@192.0.2.1", "+ignore", "+bufsize=1232", "large.test", "TXT")
	must(t, "ip", "link", "set", "near0", "mtu", "1000")
	within(t, 10*time.Second, "an answer above the MTU is truncated", func() bool {
		return strings.Contains(w.kdig("@192.0.2.1", "+ignore", "+bufsize=1232", "large.test",
			"TXT"), " tc")
	})
	w.asks("ANSWER: 17", "@192.0.2.1", "+bufsize=1232", "large.test", "TXT") // over TCP
	must(t, "ip", "link", "set", "near0", "mtu", "1500")

	asked, lost := w.load(1000, 4, func() {})
	if lost > asked/100 {
		t.Errorf("%d of %d answers are lost", lost, asked)
	}
}

// A new process takes over the sockets with what is in them, and has no rights to make others:
// under load no query is lost. It does so again and again, and each answers by AF_XDP.
func TestXDPUpgradeLosesNoQuery(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "kdig", "kxdpgun"})
		return
	}
	w := layXDP(t)
	w.configure(xdpPort)
	w.serve()
	pid := func() string { return regexp.MustCompile(`pid: \d+`).FindString(w.ctl("status")) }
	first := pid()
	// What waits while the machine stands still for seconds fits into the rings.
	asked, lost := w.load(500, 8, func() {
		for range 2 {
			time.Sleep(time.Second)
			w.ctl("upgrade")
		}
	})
	if lost > 0 || asked < 500 {
		t.Errorf("%d of %d queries were not answered", lost, asked)
	}
	if pid() == first {
		t.Error("no other process serves")
	}
	w.by("native, copied")
	if n := w.count("sent"); n == 0 {
		t.Error("nothing was sent by AF_XDP")
	}
	w.asks("NXDOMAIN", "@192.0.2.1", "mail.secure.example", "AAAA") // resolved
	w.end()
}

// end ends the server that serves now.
func (w *xdpWorld) end() {
	w.t.Helper()
	m := regexp.MustCompile(`pid: (\d+)`).FindStringSubmatch(w.ctl("status"))
	if m == nil {
		w.t.Fatal("no process")
	}
	must(w.t, "kill", m[1])
}

// What cannot be had is served by sockets, with the reason: another program at the interface, an
// interface that is not there. One that is given up by a reload, or has gone, is served by sockets
// from then on; what a reload adds takes a restart.
func TestXDPFallsBackToSockets(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "kdig"})
		return
	}
	w := layXDP(t)
	w.configure(strings.Replace(xdpPort, "near0", "eth99", 1))
	w.serve()
	if out := w.ctl("status"); !strings.Contains(out, "eth99: by sockets: interface eth99: ") {
		t.Error(out)
	}
	w.configure(xdpPort)
	if out := w.ctl("reload"); !strings.Contains(out, "needs_restart: listen.xdp") {
		t.Error(out)
	}
	end(t, w.server)

	w.serve()
	w.by("native")
	w.configure("")
	if out := w.ctl("reload"); !strings.Contains(out, "xdp near0") {
		t.Error(out)
	}
	if out := w.ctl("status"); strings.Contains(out, "near0") {
		t.Error(out)
	}
	w.asks("ANSWER: 1;", "@192.0.2.1", "www.secure.example")
	end(t, w.server)

	w.configure(xdpPort)
	w.serve()
	w.by("native")
	must(t, "ip", "link", "del", "near0")
	within(t, 10*time.Second, "the server has noticed", func() bool {
		return strings.Contains(w.ctl("status"), "near0: by sockets: the interface has gone")
	})
	w.plug()
	eventually(t, "the server answers by sockets", func() bool {
		return strings.Contains(w.kdig("@192.0.2.1", "www.secure.example", "+retry=0",
			"+timeout=1"), "NOERROR")
	})
	end(t, w.server)

	// A server that is killed leaves no program behind, and the next one has the interface at once.
	w.serve()
	w.by("native")
	_ = w.server.Process.Kill()
	_ = w.server.Wait()
	w.serve()
	w.by("native")
}
