// What hosters' servers and delegations are like: sets of name servers, apexes, answers that say
// too much or too little.

package fieldreports

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
)

func TestHosters(t *testing.T) { play(t, hosters) }

// delegated has the servers of example. refer to other servers for a zone, with other addresses.
func delegated(w *lab.World, zone string, referral ...string) {
	script(w, "example.", func(_ lab.Incoming, m *dns.Msg) bool {
		if m.Authoritative || len(m.Ns) == 0 || m.Ns[0].Header().Name != zone {
			return false
		}
		m.Ns = drop(m.Ns, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeNS })
		m.Extra = drop(m.Extra, func(r dns.RR) bool { return r.Header().Rrtype != dns.TypeOPT })
		for _, s := range referral {
			if r := rr(s); r.Header().Rrtype == dns.TypeNS {
				m.Ns = append(m.Ns, r)
			} else {
				m.Extra = append(m.Extra, r)
			}
		}
		return true
	})
}

var hosters = []report{{
	name: "an empty answer with the SOA of the zone above is an empty answer",
	seen: "chromium/badssl.com 535, revoked.badssl.com",
	situation: "The servers of a delegated zone put the SOA of its parent, which they do not " +
		"have, into empty answers. One public resolver answered SERVFAIL, so that programs on " +
		"Alpine Linux did not find the address either.",
	why: "The SOA is not theirs to say and is not used; without it the answer is NODATA of type " +
		"3 (RFC 2308, section 2.2), which holds for this question only.",
	world: func(w *lab.World) {
		unsigned(w, "bad.example.", "")
		unsigned(w, "revoked.bad.example.", "@ A 192.0.2.1;;www A 192.0.2.2")
		script(w, "revoked.bad.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Ns {
				if soa, ok := r.(*dns.SOA); ok {
					soa.Hdr.Name = "bad.example."
				}
			}
			return len(m.Answer) == 0
		})
	},
	steps: []step{
		empty("revoked.bad.example. AAAA", "NOERROR"),
		good("revoked.bad.example. A", "NOERROR", "revoked.bad.example. A 192.0.2.1"),
		empty("www.revoked.bad.example. AAAA", "NOERROR"),
		good("www.revoked.bad.example. A", "NOERROR", "www.revoked.bad.example. A 192.0.2.2"),
		empty("bad.example. AAAA", "NOERROR"),
	},
}, {
	name:      "of an alias and addresses at one name the alias is followed",
	seen:      "PowerDNS/pdns 15281",
	situation: "A server answers a question for A with a CNAME and an A record of the same name.",
	why: "They exclude each other (RFC 1034, section 3.6.2). A resolver that keeps both answers " +
		"one client with this and the next with that; PowerDNS decided for the alias, as the " +
		"records of other types follow it too.",
	world: func(w *lab.World) {
		unsigned(w, "both.example.", "www CNAME host;;host A 192.0.2.1;;host AAAA 2001:db8::1")
		script(w, "both.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer = append(m.Answer, rr("www.both.example. 300 A 203.0.113.1"))
			return is(in, "www.both.example.", dns.TypeA)
		})
	},
	steps: []step{
		good("www.both.example. A", "NOERROR", "www.both.example. CNAME host.both.example.",
			"host.both.example. A 192.0.2.1"),
		good("www.both.example. AAAA", "NOERROR", "www.both.example. CNAME host.both.example.",
			"host.both.example. AAAA 2001:db8::1"),
		good("www.both.example. A", "NOERROR", "www.both.example. CNAME host.both.example.",
			"host.both.example. A 192.0.2.1").packets(noPackets),
	},
}, {
	name: "name servers without an address do not hide the one that has one",
	seen: "NLnetLabs/unbound 362 and 1225, v10.events.data.microsoft.com",
	situation: "Of the nine servers of a delegation eight have names in two hosters' zones that " +
		"do not exist. A limit of five such names made the zone fail now and then.",
	why: "Limits stand against NXNSAttack (CVE-2020-12662), where one victim's zone is asked for " +
		"many names. Ours is ten for a delegation and five at one zone.",
	world: func(w *lab.World) {
		unsigned(w, "many.example.", "www A 192.0.2.1")
		signed(w, "host.example.", "ns A "+w.AddressOf("many.example.").String())
		signed(w, "other.example.", "www A 192.0.2.2")
		ns := []string{"many.example. 300 NS ns.host.example."}
		for i := range 4 {
			ns = append(ns, fmt.Sprintf("many.example. 300 NS gone%d.host.example.", i),
				fmt.Sprintf("many.example. 300 NS gone%d.other.example.", i))
		}
		delegated(w, "many.example.", ns...)
	},
	steps: []step{good("www.many.example. A", "NOERROR", "www.many.example. A 192.0.2.1")},
}, {
	name: "a server's second address is found again when the first leads nowhere",
	seen: "PowerDNS/pdns 1877",
	situation: "A server's A record has ended, and its AAAA record, which has a longer TTL, has " +
		"not. IPv6 leads nowhere.",
	why: "What is left of a server's addresses is not all that it has: the family that is " +
		"missing is asked for again before the zone fails.",
	world: func(w *lab.World) {
		unsigned(w, "dual.example.", "a A 192.0.2.1;;b A 192.0.2.2")
		unsigned(w, "host.example.", "ns A "+w.AddressOf("dual.example.").String()+
			";;ns AAAA 2001:db8::53")
		script(w, "host.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Answer {
				if r.Header().Ttl = 60; in.Question().Qtype == dns.TypeAAAA {
					r.Header().Ttl = 86400
				}
			}
			return is(in, "ns.host.example.", in.Question().Qtype)
		})
		delegated(w, "dual.example.", "dual.example. 3600 NS ns.host.example.")
	},
	config: func(c *resolver.Config) { c.IPv6 = resolver.FamilyOn },
	steps: []step{
		good("a.dual.example. A", "NOERROR", "a.dual.example. A 192.0.2.1"),
		good("b.dual.example. A", "NOERROR", "b.dual.example. A 192.0.2.2").later(2 * time.Minute),
	},
}, {
	name: "the second of two servers tells the address of the first",
	seen: "PowerDNS/pdns 2758, wq.lc",
	situation: "A zone has two servers, both named in the zone of a hoster, which has the same " +
		"two servers. One of them is dead.",
	why: "A server may be asked for its own address; the rule against loops is about servers " +
		"without any.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "alex.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Dead}, nil}})
		w.Add(lab.Zone{Name: "wq.example.", Algorithm: lab.Unsigned, On: "alex.example.",
			Records: "www A 192.0.2.2"})
	},
	steps: []step{good("www.wq.example. A", "NOERROR", "www.wq.example. A 192.0.2.2")},
}, {
	name: "an absurd time to deny for is a short one",
	seen: "PowerDNS/pdns 3489, 27.45.108.in-addr.arpa",
	situation: "A zone's SOA has the TTL 2^31 and more, or a MINIMUM of 2^32-1. A cache took it " +
		"for a negative number, or kept the denial for decades.",
	why: "A TTL with the highest bit set is 0 (RFC 2181, section 8). What is left is bounded to " +
		"an hour (RFC 2308, section 5).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "min.example.", Algorithm: lab.Unsigned, Minimum: 1<<32 - 1,
			TTL: 1<<31 - 1})
		unsigned(w, "soa.example.", "")
		script(w, "soa.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Ns {
				r.Header().Ttl = 1<<31 + 86400
			}
			return len(m.Answer) == 0
		})
	},
	steps: []step{
		empty("no.min.example. A", "NXDOMAIN").checked(deniedFor(3600)),
		empty("no.soa.example. A", "NXDOMAIN").checked(deniedFor(0)),
		empty("no.soa.example. A", "NXDOMAIN").asking("soa.example. no.soa.example. A"),
		empty("no.min.example. A", "NXDOMAIN").packets(noPackets),
		empty("no.min.example. A", "NXDOMAIN").later(time.Hour).
			asking("min.example. no.min.example. A"),
	},
}, {
	name: "an answer that is truncated over TCP is no answer",
	seen: "miekg/dns 708",
	situation: "A directory of services cuts its answers to what fits, and sets TC over TCP too, " +
		"with a part of the set.",
	why: "What is missing cannot be known (RFC 2181, section 9): a part of a set is never kept " +
		"or served. A server of the zone that sends all of it is asked.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "cut.example.", Algorithm: lab.Unsigned,
			Records: "svc A 192.0.2.1;;svc A 192.0.2.2",
			Servers: []lab.ServerFaults{nil}})
		w.Add(lab.Zone{Name: "one.example.", Algorithm: lab.Unsigned,
			Records: "svc A 192.0.2.3;;svc A 192.0.2.4", Servers: []lab.ServerFaults{nil, nil}})
		part := func(in lab.Incoming, m *dns.Msg) bool {
			if m.Truncated = len(m.Answer) > 1; m.Truncated {
				m.Answer = m.Answer[:1]
			}
			return true
		}
		script(w, "cut.example.", part)
		script(w, "one.example.", part)
	},
	steps: []step{
		fails("svc.cut.example. A", cause.Truncated),
		fails("svc.cut.example. A", cause.Truncated).packets(noPackets),
		good("svc.one.example. A", "NOERROR", "svc.one.example. A 192.0.2.3",
			"svc.one.example. A 192.0.2.4"),
	},
}, {
	name: "one site of an anycast server that fails for one name does not hide it",
	seen: "NixOS/infra 873, nixos.org",
	situation: "The nearest site of a zone's first server answers SERVFAIL for the apex, and the " +
		"names below as it should.",
	why: "SERVFAIL is of the server for the question: the next server is asked (RFC 1034, " +
		"section 5.3.3), and the first one goes on serving other names.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "nix.example.", Records: "@ A 192.0.2.1;;cache A 192.0.2.2",
			Servers: []lab.ServerFaults{nil, nil}})
		script(w, "nix.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			return is(in, "nix.example.", dns.TypeA)
		})
	},
	steps: []step{
		good("nix.example. A", "NOERROR AD", "nix.example. A 192.0.2.1"),
		good("cache.nix.example. A", "NOERROR AD", "cache.nix.example. A 192.0.2.2"),
	},
}, {
	name: "a zone whose servers have no TCP is asked over UDP",
	seen: "razvandimescu/numa 386, multi.surbl.org",
	situation: "A block list's servers reply over UDP alone. A mail server asks for the SOA of a " +
		"name below, and for addresses that do not exist.",
	why: "UDP comes first (RFC 7766, section 5); the SOA of a name that is no apex is NODATA.",
	world: func(w *lab.World) {
		unsigned(w, "surbl.example.", "info.multi A 127.0.0.64;;info.multi TXT listed")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.TCP && in.Server == w.AddressOf("surbl.example.") {
				return lab.Reply{Err: transport.ErrUnreachable}, true
			}
			return lab.Reply{}, false
		}
	},
	steps: []step{
		empty("info.multi.surbl.example. SOA", "NOERROR"),
		good("info.multi.surbl.example. A", "NOERROR", "info.multi.surbl.example. A 127.0.0.64"),
		empty("no.multi.surbl.example. A", "NXDOMAIN"),
	},
}, {
	name: "name servers of the zone above beside an alias make no zone of the alias",
	seen: "hickory-dns/hickory-dns 3477, api.x.com",
	situation: "Asked for the NS records of a name that is an alias, a server answers with the " +
		"alias and, in the authority section, with the NS records of the zone.",
	why: "NS records tell of a cut at their owner alone (RFC 1034, section 5.3.3): the name " +
		"belongs to the zone as before.",
	world: func(w *lab.World) {
		unsigned(w, "x.example.", "api CNAME lb.x.example.;;lb A 192.0.2.1;;v1.api.lb A 192.0.2.2")
		script(w, "x.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = []dns.RR{rr("x.example. 13999 NS ns1.x.example.")}
			return len(m.Answer) > 0
		})
	},
	steps: []step{
		good("api.x.example. NS", "NOERROR", "api.x.example. CNAME lb.x.example."),
		good("api.x.example. A", "NOERROR", "api.x.example. CNAME lb.x.example.",
			"lb.x.example. A 192.0.2.1"),
		empty("v1.api.x.example. A", "NXDOMAIN"),
	},
}, {
	name: "a server that resets TCP connections does not hide the next one",
	seen: "TechnitiumSoftware/DnsServer 1700, belastingdienst.nl",
	situation: "Keys and signatures do not fit a packet. One of the zone's servers truncates and " +
		"resets the connection that follows.",
	why: "That server cannot give the answer, and another can. Truncation says nothing against " +
		"the zone.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tax.example.", Algorithm: dns.RSASHA512, Bits: 4096,
			Records: "www A 192.0.2.1", Servers: []lab.ServerFaults{{lab.Truncate},
				{lab.Truncate}}})
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.TCP && in.Server == w.AddressOf("tax.example.") {
				return lab.Reply{Err: transport.ErrUnreachable}, true
			}
			return lab.Reply{}, false
		}
	},
	steps: []step{
		good("www.tax.example. A", "NOERROR AD", "www.tax.example. A 192.0.2.1"),
		{ask: "no.tax.example. A", want: "NXDOMAIN AD", over: transport.TCP},
	},
}, {
	name: "a forwarder that puts questions into lower case is understood",
	seen: "NLnetLabs/unbound 450",
	situation: "A router repeats the question in lower case. A resolver that mixes the letters " +
		"of its questions refused all of its answers, and with them the trust anchor.",
	why: "Names are equal whatever their letters (RFC 1034, section 3.1). Such a reply is asked " +
		"for again where it cannot be forged, and then without mixed letters.",
	world: func(w *lab.World) {
		signed(w, "home.example.", "www A 192.0.2.1;;web A 192.0.2.2")
		lower := func(_ lab.Incoming, m *dns.Msg) bool {
			m.Question[0].Name = strings.ToLower(m.Question[0].Name)
			return true
		}
		script(w, "home.example.", lower)
	},
	config: forward("home.example."),
	steps: []step{
		good("www.home.example. A", "NOERROR AD", "www.home.example. A 192.0.2.1"),
		good("web.home.example. A", "NOERROR AD", "web.home.example. A 192.0.2.2"),
	},
}, {
	name: "fifteen addresses that lead nowhere do not hide five that are well",
	seen: "TechnitiumSoftware/DnsServer 2175, cloudflare.net; hagezi/dns-servers 5",
	situation: "A delegation has five servers with three IPv6 addresses and one IPv4 address " +
		"each, and IPv6 is on but leads nowhere.",
	why: "After a few addresses of a family that do not work the other one is tried: no budget " +
		"may be spent on one of them.",
	world: func(w *lab.World) {
		unsigned(w, "cloud.example.", "www A 192.0.2.1;;www HTTPS 1 . alpn=h2")
		var referral []string
		for i := range 5 {
			ns := fmt.Sprintf("ns%d.cloud.example.", i)
			referral = append(referral, "cloud.example. 300 NS "+ns)
			for j := range 3 {
				referral = append(referral, fmt.Sprintf("%s 300 AAAA 2001:db8:%d::%d", ns, i, j))
			}
			referral = append(referral, ns+" 300 A "+w.AddressOf("cloud.example.").String())
		}
		delegated(w, "cloud.example.", referral...)
	},
	config: func(c *resolver.Config) { c.IPv6 = resolver.FamilyOn },
	steps: []step{
		good("www.cloud.example. HTTPS", "NOERROR", `www.cloud.example. HTTPS 1 . alpn="h2"`),
		good("www.cloud.example. A", "NOERROR", "www.cloud.example. A 192.0.2.1"),
	},
}, {
	name: "a zone that has moved is found at its new servers at once",
	seen: "PowerDNS/pdns 150",
	situation: "A zone moves to other servers while its delegation is in the cache. The old " +
		"ones refuse from then on.",
	why: "A delegation whose servers are of no use is asked for again at the parent before the " +
		"name fails (RFC 2181, section 5.4.1 ranks it, and RFC 1034, section 5.3.3 has it used).",
	world: func(w *lab.World) {
		unsigned(w, "moving.example.", "a A 192.0.2.1")
		w.Add(lab.Zone{Name: "new.example.", Algorithm: lab.Unsigned})
		moved := since(time.Minute)
		script(w, "example.", func(_ lab.Incoming, m *dns.Msg) bool {
			if !moved() || len(m.Ns) == 0 || m.Ns[0].Header().Name != "moving.example." {
				return false
			}
			for _, r := range m.Extra {
				if a, ok := r.(*dns.A); ok {
					a.A = w.AddressOf("new.example.").AsSlice()
				}
			}
			return true
		})
		script(w, "moving.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeRefused, nil, nil
			return moved()
		})
		script(w, "new.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Authoritative, m.Ns = dns.RcodeSuccess, true, nil
			m.Answer = []dns.RR{rr(in.Question().Name + " 300 A 192.0.2.2")}
			return in.Question().Qtype == dns.TypeA
		})
	},
	steps: []step{
		good("a.moving.example. A", "NOERROR", "a.moving.example. A 192.0.2.1"),
		good("b.moving.example. A", "NOERROR", "b.moving.example. A 192.0.2.2").
			later(2 * time.Minute),
	},
}, {
	name: "a forwarder that does not implement DO or CD is asked without them",
	seen: "systemd/systemd 17218",
	situation: "Names of a company are forwarded to a stub resolver, which answers NOTIMP to " +
		"questions with DO or CD.",
	why: "The zone is unsigned, so that neither is needed: RFC 6891, section 7 has a question " +
		"repeated without EDNS.",
	world: func(w *lab.World) {
		unsigned(w, "stub.example.", "www A 192.0.2.1;;web A 192.0.2.2")
		script(w, "stub.example.", func(in lab.Incoming, m *dns.Msg) bool {
			opt := in.Query.IsEdns0()
			m.Rcode, m.Answer, m.Ns, m.Extra = dns.RcodeNotImplemented, nil, nil, nil
			return in.Query.CheckingDisabled || opt != nil && opt.Do()
		})
	},
	config: forward("stub.example."),
	steps: []step{
		good("www.stub.example. A", "NOERROR", "www.stub.example. A 192.0.2.1"),
		good("web.stub.example. A", "NOERROR", "web.stub.example. A 192.0.2.2"),
	},
}, {
	name: "NOTIMP to a question for RRSIG is no word about EDNS",
	seen: "PowerDNS/pdns 5738",
	situation: "A signed zone's server answers questions for RRSIG with a bare NOTIMP. A " +
		"resolver took that for a lack of EDNS, and the zone was bogus from then on.",
	why: "It is about the type (RFC 8906, section 3.1.2). A zone that is known to be signed is " +
		"always asked with EDNS.",
	world: func(w *lab.World) {
		signed(w, "imp.example.", "www A 192.0.2.1;;web A 192.0.2.2")
		script(w, "imp.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns, m.Extra = dns.RcodeNotImplemented, nil, nil, nil
			return in.Question().Qtype == dns.TypeRRSIG
		})
	},
	steps: []step{
		{ask: "www.imp.example. RRSIG", want: "SERVFAIL", cause: cause.ServerNotImp},
		good("www.imp.example. A", "NOERROR AD", "www.imp.example. A 192.0.2.1"),
		{ask: "web.imp.example. RRSIG", want: "SERVFAIL", cause: cause.ServerNotImp},
		good("web.imp.example. A", "NOERROR AD", "web.imp.example. A 192.0.2.2"),
		empty("no.imp.example. A", "NXDOMAIN AD"),
	},
}, {
	name:      "the record that stands for ANY is not the name's own",
	seen:      "desec-io/desec-ns 36",
	situation: "A server answers ANY by an HINFO record that it makes up and signs.",
	why: "RFC 8482, section 4.2. It answers ANY alone: a question for HINFO or for addresses is " +
		"asked.",
	world: func(w *lab.World) {
		signed(w, "any.example.", "www A 192.0.2.1;;www TXT x")
		script(w, "any.example.", func(in lab.Incoming, m *dns.Msg) bool {
			set := rr("www.any.example. 3789 HINFO RFC8482 \"\"")
			m.Answer = append(w.Sign("any.example.", set), set)
			return is(in, "www.any.example.", dns.TypeANY)
		})
	},
	steps: []step{
		good("www.any.example. ANY", "NOERROR AD", `www.any.example. HINFO "RFC8482" ""`),
		empty("www.any.example. HINFO", "NOERROR AD"),
		good("www.any.example. A", "NOERROR AD", "www.any.example. A 192.0.2.1"),
	},
}, {
	name: "a service record that is an alias of itself is an answer",
	seen: "MikeBishop/dns-alt-svc 402",
	situation: "HTTPS records in AliasMode lead to their own names, to the root, and to each " +
		"other.",
	why: "RFC 9460, sections 2.4.2 and 4.2: following them is the client's business; what a " +
		"resolver puts beside them is voluntary, and no loop.",
	world: func(w *lab.World) {
		signed(w, "svc.example.", "self HTTPS 0 self.svc.example.;;none HTTPS 0 .;;"+
			"a HTTPS 0 b.svc.example.;;b HTTPS 0 a.svc.example.;;a A 192.0.2.1")
	},
	steps: []step{
		good("self.svc.example. HTTPS", "NOERROR AD",
			"self.svc.example. HTTPS 0 self.svc.example."),
		good("none.svc.example. HTTPS", "NOERROR AD", "none.svc.example. HTTPS 0 ."),
		good("a.svc.example. HTTPS", "NOERROR AD", "a.svc.example. HTTPS 0 b.svc.example."),
		good("b.svc.example. HTTPS", "NOERROR AD", "b.svc.example. HTTPS 0 a.svc.example."),
		good("a.svc.example. HTTPS", "NOERROR AD", "a.svc.example. HTTPS 0 b.svc.example.").
			packets(noPackets),
	},
}, {
	name: "the root's own servers validate for clients after they were primed",
	seen: "PowerDNS/pdns 4672 and 10177",
	situation: "A validating server behind a resolver asks it for the NS records of the root, " +
		"and got those of its hints, without signatures.",
	why: "Hints are for finding a server (RFC 9609, section 3); what clients get is the root's " +
		"answer, validated like any other.",
	world:  func(w *lab.World) { signed(w, "net.", "www A 192.0.2.1") },
	config: func(c *resolver.Config) { c.Prime = true },
	steps: []step{
		good("www.net. A", "NOERROR AD", "www.net. A 192.0.2.1"),
		good(". NS", "NOERROR AD", ". NS *"),
		good(". NS", "NOERROR AD", ". NS *").packets(noPackets),
		good(". NS", "NOERROR AD", ". NS *").later(24 * time.Hour),
	},
}, {
	name: "a server that fails for a name without records does not hide the names below",
	seen: "TechnitiumSoftware/DnsServer 2110",
	situation: "A signed zone has a wildcard two labels down. Its server crashes on questions " +
		"for the name in between, which has no records, and answers SERVFAIL.",
	why: "Shortened questions (RFC 9156, section 3) are a means: a failure of one leads to the " +
		"next longer name.",
	world: func(w *lab.World) {
		signed(w, "ent.example.", "*.foo A 192.0.2.1;;a.b.bar A 192.0.2.2")
		script(w, "ent.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := dns.CanonicalName(in.Question().Name)
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			return name == "foo.ent.example." || name == "bar.ent.example." ||
				name == "b.bar.ent.example."
		})
	},
	steps: []step{
		good("x.foo.ent.example. A", "NOERROR AD", "x.foo.ent.example. A 192.0.2.1"),
		good("a.b.bar.ent.example. A", "NOERROR AD", "a.b.bar.ent.example. A 192.0.2.2"),
		fails("foo.ent.example. A", cause.ServerFailed),
		good("y.foo.ent.example. A", "NOERROR AD", "y.foo.ent.example. A 192.0.2.1"),
	},
}, {
	name: "a request for a zone or a part of it is declined at once",
	seen: "dnsimple/dns_erlang 145",
	situation: "A secondary asks a resolver for AXFR, and for IXFR with its SOA in the authority " +
		"section. A server dropped what it took for malformed, so that the secondary never " +
		"learnt why it got nothing.",
	why: "A resolver gives nobody zones: it refuses (RFC 5936, section 2.2.1). IXFR with a " +
		"record where queries have none is FORMERR as with Unbound; BIND says NOTAUTH. Silence " +
		"is wrong.",
	world: func(w *lab.World) { signed(w, "part.example.", "") },
	steps: []step{
		empty("part.example. IXFR", "FORMERR").with(func(m *dns.Msg) {
			m.Ns = []dns.RR{rr("part.example. 0 SOA . . 7 0 0 0 0")}
		}).packets(noPackets),
		empty("part.example. IXFR", "REFUSED").packets(noPackets).checked(questions(1)),
		empty("part.example. AXFR", "REFUSED").packets(noPackets).checked(questions(1)),
	},
}}
