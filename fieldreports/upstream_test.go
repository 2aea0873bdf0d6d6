// Forwarders and their health, and what becomes of outages.

package fieldreports

import (
	"encoding/hex"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

func TestUpstream(t *testing.T) { play(t, upstream) }

// group is a zone with two forwarders. The first one's addresses end in 1, the second one's in 2.
type group struct{ addrs []netip.AddrPort }

// deviation is what a forwarder does at some time since the start; false: what is right.
type deviation func(in lab.Incoming, second bool, at time.Duration) (lab.Reply, bool)

// world makes the group.
func (g *group) world(how deviation) func(*lab.World) {
	return func(w *lab.World) {
		w.Add(lab.Zone{Name: "group.example.", Algorithm: lab.Unsigned, Records: "* 30 A 192.0.2.1",
			Servers: make([]lab.ServerFaults, 2)})
		all := w.Servers()
		g.addrs = []netip.AddrPort{netip.AddrPortFrom(all[len(all)-2], 53),
			netip.AddrPortFrom(all[len(all)-1], 53)}
		began := time.Now()
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			second := in.Server == g.addrs[1].Addr()
			if !second && in.Server != g.addrs[0].Addr() {
				return lab.Reply{}, false
			}
			if r, ok := how(in, second, time.Since(began)); ok {
				return r, true
			}
			m := in.Honest()
			m.RecursionAvailable = true
			for _, r := range m.Answer {
				if a, ok := r.(*dns.A); ok && second {
					a.A[len(a.A)-1] = 2
				}
			}
			return lab.Messages(m), true
		}
	}
}

// config has the first forwarder be asked, and the second if the first cannot be.
func (g *group) config(c *resolver.Config) {
	c.Zones = append(c.Zones, resolver.Zone{Name: wire.MustParseName("group.example."),
		Forward: true, Addrs: g.addrs, Weights: []int{1, 0}})
}

// says makes a reply with an RCODE alone.
func says(in lab.Incoming, rcode int) (lab.Reply, bool) {
	return lab.Messages(new(dns.Msg).SetRcode(in.Query, rcode)), true
}

// from is a step that one of the group answers, 1 or 2.
func from(which, name string) step {
	return good(name+".group.example. A", "NOERROR", name+".group.example. A 192.0.2."+which)
}

// everySecond repeats a step with other names.
func everySecond(n int, which, name string) (steps []step) {
	for i := range n {
		steps = append(steps, from(which, name+string(rune('a'+i%26))+string(rune('a'+i/26))).
			later(time.Second))
	}
	return steps
}

var lossy, failing, away, odd, gone, brief group

var upstream = []report{{
	name: "SERVFAIL of one forwarder is not the answer of the group",
	seen: "systemd/systemd 7147; PowerDNS/pdns 10690; folbricht/routedns 99; " +
		"ovh/overthebox-feeds 198",
	situation: "Of several forwarders one has a fault of its own and replies SERVFAIL. Clients " +
		"get that, and for as long as it is cached, although the others have the answer.",
	why: "SERVFAIL is about the server (RFC 1035, section 4.1.1): another may do better. If all " +
		"say it there is no more to be had.",
	world: failing.world(func(in lab.Incoming, second bool, _ time.Duration) (lab.Reply, bool) {
		if second {
			return lab.Reply{}, false
		}
		return says(in, dns.RcodeServerFailure)
	}),
	config: failing.config,
	steps:  []step{from("2", "a"), from("2", "b"), from("2", "a")},
}, {
	name: "one lost packet does not cost a forwarder its place",
	seen: "systemd/systemd 5755 and 21174; PowerDNS/pdns 7480",
	situation: "The first forwarder of the list has the internal names. A packet to it is lost; " +
		"from then on the second is asked, which does not know them.",
	why: "A lost packet says little: a server is out of use after three failures in a row over " +
		"two seconds, and a probe.",
	world: lossy.world(func(_ lab.Incoming, second bool, at time.Duration) (lab.Reply, bool) {
		return lab.Reply{}, !second && at >= time.Minute && at < time.Minute+100*time.Millisecond
	}),
	config: lossy.config,
	steps: append([]step{from("1", "a"), from("2", "b").later(time.Minute)},
		everySecond(10, "1", "n")...),
}, {
	name: "a forwarder that was away is asked again soon",
	seen: "coredns/coredns 1440; PowerDNS/pdns 13837 and 13836; systemd/systemd 21174",
	situation: "The first forwarder is restarted, which takes minutes. It is taken for dead and " +
		"never asked again, until the resolver is restarted as well.",
	why: "A server that is down is probed at intervals of 15 seconds at most, and two replies in " +
		"a row bring it back.",
	world: away.world(func(_ lab.Incoming, second bool, at time.Duration) (lab.Reply, bool) {
		return lab.Reply{}, !second && at >= time.Second && at < 2*time.Minute
	}),
	config: away.config,
	steps: append(append(append([]step{from("1", "a")}, everySecond(30, "2", "d")...),
		from("2", "e").later(80*time.Second), from("1", "f").later(35*time.Second)),
		everySecond(10, "1", "n")...),
}, {
	name: "a forwarder without the zone's apex is up all the same",
	seen: "PowerDNS/pdns 4233 and 6161",
	situation: "The name that health checks ask for is bogus, or does not exist. The check " +
		"fails, and a forwarder that answers clients well is taken out of use.",
	why: "Whatever a server replies, it is there; only REFUSED tells not to ask it.",
	world: odd.world(func(in lab.Incoming, second bool, at time.Duration) (lab.Reply, bool) {
		if in.Question().Qtype == dns.TypeSOA {
			return says(in, dns.RcodeServerFailure)
		}
		return lab.Reply{}, !second && at >= time.Second && at < 30*time.Second
	}),
	config: odd.config,
	steps: append(append(append([]step{from("1", "a")}, everySecond(8, "2", "d")...),
		from("1", "f").later(40*time.Second)), everySecond(5, "1", "n")...),
}, {
	name: "after twelve hours without a network everything resolves",
	seen: "NLnetLabs/unbound 830; coredns/coredns 1202; PowerDNS/pdns 4853; systemd/systemd 13730",
	situation: "The connection is away for half a day. When it is back the resolver goes on to " +
		"fail, until it is restarted.",
	why: "No server replied, so it may have been this machine's link: the first reply ends all " +
		"that is remembered of the outage.",
	world: gone.world(func(_ lab.Incoming, _ bool, at time.Duration) (lab.Reply, bool) {
		return lab.Reply{}, at >= time.Minute && at < 12*time.Hour
	}),
	config: gone.config,
	steps: []step{
		from("1", "a"),
		fails("b.group.example. A", cause.Timeout).later(time.Minute),
		fails("b.group.example. A", cause.Timeout).later(6 * time.Hour),
		fails("c.group.example. A", cause.Timeout).later(5 * time.Hour),
		from("1", "d").later(time.Hour),
		{ask: "b.group.example. A", want: "NOERROR", nothing: true},
		{ask: "c.group.example. A", want: "NOERROR", nothing: true},
	},
}, {
	name: "an outage of seconds is not cached for minutes",
	seen: "systemd/systemd 18769; PowerDNS/pdns 4865; PowerDNS/pdns 8160",
	situation: "A server lags for a few seconds. The SERVFAIL is cached, and clients see it for " +
		"a minute or more.",
	why: "RFC 9520, section 3.2: a failure is remembered for some seconds at first, longer only " +
		"if it is repeated.",
	world: brief.world(func(in lab.Incoming, _ bool, at time.Duration) (lab.Reply, bool) {
		if at >= time.Second && at < 3*time.Second {
			return says(in, dns.RcodeServerFailure)
		}
		return lab.Reply{}, false
	}),
	config: brief.config,
	steps: []step{
		from("1", "a"),
		fails("b.group.example. A", cause.ServerFailed).later(time.Second),
		{ask: "b.group.example. A", want: "NOERROR", nothing: true, after: 6 * time.Second},
	},
}, {
	name: "a forwarder that is silent gets a few questions, not all of them",
	seen: "coredns/coredns 6991; NLnetLabs/unbound 620",
	situation: "All forwarders are away, and clients are served stale data. Each query is sent " +
		"on to the forwarders nevertheless, which come back into a flood.",
	why: "RFC 8767, section 5: a refresh that has failed is not tried again for a while. The " +
		"zone is asked whether it is back, once for all names.",
	world: func(w *lab.World) {
		unsigned(w, "busy.example.", "www 30 A 192.0.2.1")
		forwarded.Store(0)
		began := time.Now()
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			silent := in.Server == w.AddressOf("busy.example.") && time.Since(began) > time.Minute
			if silent {
				forwarded.Add(1)
			}
			return lab.Reply{}, silent
		}
	},
	config: forward("busy.example."),
	steps: append([]step{good("www.busy.example. A", "NOERROR", "www.busy.example. A 192.0.2.1"),
		good("www.busy.example. A", "NOERROR", "www.busy.example. A 192.0.2.1").
			later(2 * time.Minute)}, whileAway(20*60)...),
}, {
	name: "a forwarder that returns somebody else's cookie is heard over TCP",
	seen: "c-ares/c-ares 1271 and 1044; 0xERR0R/blocky 1097; Control-D-Inc/ctrld 242",
	situation: "A home router caches replies with their OPT record, and returns the cookie of " +
		"whoever asked first. Its replies are dropped as forged, and nothing resolves.",
	why: "RFC 7873, section 5.3: such a reply is discarded, as it may be forged. Over TCP it " +
		"cannot be, and the server counts as one without cookies afterwards.",
	world: func(w *lab.World) {
		unsigned(w, "router.example.", "* A 192.0.2.1")
		script(w, "router.example.", func(in lab.Incoming, m *dns.Msg) bool {
			opt := in.Query.IsEdns0()
			if opt == nil || m.IsEdns0() == nil {
				return false
			}
			for _, o := range opt.Option {
				if o.Option() == dns.EDNS0COOKIE {
					m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{
						Code:   dns.EDNS0COOKIE,
						Cookie: hex.EncodeToString([]byte("someoneesomeonelse"))[:48-16]})
				}
			}
			return true
		})
	},
	config: forward("router.example."),
	steps: []step{
		good("a.router.example. A", "NOERROR", "a.router.example. A 192.0.2.1"),
		good("b.router.example. A", "NOERROR", "b.router.example. A 192.0.2.1").packets(2),
		good("c.router.example. A", "NOERROR", "c.router.example. A 192.0.2.1").packets(2),
	},
}}

// forwarded counts the packets to the forwarder that is away.
var forwarded atomic.Int64

// whileAway are questions for a name whose forwarder is away, one a second.
func whileAway(n int) (steps []step) {
	for range n {
		steps = append(steps, good("www.busy.example. A", "NOERROR",
			"www.busy.example. A 192.0.2.1").later(time.Second))
	}
	steps[n-1].check = func(t *testing.T, _ *dns.Msg) {
		// An attempt for the name in half a minute, and a question for the zone in three seconds,
		// are four packets each at most.
		if got, most := int(forwarded.Load()), 4*(n/30+n/3); got > most {
			t.Errorf("%d packets in %d seconds, want %d at most", got, n, most)
		} else {
			t.Logf("%d packets in %d seconds", got, n)
		}
	}
	return steps
}
