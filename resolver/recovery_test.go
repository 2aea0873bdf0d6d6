// The servers of one zone fail while others reply, and clients get stale data. Fresh ones are there
// soon after the servers' return.

package resolver_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// deadServers is a world in which the servers of a zone may fail, for all that they serve.
type deadServers struct {
	*internet
	mu    sync.Mutex
	how   func(lab.Incoming) lab.Reply // guarded by mu; nil: they do not fail
	soa   int                          // questions to them for an SOA; guarded by mu
	asked int                          // all questions to them; guarded by mu
}

// newDeadServers returns a world with zones in it, the last of which has servers that may fail.
func newDeadServers(t *testing.T, change func(*resolver.Config), zones ...lab.Zone) *deadServers {
	w := lab.Internet(time.Now())
	var own []netip.Addr
	for _, z := range zones {
		before := len(w.Servers())
		w.Add(z)
		own = slices.Clone(w.Servers()[before:])
	}
	d := &deadServers{}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.how == nil || !slices.Contains(own, in.Server) {
			return lab.Reply{}, false
		}
		d.asked++
		if in.Question().Qtype == dns.TypeSOA {
			d.soa++
		}
		return d.how(in), true
	}
	d.internet = newWorld(t, w, change)
	return d
}

// fail has the servers fail in some way, or with nil be right again.
func (d *deadServers) fail(how func(lab.Incoming) lab.Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.how, d.soa, d.asked = how, 0, 0
}

// counts returns how many questions the servers got since they began to fail.
func (d *deadServers) counts() (asked, soa int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked, d.soa
}

// shortLived is a zone with data that end within a minute, with some servers.
func shortLived(name string, servers int, records string) lab.Zone {
	return lab.Zone{Name: name, TTL: 60, Servers: make([]lab.ServerFaults, servers),
		Records: records}
}

// The servers of one zone fail, however that may be: packets are lost, a port is closed, they
// refuse or are lame. They may be one or four, and the addresses of the zone's servers may be in
// another zone that is dead itself. Whenever they return, answers are fresh five seconds later,
// while clients ask every second or every four.
func TestFreshWithinFiveSecondsOfTheServersReturn(t *testing.T) {
	const names = "www A 192.0.2.1\nalias CNAME www.long.example."
	other := lab.Zone{Name: "long.example.", TTL: 3600, Records: "www A 192.0.2.3"}
	unsigned := shortLived("short.example.", 2, names)
	unsigned.Algorithm = lab.Unsigned
	hosts := lab.Internet(time.Now())
	hosts.Add(other)
	worlds := map[string][]lab.Zone{
		"one":      {other, shortLived("short.example.", 1, names)},
		"four":     {other, shortLived("short.example.", 4, names)},
		"unsigned": {other, unsigned},
		"hosted": {other,
			{Name: "short.example.", TTL: 60, On: "long.example.", Glueless: "a.host.example.",
				Algorithm: lab.Unsigned, Records: names},
			shortLived("host.example.", 1,
				"ns1.a A "+hosts.AddressOf("long.example.").String())},
	}
	ways := map[string]func(lab.Incoming) lab.Reply{
		"silent":   silent,
		"closed":   func(lab.Incoming) lab.Reply { return lab.Reply{Err: transport.ErrRefused} },
		"SERVFAIL": code(dns.RcodeServerFailure),
		"REFUSED":  code(dns.RcodeRefused),
		"lame":     lame,
	}
	for world, zones := range worlds {
		for way, how := range ways {
			t.Run(world+"/"+way, func(t *testing.T) {
				for i := range 5 {
					every := time.Second
					if i%2 > 0 {
						every = 4 * time.Second
					}
					away := 40*time.Second + time.Duration(i)*9300*time.Millisecond
					synctest.Test(t, func(t *testing.T) {
						freshAfter(t, newDeadServers(t, nil, zones...), how, away, every)
					})
				}
			})
		}
	}
}

// freshAfter has the servers be away for a time, while clients ask every so often, and expects
// fresh answers five seconds after their return.
func freshAfter(t *testing.T, d *deadServers, how func(lab.Incoming) lab.Reply,
	away, every time.Duration) {
	names := []string{"www.short.example.", "alias.short.example."}
	ask := func() (stale string) {
		for _, name := range names {
			a := d.resolve(name, wire.TypeA)
			if a.RCode != noError {
				t.Errorf("%s: %s, %v", name, a.RCode, a.Failure)
			}
			if a.Stale != resolver.StaleNone {
				stale += name + " " + a.Stale.Label() + ", " + a.Failure.Error() + "\n"
			}
		}
		return stale
	}
	ask()
	time.Sleep(70 * time.Second)
	d.fail(how)
	for end := time.Now().Add(away); time.Now().Before(end); {
		ask()
		d.resolve(fmt.Sprintf("n%d.secure.example.", time.Now().Unix()), wire.TypeA) // others reply
		time.Sleep(every)
	}
	d.fail(nil)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		ask()
		time.Sleep(every)
	}
	if stale := ask(); stale != "" {
		t.Errorf("away for %v, asked every %v: stale after 5 s:\n%s", away, every, stale)
	}
}

// For an hour clients ask for thirty names of a dead zone. Whatever their number, its server is
// asked whether it is back once every three seconds; each name is tried once in 30 s.
func TestWhetherServersAreBackIsAskedOnceForAllNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeadServers(t, nil, shortLived("short.example.", 1, "* A 192.0.2.1"))
		ask := func() {
			for i := range 30 {
				d.resolve(fmt.Sprintf("n%d.short.example.", i), wire.TypeA)
			}
		}
		ask()
		time.Sleep(70 * time.Second)
		d.fail(silent)
		began := time.Now()
		for time.Since(began) < time.Hour {
			ask()
			time.Sleep(time.Second)
		}
		took := time.Since(began)
		asked, soa := d.counts()
		// One question is at most four packets, two while the server is known to be dead.
		if most := int(took/(3*time.Second)) * 3; soa > most || soa < most/6 {
			t.Errorf("%d packets for an SOA in %v, want %d at most", soa, took, most)
		}
		if most := 30 * int(took/(30*time.Second)) * 4; asked-soa > most {
			t.Errorf("%d packets for names in %v, want %d at most", asked-soa, took, most)
		}
	})
}

// When no client wants the names any more, the servers are left alone after stale.retry.
func TestServersAreNotAskedWhetherTheyAreBackForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeadServers(t, nil, shortLived("short.example.", 1, "www A 192.0.2.1"))
		d.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		d.fail(silent)
		for range 10 {
			d.resolve("www.short.example.", wire.TypeA)
			time.Sleep(time.Second)
		}
		time.Sleep(35 * time.Second)
		d.fail(silent)
		time.Sleep(time.Hour)
		if asked, _ := d.counts(); asked != 0 {
			t.Errorf("%d packets within an hour for nobody", asked)
		}
	})
}

// A flood of random names in the dead zone has all of its quota. The question whether the servers
// are back is asked nevertheless, and the servers get no more than the quota and its reserve.
func TestWhetherServersAreBackIsAskedDespiteAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const quota = 4
		d := newDeadServers(t, func(c *resolver.Config) { c.ZoneQuota = quota },
			shortLived("short.example.", 1, "www A 192.0.2.1"))
		d.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		d.fail(silent)
		var flood sync.WaitGroup
		stop := make(chan struct{})
		for i := range 40 {
			flood.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
						d.resolve(fmt.Sprintf("r%d-%d.short.example.", i, n), wire.TypeA)
						time.Sleep(100 * time.Millisecond)
					}
				}
			})
		}
		for range 40 {
			d.resolve("www.short.example.", wire.TypeA)
			time.Sleep(time.Second)
		}
		if _, soa := d.counts(); soa < 8 { // 4 or 5 if the flood kept them away
			t.Errorf("%d packets for an SOA in 40 s of a flood", soa)
		}
		close(stop)
		flood.Wait()
	})
}

// maxWatchedZones zones are watched at once, process-wide. Beyond that a name is fresh again when
// its own pause has ended.
func TestMaxWatchedZones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := resolver.MaxWatchedZones + 1
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "many.", Algorithm: lab.Unsigned})
		above := slices.Clone(w.Servers())
		name := func(i int) string { return fmt.Sprintf("z%d.many.", i) }
		for i := range all {
			w.Add(lab.Zone{Name: name(i), TTL: 60, Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1"})
		}
		var dead atomic.Bool
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if dead.Load() && !slices.Contains(above, in.Server) {
				return code(dns.RcodeServerFailure)(in), true
			}
			return lab.Reply{}, false
		}
		in := newWorld(t, w, nil)
		ask := func() {
			for i := range all {
				in.resolve("www."+name(i), wire.TypeA)
			}
		}
		ask()
		time.Sleep(70 * time.Second)
		dead.Store(true)
		ask()
		in.transcript()
		ask()
		synctest.Wait()
		if n := strings.Count(in.transcript(), " SOA"); n < resolver.MaxWatchedZones ||
			n > 3*resolver.MaxWatchedZones {
			t.Errorf("%d questions for an SOA", n)
		}
		if in.r.Watched() != resolver.MaxWatchedZones {
			t.Errorf("%d zones are watched", in.r.Watched())
		}
	})
}

// The addresses of a zone's servers are in a zone whose own servers are silent, while others reply:
// the client's time is over before all of these were asked. That failure tells whose silence took
// the time, so that it is over when they are back.
func TestLackOfTimeTellsWhoseSilenceItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := lab.Internet(time.Now())
		long := lab.Zone{Name: "long.example.", TTL: 3600, Records: "www A 192.0.2.3"}
		hosts.Add(long)
		d := newDeadServers(t, func(c *resolver.Config) { c.Stale.Enabled = false }, long,
			lab.Zone{Name: "short.example.", TTL: 60, On: "long.example.",
				Glueless: "a.host.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"},
			shortLived("host.example.", 4,
				"ns1.a A "+hosts.AddressOf("long.example.").String()))
		d.fail(silent)
		late := 0
		for i := range 8 { // the servers are chosen by chance
			began := time.Now()
			a := d.resolve(fmt.Sprintf("n%d.short.example.", i), wire.TypeA)
			if a.RCode != servFail {
				t.Fatalf("%s", a.RCode)
			}
			if time.Since(began) == resolver.MaxTime {
				late++
			}
			zone := ""
			for f := a.Failure; f != nil; f = f.Under {
				if f.Zone != "" {
					zone = f.Zone
				}
			}
			if zone != "host.example." {
				t.Errorf("%v", a.Failure)
			}
			d.cache.FlushFailures()
		}
		if late == 0 {
			t.Error("there was always enough time")
		}
	})
}
