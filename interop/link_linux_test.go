// A network that fails for a while: the root, top level domains and zones are behind a link, in a
// network namespace of their own.

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"bailiwick/internal/lab"
)

// linkZones are the zones behind the link; the last is not signed.
var linkZones = []string{"a.", "b.a.", "c.", "d.c."}

// farSide is the network behind the link.
type farSide struct {
	t   *testing.T
	pid string // of a process there
}

// newFarSide makes a network that is behind no link yet.
func newFarSide(t *testing.T) farSide {
	t.Helper()
	far := farSide{t, strconv.Itoa(launch(t, "unshare", "-n", "--", "sleep", "600").Process.Pid)}
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the far side has a network of its own", func() bool {
		ns, err := os.Readlink("/proc/" + far.pid + "/ns/net")
		return err == nil && ns != here
	})
	return far
}

// do runs ip there.
func (f farSide) do(args ...string) {
	f.t.Helper()
	must(f.t, "nsenter", append([]string{"-t", f.pid, "-n", "ip"}, args...)...)
}

// The main thread is that of the tests' own main: the one that changes its network namespace ends.
func init() { runtime.LockOSThread() }

// listen opens the sockets of a lab's servers there. The goroutine's thread ends with it.
func (f farSide) listen(w *lab.World) (err error) {
	var opened sync.WaitGroup
	opened.Go(func() {
		runtime.LockOSThread()
		var ns *os.File
		if ns, err = os.Open("/proc/" + f.pid + "/ns/net"); err != nil {
			return
		}
		defer ns.Close()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
			err = w.Listen(f.t.Context(), 53)
		}
	})
	opened.Wait()
	return err
}

func must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// connect makes the network behind the link.
func connect(t *testing.T) farSide {
	t.Helper()
	loopback(t)
	far := newFarSide(t)
	must(t, "ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", far.pid)
	must(t, "ip", "address", "add", "192.0.2.1/30", "dev", "near0")
	far.do("address", "add", "192.0.2.2/30", "dev", "far0")
	far.do("link", "set", "lo", "up")
	far.do("link", "set", "far0", "up")
	far.do("route", "add", "local", "10.53.0.0/16", "dev", "lo")
	linkUp(t)
	return far
}

func linkUp(t *testing.T) {
	t.Helper()
	must(t, "ip", "link", "set", "near0", "up")
	must(t, "ip", "route", "add", "10.53.0.0/16", "via", "192.0.2.2")
}

// The only link is down for 40 seconds, which this machine sees.
func TestLinkDownFor40Seconds(t *testing.T) {
	if outside(t) {
		return
	}
	far := connect(t)
	outage(t, far, func() { must(t, "ip", "link", "set", "near0", "down") },
		func() { linkUp(t) })
}

// A router drops all packets for 40 seconds, which this machine does not see.
func TestSilenceFor40Seconds(t *testing.T) {
	if outside(t) {
		return
	}
	far := connect(t)
	outage(t, far, func() {
		far.do("route", "del", "local", "10.53.0.0/16", "dev", "lo")
		far.do("route", "add", "blackhole", "10.53.0.0/16")
	}, func() {
		far.do("route", "del", "blackhole", "10.53.0.0/16")
		far.do("route", "add", "local", "10.53.0.0/16", "dev", "lo")
	})
}

// outside reports whether this is not yet the process with a network of its own, and starts that
// one.
func outside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return false
	}
	enter(t, []string{"ip", "unshare", "nsenter"})
	return true
}

// outage has the network fail for 40 seconds while clients ask for names that are known, for some
// that nobody has asked for, and again and again for some that fail. What is known is answered all
// the time, from stale data when it has ended, with the reason. Within five seconds of the return
// every name is right, and then no server or zone is held to be bad any more.
func outage(t *testing.T, far farSide, begin, end func()) {
	t.Helper()
	w := lab.NewIn(time.Now(), [2]byte{10, 53})
	for i, z := range linkZones {
		spec := lab.Zone{Name: z, Records: "* A 192.0.2.9", TTL: 5,
			Servers: []lab.ServerFaults{nil, nil}}
		if i == len(linkZones)-1 {
			spec.Algorithm = lab.Unsigned
		}
		w.Add(spec)
	}
	if err := far.listen(w); err != nil {
		t.Fatal(err)
	}
	server, addrs := w.Roots()
	d := folder(t.TempDir())
	bin := build(t, string(d))
	d.write(t, "hints", root{server: server, address: addrs[0].String()}.hints())
	launch(t, bin, "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q]}\nadmin: {listen: ''}\ncontrol: {socket: control}\n"+
			"policy: {special_names: false}\nresolver: {ipv6: false, root_hints_file: hints}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\n", upstreamOurs, w.Anchor())))
	names := func(label string) (all []string) {
		for _, z := range linkZones {
			all = append(all, label+"."+z)
		}
		return all
	}
	right := func(name string) bool {
		m, err := ask(upstreamOurs, name, dns.TypeA)
		return err == nil && found(m) && !hasEDE(m, dns.ExtendedErrorCodeStaleAnswer)
	}
	all := func(names []string) bool {
		for _, n := range names {
			if !right(n) {
				return false
			}
		}
		return true
	}
	eventually(t, "the server answers", func() bool { return all(names("known")) })

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asking sync.WaitGroup
	begin()
	for i := range 4 {
		asking.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				for _, label := range []string{fmt.Sprintf("lost%d", n%5),
					fmt.Sprintf("new%d-%d", i, n)} {
					_, _ = ask(upstreamOurs, label+"."+linkZones[i], dns.TypeA)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	for over := time.Now().Add(40 * time.Second); time.Now().Before(over); {
		time.Sleep(5 * time.Second)
		for _, n := range names("known") {
			if m, err := ask(upstreamOurs, n, dns.TypeA); err != nil || !found(m) {
				t.Errorf("%s is known: %v, %v", n, m, err)
			}
		}
	}
	if right("lost0.a.") {
		t.Error("there was no outage")
	}
	for _, n := range names("known") {
		if m, err := ask(upstreamOurs, n, dns.TypeA); err != nil ||
			!hasEDE(m, dns.ExtendedErrorCodeStaleAnswer) {
			t.Errorf("%s has ended, and clients are not told: %v, %v", n, m, err)
		}
	}
	end()
	within(t, 5*time.Second, "every name is right", func() bool {
		return all(names("known")) && all(names("lost1")) && all(names("after"))
	})
	stop()
	asking.Wait()
	for i := range 40 {
		for _, n := range names(fmt.Sprintf("later%d", i)) {
			if !right(n) {
				t.Errorf("%s is not right after the outage", n)
			}
		}
	}
}
