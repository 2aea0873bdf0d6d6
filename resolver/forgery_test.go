// Networks that answer in place of the Internet's servers.

package resolver_test

import (
	"fmt"
	"slices"
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
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// portals are what networks do with questions for other servers.
var portals = map[string]func(lab.Incoming) lab.Reply{
	"its own address for everything": func(in lab.Incoming) lab.Reply {
		m := new(dns.Msg).SetReply(in.Query)
		m.RecursionAvailable = true
		if in.Question().Qtype == dns.TypeA {
			m.Answer = []dns.RR{rr(in.Question().Name + " 10 A 10.0.0.1")}
		}
		return lab.Messages(m)
	},
	"NXDOMAIN": code(dns.RcodeNameError),
	"REFUSED":  code(dns.RcodeRefused),
	"SERVFAIL": code(dns.RcodeServerFailure),
	"the truth without signatures": func(in lab.Incoming) lab.Reply {
		m := in.Honest()
		for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
			*section = slices.DeleteFunc(*section, func(r dns.RR) bool {
				switch r.Header().Rrtype {
				case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDS:
					return true
				}
				return false
			})
		}
		return lab.Messages(m)
	},
}

// behindPortal is a watched resolver in a network that may answer itself.
func behindPortal(t *testing.T, how func(lab.Incoming) lab.Reply, on bool) (*watched,
	*atomic.Bool) {
	w, portal := lab.Internet(time.Now()), &atomic.Bool{}
	portal.Store(on)
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if !portal.Load() {
			return lab.Reply{}, false
		}
		return how(in), true
	}
	return watch(t, false, w, nil), portal
}

// From the start a portal answers everything. That is found out within seconds, the resolver is not
// ready, and names fail as without a portal, with advice. When the portal lets the questions
// through, every name is right within five seconds. Elsewhere people did not see why nothing
// resolved, and switched validation off: systemd/systemd 27485, 11240, 29869 and 15073,
// smarek/android-unbound-dns 9, InfrastructureServices/dnsconfd 4; MichaIng/DietPi 7616 shows root
// servers that all say SERVFAIL.
func TestCaptivePortalIsReportedAndNothingIsBelieved(t *testing.T) {
	for name, how := range portals {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, portal := behindPortal(t, how, true)
				if got := h.said(15 * time.Second); got == "ready" || got == "nothing" {
					t.Errorf("told %s", got)
				}
				if got := h.r.NetworkState(); got != resolver.NetworkForged {
					t.Errorf("the network is %s", got)
				}
				for range 20 {
					for _, n := range []string{"www.secure.example.", "www.unsigned.example."} {
						if a := h.resolve(n, wire.TypeA); a.RCode != servFail {
							t.Errorf("%s: %s %v", n, a.RCode, a.Sets)
						} else if !strings.Contains(a.Failure.Hint(), "captive portal") {
							t.Errorf("%s: %v, hint %s", n, a.Failure, a.Failure.Hint())
						}
					}
					time.Sleep(3 * time.Second)
				}
				portal.Store(false)
				if got := h.said(5 * time.Second); got != "ready" {
					t.Errorf("with the network open: told %s", got)
				}
				if got := h.r.NetworkState(); got != resolver.NetworkOpen {
					t.Errorf("the network is %s", got)
				}
				for _, n := range []string{"www.secure.example.", "www.unsigned.example."} {
					if a := h.resolve(n, wire.TypeA); a.RCode != noError {
						t.Errorf("%s: %s %v", n, a.RCode, a.Failure)
					}
				}
			})
		})
	}
}

// A laptop comes into another network, whose portal answers. It is found out at once if the change
// is seen, and else by the first answers without signatures.
func TestCaptivePortalIsSeenAfterAChangeOfTheNetwork(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h, portal := behindPortal(t, portals["the truth without signatures"], false)
			if got := h.said(time.Minute); got != "ready" {
				t.Fatalf("told %s", got)
			}
			h.resolve("www.secure.example.", wire.TypeA)
			portal.Store(true)
			if told {
				h.r.NetworkChanged()
			} else if a := h.resolve("new.secure.example.", wire.TypeA); a.RCode != servFail {
				t.Errorf("%s %v", a.RCode, a.Failure)
			}
			h.said(5 * time.Second)
			if got := h.r.NetworkState(); got != resolver.NetworkForged {
				t.Errorf("told: %v; the network is %s", told, got)
			}
		})
	}
}

// A zone whose data come without signatures is that zone's fault. Clients that ask for it every
// second have the root asked every ten seconds at most, and nothing else happens.
func TestCaptivePortalIsNotABrokenZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strip := portals["the truth without signatures"]
		w := lab.Internet(time.Now())
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			name := strings.ToLower(in.Question().Name)
			return strip(in), strings.HasSuffix(name, ".secure.example.")
		}
		h := watch(t, false, w, nil)
		h.said(time.Second)
		h.transcript()
		for range 120 {
			if a := h.resolve("www.secure.example.", wire.TypeA); a.RCode != servFail {
				t.Errorf("%s %v", a.RCode, a.Failure)
			}
			h.r.Flush(wire.MustParseName("www.secure.example."), false)
			time.Sleep(time.Second)
		}
		if n := strings.Count(h.transcript(), " . "); n > 12 {
			t.Errorf("the root was asked %d times in two minutes", n)
		}
		if got := h.r.NetworkState(); got != resolver.NetworkOpen || len(h.told) != 1 {
			t.Errorf("the network is %s, told %v", got, h.told)
		}
	})
}

// No reply, a clock that is wrong and anchors that do not fit are not a portal.
func TestCaptivePortalIsNotWhatElseMayFail(t *testing.T) {
	for name, how := range map[string]func(lab.Incoming) lab.Reply{
		"silence": silent,
		"no route": func(lab.Incoming) lab.Reply {
			return lab.Reply{Err: transport.ErrUnreachable}
		},
		"other keys": func(in lab.Incoming) lab.Reply {
			m := in.Honest()
			for _, r := range m.Answer {
				if k, ok := r.(*dns.DNSKEY); ok {
					k.PublicKey = "AAAA" + k.PublicKey[4:]
				}
			}
			return lab.Messages(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := behindPortal(t, how, true)
				if got := h.said(15 * time.Second); got == "ready" {
					t.Errorf("told %s", got)
				}
				if got := h.r.NetworkState(); got == resolver.NetworkForged {
					t.Errorf("the network is %s", got)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		in, _ := wrongly(t, 2*year, nil)
		in = in.withMemory(cache.DefaultMemory)
		in.wants("www.time.", wire.TypeA, servFail, wire.Bogus, cause.ClockAhead)
		h := &watched{internet: in}
		if got := h.r.NetworkState(); got != resolver.NetworkUnknown {
			t.Errorf("with a wrong clock: %s", got)
		}
	})
}

// A flood fills the resolver while the root is asked because the network has changed: the question
// has to give way. That is no reason to be not ready.
func TestReadyDespiteAFloodWhenTheNetworkHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		var slow atomic.Bool
		w.Path = func(_ lab.Incoming, r lab.Reply) lab.Reply {
			if slow.Load() {
				return r.After(3 * time.Second)
			}
			return r
		}
		h := watch(t, false, w, func(c *resolver.Config) { c.MaxFlights = 3 })
		if got := h.said(time.Second); got != "ready" {
			t.Fatalf("told %s", got)
		}
		slow.Store(true)
		h.r.NetworkChanged()
		var asking sync.WaitGroup
		for i := range 200 {
			asking.Go(func() { h.resolve(fmt.Sprintf("f%d.secure.example.", i), wire.TypeA) })
			time.Sleep(20 * time.Millisecond)
		}
		asking.Wait()
		if got := h.said(time.Second); got != "ready" || len(h.told) != 1 {
			t.Errorf("told %v", h.told)
		}
	})
}

// Of five root servers one may be broken, and two may be silent.
func TestJudgeNetwork(t *testing.T) {
	const silent, signed, forged = resolver.RootSilent, resolver.RootSigned, resolver.RootForged
	for _, c := range []struct {
		replies []resolver.RootReply
		want    resolver.NetworkState
	}{
		{nil, resolver.NetworkUnknown},
		{[]resolver.RootReply{silent, silent, silent, silent, silent}, resolver.NetworkUnknown},
		{[]resolver.RootReply{forged, forged, forged, forged, forged}, resolver.NetworkForged},
		{[]resolver.RootReply{forged, silent, forged, silent, forged}, resolver.NetworkForged},
		{[]resolver.RootReply{forged, silent, forged, silent, silent}, resolver.NetworkUnknown},
		{[]resolver.RootReply{forged, forged, forged, forged, signed}, resolver.NetworkOpen},
		{[]resolver.RootReply{forged, silent, silent, silent, silent}, resolver.NetworkUnknown},
		{[]resolver.RootReply{forged}, resolver.NetworkForged}, // the operator's own root
	} {
		if got := resolver.JudgeNetwork(c.replies); got != c.want {
			t.Errorf("%v: %s, want %s", c.replies, got, c.want)
		}
	}
}
