// What a client is told when its time is over, and what is remembered of that.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// Clients whose time is over are told of the silence that took it, with the zone and a server,
// also those that have joined a fetch of another one. As servers replied on the way, nothing is
// remembered against the name, as before: the next query finds servers that are back.
func TestLateClientsAreToldOfTheSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "many.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Dead}, {lab.Dead}, {lab.Dead}, {lab.Dead}}})
		in := newWorld(t, w, nil)
		first := in.start("www.many.", wire.TypeA)
		time.Sleep(time.Second)
		second := in.start("www.many.", wire.TypeA)
		time.Sleep(resolver.MaxTime)
		for who, x := range map[string]*leaver{"first": first, "second": second} {
			a := x.got()
			if a == nil || a.RCode != servFail || a.Failure.Cause != cause.Timeout ||
				a.Failure.Zone != "many." || !strings.HasPrefix(a.Failure.Server, "127.53.") ||
				a.Failure.HeldAgainst() != cause.ScopeQuery {
				t.Errorf("the %s: %+v", who, a)
			}
		}
		synctest.Wait()
		k := cache.Key{Name: wire.MustParseName("www.many."), Type: wire.TypeA}
		if e, ok := in.cache.LastFailure(k); ok {
			t.Errorf("remembered: %+v", e)
		}
	})
}

// A server that replies over UDP that the answer is truncated, and is silent over TCP, has not been
// silent: the remedy is another one (RFC 7766, section 5).
func TestTruncatedAndSilentOverTCP(t *testing.T) {
	for _, servers := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			z := lab.Zone{Name: "many.", Records: "www A 192.0.2.1"}
			for range servers {
				z.Servers = append(z.Servers, lab.ServerFaults{lab.NoTCP})
			}
			w.Add(z)
			in := newWorld(t, w, nil)
			for range 2 {
				a := in.resolve("www.many.", wire.TypeA)
				if a.RCode != servFail || a.Failure.Cause != cause.Truncated {
					t.Errorf("%d servers: %s %v", servers, a.RCode, a.Failure)
				}
			}
		})
	}
}

// Servers that reply, each too late for all of them, are no silence: more time would help.
func TestSlowServersAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		for _, zone := range []string{"a.example.", "b.a.example.", "c.b.a.example.",
			"d.c.b.a.example."} {
			w.Add(lab.Zone{Name: zone, Records: "www A 192.0.2.1"})
		}
		w.Script = far(1200 * time.Millisecond)
		in := newWorld(t, w, nil)
		a := in.resolve("www.d.c.b.a.example.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.LimitTime {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
	})
}
