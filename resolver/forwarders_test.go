// Forward zones with several servers: fail-over, probes, recovery.

package resolver_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// group is a forward zone with servers that can be made to fail.
type group struct {
	*internet
	servers []netip.Addr
	n       int

	mu    sync.Mutex
	how   map[netip.Addr]string // silent, refused, failing for one name; "": well
	asked map[netip.Addr]int    // clients' questions
	soa   map[netip.Addr]int    // probes
}

// newGroup makes one of three forwarders with these weights.
func newGroup(t *testing.T, weights []int) *group {
	g := &group{how: map[netip.Addr]string{}, asked: map[netip.Addr]int{},
		soa: map[netip.Addr]int{}}
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "corp.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
	for i := range 3 {
		name := fmt.Sprintf("f%d.", i)
		w.Add(lab.Zone{Name: name, Algorithm: lab.Unsigned, Records: "@ A 192.0.2.1"})
		g.servers = append(g.servers, w.AddressOf(name))
	}
	authority := w.AddressOf("corp.")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if !slices.Contains(g.servers, in.Server) {
			return lab.Reply{}, false
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		count := g.asked
		if in.Question().Qtype == dns.TypeSOA {
			count = g.soa
		}
		count[in.Server]++
		switch how := g.how[in.Server]; {
		case how == "silent":
			return lab.Reply{}, true
		case how == "refused":
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused)), true
		case strings.HasPrefix(strings.ToLower(in.Question().Name), "broken"):
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure)), true
		}
		return lab.Messages(forwarderFor(w, authority, in.Query)), true
	}
	g.internet = newWorld(t, w, func(c *resolver.Config) {
		z := resolver.Zone{Name: wire.MustParseName("corp."), Forward: true, Weights: weights}
		for _, a := range g.servers {
			z.Addrs = append(z.Addrs, netip.AddrPortFrom(a, 53))
		}
		c.Zones = []resolver.Zone{z}
	})
	return g
}

// fail has a server behave so, and forgets what was counted.
func (g *group) fail(server int, how string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.how[g.servers[server]] = how
	clear(g.asked)
	clear(g.soa)
}

// ask asks for so many new names, and returns how many failed and the longest time.
func (g *group) askFor(names int) (failed int, longest time.Duration) {
	for range names {
		g.n++
		began := time.Now()
		if a := g.resolve(fmt.Sprintf("n%d.corp.", g.n), wire.TypeA); a.RCode != noError {
			failed++
		}
		longest = max(longest, time.Since(began))
		time.Sleep(200 * time.Millisecond)
	}
	return failed, longest
}

// counted returns how often a server was asked for clients, and by probes.
func (g *group) counted(server int) (asked, probes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[g.servers[server]], g.soa[g.servers[server]]
}

func (g *group) state(server int) string { return g.r.Forwarders()[server].State }

// A forwarder that falls silent is asked no more after a few questions, of which none fails. It is
// probed at growing intervals, which cost no client anything; when it is back it gets its share
// again after two replies, without any client who tries it first.
func TestForwarderGroupFailsOverAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, []int{3, 1, 0})
		if failed, _ := g.askFor(100); failed > 0 {
			t.Errorf("%d fail", failed)
		}
		first, _ := g.counted(0)
		second, _ := g.counted(1)
		if third, _ := g.counted(2); first < 55 || second < 10 || third > 0 {
			t.Errorf("shares %d, %d, %d", first, second, third)
		}
		g.fail(0, "silent")
		if failed, _ := g.askFor(20); failed > 0 {
			t.Errorf("%d fail while it falls silent", failed)
		}
		time.Sleep(5 * time.Second)
		if s := g.state(0); s != "down" {
			t.Errorf("it is %s", s)
		}
		g.fail(0, "silent") // counts anew
		failed, longest := g.askFor(100)
		if asked, _ := g.counted(0); failed > 0 || asked > 0 || longest > 100*time.Millisecond {
			t.Errorf("%d fail, it is asked %d times, the slowest takes %v", failed, asked, longest)
		}
		time.Sleep(2 * time.Minute)
		if _, probes := g.counted(0); probes < 5 || probes > 20 {
			t.Errorf("%d probes in two minutes", probes)
		}
		g.fail(0, "")
		time.Sleep(20 * time.Second)
		if asked, probes := g.counted(0); g.state(0) != "up" || asked > 0 || probes != 2 {
			t.Errorf("%s after %d questions and %d probes", g.state(0), asked, probes)
		}
		g.askFor(100)
		if asked, probes := g.counted(0); asked < 55 || probes != 2 {
			t.Errorf("asked %d times when it is back, %d probes", asked, probes)
		}
	})
}

// A name that a forwarder cannot resolve, as its own servers are dead, brings no forwarder down:
// the probe is answered.
func TestForwarderGroupIsNotBroughtDownByADeadDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, []int{1, 1, 1})
		for i := range 10 {
			g.resolve(fmt.Sprintf("broken%d.corp.", i), wire.TypeA)
		}
		for i := range g.servers {
			if g.state(i) != "up" {
				t.Errorf("forwarder %d is %s", i, g.state(i))
			}
		}
		g.fail(0, "")
		if failed, _ := g.askFor(90); failed > 0 {
			t.Errorf("%d fail", failed)
		}
		for i := range g.servers {
			if asked, _ := g.counted(i); asked < 10 {
				t.Errorf("forwarder %d is asked %d times of 90", i, asked)
			}
		}
	})
}

// A forwarder that refuses is down like a silent one: its access list is wrong. If all are down,
// they are asked nevertheless, and the first reply is used.
func TestForwarderGroupThatIsDownIsStillAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, nil)
		for i := range g.servers {
			g.fail(i, "refused")
		}
		g.askFor(20)
		time.Sleep(10 * time.Second)
		for i := range g.servers {
			if g.state(i) != "down" {
				t.Errorf("forwarder %d is %s", i, g.state(i))
			}
		}
		g.fail(1, "")
		time.Sleep(31 * time.Second) // the failures are not remembered any more
		if failed, _ := g.askFor(5); failed > 0 {
			t.Errorf("%d fail with one forwarder back", failed)
		}
	})
}

// A successor knows the health of servers that it has too, and goes on with the probes.
func TestForwarderGroupKeepsItsHealthAcrossAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, []int{1, 1, 0})
		g.fail(0, "silent")
		g.askFor(20)
		time.Sleep(5 * time.Second)
		old := g.r
		g.r = old.Successor(g.cfg, g.parts)
		old.Close()
		defer g.r.Close()
		if g.state(0) != "down" {
			t.Errorf("it is %s", g.state(0))
		}
		g.fail(0, "")
		g.askFor(1) // the successor notices that it has to probe
		time.Sleep(20 * time.Second)
		if g.state(0) != "up" {
			t.Errorf("it is %s when it is back", g.state(0))
		}
	})
}
