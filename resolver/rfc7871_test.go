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

	"bailiwick/cache"
	"bailiwick/internal/lab"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// networks is a world with a zone that answers by the client's network, cdn.example., and others
// beside and below it; asked has the question and the network of each query to a server.
type networks struct {
	*internet
	script lab.Script // of the test; nil: none

	mu    sync.Mutex
	asked []string // guarded by mu
}

// newNetworks returns it; change may alter the resolver's configuration. Without a change the zone
// and those below are asked with networks.
func newNetworks(t testing.TB, change func(*resolver.Config)) *networks {
	return newTailored(t, byNetwork, change)
}

// byNetwork is 198.51.N.1 for the network N.x.x.x/24 or longer, and for a shorter one its length in
// place of 1.
func byNetwork(name string, n netip.Prefix) (netip.Addr, int) {
	if strings.HasPrefix(name, "same") {
		return netip.Addr{}, 0
	}
	if !n.IsValid() {
		return netip.MustParseAddr("198.51.100.254"), 0
	}
	at := n.Addr().AsSlice()[0]
	return netip.AddrFrom4([4]byte{198, 51, at, byte(max(1, 25-n.Bits()))}), 24
}

func newTailored(t testing.TB, tailor lab.Tailor, change func(*resolver.Config)) *networks {
	t.Helper()
	w := lab.New(time.Now())
	for _, z := range []lab.Zone{
		{Name: "example."},
		{Name: "cdn.example.", Tailor: tailor, Denial: lab.NSEC3, Records: strings.Join([]string{
			"www A 192.0.2.1", "same A 192.0.2.2", "same2 A 192.0.2.2", "same3 A 192.0.2.2",
			"same4 A 192.0.2.2", "inner CNAME www", "outer CNAME www.other.example.",
			"www AAAA 2001:db8::1", "@ MX 10 www", "@ A 192.0.2.5"}, ";;")},
		{Name: "below.cdn.example.", Algorithm: lab.Unsigned, Tailor: tailor,
			Records: "www A 192.0.2.3"},
		{Name: "other.example.", Tailor: tailor,
			Records: "www A 192.0.2.4;;to CNAME www.cdn.example."},
	} {
		w.Add(z)
	}
	n := &networks{}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		q, sent := in.Question(), ""
		if p := lab.ClientSubnet(in.Query); p.IsValid() {
			sent = " " + p.String()
		}
		n.mu.Lock()
		n.asked = append(n.asked, strings.ToLower(q.Name)+" "+dns.TypeToString[q.Qtype]+sent)
		script := n.script
		n.mu.Unlock()
		if script != nil {
			return script(in)
		}
		return lab.Reply{}, false
	}
	n.internet = newWorld(t, w, func(c *resolver.Config) {
		c.ECS.Zones = []wire.Name{wire.MustParseName("cdn.example.")}
		if change != nil {
			change(c)
		}
	})
	return n
}

// play has the servers follow a script from now on.
func (n *networks) play(s lab.Script) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.script = s
}

// of resolves a question for a client's network, "" for none.
func (n *networks) of(network, name string, t wire.Type) *resolver.Answer {
	n.t.Helper()
	var p netip.Prefix
	if network != "" {
		p = netip.MustParsePrefix(network)
	}
	return n.ask(name, t, resolver.Options{Network: p})
}

// address resolves a name for a network and returns its address, or the RCODE.
func (n *networks) address(network, name string) string {
	n.t.Helper()
	a := n.of(network, name, wire.TypeA)
	if a.RCode != wire.RCodeNoError || len(a.Sets) == 0 {
		return a.RCode.String()
	}
	last := a.Sets[len(a.Sets)-1]
	return netip.AddrFrom4([4]byte(last.Data.First())).String()
}

// want compares an address.
func (n *networks) want(network, name, address string) {
	n.t.Helper()
	if got := n.address(network, name); got != address {
		n.t.Errorf("%s for %s is %s, want %s", name, network, got, address)
	}
}

// sent returns the questions since the last call that begin with a text, or went with a network.
func (n *networks) sent(about string) (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.asked {
		if strings.HasPrefix(q, about) {
			list = append(list, q)
		}
	}
	n.asked = nil
	return list
}

// wantSent compares the questions since the last call that begin with a text.
func (n *networks) wantSent(about string, want ...string) {
	n.t.Helper()
	if got := n.sent(about); !slices.Equal(got, want) {
		n.t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each network gets the answer that is for it, validated, from the zone's servers the first time
// and from the cache then (RFC 7871, sections 7.1.1 and 7.3).
func TestRFC7871AnswersAreForTheirNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA)
		if a.Status != wire.Secure || a.Scope != 24 || !a.NoCache {
			t.Errorf("status %v, scope %d, NoCache %v", a.Status, a.Scope, a.NoCache)
		}
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.want("12.0.0.0/24", "www.cdn.example.", "198.51.12.1")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.wantSent("www", "www.cdn.example. A 11.0.0.0/24", "www.cdn.example. A 12.0.0.0/24")

		// They end with their TTL, and are not served beyond it.
		time.Sleep(100 * time.Second)
		if a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA); a.Sets[0].TTL != 200 {
			t.Errorf("TTL %d", a.Sets[0].TTL)
		}
		time.Sleep(201 * time.Second)
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.wantSent("www", "www.cdn.example. A 11.0.0.0/24")
	})
}

// A client without a network gets what the servers have for such, and nobody else gets that: what
// is cached because nothing was sent is told from what is for all (RFC 7871, section 7.3.1).
func TestRFC7871NoNetworkIsNotAllNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("", "www.cdn.example.", "198.51.100.254")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.want("", "www.cdn.example.", "198.51.100.254")
		n.wantSent("www", "www.cdn.example. A", "www.cdn.example. A 11.0.0.0/24")
	})
}

// Only the servers of the zones that are configured, and of those below, learn a network, and only
// with the whole question for addresses: not the root's, nor a parent's, nor with shortened names,
// keys, delegations or other types (RFC 7871, sections 7.4 and 11.1; RFC 9156).
func TestRFC7871OnlyConfiguredZonesLearnNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		for _, name := range []string{"www.cdn.example.", "www.below.cdn.example.",
			"www.other.example.", "to.other.example."} {
			for _, at := range []wire.Type{wire.TypeA, wire.TypeMX, wire.TypeNS, wire.TypeDS,
				wire.TypeDNSKEY, wire.TypeSOA, wire.TypeTXT, wire.TypeANY} {
				n.of("11.0.0.0/24", name, at)
			}
		}
		n.of("11.0.0.0/24", "cdn.example.", wire.TypeA)
		var with []string
		for _, q := range n.sent("") {
			if strings.HasSuffix(q, "/24") {
				with = append(with, q)
			}
		}
		want := []string{"www.cdn.example. A 11.0.0.0/24", "www.below.cdn.example. A 11.0.0.0/24",
			"cdn.example. A 11.0.0.0/24"}
		if !slices.Equal(with, want) {
			t.Errorf("with a network:\n%s", strings.Join(with, "\n"))
		}
	})
}

// The servers of a zone above a configured one learn no network, even if they get the whole
// question.
func TestRFC7871ZonesAboveLearnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, func(c *resolver.Config) {
			c.ECS.Zones = []wire.Name{wire.MustParseName("below.cdn.example.")}
			c.Minimise = resolver.MinimiseOff
		})
		n.of("11.0.0.0/24", "www.below.cdn.example.", wire.TypeA)
		n.wantSent("www", "www.below.cdn.example. A", "www.below.cdn.example. A",
			"www.below.cdn.example. A", "www.below.cdn.example. A 11.0.0.0/24")
	})
}

// The servers of the root and of top level domains learn no network, even if the root is
// configured.
func TestRFC7871TopLevelsLearnNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, func(c *resolver.Config) {
			c.ECS.Zones, c.Minimise = []wire.Name{wire.Root}, resolver.MinimiseOff
		})
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.wantSent("www", "www.cdn.example. A", "www.cdn.example. A",
			"www.cdn.example. A 11.0.0.0/24")
	})
}

// An answer of scope 0 is for all, whether they send a network or not (RFC 7871, section 7.3.1).
func TestRFC7871ScopeZeroIsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		for _, network := range []string{"11.0.0.0/24", "12.0.0.0/24", "2600::/56", ""} {
			n.want(network, "same.cdn.example.", "192.0.2.2")
		}
		n.wantSent("same", "same.cdn.example. A 11.0.0.0/24")
	})
}

// A scope that is longer than what was sent is cut. If more could have been sent, the answer is for
// who sends just as little (RFC 7871, section 7.3.1).
func TestRFC7871LongScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		if a := n.of("11.0.0.0/16", "www.cdn.example.", wire.TypeA); a.Scope != 16 {
			t.Errorf("scope %d", a.Scope)
		}
		n.want("11.0.0.0/16", "www.cdn.example.", "198.51.11.9")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.want("11.0.0.0/20", "www.cdn.example.", "198.51.11.5")
		n.wantSent("www", "www.cdn.example. A 11.0.0.0/16", "www.cdn.example. A 11.0.0.0/24",
			"www.cdn.example. A 11.0.0.0/20")
	})
}

// Of the answers that are kept, the one for the longest network that contains the client's is
// used, and none that is for a part of it (RFC 7871, section 7.3.2).
func TestRFC7871LongestNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scopes := map[string]int{"11.0.0.0/24": 8, "11.1.0.0/24": 24, "11.2.0.0/16": 16}
		n := newTailored(t, func(_ string, n netip.Prefix) (netip.Addr, int) {
			scope := scopes[n.String()]
			return netip.AddrFrom4([4]byte{198, 51, 100, byte(scope)}), scope
		}, nil)
		n.want("11.1.0.0/24", "www.cdn.example.", "198.51.100.24")
		n.want("11.2.0.0/16", "www.cdn.example.", "198.51.100.16")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.100.8")
		n.sent("")
		n.want("11.1.0.0/24", "www.cdn.example.", "198.51.100.24")
		n.want("11.2.7.0/24", "www.cdn.example.", "198.51.100.16")
		n.want("11.9.0.0/24", "www.cdn.example.", "198.51.100.8")
		n.want("11.1.0.0/16", "www.cdn.example.", "198.51.100.8")
		n.wantSent("www")
	})
}

// A zone whose answers are for all networks is asked without, once for all clients; after a while
// one question finds out whether that has changed.
func TestECSIsLearntOfAZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTailored(t, func(string, netip.Prefix) (netip.Addr, int) {
			return netip.Addr{}, 0
		}, nil)
		for i, name := range []string{"same", "same2", "same3", "same4", "www"} {
			n.of("11.0.0.0/24", name+".cdn.example.", wire.TypeA)
			network := " 11.0.0.0/24"
			if i > 2 {
				network = ""
			}
			n.wantSent(name, name+".cdn.example. A"+network)
		}
		if a := n.of("11.0.0.0/24", "www.cdn.example.", wire.TypeA); a.NoCache {
			t.Error("the answer cannot be prepared")
		}
		time.Sleep(time.Hour + time.Second)
		for _, name := range []string{"same", "same2"} {
			n.of("11.0.0.0/24", name+".cdn.example.", wire.TypeA)
		}
		n.wantSent("same", "same.cdn.example. A 11.0.0.0/24", "same2.cdn.example. A")
	})
}

// A zone that has tailored an answer may have others that are for all.
func TestECSIsNotUnlearntOfAMixedZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		for _, name := range []string{"same", "same2", "same3", "same4"} {
			n.want("11.0.0.0/24", name+".cdn.example.", "192.0.2.2")
		}
		n.want("12.0.0.0/24", "www.cdn.example.", "198.51.12.1")
	})
}

// withSubnet returns a reply with an option for another network in place of its own; "" for none.
func withSubnet(m *dns.Msg, network string) *dns.Msg {
	opt := m.IsEdns0()
	opt.Option = slices.DeleteFunc(opt.Option, func(o dns.EDNS0) bool {
		return o.Option() == dns.EDNS0SUBNET
	})
	if network != "" {
		p := netip.MustParsePrefix(network)
		opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1,
			SourceNetmask: uint8(p.Bits()), SourceScope: 24, Address: p.Addr().AsSlice()})
	}
	return m
}

// guessed returns an honest reply with an address of the attacker's, and an option.
func guessed(in lab.Incoming, network string) *dns.Msg {
	m := withSubnet(in.Honest(), network)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: in.Question().Name, Rrtype: dns.TypeA,
		Class: dns.ClassINET, Ttl: 300}, A: []byte{203, 0, 113, 66}}}
	return m
}

// about reports whether a query is for a name in an unsigned zone, with a network.
func about(in lab.Incoming, name string) bool {
	return strings.EqualFold(in.Question().Name, name) && lab.ClientSubnet(in.Query).IsValid()
}

// A reply whose network differs from the question's is dropped, and the right one waited for (RFC
// 7871, sections 7.3 and 11.2).
func TestRFC7871OtherNetworksAreDropped(t *testing.T) {
	const name = "www.below.cdn.example."
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			if !about(in, name) || in.TCP {
				return lab.Reply{}, false
			}
			return lab.Messages(guessed(in, "12.0.0.0/24"), guessed(in, "11.0.0.0/23"),
				guessed(in, "11.0.0.0/25"), in.Honest()), true
		})
		n.want("11.0.0.0/24", name, "198.51.11.1")
	})
}

// A server that returns another network over TCP too is of no use with one: the name is asked for
// without, and resolves.
func TestRFC7871OtherNetworksAlways(t *testing.T) {
	const name = "www.below.cdn.example."
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("13.0.0.0/24", name, "198.51.13.1") // the zone is known to tailor
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			if !about(in, name) {
				return lab.Reply{}, false
			}
			return lab.Messages(guessed(in, "12.0.0.0/24")), true
		})
		n.want("11.0.0.0/24", name, "198.51.100.254")
	})
}

// A server that has returned networks does not stop: a reply without is taken for a forged one, and
// the right one waited for (RFC 7871, section 11.2; CVE-2025-5994). If it has stopped, TCP tells.
func TestCVE2025_5994RepliesLackTheNetwork(t *testing.T) {
	const name = "www.below.cdn.example."
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("13.0.0.0/24", name, "198.51.13.1")
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			if !about(in, name) || in.TCP {
				return lab.Reply{}, false
			}
			return lab.Messages(guessed(in, ""), in.Honest()), true
		})
		n.want("11.0.0.0/24", name, "198.51.11.1")

		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			if !about(in, name) {
				return lab.Reply{}, false
			}
			return lab.Messages(withSubnet(in.Honest(), "")), true
		})
		n.want("12.0.0.0/24", name, "198.51.12.1")
		n.world.Transcript()
		time.Sleep(301 * time.Second)
		n.want("12.0.0.0/24", name, "198.51.100.254")
		if seen := n.transcript(); strings.Contains(seen, "TCP") {
			t.Errorf("TCP once more:\n%s", seen)
		}
	})
}

// A server of which nothing is known may answer without the network. But that answer, which a guess
// for any of many open questions could be, is not used: the name is asked for without networks, in
// one question for all (CVE-2025-5994).
func TestCVE2025_5994UnknownServers(t *testing.T) {
	const name = "www.below.cdn.example."
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			if !about(in, name) {
				return lab.Reply{}, false
			}
			return lab.Messages(guessed(in, "")), true
		})
		n.want("11.0.0.0/24", name, "198.51.100.254")
		n.want("12.0.0.0/24", name, "198.51.100.254")
		n.want("13.0.0.0/24", name, "198.51.100.254")
		n.want("14.0.0.0/24", name, "198.51.100.254")
		n.wantSent("www", name+" A 11.0.0.0/24", name+" A", name+" A 12.0.0.0/24",
			name+" A 13.0.0.0/24")
	})
}

// While questions for several networks are under way, one guess would do for any of them. Their
// number is bounded, and all others share one without a network (RFC 7871, section 11.2;
// CVE-2025-5994).
func TestCVE2025_5994OpenQuestionsAreBounded(t *testing.T) {
	const name = "www.below.cdn.example."
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("11.0.0.0/24", name, "198.51.11.1")
		n.sent("")
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(in.Honest()).After(200 * time.Millisecond), true
		})
		limittest.Met(t, limit.SubnetFetches)
		var clients sync.WaitGroup
		for i := range 50 {
			clients.Go(func() {
				network := fmt.Sprintf("20.%d.0.0/24", i)
				if a := n.of(network, name, wire.TypeA); a.Scope != 24 || len(a.Sets) != 1 {
					t.Errorf("%v, scope %d", a.RCode, a.Scope)
				}
			})
		}
		clients.Wait()
		without := 0
		all := n.sent(name)
		for _, q := range all {
			if q == name+" A" {
				without++
			}
		}
		if len(all) != resolver.MaxSubnetFetches+1 || without != 1 {
			t.Errorf("%d questions, %d without a network:\n%s", len(all), without,
				strings.Join(all, "\n"))
		}
	})
}

// A server that refuses, does not understand, or is silent is asked without the network, and a zone
// of such servers is not asked with any after some time (RFC 7871, sections 7.3 and 13.2).
func TestRFC7871ServersThatDoNotTakeIt(t *testing.T) {
	const name = "www.below.cdn.example."
	for what, reply := range map[string]func(in lab.Incoming) lab.Reply{
		"REFUSED": func(in lab.Incoming) lab.Reply {
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused))
		},
		"FORMERR": func(in lab.Incoming) lab.Reply {
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeFormatError))
		},
		"silence": func(in lab.Incoming) lab.Reply { return lab.Reply{} },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetworks(t, nil)
				n.play(func(in lab.Incoming) (lab.Reply, bool) {
					return reply(in), lab.ClientSubnet(in.Query).IsValid()
				})
				for i := range 5 {
					n.want(fmt.Sprintf("1%d.0.0.0/24", i), name, "198.51.100.254")
				}
				n.wantSent("www", name+" A 10.0.0.0/24", name+" A", name+" A 11.0.0.0/24",
					name+" A 12.0.0.0/24")
			})
		})
	}
}

// A denial is for the network that it came for, too: another network may have the name. It is used
// for no other name (RFC 7871, section 7.4; RFC 8198).
func TestRFC7871Denials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			p := lab.ClientSubnet(in.Query)
			if !p.IsValid() || p.Addr().As4()[0] != 11 {
				return lab.Reply{}, false
			}
			m := in.Honest()
			m.Answer, m.Rcode = nil, dns.RcodeNameError
			m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "below.cdn.example.",
				Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60}, Ns: ".", Mbox: ".",
				Minttl: 60}}
			return lab.Messages(m), true
		})
		n.want("11.0.0.0/24", "www.below.cdn.example.", "NXDOMAIN")
		n.sent("")
		n.want("12.0.0.0/24", "www.below.cdn.example.", "198.51.12.1")
		n.want("11.0.0.0/24", "www.below.cdn.example.", "NXDOMAIN")
		n.want("", "www.below.cdn.example.", "198.51.100.254")
		n.wantSent("www", "www.below.cdn.example. A 12.0.0.0/24", "www.below.cdn.example. A")
	})
}

// An alias is for the network as what it leads to is; where it leaves the zone nothing is sent on.
func TestRFC7871Aliases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("11.0.0.0/24", "inner.cdn.example.", "198.51.11.1")
		n.want("12.0.0.0/24", "inner.cdn.example.", "198.51.12.1")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.wantSent("inner", "inner.cdn.example. A 11.0.0.0/24", "inner.cdn.example. A 12.0.0.0/24")
		n.want("11.0.0.0/24", "outer.cdn.example.", "198.51.100.254")
		n.want("12.0.0.0/24", "to.other.example.", "198.51.12.1")
		n.wantSent("www", "www.other.example. A")
	})
}

// A truncated reply is asked for over TCP, with the network, and what comes is kept (RFC 7871,
// section 7.3).
func TestRFC7871Truncated(t *testing.T) {
	const name = "www.below.cdn.example."
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			if !about(in, name) || in.TCP {
				return lab.Reply{}, false
			}
			m := withSubnet(in.Honest(), "")
			m.Answer, m.Truncated = nil, true
			return lab.Messages(m), true
		})
		n.want("11.0.0.0/24", name, "198.51.11.1")
		n.wantSent("www", name+" A 11.0.0.0/24", name+" A 11.0.0.0/24")
	})
}

// The answers to one question that are kept are bounded, whatever networks are asked for (RFC 7871,
// section 11.3).
func TestMaxVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		limittest.Met(t, limit.SubnetVariants)
		for i := range resolver.MaxVariants + 20 {
			n.of(fmt.Sprintf("11.0.%d.0/24", i), "www.below.cdn.example.", wire.TypeA)
		}
		kept := 0
		_ = n.r.Variants(func(v resolver.Variant) error {
			if v.Name.String() == "www.below.cdn.example." {
				kept++
			}
			return nil
		})
		if kept != resolver.MaxVariants {
			t.Errorf("%d are kept", kept)
		}
	})
}

// What is kept for networks is forgotten with its name.
func TestFlushForgetsVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.r.Flush(wire.MustParseName("cdn.example."), true)
		n.sent("")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.wantSent("www", "www.cdn.example. A 11.0.0.0/24")
	})
}

// A forwarder asks in our place, and learns the network if the name is in a configured zone, and
// only then; what is learnt is learnt of that zone.
func TestRFC7871Forwarders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, func(c *resolver.Config) {
			c.Zones = []resolver.Zone{{Name: wire.Root, Forward: true,
				Addrs: []netip.AddrPort{netip.AddrPortFrom(c.Hints[0].Addrs[0], 53)}}}
		})
		n.parts.Anchors = &trustanchor.Set{} // it makes its answers up
		n.internet = n.withMemory(cache.DefaultMemory)
		n.play(func(in lab.Incoming) (lab.Reply, bool) {
			m := new(dns.Msg).SetReply(in.Query)
			m.RecursionAvailable = true
			m.SetEdns0(1232, true)
			a := netip.MustParseAddr("198.51.100.254")
			if p := lab.ClientSubnet(in.Query); p.IsValid() {
				a, _ = byNetwork("", p)
				withSubnet(m, p.String())
			}
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: in.Question().Name,
				Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, A: a.AsSlice()}}
			return lab.Messages(m), true
		})
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		n.want("12.0.0.0/24", "www.cdn.example.", "198.51.12.1")
		n.want("11.0.0.0/24", "www.other.example.", "198.51.100.254")
		n.wantSent("www", "www.cdn.example. A 11.0.0.0/24", "www.cdn.example. A 12.0.0.0/24",
			"www.other.example. A")
	})
}

// A zone that is not configured any more, or anew, keeps nothing that was made otherwise.
func TestSuccessorForgetsVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetworks(t, nil)
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.11.1")
		off := n.cfg
		off.ECS.Zones = nil
		next := n.r.Successor(off, n.parts)
		t.Cleanup(next.Close)
		next.Forget(n.r)
		n.internet.r = next
		n.sent("")
		n.want("11.0.0.0/24", "www.cdn.example.", "198.51.100.254")
		kept := 0
		_ = next.Variants(func(resolver.Variant) error { kept++; return nil })
		if kept != 0 {
			t.Errorf("%d are kept", kept)
		}
	})
}

// What is sent for a client: RFC 7871, sections 7.1.1, 7.1.2 and 11.1.
func TestRFC7871WhatIsSent(t *testing.T) {
	c := resolver.Default().ECS
	c.Zones = []wire.Name{wire.Root}
	c.Forwarders = []netip.Prefix{netip.MustParsePrefix("192.0.2.53/32")}
	c.Never = append(c.Never, netip.MustParsePrefix("11.66.0.0/16"))
	for _, x := range []struct {
		what, client, option, want string
	}{
		{"its address, cut", "11.2.3.4", "", "11.2.3.0/24"},
		{"IPv6, cut", "2600:1:2:3:4::", "", "2600:1:2::/56"},
		{"IPv4 as IPv6", "::ffff:11.2.3.4", "", "11.2.3.0/24"},
		{"a prefix of 0 is honoured", "11.2.3.4", "0.0.0.0/0", ""},
		{"also in the other family", "11.2.3.4", "::/0", ""},
		{"also without a family", "11.2.3.4", "none", ""},
		{"also of a forwarder", "192.0.2.53", "0.0.0.0/0", ""},
		{"a client may tell less", "11.2.3.4", "11.2.0.0/16", "11.2.0.0/16"},
		{"but not more", "11.2.3.4", "11.2.3.4/32", "11.2.3.0/24"},
		{"nor another's", "11.2.3.4", "12.0.0.0/24", "11.2.3.0/24"},
		{"a forwarder may", "192.0.2.53", "12.0.0.0/24", "12.0.0.0/24"},
		{"cut", "192.0.2.53", "12.0.0.1/32", "12.0.0.0/24"},
		{"as short as it is", "192.0.2.53", "12.0.0.0/8", "12.0.0.0/8"},
		{"in the other family", "192.0.2.53", "2600::/48", "2600::/48"},
		{"a network that is not routed", "10.1.2.3", "", ""},
		{"this machine", "127.0.0.1", "", ""},
		{"this machine, IPv6", "::1", "", ""},
		{"a link", "fe80::1%eth0", "", ""},
		{"of a forwarder's client", "192.0.2.53", "192.168.1.0/24", ""},
		{"a short one that is not routed", "192.0.2.53", "10.0.0.0/8", ""},
		{"IPv4 within IPv6, of a forwarder", "192.0.2.53", "::ffff:11.0.0.0/104", ""},
		{"a client that is excepted", "11.66.3.4", "", ""},
		{"an excepted client of a forwarder", "192.0.2.53", "11.66.3.0/24", ""},
	} {
		var option *wire.Subnet
		switch x.option {
		case "":
		case "none":
			option = &wire.Subnet{}
		default:
			option = &wire.Subnet{Network: netip.MustParsePrefix(x.option)}
		}
		var want netip.Prefix
		if x.want != "" {
			want = netip.MustParsePrefix(x.want)
		}
		if got := c.Network(netip.MustParseAddr(x.client), option); got != want {
			t.Errorf("%s: %s with %q: %v, want %v", x.what, x.client, x.option, got, want)
		}
	}
	c.IPv4 = 0
	if got := c.Network(netip.MustParseAddr("11.2.3.4"), nil); got.IsValid() {
		t.Errorf("with 0 bits: %v", got)
	}
	c.Zones = nil
	if got := c.Network(netip.MustParseAddr("2600::1"), nil); got.IsValid() {
		t.Errorf("without zones: %v", got)
	}
}
