// Records of many kinds, and replies that a server or a box on the way has spoilt.

package fieldreports

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/policy"
	"bailiwick/transport"
	"bailiwick/wire"
)

func TestRecords(t *testing.T) { play(t, kinds) }

// octets changes the packets that the servers of a zone send, for questions of a type.
func octets(w *lab.World, zone string, t uint16,
	change func(in lab.Incoming, packet []byte) []byte) {
	earlier := w.Script
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server == w.AddressOf(zone) && in.Question().Qtype == t {
			if m := in.Honest(); m != nil {
				r := lab.Messages(m)
				if r.Packets[0] = change(in, r.Packets[0]); r.Packets[0] != nil {
					return r, true
				}
			}
		}
		if earlier != nil {
			return earlier(in)
		}
		return lab.Reply{}, false
	}
}

var kinds = []report{{
	name: "a null MX and an MX whose host is an alias are answers",
	seen: "hmailserver/hmailserver 372 and 464; internetstandards/Internet.nl 385",
	situation: "A domain takes no mail: MX 0 and the root. Another names a host that is an alias " +
		"for a host elsewhere, and a third an address.",
	why: "RFC 7505, section 3, and RFC 2181, section 10.3: the data are the zone's; what a mail " +
		"server does with them is its own business.",
	world: func(w *lab.World) {
		signed(w, "nomail.example.", "@ MX 0 .")
		signed(w, "mail.example.", "@ MX 10 mx;;mx CNAME mx.host.example.;;ip MX 10 192.0.2.1.")
		signed(w, "host.example.", "mx A 192.0.2.1")
	},
	steps: []step{
		good("nomail.example. MX", "NOERROR AD", "nomail.example. MX 0 ."),
		good("mail.example. MX", "NOERROR AD", "mail.example. MX 10 mx.mail.example."),
		good("mx.mail.example. A", "NOERROR AD", "mx.mail.example. CNAME mx.host.example.",
			"mx.host.example. A 192.0.2.1"),
		good("ip.mail.example. MX", "NOERROR AD", "ip.mail.example. MX 10 192.0.2.1."),
	},
}, {
	name: "every octet of a TXT record arrives, in as many strings as it has",
	seen: "rspamd/rspamd 4012, sodexo.com; TechnitiumSoftware/DnsServer 143",
	situation: "A domain's TXT set has strings with octets outside of ASCII, with quotes and " +
		"backslashes, empty ones, and an SPF record of several strings. SPF was not found.",
	why: "RFC 1035, section 3.3.14: a TXT record is one or more strings of any octets.",
	world: func(w *lab.World) {
		signed(w, "sodexo.example.", `@ TXT "\226\128\157aSMe\226\128\157";;@ TXT "" "a\"b\\c"`+
			`;;@ TXT "v=spf1 ip4:192.0.2.1 ip4:192.0" ".2.2 -all";;@ TXT "\000\255"`)
	},
	steps: []step{
		step{ask: "sodexo.example. TXT", want: "NOERROR AD", nothing: true,
			check: func(t *testing.T, m *dns.Msg) {
				all := strings.Join(records(m.Answer), "\n")
				for _, s := range []string{`"\226\128\157aSMe\226\128\157"`, `"" "a\"b\\c"`,
					`"v=spf1 ip4:192.0.2.1 ip4:192.0" ".2.2 -all"`, `"\000\255"`} {
					if !strings.Contains(all, s) {
						t.Errorf("%s is not in\n%s", s, all)
					}
				}
			}},
	},
}, {
	name: "service records of any parameters are passed on unread",
	seen: "MikeBishop/dns-alt-svc 335; PowerDNS/pdns 10258; NLnetLabs/ldns 165; " +
		"AdguardTeam/AdguardForWindows 5610",
	situation: "HTTPS records have ECH keys, hints, keys that nobody knows and one without a " +
		"value; one is an alias, and one has the root as the target of an alias.",
	why: "RFC 9460, section 4.2: a resolver conveys records with keys that it does not know.",
	world: func(w *lab.World) {
		signed(w, "ech.example.", `a HTTPS 1 . alpn="h3,h2" ipv4hint=192.0.2.1 `+
			`ech="AEX+DQBBpQAgACAo" ipv6hint=2001:db8::1 key667="x\001" key10000;;`+
			`b HTTPS 0 a;;c HTTPS 0 .;;d HTTPS 3 a mandatory="alpn,port" alpn="h2" port=8443`)
	},
	steps: []step{
		good("a.ech.example. HTTPS", "NOERROR AD", "a.ech.example. HTTPS 1 . *"),
		good("b.ech.example. HTTPS", "NOERROR AD", "b.ech.example. HTTPS 0 a.ech.example."),
		good("c.ech.example. HTTPS", "NOERROR AD", "c.ech.example. HTTPS 0 ."),
		good("d.ech.example. HTTPS", "NOERROR AD", "d.ech.example. HTTPS 3 a.ech.example. *"),
	},
}, {
	name: "an OPT record in the answer section costs a name nothing",
	seen: "c-ares/c-ares 968, D-Link DIR-X5460",
	situation: "A router answers EDNS with the OPT record in the answer section, and the address " +
		"in the additional section.",
	why: "The reply has no answer. Without EDNS the router's replies are right (RFC 6891, " +
		"section 7), and the zone is not signed.",
	world: func(w *lab.World) {
		unsigned(w, "router.example.", "www A 192.0.2.1")
		script(w, "router.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if in.Query.IsEdns0() == nil || len(m.Answer) != 1 {
				return false
			}
			m.Answer, m.Extra, m.Ns = m.Extra[:1], m.Answer, nil
			return true
		})
	},
	steps: []step{good("www.router.example. A", "NOERROR", "www.router.example. A 192.0.2.1")},
}, {
	name:      "an address in the additional section alone is not an answer",
	seen:      "c-ares/c-ares 1017, api.scpslgame.com",
	situation: "A server counts one answer and sends the addresses as additional records.",
	why:       "Additional records do not answer (RFC 2181, section 5.4.1). Nothing is kept of it.",
	world: func(w *lab.World) {
		unsigned(w, "scp.example.", "api A 192.0.2.1")
		began := time.Now()
		script(w, "scp.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Extra, m.Answer = append(m.Answer, m.Extra...), nil
			return time.Since(began) < time.Second
		})
	},
	steps: []step{
		empty("api.scp.example. A", "NOERROR"),
		good("api.scp.example. A", "NOERROR", "api.scp.example. A 192.0.2.1").
			later(10 * time.Second),
	},
}, {
	name: "a reply with two OPT records, or damage behind the answer, does not stop a name",
	seen: "c-ares/c-ares 1137 and 1189; PowerDNS/pdns 11390, grande-casino.9cy.com",
	situation: "A server's replies over UDP have a second OPT record. Those of another are cut " +
		"off within the authority section. Over TCP both are right.",
	why: "A message that cannot be read may have been spoilt on the way: TCP is next (RFC 7766, " +
		"section 5; RFC 6891, section 6.1.1 for the second OPT).",
	world: func(w *lab.World) {
		unsigned(w, "twice.example.", "www A 192.0.2.1")
		unsigned(w, "cut.example.", "www A 192.0.2.1")
		script(w, "twice.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if opt := m.IsEdns0(); opt != nil && !in.TCP {
				m.Extra = append(m.Extra, opt)
				return true
			}
			return false
		})
		octets(w, "cut.example.", dns.TypeA, func(in lab.Incoming, p []byte) []byte {
			if in.TCP {
				return nil
			}
			p[9] = 3 // NSCOUNT
			return append(p, 0xC0)
		})
	},
	steps: []step{
		good("www.twice.example. A", "NOERROR", "www.twice.example. A 192.0.2.1"),
		good("www.cut.example. A", "NOERROR", "www.cut.example. A 192.0.2.1"),
	},
}, {
	name: "an address of the wrong size is not passed on",
	seen: "inspircd/inspircd 1; espressif/esp-protocols 1046; halon/smtpping 14",
	situation: "A server sends an A record of 16 octets, and an AAAA record of 4. Clients read " +
		"past the record's end.",
	why: "RFC 1035, section 3.4.1: it is no address. What is left is an empty answer, as Unbound " +
		"has it (its scenario iter_scrub_rr_length); BIND, Knot Resolver and PowerDNS fail the " +
		"question.",
	world: func(w *lab.World) {
		unsigned(w, "size.example.", "www A 192.0.2.1")
		script(w, "size.example.", func(in lab.Incoming, m *dns.Msg) bool {
			size := map[uint16]string{dns.TypeA: "16 " + strings.Repeat("20", 16),
				dns.TypeAAAA: "4 c0000201"}[in.Question().Qtype]
			h := in.Question().Name + " 300 CLASS1 TYPE65280 \\# " + size
			if size == "" {
				return false
			}
			r := rr(h).(*dns.RFC3597)
			r.Hdr.Rrtype = in.Question().Qtype
			m.Rcode, m.Answer, m.Ns = 0, []dns.RR{r}, nil
			return true
		})
	},
	steps: []step{
		{ask: "www.size.example. A", want: "NOERROR", nothing: true},
		{ask: "www.size.example. AAAA", want: "NOERROR", nothing: true},
	},
}, {
	name: "an alias with TTL 0 is asked for each time, and its target is not",
	seen: "systemd/systemd 20617; hickory-dns/hickory-dns 273",
	situation: "A CDN's alias has TTL 0 and its target an hour. A stub took the whole answer for " +
		"as long as the longer one, another refused sets of two TTLs.",
	why: "Each set has its own TTL (RFC 2181, section 5.2).",
	world: func(w *lab.World) {
		unsigned(w, "cdn.example.", "one A 192.0.2.1;;two A 192.0.2.2")
		unsigned(w, "site.example.", "")
		asked := 0
		script(w, "site.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "www.site.example.", dns.TypeA) {
				return false
			}
			asked++
			m.Rcode, m.Ns, m.Answer = 0, nil, []dns.RR{rr("www.site.example. 0 CNAME " +
				[]string{"one", "two"}[asked%2] + ".cdn.example.")}
			return true
		})
	},
	steps: []step{
		good("www.site.example. A", "NOERROR", "www.site.example. CNAME two.cdn.example.",
			"two.cdn.example. A 192.0.2.2"),
		good("www.site.example. A", "NOERROR", "www.site.example. CNAME one.cdn.example.",
			"one.cdn.example. A 192.0.2.1"),
		good("www.site.example. A", "NOERROR", "www.site.example. CNAME two.cdn.example.",
			"two.cdn.example. A 192.0.2.2").packets(1),
	},
}, {
	name: "an empty answer without SOA is forgotten within seconds",
	seen: "kubernetes/dns 121; c-ares/c-ares 1263; kubernetes/kubernetes 92559",
	situation: "A provider's servers answered NOERROR with nothing, once, for a name that was " +
		"just made. It was never found again: the cache kept the empty answer.",
	why: "RFC 2308, section 5: without an SOA a denial should not be cached.",
	world: func(w *lab.World) {
		unsigned(w, "made.example.", "www A 192.0.2.1")
		began := time.Now()
		script(w, "made.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = nil, nil
			return time.Since(began) < 2*time.Second
		})
	},
	steps: []step{
		empty("www.made.example. A", "NOERROR"),
		good("www.made.example. A", "NOERROR", "www.made.example. A 192.0.2.1").
			later(6 * time.Second),
	},
}, {
	name: "a cluster's denial lasts as long as the cluster says",
	seen: "kubernetes/kubernetes 71308; coredns/coredns 6937",
	situation: "Names of pods come and go. The cluster's server denies them with an SOA of 5 s; " +
		"a cache in between kept the denial for its own 30 s.",
	why: "RFC 2308, section 5: the lower of the SOA's TTL and its MINIMUM.",
	world: func(w *lab.World) {
		unsigned(w, "cluster.", "")
		w.Add(lab.Zone{Name: "k8s.cluster.", Algorithm: lab.Unsigned,
			Records: "node0.svc A 10.0.0.1"})
		began := time.Now()
		script(w, "k8s.cluster.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			m.Ns = []dns.RR{rr("k8s.cluster. 5 SOA ns.dns.k8s.cluster. h. 1 7200 1800 86400 5")}
			return time.Since(began) < 3*time.Second
		})
	},
	config: forward("k8s.cluster."),
	steps: []step{
		empty("node0.svc.k8s.cluster. A", "NXDOMAIN"),
		empty("node0.svc.k8s.cluster. A", "NXDOMAIN").packets(noPackets).later(4 * time.Second),
		good("node0.svc.k8s.cluster. A", "NOERROR", "node0.svc.k8s.cluster. A 10.0.0.1").
			later(2 * time.Second),
	},
}, {
	name: "private reverse names are the forwarder's, without a proof",
	seen: "pi-hole/FTL 2942 and 2993",
	situation: "PTR of a private network is forwarded to the router. The public tree has an " +
		"empty " +
		"unsigned zone there; asked for the DS the router says NXDOMAIN without SOA.",
	why: "RFC 6303, section 4: the public zones are unsigned, which their parent proves.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "arpa."})
		w.Add(lab.Zone{Name: "in-addr.arpa."})
		w.Add(lab.Zone{Name: "168.192.in-addr.arpa.", Algorithm: lab.Unsigned,
			Records: "22.0 PTR nas.lan."})
		script(w, "168.192.in-addr.arpa.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeNameError, nil, nil
			return in.Question().Qtype == dns.TypeDS
		})
	},
	config: forward("168.192.in-addr.arpa."),
	steps: []step{
		good("22.0.168.192.in-addr.arpa. PTR", "NOERROR",
			"22.0.168.192.in-addr.arpa. PTR nas.lan."),
		empty("22.0.168.192.in-addr.arpa. DS", "NXDOMAIN"),
		good("22.0.168.192.in-addr.arpa. PTR", "NOERROR",
			"22.0.168.192.in-addr.arpa. PTR nas.lan."),
	},
}, {
	name: "an alias into a forwarded zone is resolved by its forwarder each time",
	seen: "TechnitiumSoftware/DnsServer 383, live09p.hotstar.com",
	situation: "akamai.net is forwarded to the provider's resolver, which has nearer addresses. " +
		"An alias from elsewhere came with the target's public addresses in the same reply.",
	why: "What a server says of names outside of its zone is not used (RFC 2181, section 5.4.1): " +
		"the target is asked where it belongs.",
	world: func(w *lab.World) {
		unsigned(w, "net.", "")
		w.Add(lab.Zone{Name: "akamai.net.", Algorithm: lab.Unsigned, Records: "a A 192.0.2.1"})
		unsigned(w, "star.example.", "live CNAME a.akamai.net.")
		script(w, "star.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer = append(m.Answer, rr("a.akamai.net. 300 A 192.0.2.66"))
			return is(in, "live.star.example.", dns.TypeA)
		})
	},
	config: forward("akamai.net."),
	steps: []step{
		good("live.star.example. A", "NOERROR", "live.star.example. CNAME a.akamai.net.",
			"a.akamai.net. A 192.0.2.1").asking("akamai.net. a.akamai.net. A"),
		good("a.akamai.net. A", "NOERROR", "a.akamai.net. A 192.0.2.1"),
	},
}, {
	name: "a stale alias leads to the target's present address",
	seen: "NLnetLabs/unbound 1424",
	situation: "The servers of an alias are down and those of its target are not. The target has " +
		"moved; clients of the alias got its former address.",
	why: "RFC 8767, section 5: stale data stand in for what cannot be had, and nothing else.",
	world: func(w *lab.World) {
		unsigned(w, "source.example.", "alias CNAME www.target.example.")
		unsigned(w, "target.example.", "www A 192.0.2.1")
		outage(w, "source.example.", time.Minute)
		changed(w, "target.example.", "www.target.example.", time.Minute, func(m *dns.Msg) {
			m.Answer = []dns.RR{rr("www.target.example. 300 A 192.0.2.2")}
		})
	},
	steps: []step{
		good("alias.source.example. A", "NOERROR", "alias.source.example. CNAME "+
			"www.target.example.", "www.target.example. A 192.0.2.1"),
		good("alias.source.example. A", "NOERROR", "alias.source.example. CNAME "+
			"www.target.example.", "www.target.example. A 192.0.2.2").later(20 * time.Minute),
	},
}, {
	name: "a local host without AAAA exists",
	seen: "pi-hole/FTL 3039; openziti/ziti 3075; home-assistant/plugin-dns 81",
	situation: "A local name has an A record. Asked for AAAA, the server said NXDOMAIN, and musl " +
		"did not use the A record any more.",
	why:   "RFC 2308, section 2.2: the name exists. A name error would be about all types.",
	world: func(*lab.World) {},
	viewing: func(v *policy.View) {
		v.Local = func(q wire.Question) *policy.Local {
			if q.Name != wire.MustParseName("forgejo.lan.") {
				return nil
			}
			if q.Type != wire.TypeA {
				return &policy.Local{}
			}
			s := &wire.RRset{Name: q.Name, Type: wire.TypeA, Class: wire.ClassIN, TTL: 60}
			s.Data = s.Data.Append([]byte{10, 0, 0, 3})
			return &policy.Local{Answer: []*wire.RRset{s}}
		}
	},
	steps: []step{
		good("forgejo.lan. A", "NOERROR", "forgejo.lan. A 10.0.0.3"),
		empty("forgejo.lan. AAAA", "NOERROR").with(noEDNS),
		empty("forgejo.lan. HTTPS", "NOERROR").with(noEDNS),
	},
}, {
	name:      "the type that stands for a denial cannot be asked for",
	seen:      "NLnetLabs/unbound 1111; dnsimple/dnstest 22",
	situation: "A client asks for NXNAME, the type that compact denials have in their bitmaps.",
	why:       "RFC 9824, section 3.5: FORMERR, and Extended DNS Error 30 if possible.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "compact.example.", Denial: lab.Compact})
	},
	steps: []step{step{ask: "no.compact.example. TYPE128", want: "FORMERR", most: noPackets,
		check: func(t *testing.T, m *dns.Msg) {
			if got := errorsOf(m); len(got) != 1 || got[0] != 30 {
				t.Errorf("EDE %v, want 30", got)
			}
		}}},
}, {
	name: "an authority names neither its parent's servers nor another's aliases",
	seen: "netty/netty 16877 and 16873; hickory-dns/hickory-dns 3294",
	situation: "Beside a right answer the servers of a zone send NS records for the zone above " +
		"it, and an alias from a victim's name to their own.",
	why: "RFC 2181, section 5.4.1: they speak for their zone alone.",
	world: func(w *lab.World) {
		unsigned(w, "uk.", "")
		w.Add(lab.Zone{Name: "co.uk.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "evil.co.uk.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.66;;" +
			"steal A 192.0.2.66"})
		w.Add(lab.Zone{Name: "bank.co.uk.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		script(w, "evil.co.uk.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer = append(m.Answer, rr("www.bank.co.uk. 86400 CNAME steal.evil.co.uk."),
				rr("bank.co.uk. 86400 DNAME evil.co.uk."))
			m.Ns = append(m.Ns, rr("co.uk. 86400 NS ns1.evil.co.uk."),
				rr("uk. 86400 NS ns1.evil.co.uk."), rr("bank.co.uk. 86400 NS ns1.evil.co.uk."))
			m.Extra = append(m.Extra, rr("ns1.evil.co.uk. 86400 A "+in.Server.String()),
				rr("ns1.bank.co.uk. 86400 A "+in.Server.String()))
			return true
		})
	},
	steps: []step{
		good("www.evil.co.uk. A", "NOERROR", "www.evil.co.uk. A 192.0.2.66"),
		good("www.bank.co.uk. A", "NOERROR", "www.bank.co.uk. A 192.0.2.1").
			asking("co.uk. bank.co.uk. A"),
	},
}, {
	name: "a reply to another question is nobody's answer",
	seen: "semihalev/sdns 469; mirage/mirage 235",
	situation: "A server replies with the ID of the query and the question of a victim, with an " +
		"answer for it.",
	why: "RFC 5452, section 9.1: the question has to be the one that was asked.",
	world: func(w *lab.World) {
		unsigned(w, "evil.example.", "www A 192.0.2.66")
		unsigned(w, "victim.example.", "www A 192.0.2.1")
		script(w, "evil.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Question[0].Name = "www.victim.example."
			m.Rcode, m.Ns, m.Answer = 0, nil, []dns.RR{rr("www.victim.example. 300 A 192.0.2.66")}
			return true
		})
	},
	steps: []step{
		step{ask: "www.evil.example. A", want: "SERVFAIL", cause: cause.Spoofed},
		good("www.victim.example. A", "NOERROR", "www.victim.example. A 192.0.2.1"),
	},
}, {
	name: "a zone's servers are not believed about the target of their alias",
	seen: "PowerDNS/pdns 10017",
	situation: "A hoster's servers have an old copy of somebody's zone, which has moved away, " +
		"and " +
		"complete aliases into it with the addresses of before.",
	why: "RFC 2181, section 5.4.1: the target's own servers are asked.",
	world: func(w *lab.World) {
		unsigned(w, "customer.example.", "auto CNAME auto.moved.example.")
		unsigned(w, "moved.example.", "auto A 192.0.2.1")
		script(w, "customer.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer = append(m.Answer, rr("auto.moved.example. 300 A 192.0.2.66"))
			m.Ns = []dns.RR{rr("moved.example. 300 NS ns1.customer.example.")}
			return is(in, "auto.customer.example.", dns.TypeA)
		})
	},
	steps: []step{
		good("auto.customer.example. A", "NOERROR", "auto.customer.example. CNAME "+
			"auto.moved.example.", "auto.moved.example. A 192.0.2.1"),
		good("auto.moved.example. A", "NOERROR", "auto.moved.example. A 192.0.2.1"),
	},
}, {
	name: "options of other programs in a query change nothing",
	seen: "c-ares/c-ares 911; getdnsapi/stubby 98",
	situation: "Clients send what dnsmasq and routers add: a MAC address, a device's name, lists " +
		"of algorithms, a key tag, a request for a chain; servers send options of their own.",
	why:   "RFC 6891, section 6.1.2: unknown options are ignored; EDNS is hop by hop.",
	world: func(w *lab.World) { signed(w, "options.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.options.example. A", "NOERROR AD", "www.options.example. A 192.0.2.1").with(
			func(m *dns.Msg) {
				o := m.IsEdns0()
				for _, code := range []uint16{4, 5, 6, 7, 9, 13, 14, 18, 19, 26946, 65001, 65073} {
					o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: code, Data: []byte{8, 13}})
				}
			}).checked(func(t *testing.T, m *dns.Msg) {
			for _, o := range m.IsEdns0().Option {
				if o.Option() != dns.EDNS0EDE {
					t.Errorf("the response has option %d", o.Option())
				}
			}
		}),
	},
}, {
	name: "a set of many large strings comes whole over TCP and truncated over UDP",
	seen: "miekg/dns 1448, aol.com; trusteddomainproject/OpenDKIM 44; openwrt/packages 16347",
	situation: "DKIM keys of 4,096 bits and dozens of verification strings: half of a set was " +
		"served over UDP, without TC.",
	why: "RFC 2181, section 9: TC, and then the whole of it over TCP.",
	world: func(w *lab.World) {
		var b strings.Builder
		for i := range 40 {
			b.WriteString(`k TXT "` + strings.Repeat(string(rune('a'+i%26)), 250) + `" "` +
				strings.Repeat("x", 200+i) + `";;`)
		}
		signed(w, "aol.example.", strings.TrimSuffix(b.String(), ";;"))
	},
	steps: []step{
		step{ask: "k.aol.example. TXT", want: "NOERROR TC AD", nothing: true},
		step{ask: "k.aol.example. TXT", want: "NOERROR AD", over: transport.TCP, nothing: true,
			most: noPackets, check: func(t *testing.T, m *dns.Msg) {
				if n := len(records(m.Answer)); n != 40 {
					t.Errorf("%d records, want 40", n)
				}
			}},
	},
}}
