// Clients behind a translator (DNS64), and names with private addresses (DNS rebinding).

package fieldreports

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/nat64"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/wire"
)

func TestDNS64(t *testing.T) { play(t, dns64) }

func TestRebinding(t *testing.T) { play(t, rebinding) }

// translated switches DNS64 on with a prefix. The hosts of the lab are not global.
func translated(prefix string, change ...func(*policy.DNS64)) func(*policy.View) {
	return func(v *policy.View) {
		d := policy.Default().DNS64.DNS64
		p, err := nat64.ParsePrefix(prefix)
		if err != nil {
			panic(err)
		}
		d.Prefixes, d.NonGlobal = []nat64.Prefix{p}, true
		for _, f := range change {
			f(&d)
		}
		v.DNS64 = &d
	}
}

const wellKnown = "64:ff9b::/96"

// ofType has a zone's servers answer questions for a type with an RCODE, or by silence.
func ofType(zone string, t uint16, rcode int) func(*lab.World) {
	return func(w *lab.World) {
		script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
			if in.Question().Qtype != t {
				return false
			}
			m.Rcode, m.Answer, m.Ns = rcode, nil, nil
			return true
		})
	}
}

var dns64 = []report{{
	name: "an alias chain without AAAA records is followed to its A records",
	seen: "AdguardTeam/dnsproxy 438; AdguardTeam/AdGuardHome 6932; PowerDNS/pdns 11327; " +
		"PowerDNS/pdns 12841; DNSCrypt/dnscrypt-proxy 2129",
	situation: "The name is an alias, of one step or of two, through zones of others; the last " +
		"name has A records alone. Some took the alias for an answer, or lost it.",
	why: "RFC 6147, section 5.1.5: the chain stands before what is made of its end.",
	world: func(w *lab.World) {
		signed(w, "shop.example.", "www CNAME edge.cdn.example.;;far CNAME www")
		unsigned(w, "cdn.example.", "edge A 192.0.2.1")
	},
	viewing: translated(wellKnown),
	steps: []step{
		good("far.shop.example. AAAA", "NOERROR", "far.shop.example. CNAME www.shop.example.",
			"www.shop.example. CNAME edge.cdn.example.",
			"edge.cdn.example. AAAA 64:ff9b::c000:201"),
		good("www.shop.example. AAAA", "NOERROR", "www.shop.example. CNAME edge.cdn.example.",
			"edge.cdn.example. AAAA 64:ff9b::c000:201").packets(noPackets),
	},
}, {
	name: "nothing is made of what is bogus",
	seen: "PowerDNS/pdns 5888",
	situation: "The AAAA records of a signed zone, or their denial, do not verify. Whoever " +
		"forges packets could have clients led elsewhere if the A records were enough.",
	why: "RFC 6147, section 5.5: SERVFAIL.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "bank.example.", Faults: lab.Faults{lab.NoDenial},
			Records: "www A 192.0.2.1"})
	},
	viewing: translated(wellKnown),
	steps: []step{
		fails("www.bank.example. AAAA", cause.DenialMissing),
		fails("www.bank.example. AAAA", cause.DenialMissing),
		good("www.bank.example. A", "NOERROR AD", "www.bank.example. A 192.0.2.1"),
	},
}, {
	name: "servers that refuse the type have not denied the host",
	seen: "NLnetLabs/unbound 1511; PowerDNS/pdns 1344",
	situation: "The servers of a zone say REFUSED or SERVFAIL to AAAA alone. Those who asked " +
		"for a switch want the failure, and IPv6-only clients the host.",
	why: "RFC 6147, sections 5.1.2 and 5.1.3: as if there were no AAAA record.",
	world: func(w *lab.World) {
		unsigned(w, "parcel.example.", "www A 192.0.2.1")
		ofType("parcel.example.", dns.TypeAAAA, dns.RcodeServerFailure)(w)
	},
	viewing: translated(wellKnown),
	steps: []step{
		good("www.parcel.example. AAAA", "NOERROR",
			"www.parcel.example. AAAA 64:ff9b::c000:201"),
		good("www.parcel.example. AAAA", "NOERROR",
			"www.parcel.example. AAAA 64:ff9b::c000:201").packets(noPackets),
	},
}, {
	name: "servers that are silent for the type have not denied the host",
	seen: "systemd/systemd 22575",
	situation: "A company's servers reply to A and drop questions for AAAA. Whoever asks for " +
		"AAAA first, and for A when that has failed, has no time left.",
	why: "RFC 6147, sections 5.1.3 and 5.1.8: the A records are asked for meanwhile. The failure " +
		"is remembered, and the next client waits for nothing (RFC 9520).",
	world: func(w *lab.World) {
		unsigned(w, "office.example.", "vpn A 192.0.2.1")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Reply{}, is(in, "vpn.office.example.", dns.TypeAAAA)
		}
	},
	viewing: translated(wellKnown),
	steps: []step{
		good("vpn.office.example. AAAA", "NOERROR", "vpn.office.example. AAAA 64:ff9b::c000:201"),
		good("vpn.office.example. AAAA", "NOERROR",
			"vpn.office.example. AAAA 64:ff9b::c000:201").packets(noPackets),
	},
}, {
	name:      "A records do not stand in the answer to a question for AAAA",
	seen:      "CZ-NIC/knot-resolver 104",
	situation: "Without validation, the A records that addresses were made of came along.",
	why:       "RFC 6147, section 5.1.6: they are replaced.",
	world: func(w *lab.World) {
		unsigned(w, "search.example.", "@ A 192.0.2.1;;@ A 192.0.2.2")
	},
	viewing: translated(wellKnown),
	steps: []step{
		good("search.example. AAAA", "NOERROR", "search.example. AAAA 64:ff9b::c000:201",
			"search.example. AAAA 64:ff9b::c000:202").with(noDO),
		good("search.example. AAAA", "NOERROR", "search.example. AAAA 64:ff9b::c000:201",
			"search.example. AAAA 64:ff9b::c000:202"),
	},
}, {
	name: "the operator's own hosts get addresses too",
	seen: "NLnetLabs/unbound 1377",
	situation: "Leases and other local data have A records alone; clients with IPv6 alone did " +
		"not reach them.",
	why: "RFC 6147, section 5.1 knows no difference. A prefix of the operator's own reaches " +
		"private addresses, which the well-known one may not (RFC 6052, section 3.1).",
	world: func(*lab.World) {},
	viewing: func(v *policy.View) {
		translated("2001:db8:64::/96")(v)
		foo := wire.MustParseName("foo.home.arpa.")
		v.Local = func(q wire.Question) *policy.Local {
			switch {
			case q.Name != foo:
				return nil
			case q.Type != wire.TypeA:
				return &policy.Local{}
			}
			s := &wire.RRset{Name: foo, Type: wire.TypeA, Class: wire.ClassIN, TTL: 2400}
			s.Data = s.Data.Append([]byte{192, 168, 20, 135})
			return &policy.Local{Answer: []*wire.RRset{s}}
		}
	},
	steps: []step{
		good("foo.home.arpa. AAAA", "NOERROR", "foo.home.arpa. AAAA 2001:db8:64::c0a8:1487"),
		good("foo.home.arpa. A", "NOERROR", "foo.home.arpa. A 192.168.20.135"),
	},
}, {
	name: "clients find the prefix while the Internet is not there",
	seen: "NLnetLabs/unbound 793; PowerDNS/pdns 4199; zoonderkins/blahdns 60",
	situation: "Telephones look up ipv4only.arpa to see whether there is a translator, and leave " +
		"the network if the answer does not come.",
	why:     "RFC 8880, section 7.1: the answer is made here, and nobody is asked.",
	world:   func(*lab.World) {},
	viewing: translated(wellKnown, func(d *policy.DNS64) { d.NonGlobal = false }),
	steps: []step{
		good("ipv4only.arpa. AAAA", "NOERROR", "ipv4only.arpa. AAAA 64:ff9b::c000:aa",
			"ipv4only.arpa. AAAA 64:ff9b::c000:ab").packets(noPackets),
		good("ipv4only.arpa. A", "NOERROR", "ipv4only.arpa. A 192.0.0.170",
			"ipv4only.arpa. A 192.0.0.171").packets(noPackets),
		good("a.a.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa. PTR",
			"NOERROR", "a.a.0.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa. "+
				"CNAME 170.0.0.192.in-addr.arpa.", "170.0.0.192.in-addr.arpa. PTR ipv4only.arpa.").
			packets(noPackets),
	},
}, {
	name:      "real addresses stay where nothing is excluded",
	seen:      "TechnitiumSoftware/DnsServer 828",
	situation: "With an empty list of excluded networks, names with AAAA records got none.",
	why:       "RFC 6147, section 5.1.1.",
	world: func(w *lab.World) {
		unsigned(w, "six.example.", "www AAAA 2001:db8::1;;www A 192.0.2.1")
	},
	viewing: translated(wellKnown, func(d *policy.DNS64) { d.ExcludeAAAA = nil }),
	steps:   []step{good("www.six.example. AAAA", "NOERROR", "www.six.example. AAAA 2001:db8::1")},
}, {
	name: "a network without IPv6 to the Internet ignores real addresses",
	seen: "NLnetLabs/unbound 1008",
	situation: "Clients have IPv6 alone, and their provider has IPv4 alone: a real AAAA record " +
		"leads nowhere.",
	why: "The operator can have AAAA records count as none (policy.dns64.ignore_aaaa).",
	world: func(w *lab.World) {
		signed(w, "six.example.", "www AAAA 2001:db8::1;;www A 192.0.2.1;;only AAAA 2001:db8::2")
	},
	viewing: translated(wellKnown, func(d *policy.DNS64) { d.IgnoreAAAA = []wire.Name{wire.Root} }),
	steps: []step{
		good("www.six.example. AAAA", "NOERROR", "www.six.example. AAAA 64:ff9b::c000:201"),
		empty("only.six.example. AAAA", "NOERROR"),
	},
}, {
	name: "the address of a long prefix and of a short one",
	seen: "0xERR0R/blocky 1933; NLnetLabs/unbound 722",
	situation: "The octets of the IPv4 address were put at the end, or behind octet 8, whatever " +
		"the length of the prefix.",
	why:     "RFC 6052, section 2.2.",
	world:   func(w *lab.World) { unsigned(w, "v4.example.", "www A 192.0.2.33") },
	viewing: translated("2001:db8::/32"),
	steps: []step{good("www.v4.example. AAAA", "NOERROR",
		"www.v4.example. AAAA 2001:db8:c000:221::")},
}, {
	name: "a client that validates makes its addresses itself",
	seen: "systemd/systemd 36642; getdnsapi/getdns 68",
	situation: "DNS64 in the network spoils validation in the host, which would do it by itself " +
		"if it got the denial.",
	why:     "RFC 6147, section 5.5: CD and DO get what is signed, and others get AD.",
	world:   func(w *lab.World) { signed(w, "v4.example.", "www A 192.0.2.1") },
	viewing: translated(wellKnown),
	steps: []step{
		empty("www.v4.example. AAAA", "NOERROR").with(cd),
		good("www.v4.example. AAAA", "NOERROR AD", "www.v4.example. AAAA 64:ff9b::c000:201"),
	},
}}

// guarding refuses answers with addresses in some networks.
func guarding(networks ...string) func(*policy.View) {
	return func(v *policy.View) {
		for _, n := range networks {
			v.Private.Networks = append(v.Private.Networks, netip.MustParsePrefix(n))
		}
	}
}

// refused is a step whose answer is refused for its addresses.
func refused(ask string) step { return empty(ask, "NOERROR").checked(only(17)) }

var rebinding = []report{{
	name: "addresses that lead into the network by a translator or a tunnel of it",
	seen: "razvandimescu/numa 295; mattrobinsonsre/terrapod 1692; basecamp/once-campfire 225",
	situation: "A filter knew private IPv4 addresses alone. 64:ff9b::192.168.1.1 and those of a " +
		"local translator lead to them, and 100.64.0.0/10 into a VPN.",
	why: "RFC 6052, section 3.1 is kept by translators, not by who attacks.",
	world: func(w *lab.World) {
		unsigned(w, "evil.example.", "a AAAA 64:ff9b::192.168.1.1;;b AAAA 64:ff9b:1::192.168.1.1;;"+
			"c A 100.100.1.1;;d HTTPS 1 . ipv6hint=64:ff9b::c0a8:101;;e AAAA ::ffff:192.168.1.1;;"+
			"ok AAAA 64:ff9b::9.9.9.9")
	},
	viewing: func(v *policy.View) {
		guarding("192.168.0.0/16", "100.64.0.0/10")(v)
		p, err := nat64.ParsePrefix("64:ff9b:1::/96")
		if err != nil {
			panic(err)
		}
		v.Private.Translators = []nat64.Prefix{p}
	},
	steps: []step{
		refused("a.evil.example. AAAA"), refused("b.evil.example. AAAA"),
		refused("c.evil.example. A"), refused("d.evil.example. HTTPS"),
		refused("e.evil.example. AAAA"), refused("e.evil.example. AAAA"),
		good("ok.evil.example. AAAA", "NOERROR", "ok.evil.example. AAAA 64:ff9b::909:909"),
	},
}, {
	name: "the local prefix of a translator is not a private network to its clients",
	seen: "WICG/private-network-access 50",
	situation: "64:ff9b:1::/48 is not globally reachable, and so was taken for private; clients " +
		"of a translator with that prefix reached nothing.",
	why: "What is made of public addresses is the operator's own (RFC 8215).",
	world: func(w *lab.World) {
		unsigned(w, "old.example.", "www A 9.9.9.9;;in A 10.0.0.1")
	},
	viewing: func(v *policy.View) {
		translated("64:ff9b:1::/48")(v)
		guarding("10.0.0.0/8", "64:ff9b:1::/48")(v)
	},
	steps: []step{
		good("www.old.example. AAAA", "NOERROR", "www.old.example. AAAA 64:ff9b:1:909:9:900::"),
		refused("in.old.example. AAAA"),
	},
}, {
	name: "what the operator answers himself has any address",
	seen: "TechnitiumSoftware/DnsServer 1795",
	situation: "Blocked names were answered with the private address of a page that says so, " +
		"which the protection then took out.",
	why:   "Local data are not the public tree's.",
	world: func(*lab.World) {},
	viewing: func(v *policy.View) {
		guarding("192.168.0.0/16")(v)
		v.Local = func(q wire.Question) *policy.Local {
			s := &wire.RRset{Name: q.Name, Type: wire.TypeA, Class: wire.ClassIN, TTL: 60}
			s.Data = s.Data.Append([]byte{192, 168, 1, 53})
			return &policy.Local{Answer: []*wire.RRset{s}}
		}
	},
	steps: []step{good("ads.example. A", "NOERROR", "ads.example. A 192.168.1.53")},
}, {
	name: "names of a company's own servers have private addresses",
	seen: "lf-edge/eve 2864; freifunk-berlin/bbb-configs 536",
	situation: "The protection was switched off as a whole, as hosts behind a private server, or " +
		"of a VPN in public zones, did not resolve.",
	why: "Configured zones and policy.private_domains are exceptions, and nothing else is.",
	world: func(w *lab.World) {
		unsigned(w, "corp.example.", "host A 10.0.0.1")
		unsigned(w, "vpn.example.", "gate A 10.0.0.2")
		unsigned(w, "evil.example.", "www A 10.0.0.2;;way CNAME gate.vpn.example.")
	},
	config: func(c *resolver.Config) { forward("corp.example.")(c) },
	viewing: func(v *policy.View) {
		guarding("10.0.0.0/8")(v)
		v.Private.Domains = []wire.Name{wire.MustParseName("vpn.example.")}
	},
	steps: []step{
		good("host.corp.example. A", "NOERROR", "host.corp.example. A 10.0.0.1"),
		good("gate.vpn.example. A", "NOERROR", "gate.vpn.example. A 10.0.0.2"),
		refused("www.evil.example. A"), refused("way.evil.example. A"),
	},
}, {
	name: "one private address among others has all of the answer refused",
	seen: "cloudflare/cloudflared 41; DNSCrypt/SimpleDnsCrypt 345; trailofbits/algo 1049",
	situation: "A name has a public and a private address, in turn or at once: the page comes " +
		"from the one, and its requests go to the other. Filters gave both, or the public one, " +
		"or knew A records alone.",
	why: "What is in one set is one answer; nothing of a signed set can be left out.",
	world: func(w *lab.World) {
		unsigned(w, "evil.example.", "both A 9.9.9.9;;both A 192.168.1.27;;"+
			"hints HTTPS 1 . ipv4hint=9.9.9.9,192.168.1.27;;six AAAA 2001:db9::1;;six AAAA fd00::1")
		signed(w, "signed.example.", "both A 9.9.9.9;;both A 192.168.1.27;;far A 9.9.9.9")
	},
	viewing: guarding("192.168.0.0/16", "fc00::/7"),
	steps: []step{
		refused("both.evil.example. A"), refused("both.evil.example. A"),
		refused("hints.evil.example. HTTPS"), refused("six.evil.example. AAAA"),
		refused("both.signed.example. A"), refused("both.signed.example. A"),
		good("far.signed.example. A", "NOERROR AD", "far.signed.example. A 9.9.9.9"),
	},
}, {
	name: "addresses that block names are no attack",
	seen: "pi-hole/pi-hole 518; NLnetLabs/unbound 958",
	situation: "A resolver upstream blocks names by 0.0.0.0 or 127.0.0.1. Pages did not load, as " +
		"their names failed in place of being blocked.",
	why: "The networks that the operator has are refused, and no others.",
	world: func(w *lab.World) {
		unsigned(w, "ads.example.", "www A 0.0.0.0;;own A 127.0.0.1;;six AAAA ::;;lan A 10.0.0.1")
	},
	viewing: guarding("10.0.0.0/8", "192.168.0.0/16"),
	steps: []step{
		good("www.ads.example. A", "NOERROR", "www.ads.example. A 0.0.0.0"),
		good("own.ads.example. A", "NOERROR", "own.ads.example. A 127.0.0.1"),
		good("six.ads.example. AAAA", "NOERROR", "six.ads.example. AAAA ::"),
		refused("lan.ads.example. A"),
	},
}, {
	name: "an exception is for the names at and below it",
	seen: "DNSCrypt/dnscrypt-resolvers 813; razvandimescu/numa 279; sbyx/ohybridproxy 3",
	situation: "A media server's names, or those of a network at home, have private addresses on " +
		"purpose. An exception was one for all, or for a name alone and none below it.",
	why: "Labels are compared, not letters.",
	world: func(w *lab.World) {
		unsigned(w, "media.example.", "@ A 10.0.0.1;;a.b A 10.0.0.2")
		unsigned(w, "notmedia.example.", "www A 10.0.0.3")
	},
	viewing: func(v *policy.View) {
		guarding("10.0.0.0/8")(v)
		v.Private.Domains = []wire.Name{wire.MustParseName("media.example.")}
	},
	steps: []step{
		good("media.example. A", "NOERROR", "media.example. A 10.0.0.1"),
		good("a.b.media.example. A", "NOERROR", "a.b.media.example. A 10.0.0.2"),
		refused("www.notmedia.example. A"),
	},
}}
