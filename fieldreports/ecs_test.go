// Clients' networks for the servers of some zones (RFC 7871).

package fieldreports

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

func TestNetworks(t *testing.T) { play(t, networks) }

// sending has the servers of cdn.example learn networks, and the client be a forwarder.
func sending(c *resolver.Config) {
	c.ECS.Zones = []wire.Name{wire.MustParseName("cdn.example.")}
	c.ECS.Forwarders = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// cdn is a world with a zone that answers by network: 192.0.2.N for N.0.0.0/24, and .254 without.
func cdn(w *lab.World) {
	w.Add(lab.Zone{Name: "cdn.example.", Algorithm: lab.Unsigned,
		Records: "www A 192.0.2.254;;mail MX 10 www;;to CNAME www", Tailor: byFirstOctet})
	unsigned(w, "other.example.", "www A 192.0.2.1;;to CNAME www.cdn.example.")
}

func byFirstOctet(_ string, n netip.Prefix) (netip.Addr, int) {
	if !n.IsValid() || n.Bits() == 0 {
		return netip.Addr{}, 0
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, n.Addr().AsSlice()[0]}), 24
}

// ofNetwork has a query ask for a network.
func ofNetwork(network string) func(*dns.Msg) {
	p := netip.MustParsePrefix(network)
	family := uint16(1)
	if p.Addr().Is6() {
		family = 2
	}
	return func(m *dns.Msg) {
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()),
			Address: p.Addr().AsSlice()})
	}
}

// scoped checks the option of a response; "" if there has to be none.
func scoped(want string) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		got := ""
		for _, o := range m.IsEdns0().Option {
			if e, ok := o.(*dns.EDNS0_SUBNET); ok {
				got = e.String()
			}
		}
		if got != want {
			t.Errorf("the option is %q, want %q", got, want)
		}
	}
}

// toNetworks has the servers of cdn.example change their replies to questions with a network;
// change returns nil for silence.
func toNetworks(w *lab.World, change func(lab.Incoming, *dns.Msg) *dns.Msg) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf("cdn.example.") || !lab.ClientSubnet(in.Query).IsValid() {
			return lab.Reply{}, false
		}
		if m := change(in, in.Honest()); m != nil {
			return lab.Messages(m), true
		}
		return lab.Reply{}, true
	}
}

var networks = []report{{
	name: "the option of one client is not repeated to the next, who gets its own",
	seen: "Control-D-Inc/ctrld 324; coredns/coredns 7036",
	situation: "A cache kept answers with the option of whoever asked " +
		"first, and by name and type " +
		"alone. Forwarders that compare it dropped every fifth answer.",
	why: "The option is that of the query (RFC 7871, section 7.2.2), and answers are kept by " +
		"network (section 7.3.1).",
	world:  cdn,
	config: sending,
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/24")).checked(scoped("11.0.0.0/24/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.12").
			with(ofNetwork("12.0.0.0/24")).checked(scoped("12.0.0.0/24/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/24")).checked(scoped("11.0.0.0/24/24")).packets(noPackets),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			checked(scoped("")),
	},
}, {
	name: "a zone is found once for all networks",
	seen: "NLnetLabs/unbound 1431",
	situation: "With each new network the zone above was asked for the servers again, as the " +
		"network went along with all questions.",
	why: "A referral is for all, whatever its scope (RFC 7871, section 7.4), and only the zones " +
		"that are configured are told of networks.",
	world:  cdn,
	config: sending,
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/24")).asking("example. cdn.example. A"),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.12").
			with(ofNetwork("12.0.0.0/24")).asking("cdn.example. www.cdn.example. A").
			sparing(". example. A", "example. cdn.example. A", "example. www.cdn.example. A"),
	},
}, {
	name: "the first client, which has no network, does not decide for all",
	seen: "PowerDNS/pdns 16803; PowerDNS/pdns 12959",
	situation: "The first question came from the machine itself, and its answer was given to all " +
		"networks.",
	why: "What is cached for want of a network is told from what is for all (RFC 7871, section " +
		"7.3.1).",
	world:  cdn,
	config: sending,
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254"),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			packets(noPackets),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/24")),
	},
}, {
	name: "a client that does not want its network sent has none sent",
	seen: "PowerDNS/pdns 8286; PowerDNS/pdns 4491; getdnsapi/stubby 342; miekg/dns 529",
	situation: "For a prefix of 0 a resolver sent 127.0.0.1/32, and content " +
		"networks took that for " +
		"a place.",
	why:    "Nothing is sent (RFC 7871, section 7.1.2), nor a network that is not routed.",
	world:  cdn,
	config: sending,
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("0.0.0.0/0")).checked(scoped("0.0.0.0/0/0")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("::/0")).checked(scoped("[::]/0/0")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("192.168.1.0/24")).checked(scoped("192.168.1.0/24/0")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("127.0.0.1/32")),
	},
}, {
	name: "whoever sends the option gets it back with any answer",
	seen: "NLnetLabs/unbound 314; PowerDNS/pdns 9951; PowerDNS/pdns 14022; PowerDNS/pdns 7209",
	situation: "The option was missing from answers for networks that are not routed, from those " +
		"that were made by the resolver itself, or from all with a scope.",
	why:    "RFC 7871, section 7.2.2: the response has it if the query had, with a scope of 0 too.",
	world:  cdn,
	config: sending,
	steps: []step{
		good("www.other.example. A", "NOERROR", "www.other.example. A 192.0.2.1").
			with(ofNetwork("11.0.0.0/24")).checked(scoped("11.0.0.0/24/0")),
		empty("no.other.example. A", "NXDOMAIN").with(ofNetwork("10.0.0.0/8")).
			checked(scoped("10.0.0.0/8/0")),
		good("localhost. A", "NOERROR", "localhost. A 127.0.0.1").
			with(ofNetwork("11.0.0.0/24")).checked(scoped("11.0.0.0/24/0")),
	},
}, {
	name: "no more is sent than the client has sent",
	seen: "PowerDNS/pdns 3262",
	situation: "A resolver sent 24 bits of a client that a forwarder had " +
		"told it 16 bits of, padded " +
		"with zeros.",
	why:    "The shorter of both is sent (RFC 7871, section 7.1.2).",
	config: sending,
	world: func(w *lab.World) {
		cdn(w)
		toNetworks(w, func(in lab.Incoming, m *dns.Msg) *dns.Msg {
			if lab.ClientSubnet(in.Query).String() != "11.0.0.0/16" {
				m.Rcode = dns.RcodeNameError
			}
			return m
		})
	},
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/16")).checked(scoped("11.0.0.0/16/16")),
	},
}, {
	name: "a denial for one network is not for others",
	seen: "PowerDNS/pdns 2906; PowerDNS/pdns 16819",
	situation: "A name that does not exist for one network was denied to " +
		"all, as denials were kept " +
		"without networks.",
	why: "RFC 7871, section 7.4 has authorities expect that, but does not ask for it, and it " +
		"would be a wrong answer.",
	config: sending,
	world: func(w *lab.World) {
		cdn(w)
		toNetworks(w, func(in lab.Incoming, m *dns.Msg) *dns.Msg {
			if lab.ClientSubnet(in.Query).String() == "11.0.0.0/24" {
				m.Answer, m.Rcode = nil, dns.RcodeNameError
				m.Ns = []dns.RR{rr("cdn.example. 60 SOA . . 1 1 1 1 60")}
			}
			return m
		})
	},
	steps: []step{
		empty("www.cdn.example. A", "NXDOMAIN").with(ofNetwork("11.0.0.0/24")).
			checked(scoped("11.0.0.0/24/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.12").
			with(ofNetwork("12.0.0.0/24")),
		empty("www.cdn.example. A", "NXDOMAIN").with(ofNetwork("11.0.0.0/24")).
			packets(noPackets),
	},
}, {
	name: "servers that answer SERVFAIL or FORMERR to the option are asked without it",
	seen: "PowerDNS/pdns 10825 (upsstoreprintshop.com); PowerDNS/pdns 4491 (citrixonline.com)",
	situation: "Names of some zones could not be resolved as soon as the option was sent: their " +
		"servers failed, refused, or were silent.",
	why:    "Such servers are asked without (RFC 7871, sections 7.3 and 13.2).",
	config: sending,
	world: func(w *lab.World) {
		cdn(w)
		codes := []int{dns.RcodeServerFailure, dns.RcodeFormatError, dns.RcodeRefused,
			dns.RcodeNotImplemented}
		toNetworks(w, func(in lab.Incoming, m *dns.Msg) *dns.Msg {
			at := int(lab.ClientSubnet(in.Query).Addr().AsSlice()[0])
			return new(dns.Msg).SetRcode(in.Query, codes[at%len(codes)])
		})
	},
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("12.0.0.0/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("13.0.0.0/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("14.0.0.0/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("15.0.0.0/24")),
	},
}, {
	name: "servers that drop questions with the option are asked without it in time",
	seen: "NLnetLabs/unbound 1050 (itp.hncsmtr.com)",
	situation: "Load balancers did not reply to questions for HTTPS with " +
		"the option, and the name " +
		"failed.",
	why: "Silence may be about the option (RFC 7871, section 13.2), as long as the zone has not " +
		"used it.",
	config: sending,
	world: func(w *lab.World) {
		cdn(w)
		toNetworks(w, func(lab.Incoming, *dns.Msg) *dns.Msg { return nil })
	},
	steps: []step{
		empty("www.cdn.example. HTTPS", "NOERROR").with(ofNetwork("11.0.0.0/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("11.0.0.0/24")).later(time.Minute),
	},
}, {
	name: "servers that return another network do not make the name fail",
	seen: "TechnitiumSoftware/DnsServer 1699 (smtp.shoptet.cz)",
	situation: "The servers of a zone returned another source prefix than the question had. " +
		"Resolvers that compare had no answer.",
	why: "The reply is dropped (RFC 7871, section 11.2), and the name asked for without a " +
		"network, to which the same servers have an answer.",
	config: sending,
	world: func(w *lab.World) {
		cdn(w)
		toNetworks(w, func(_ lab.Incoming, m *dns.Msg) *dns.Msg {
			for _, o := range m.IsEdns0().Option {
				if e, ok := o.(*dns.EDNS0_SUBNET); ok {
					e.SourceNetmask, e.Address = 32, []byte{11, 0, 0, 1}
				}
			}
			return m
		})
	},
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("11.0.0.0/24")),
	},
}, {
	name: "an option that nobody asked for changes nothing",
	seen: "TechnitiumSoftware/DnsServer 1116",
	situation: "A server returned a network though the question had none, " +
		"and the answer was kept " +
		"for that network.",
	why:    "The option answers one in the query (RFC 7871, section 7.2.1).",
	config: sending,
	world: func(w *lab.World) {
		cdn(w)
		script(w, "other.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			if m.IsEdns0() != nil {
				m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
					Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, SourceScope: 24,
					Address: []byte{99, 0, 0, 0}})
			}
			return true
		})
	},
	steps: []step{
		good("www.other.example. A", "NOERROR", "www.other.example. A 192.0.2.1").
			with(ofNetwork("11.0.0.0/24")).checked(scoped("11.0.0.0/24/0")),
		good("www.other.example. A", "NOERROR", "www.other.example. A 192.0.2.1").
			packets(noPackets).checked(scoped("")),
	},
}, {
	name: "the scope of an alias chain is that of its longest network",
	seen: "MikeBishop/dns-alt-svc 308; PowerDNS/pdns 16819",
	situation: "A chain that begins in a zone without networks ends in one with them, and the " +
		"response had the scope of its beginning: 0.",
	why:    "A cache that keeps the whole needs the longest (RFC 7871, section 7.2.1).",
	world:  cdn,
	config: sending,
	steps: []step{
		good("to.other.example. A", "NOERROR", "to.other.example. CNAME www.cdn.example.",
			"www.cdn.example. A 192.0.2.11").with(ofNetwork("11.0.0.0/24")).
			checked(scoped("11.0.0.0/24/24")),
		good("to.other.example. A", "NOERROR", "to.other.example. CNAME www.cdn.example.",
			"www.cdn.example. A 192.0.2.12").with(ofNetwork("12.0.0.0/24")),
		good("to.other.example. A", "NOERROR", "to.other.example. CNAME www.cdn.example.",
			"www.cdn.example. A 192.0.2.11").with(ofNetwork("11.0.0.0/24")).packets(noPackets),
	},
}, {
	name: "an older answer for all does not come back when that for a network has ended",
	seen: "NLnetLabs/unbound 825; NLnetLabs/unbound 842; klutchell/unbound-docker 437",
	situation: "With stale answers on, a network got what was kept for all as soon as its own " +
		"answer had ended, though the servers replied.",
	why:    "Stale data are for when fresh ones cannot be had (RFC 8767, section 5).",
	world:  cdn,
	config: func(c *resolver.Config) { sending(c); c.Stale.Enabled = true },
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254"),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/24")),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.11").
			with(ofNetwork("11.0.0.0/24")).later(301 * time.Second),
	},
}, {
	name: "nothing is sent of a client that nobody has named",
	seen: "PowerDNS/pdns 15232; AdguardTeam/AdGuardHome 1755; TechnitiumSoftware/DnsServer 978",
	situation: "A resolver added networks that were not configured, among " +
		"them its own and those of " +
		"private networks.",
	why: "Nothing is sent unless the zone is listed (RFC 7871, section 11.1), and nothing of " +
		"networks that are not routed.",
	config: func(c *resolver.Config) { sending(c); c.ECS.Forwarders = nil },
	world: func(w *lab.World) {
		cdn(w)
		toNetworks(w, func(_ lab.Incoming, m *dns.Msg) *dns.Msg {
			m.Rcode = dns.RcodeNameError
			return m
		})
	},
	steps: []step{
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254"),
		good("www.cdn.example. A", "NOERROR", "www.cdn.example. A 192.0.2.254").
			with(ofNetwork("11.0.0.0/24")).checked(scoped("11.0.0.0/24/0")),
	},
}}
