// What a client is told when its time is over, and what is remembered of that.

package resolver_test

import (
	"net/netip"
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
			t.Logf("%s %#v %q", who, a.Failure, a.Failure.Extra())
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

// RFC 8914, section 4.7: a client whose time ends while other servers are tried, because the answer
// of one did not verify, is told why it did not, and not that time was short; nothing is remembered
// against the name before the search is over. A search that has found a better answer is no reason.
func TestRFC8914LateClientsAreToldWhatDidNotVerify(t *testing.T) {
	for _, c := range []struct {
		name   string
		ask    string
		others []lab.ServerFaults
		want   cause.Cause
		status wire.Security
	}{
		{"the others are silent", "www.half.", []lab.ServerFaults{{lab.Dead}, {lab.Dead},
			{lab.Dead}, {lab.Dead}, {lab.Dead}, {lab.Dead}}, cause.SignatureMissing, wire.Bogus},
		{"a slower one is good, and its alias leads to silence", "to.half.",
			[]lab.ServerFaults{{lab.Slow}}, cause.Timeout, wire.Unchecked},
	} {
		servers := append([]lab.ServerFaults{{lab.Stripping}}, c.others...)
		dead := []lab.ServerFaults{{lab.Dead}, {lab.Dead}, {lab.Dead}, {lab.Dead}}
		for range 8 { // which server is asked first is a matter of chance
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := lab.Internet(time.Now())
					w.Add(lab.Zone{Name: "half.", Servers: servers,
						Records: "www A 192.0.2.1;;to CNAME www.silent."})
					w.Add(lab.Zone{Name: "silent.", Servers: dead, Records: "www A 192.0.2.1"})
					in := newWorld(t, w, nil)
					first := in.start(c.ask, wire.TypeA)
					time.Sleep(time.Millisecond)
					second := in.start(c.ask, wire.TypeA)
					time.Sleep(resolver.MaxTime)
					for who, x := range map[string]*leaver{"first": first, "second": second} {
						a := x.got()
						t.Logf("%s %#v %q", who, a.Failure, a.Failure.Extra())
						if a == nil || a.RCode != servFail || a.Failure.Cause != c.want ||
							a.Status != c.status {
							t.Errorf("the %s: %+v\n%s", who, a, in.transcript())
						}
					}
				})
			})
		}
	}
}

// A client that is told so about servers that the operator names is not told their addresses, and
// the cause and the remedy are those of a query that has not taken as long.
func TestRFC8914LateClientsAreNotToldOfServersInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "corp.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping}, {lab.Dead}, {lab.Dead}, {lab.Dead},
				{lab.Dead}, {lab.Dead}, {lab.Dead}}})
		servers := w.Servers()
		w.Add(lab.Zone{Name: "far.", Records: "to CNAME www.corp.",
			Servers: []lab.ServerFaults{{lab.Slow}}})
		z := resolver.Zone{Name: wire.MustParseName("corp."),
			Weights: []int{1, 0, 0, 0, 0, 0, 0}} // the first one is asked first
		for _, a := range servers[len(servers)-7:] {
			z.Addrs = append(z.Addrs, netip.AddrPortFrom(a, 53))
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.Zones = []resolver.Zone{z} })
		late := in.start("to.far.", wire.TypeA) // its time ends before that of the search
		time.Sleep(resolver.MaxTime / 2)
		in.start("www.corp.", wire.TypeA) // the search goes on for this one
		time.Sleep(resolver.MaxTime / 2)
		a := late.got()
		if a == nil || a.Failure.Cause != cause.SplitHorizon ||
			!strings.Contains(a.Failure.Remedy, "resolver.stub_zones") ||
			a.Failure.Server == "" || strings.Contains(a.Failure.Extra(), "127.53.") {
			t.Errorf("%+v\n%s", a, in.transcript())
		}
	})
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
