// Keeping warm: names, zones and the keys of zones in use.

package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// What the operator names is resolved at the start and before it ends, aliases and their targets
// too. No client ever waits for it, and it costs few questions.
func TestWarmNamesAreAlwaysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := staleWorld(t, func(c *resolver.Config) {
			c.WarmNames = []resolver.WarmName{
				{Name: wire.MustParseName("www.short.example."),
					Types: []wire.Type{wire.TypeA, wire.TypeTXT}},
				{Name: wire.MustParseName("far.short.example."), Types: []wire.Type{wire.TypeA}},
				{Name: wire.MustParseName("none.short.example."), Types: []wire.Type{wire.TypeA}},
			}
			c.WarmZones = []wire.Name{wire.MustParseName("long.example.")}
		})
		in.r.KeepWarm()
		time.Sleep(3 * time.Second)
		if n := strings.Count(in.transcript(), "\n"); n == 0 || n > 40 {
			t.Errorf("%d questions at the start", n)
		}
		for i := range 600 {
			time.Sleep(time.Second)
			for _, q := range []wire.Question{
				{Name: wire.MustParseName("www.short.example."), Type: wire.TypeA},
				{Name: wire.MustParseName("www.short.example."), Type: wire.TypeTXT},
				{Name: wire.MustParseName("far.short.example."), Type: wire.TypeA},
				{Name: wire.MustParseName("none.short.example."), Type: wire.TypeA},
				{Name: wire.MustParseName("long.example."), Type: wire.TypeDNSKEY},
				{Name: wire.MustParseName("long.example."), Type: wire.TypeDS},
				{Name: wire.MustParseName("long.example."), Type: wire.TypeNS},
			} {
				q.Class = wire.ClassIN
				a := in.r.Known(q, false, true, &resolver.Checks{})
				if a == nil || a.Status != wire.Secure || a.Stale != resolver.StaleNone {
					t.Fatalf("after %d s: %s/%s is not known: %v", i, q.Name, q.Type, a)
				}
			}
		}
		if n := strings.Count(in.transcript(), "\n"); n > 120 {
			t.Errorf("%d questions in ten minutes", n)
		}
		if s := in.r.Stats(); s.Warm != 8 || s.WarmFresh != 8 {
			t.Errorf("%d of %d are fresh", s.WarmFresh, s.Warm)
		}
		in.r.Close()
		in.transcript()
		time.Sleep(time.Hour)
		if asked := in.transcript(); asked != "" {
			t.Error("asked after Close:\n" + asked)
		}
	})
}

// A name whose servers fail, and one with TTL 0, are not asked for all the time.
func TestWarmNamesHaveAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, func(c *resolver.Config) {
			c.WarmNames = []resolver.WarmName{
				{Name: wire.MustParseName("www.short.example."), Types: []wire.Type{wire.TypeA}},
				{Name: wire.MustParseName("www.zero.example."), Types: []wire.Type{wire.TypeA}}}
		})
		o.set("short.example.", code(dns.RcodeServerFailure))
		in.r.KeepWarm()
		time.Sleep(10 * time.Second)
		in.transcript()
		time.Sleep(100 * time.Second)
		asked := in.transcript()
		if n := strings.Count(asked, "www.zero.example. A"); n < 15 || n > 21 {
			t.Errorf("%d questions for a name with TTL 0 in 100 s", n)
		}
		if n := strings.Count(asked, "www.short.example. A"); n == 0 || n > 20 {
			t.Errorf("%d questions for a name that fails, in 100 s", n)
		}
		if s := in.r.Stats(); s.Warm != 2 || s.WarmFresh != 0 {
			t.Errorf("%d of %d are fresh", s.WarmFresh, s.Warm)
		}
		o.set("short.example.", nil)
		time.Sleep(2 * time.Minute)
		if s := in.r.Stats(); s.WarmFresh != 1 {
			t.Errorf("%d are fresh when the servers are back", s.WarmFresh)
		}
		in.r.Close()
	})
}

// A long list is resolved bit by bit, and cut at its limit.
func TestMaxWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := staleWorld(t, func(c *resolver.Config) {
			for i := range resolver.MaxWarm + 100 {
				c.WarmNames = append(c.WarmNames, resolver.WarmName{Types: []wire.Type{wire.TypeA},
					Name: wire.MustParseName(fmt.Sprintf("n%d.long.example.", i))})
			}
		})
		in.resolve("www.long.example.", wire.TypeA)
		in.transcript()
		in.r.KeepWarm()
		for range 3 {
			synctest.Wait()
			time.Sleep(resolver.WarmInterval)
			if n := strings.Count(in.transcript(), "\n"); n > 2*resolver.MaxWarmAtOnce {
				t.Errorf("%d questions in a second", n)
			}
		}
		in.r.Close()
	})
}

// The keys of a zone in use, and its DS, are resolved anew before they end, so that no client waits
// for them.
func TestKeysAheadOfTheirEnd(t *testing.T) {
	for _, prefetch := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "keys.example.", TTL: 100, Records: "* A 192.0.2.1"})
			in := newWorld(t, w, func(c *resolver.Config) {
				c.Prefetch, c.AggressiveNSEC = prefetch, false
			})
			clients := 0
			for i := range 400 {
				name := fmt.Sprintf("n%d.keys.example.", i)
				before := in.transcript()
				a := in.resolve(name, wire.TypeA)
				if a.Status != wire.Secure {
					t.Fatalf("%s: %s %v", name, a.Status, a.Failure)
				}
				asked := in.transcript()
				if i > 0 && a.Sent > 1 && strings.Contains(asked, "keys.example. DNSKEY") &&
					!strings.Contains(before, "DNSKEY") {
					clients++
				}
				synctest.Wait()
				time.Sleep(time.Second)
			}
			if prefetch && clients > 0 || !prefetch && clients == 0 {
				t.Errorf("prefetch %v: %d clients waited for keys", prefetch, clients)
			}
		})
	}
}
