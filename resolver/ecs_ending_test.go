package resolver_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// failing has the servers of cdn.example. reply with an RCODE alone.
func failing(rc int) lab.Script {
	return func(in lab.Incoming) (lab.Reply, bool) {
		return code(rc)(in), strings.HasSuffix(strings.ToLower(in.Question().Name), "cdn.example.")
	}
}

// In the last tenth of its lifetime an answer for a network is resolved anew for that network,
// once, while its clients get the old one. What is kept for others is left alone.
func TestECSAnswersAreRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, func(c *resolver.Config) { c.Prefetch = true })
		n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		n.of("12.0.0.0/24", "www.cdn.example.", wire.TypeA)
		n.of("", "www.cdn.example.", wire.TypeA)
		time.Sleep(280 * time.Second)
		n.sent("")
		for range 5 {
			a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
			if ttl := a.Sets[0].TTL; ttl > 20 && ttl != 300 {
				t.Errorf("TTL %d", ttl)
			}
		}
		synctest.Wait()
		n.wantSent("www", "www.cdn.example. A 11.0.0.0/24")
		a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		if a.Sets[0].TTL != 300 || a.Scope != 24 {
			t.Errorf("TTL %d, scope %d after the refresh", a.Sets[0].TTL, a.Scope)
		}
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.wantSent("www")
	})
}

// While servers fail, a network gets its own answer that has ended, or else that of clients without
// a network, which is for it alone then; never that of another network.
func TestECSStaleAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		for _, network := range []string{"11.0.0.0/24", "12.0.0.0/24", ""} {
			n.of(network, "www.cdn.example.", wire.TypeA)
		}
		n.of("11.0.0.0/24", "www.below.cdn.example.", wire.TypeA)
		time.Sleep(310 * time.Second)
		n.play(failing(dns.RcodeServerFailure))
		for network, address := range map[string]string{"11.0.0.0/24": "198.51.11.1",
			"12.0.0.0/24": "198.51.12.1", "13.0.0.0/24": "198.51.100.254"} {
			a := n.of(network, "www.cdn.example.", wire.TypeA)
			if a.Stale == resolver.StaleNone || a.Scope != 24 || a.Sets[0].TTL != 30 ||
				a.Failure.Cause != cause.StaleAnswer {
				t.Errorf("%s: stale %q, scope %d, %v", network, a.Stale.Label(), a.Scope, a.Failure)
			}
			n.want(network, "www.cdn.example.", address)
		}
		if a := n.of("12.0.0.0/24", "www.below.cdn.example.", wire.TypeA); a.Stale != 0 ||
			a.RCode != wire.RCodeServFail {
			t.Errorf("the answer for another network: %s, stale %q", a.RCode, a.Stale.Label())
		}

		// When the servers are back it is fresh again, and a day later nothing is left.
		n.play(nil)
		time.Sleep(5 * time.Minute)
		if a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA); a.Stale != 0 {
			t.Errorf("stale %q when the servers are back", a.Stale.Label())
		}
		n.play(failing(dns.RcodeServerFailure))
		time.Sleep(25 * time.Hour)
		n.want("11.0.0.0/24", "www.cdn.example.", "SERVFAIL")
	})
}

// A client for whose network there is an answer that has ended gets it when its time is over, and
// the fetch goes on for its network.
func TestECSStaleAnswersForLateServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		time.Sleep(310 * time.Second)
		n.sent("")
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(in.Honest()).After(2500 * time.Millisecond),
				strings.EqualFold(in.Question().Name, "www.cdn.example.")
		})
		began := time.Now()
		a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		if a.Stale != resolver.StaleLate || time.Since(began) != 1800*time.Millisecond {
			t.Errorf("stale %q after %v", a.Stale.Label(), time.Since(began))
		}
		time.Sleep(10 * time.Second)
		if a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA); a.Stale != 0 || a.Sent != 0 {
			t.Errorf("later: stale %q, %d packets", a.Stale.Label(), a.Sent)
		}
	})
}

// For want of room a network's own answer that has ended is used, without any question.
func TestECSStaleAnswersWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		time.Sleep(310 * time.Second)
		n.sent("")
		for network, some := range map[string]bool{"11.0.0.0/24": true, "12.0.0.0/24": false} {
			a := n.r.Stale(netip.MustParsePrefix(network), question("www.cdn.example.", wire.TypeA),
				false, &cause.Failure{Cause: cause.Overload}, &resolver.Checks{})
			if (a != nil) != some {
				t.Errorf("%s: %v", network, a)
			}
		}
		n.wantSent("")
	})
}

// Data that a validator has refused are not hidden by an older answer for a network.
func TestECSBogusAnswersAreNotHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		time.Sleep(310 * time.Second)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			m := in.Honest()
			for _, r := range m.Answer {
				if a, ok := r.(*dns.A); ok {
					a.A = netip.MustParseAddr("198.51.66.66").AsSlice()
				}
			}
			return lab.Messages(m), true
		})
		n.want("11.0.0.0/24", "www.cdn.example.", "SERVFAIL")
		n.want("11.0.0.0/24", "www.cdn.example.", "SERVFAIL")
	})
}

// An answer that must not be kept ends the one that was kept before: that is not served stale.
func TestECSAnswersWithoutTTLEndOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.of("11.0.0.0/24", "www.below.cdn.example.", wire.TypeA)
		time.Sleep(310 * time.Second)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			m := in.Honest()
			for _, r := range m.Answer {
				r.Header().Ttl = 0
			}
			return lab.Messages(m), true
		})
		n.want("11.0.0.0/24", "www.below.cdn.example.", "198.51.11.1")
		n.play(failing(dns.RcodeServerFailure))
		n.want("11.0.0.0/24", "www.below.cdn.example.", "SERVFAIL")
	})
}

// With other servers for a zone it is found out anew what they do with networks.
func TestECSIsLearntAnewOfOtherServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		for _, name := range []string{"same", "same2", "same3"} {
			n.of("11.0.0.0/24", name+".cdn.example.", wire.TypeA)
		}
		if z := n.r.SubnetZones(); len(z) != 1 || z[0].Alike == 0 {
			t.Fatalf("learnt: %+v", z)
		}
		other := n.cfg
		other.Zones = []resolver.Zone{{Name: wire.MustParseName("cdn.example."),
			Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.66:53")}}}
		next := n.r.Successor(other, n.parts)
		t.Cleanup(next.Close)
		next.Forget(n.r)
		if z := next.SubnetZones(); len(z) != 0 {
			t.Errorf("still known: %+v", z)
		}
	})
}

// An answer for a shorter network that has not ended is used before one for a longer that has.
func TestECSFreshAnswersComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTailored(t, func(_ string, n netip.Prefix) (netip.Addr, int) {
			if n.Addr() == netip.MustParseAddr("11.0.0.0") {
				return netip.MustParseAddr("198.51.100.24"), 24
			}
			return netip.MustParseAddr("198.51.100.8"), 8
		}, nil)
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.100.24")
		time.Sleep(200 * time.Second)
		n.want("11.1.0.0/24", "www.cdn.example.", "198.51.100.8")
		time.Sleep(110 * time.Second)
		n.sent("")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.100.8")
		n.wantSent("www")
	})
}

// Other types go with networks if they are configured, such as TXT, with which a name can tell what
// its server was sent.
func TestECSTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, func(c *resolver.Config) {
			c.ECS.Types = []wire.Type{wire.TypeTXT, wire.TypeAAAA}
		})
		for _, of := range []wire.Type{wire.TypeTXT, wire.TypeA, wire.TypeAAAA} {
			n.of("11.0.0.0/24", "www.cdn.example.", of)
		}
		n.wantSent("www", "www.cdn.example. TXT 11.0.0.0/24", "www.cdn.example. A",
			"www.cdn.example. AAAA 11.0.0.0/24")
	})
}
