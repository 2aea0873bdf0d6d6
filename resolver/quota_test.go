// Quotas of zones and servers: floods of random names, and the clients beside them.

package resolver_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// flooded is a world with a zone for a flood, attacked., next to the lab's internet.
type flooded struct {
	*internet
	asked   atomic.Int64 // questions that reached the server
	floods  sync.WaitGroup
	queries sync.WaitGroup

	mu       sync.Mutex
	failures map[cause.Cause]int
	good     int
}

// honestTime is the round trip to the servers of the zone that honest clients ask for.
const honestTime = time.Second

// flights is how many resolutions are under way at once in these tests: a quarter of what is usual,
// as the race detector has a limit of goroutines.
const flights = resolver.MaxFlights / 4

// newFlooded returns the world; behave is what the zone's server does.
func newFlooded(t *testing.T, behave func(lab.Incoming) (lab.Reply, bool)) *flooded {
	w := lab.Internet(time.Now())
	w.Path = func(i lab.Incoming, r lab.Reply) lab.Reply {
		if i.Server == w.AddressOf("unsigned.example.") {
			return r.After(honestTime)
		}
		return r
	}
	w.Add(lab.Zone{Name: "attacked.", Records: "* A 192.0.2.1;;helper A " +
		w.AddressOf("example.").String()})
	f := &flooded{failures: map[cause.Cause]int{}}
	own := w.AddressOf("attacked.")
	w.Script = func(i lab.Incoming) (lab.Reply, bool) {
		if i.Server != own {
			return lab.Reply{}, false
		}
		f.asked.Add(1)
		return behave(i)
	}
	f.internet = newWorld(t, w, func(c *resolver.Config) { c.MaxFlights = flights })
	return f
}

// flood asks for n random names, rate of them a second.
func (f *flooded) flood(n, rate int) {
	for i := range n {
		f.queries.Add(1)
		go f.query(fmt.Sprintf("r%d.attacked.", i))
		time.Sleep(time.Second / time.Duration(rate))
	}
}

// wait waits for the end of the floods.
func (f *flooded) wait() {
	f.floods.Wait()
	f.queries.Wait()
}

// query asks for a name, and counts the outcome.
func (f *flooded) query(name string) {
	defer f.queries.Done()
	a := f.resolve(name, wire.TypeA)
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Failure != nil {
		f.failures[a.Failure.Cause]++
	} else {
		f.good++
	}
}

// dead is not a reply.
func dead(lab.Incoming) (lab.Reply, bool) { return lab.Reply{}, true }

// slow is the reply of a server that takes a second.
func slow(i lab.Incoming) (lab.Reply, bool) {
	return lab.Messages(i.Honest()).After(time.Second), true
}

// quick is the reply of a server that is near.
func quick(i lab.Incoming) (lab.Reply, bool) {
	return lab.Messages(i.Honest()).After(20 * time.Millisecond), true
}

// 20,000 random names, 2,500 a second, below a zone that is dead, slow or healthy. Clients of other
// zones are answered as fast as without the flood. The oldest resolutions are not those that give
// way: no zone takes all. A healthy zone is not limited.
func TestZoneQuotaLeavesRoomForOtherZones(t *testing.T) {
	for _, c := range []struct {
		name   string
		behave func(lab.Incoming) (lab.Reply, bool)
		refuse bool
		good   int
	}{
		{"dead", dead, true, 0},
		{"slow", slow, true, 8 * flights * 2 / 3}, // in eight seconds
		{"healthy", quick, false, 20000},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlooded(t, c.behave)
				f.resolve("www.unsigned.example.", wire.TypeA)
				honest := func(i int) time.Duration {
					began := time.Now()
					a := f.resolve(fmt.Sprintf("n%d.wild.unsigned.example.", i), wire.TypeA)
					if a.RCode != noError {
						t.Errorf("%s after %v: %v", a.RCode, time.Since(began), a.Failure)
					}
					return time.Since(began)
				}
				without := honest(0)
				f.floods.Go(func() { f.flood(20000, 2500) })
				for i := range 4 {
					if took := honest(i + 1); took > without {
						t.Errorf("answered after %v, and after %v without the flood", took, without)
					}
				}
				f.wait()
				synctest.Wait()
				if f.failures[cause.Overload] > 0 {
					t.Errorf("resolutions gave way: %v", f.failures)
				}
				if n := f.failures[cause.LimitZone]; (n > 0) != c.refuse {
					t.Errorf("%d questions are over the quota: %v", n, f.failures)
				}
				if f.good < c.good*9/10 {
					t.Errorf("%d names are answered: %v", f.good, f.failures)
				}
				if zones, servers := f.r.UnderWay(); zones+servers > 0 {
					t.Errorf("%d, %d still count as under way", zones, servers)
				}
			})
		})
	}
}

// The servers of a dead zone are asked no more than its quota allows, however many names are asked
// for: here 2,000 a second, for 10 seconds. No name is blamed for that, so when the servers are
// back each is answered, and after some answers as many at once as of any other zone.
func TestZoneQuotaSparesTheServersOfADeadZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		f := newFlooded(t, func(i lab.Incoming) (lab.Reply, bool) {
			if back.Load() {
				return quick(i)
			}
			return dead(i)
		})
		f.floods.Go(func() { f.flood(20000, 2000) })
		time.Sleep(5 * time.Second)
		for range 4 {
			before := f.asked.Load()
			time.Sleep(time.Second)
			if n := f.asked.Load() - before; n == 0 || n > 2*64 {
				t.Errorf("%d questions in a second", n)
			}
		}
		f.wait()
		back.Store(true)
		for i := range 100 {
			name := fmt.Sprintf("r%d.attacked.", 19900+i) // refused less than a second ago
			if a := f.resolve(name, wire.TypeA); a.Failure != nil &&
				a.Failure.Cause != cause.Timeout {
				t.Errorf("%s: %v", name, a.Failure)
			}
		}
		before := f.failures[cause.LimitZone] + f.failures[cause.LimitServer]
		f.together(500)
		if n := f.failures[cause.LimitZone] + f.failures[cause.LimitServer] - before; n > 0 {
			t.Errorf("%d of 500 names are over the quota", n)
		}
	})
}

// together asks for n new names at the same moment, and waits for the answers.
func (f *flooded) together(n int) {
	for i := range n {
		f.queries.Add(1)
		go f.query(fmt.Sprintf("new%d.attacked.", i))
	}
	f.wait()
}

// A flood of names that are not answered, below a zone whose other names are. What the zone and
// others need of it is answered: keys, name servers' addresses, and names that were known before.
func TestZoneQuotaReservesWhatResolutionsDependOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlooded(t, func(i lab.Incoming) (lab.Reply, bool) {
			if strings.HasPrefix(strings.ToLower(i.Question().Name), "r") {
				return dead(i)
			}
			return quick(i)
		})
		// The server of guest.unsigned.example. is helper.attacked., without glue.
		script, parent := f.world.Script, f.world.AddressOf("unsigned.example.")
		f.world.Script = func(i lab.Incoming) (lab.Reply, bool) {
			name := strings.ToLower(i.Question().Name)
			if !strings.HasSuffix(name, "guest.unsigned.example.") {
				return script(i)
			}
			if i.Server == parent {
				return refer(i, "guest.unsigned.example.", "helper.attacked.", netip.Addr{}), true
			}
			m := new(dns.Msg).SetReply(i.Query)
			m.Authoritative, m.Answer = true, []dns.RR{rr(name + " 300 A 192.0.2.2")}
			return lab.Messages(m), true
		}
		f.resolve("known.attacked.", wire.TypeA)
		time.Sleep(10 * time.Minute) // the answer, the keys and the delegation have ended
		f.floods.Go(func() { f.flood(20000, 2000) })
		time.Sleep(5 * time.Second)
		if a := f.resolve("new.attacked.", wire.TypeA); a.Failure == nil ||
			a.Failure.Cause != cause.LimitZone {
			t.Errorf("a name that nobody has asked for: %s %v", a.RCode, a.Failure)
		}
		for name, want := range map[string]wire.Security{"known.attacked.": wire.Secure,
			"www.guest.unsigned.example.": wire.Insecure} {
			if a := f.resolve(name, wire.TypeA); a.RCode != noError || a.Status != want ||
				a.Stale != resolver.StaleNone {
				t.Errorf("%s: %s, %v, %v", name, a.RCode, a.Status, a.Failure)
			}
		}
		if a := f.resolve("attacked.", wire.TypeDNSKEY); a.RCode != noError {
			t.Errorf("the keys: %s %v", a.RCode, a.Failure)
		}
		f.wait()
	})
}

// A flood below ten thousand zones that are all delegated to one silent server: no zone has more
// than one question, and the server has its quota all the same. A zone that has another server too
// is answered by that one.
func TestServerQuotaHoldsForAllZonesOfAServer(t *testing.T) {
	limittest.Met(t, limit.ServerQuota)
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "many.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "silent.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "lively.", Algorithm: lab.Unsigned})
		parent := w.AddressOf("many.")
		victim, other := w.AddressOf("silent."), w.AddressOf("lively.")
		var asked atomic.Int64
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			name := strings.ToLower(i.Question().Name)
			labels := dns.SplitDomainName(name)
			switch {
			case i.Server == victim:
				asked.Add(1)
				return lab.Reply{}, true
			case i.Server == other:
				m := new(dns.Msg).SetReply(i.Query)
				m.Authoritative = true
				m.Answer = []dns.RR{rr(name + " 300 A 192.0.2.3")}
				return lab.Messages(m), true
			case i.Server != parent || len(labels) < 2:
				return lab.Reply{}, false
			}
			cut := labels[len(labels)-2] + ".many."
			servers := []dns.RR{rr("ns." + cut + " 300 A " + victim.String())}
			if cut == "pair.many." {
				servers = append(servers, rr("ns."+cut+" 300 A "+other.String()))
			}
			m := new(dns.Msg).SetReply(i.Query)
			m.Ns, m.Extra = []dns.RR{rr(cut + " 300 NS ns." + cut)}, servers
			return lab.Messages(m), true
		}
		f := &flooded{internet: newWorld(t, w,
			func(c *resolver.Config) { c.MaxFlights = flights }), failures: map[cause.Cause]int{}}
		f.floods.Go(func() {
			for i := range 10000 {
				f.queries.Add(1)
				go f.query(fmt.Sprintf("www.z%d.many.", i))
				time.Sleep(time.Millisecond)
			}
		})
		time.Sleep(6 * time.Second)
		before := asked.Load()
		if a := f.resolve("www.pair.many.", wire.TypeA); a.RCode != noError {
			t.Errorf("a zone with another server: %s %v", a.RCode, a.Failure)
		}
		time.Sleep(3 * time.Second)
		if n := asked.Load() - before; n == 0 || n > 3*2*512 {
			t.Errorf("%d questions in three seconds", n)
		}
		f.wait()
		if f.failures[cause.LimitServer] == 0 || f.failures[cause.LimitZone] > 0 {
			t.Errorf("%v", f.failures)
		}
	})
}

// A forwarder is late for names whose servers are silent: that is no reason not to ask it for
// others.
func TestZoneQuotaIsNotForForwarders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlooded(t, dead)
		f.cfg.MaxFlights, f.cfg.ZoneQuota, f.cfg.ServerQuota = 2*flights, 1, 1
		f.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("attacked."), Forward: true,
			Addrs: []netip.AddrPort{netip.AddrPortFrom(f.world.AddressOf("attacked."), 53)}}}
		f.internet = f.withMemory(cache.DefaultMemory)
		f.flood(1500, 300)
		f.wait()
		if n := f.failures[cause.LimitZone] + f.failures[cause.LimitServer]; n > 0 {
			t.Errorf("%d questions are over a quota: %v", n, f.failures)
		}
	})
}
