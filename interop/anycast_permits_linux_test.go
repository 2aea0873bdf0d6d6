// Nodes that fail for one reason, whose permits to be withdrawn a real Redis counts.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// permitted are three nodes whose routes one BIRD has, as protocols of their own.
type permitted struct {
	*fleetOf
	servers map[int]*exec.Cmd
}

// begin starts a program, which ends with the test.
func (p *permitted) begin(name string, args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// serve starts the server of a node.
func (p *permitted) serve(n int) {
	p.t.Helper()
	p.servers[n] = p.begin(p.bin, "serve", "--config", p.dir.write(p.t,
		fmt.Sprintf("node%d.yaml", n), fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q]}\n"+
			"admin: {listen: \"127.0.0.1:%d\"}\ncontrol: {socket: \"\"}\nlog: {level: error}\n"+
			"shutdown: {wait: 0}\nresolver: {ipv6: \"false\", root_hints_file: %q, "+
			"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n"+
			"cache: {max_ttl: 1, max_negative_ttl: 1}\nstale: {enabled: false}\n",
			at(n), 5500+n, p.dir.write(p.t, "hints", p.root.hints()), p.root.anchor)))
}

// announced returns how many nodes have a route.
func (p *permitted) announced() (n int) {
	out, err := exec.Command("birdc", "-s", p.dir.path("bird.ctl"), "show", "route").Output()
	if err != nil {
		return -1
	}
	return strings.Count(string(out), "/32 ")
}

// comes waits until so many nodes have a route.
func (p *permitted) comes(why string, want int) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s: %d announced, not %d", why, want, p.announced()), func() bool {
		return p.announced() == want
	})
}

// failing waits until all nodes have failed so many more checks.
func (p *permitted) failing(checks int, seen string) {
	p.t.Helper()
	series := `bailiwick_announce_checks_total{health="` + seen + `"}`
	for n := 11; n <= 13; n++ { // their metrics
		before := p.metric(n, series)
		p.until("a node fails its checks", func() bool {
			return p.metric(n, series) >= before+checks
		})
	}
}

// TestAnycastPermits has three nodes be poor at once, as what all depend on fails: two of them may
// be withdrawn at a time, by a Redis that counts them, none without it, and never the last one. A
// server that is gone is withdrawn in any case.
func TestAnycastPermits(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "redis-server", "bird"})
		return
	}
	p := &permitted{newFleet(t, lab.Internet(time.Now())), map[int]*exec.Cmd{}}
	conf := "router id 10.9.0.2;\nprotocol device { }\n"
	for n := 1; n <= 3; n++ {
		conf += fmt.Sprintf("protocol static node%d {\n\tdisabled yes;\n\tipv4;\n"+
			"\troute 192.0.2.%[1]d/32 unreachable;\n}\n", n)
	}
	p.begin("bird", "-f", "-c", p.dir.write(t, "bird.conf", conf), "-s", p.dir.path("bird.ctl"))
	p.until("BIRD is there", func() bool { return p.announced() == 0 })
	fleetConf := p.dir.write(t, "fleet.yaml", fmt.Sprintf("fleet: {store: %q, secret_file: %q}\n",
		storeAddr, p.dir.path("secret")))
	for n := 1; n <= 3; n++ {
		p.serve(n)
		p.begin(p.bin, "announce", "bird", "--socket", p.dir.path("bird.ctl"), "--protocol",
			fmt.Sprintf("node%d", n), "--server", at(n), "--name", probedName+"/A", "--every",
			"200ms", "--timeout", "30s", "--rise", "3", "--fall", "3", "--hold", "1s",
			"--withdraw-poor", "--most-withdrawn", "2", "--group", "test", "--node",
			fmt.Sprintf("ns%d", n), "--config", fleetConf, "--metrics",
			fmt.Sprintf("127.0.0.1:%d", 5510+n))
	}
	p.comes("all are well", 3)
	breaks := func(faults ...lab.Fault) {
		if err := p.world.Break("secure.example.", faults...); err != nil {
			t.Fatal(err)
		}
	}
	breaks(lab.Refusing)
	p.comes("all are poor", 1)
	p.failing(20, "poor")
	if n := p.announced(); n != 1 {
		t.Errorf("after a while: %d announced", n)
	}
	breaks()
	p.comes("all are well again", 3)

	if err := p.store.Process.Signal(syscall.SIGSTOP); err != nil { // its permits end meanwhile
		t.Fatal(err)
	}
	breaks(lab.Refusing)
	p.failing(20, "poor")
	if n := p.announced(); n != 3 {
		t.Errorf("without a store that works: %d announced", n)
	}
	if err := p.store.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.comes("the store goes on", 1)
	_ = p.store.Process.Kill()
	_ = p.store.Wait()
	p.failing(20, "poor")
	if n := p.announced(); n != 1 {
		t.Errorf("the store is gone: %d announced", n)
	}
	for n := 1; n <= 3; n++ {
		_ = p.servers[n].Process.Kill()
		_ = p.servers[n].Wait()
	}
	p.comes("nobody is there", 0)
	breaks()
	p.serve(1)
	p.comes("one is back, without a store", 1)
}
