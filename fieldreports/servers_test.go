// Servers that misbehave: error codes, EDNS, letter case, malformed messages.

package fieldreports

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
)

func TestServers(t *testing.T) { play(t, servers) }

var servers = []report{{
	name:      "a type that a server does not implement is a failure of that type alone",
	seen:      "PowerDNS/pdns 1381; spamhaus/rbldnsd 24; internetstandards/Internet.nl 1534",
	situation: "A server answers NOTIMP to questions for TXT, CAA and TLSA.",
	why: "NOTIMP says nothing of the name (RFC 8906, section 3.1.2 wants an empty answer), so " +
		"it is SERVFAIL, as everywhere: an empty answer to CAA would allow a certificate. " +
		"Addresses are answered on.",
	world: func(w *lab.World) {
		unsigned(w, "bl.example.", "www A 192.0.2.1;;ftp A 192.0.2.2")
		script(w, "bl.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeNotImplemented, nil, nil
			t := in.Question().Qtype
			return t == dns.TypeTXT || t == dns.TypeCAA
		})
	},
	steps: []step{
		fails("www.bl.example. CAA", cause.ServerNotImp),
		good("www.bl.example. A", "NOERROR", "www.bl.example. A 192.0.2.1"),
		fails("www.bl.example. TXT", cause.ServerNotImp),
		good("ftp.bl.example. A", "NOERROR", "ftp.bl.example. A 192.0.2.2"),
	},
}, {
	name: "a bare header with FORMERR leads to a question without EDNS",
	seen: "zmap/zdns 617; wahern/dns 4",
	situation: "A server answers a question with EDNS by the twelve octets of a header with " +
		"FORMERR, and one without EDNS as it should.",
	why: "That is how servers from before EDNS answer (RFC 6891, section 7): without a question " +
		"section, which cannot be compared.",
	world: func(w *lab.World) {
		unsigned(w, "mail.example.", "family A 192.0.2.1;;other A 192.0.2.2")
		w.Script = bareFormErr(w, "mail.example.")
	},
	steps: []step{
		good("family.mail.example. A", "NOERROR", "family.mail.example. A 192.0.2.1"),
		good("other.mail.example. A", "NOERROR", "other.mail.example. A 192.0.2.2"),
		empty("no.mail.example. A", "NXDOMAIN"),
	},
}, {
	name:      "BADVERS and NOTIMP to EDNS lead to a question without it",
	seen:      "nil0x42/dnsanity 3",
	situation: "Servers answer version 0 of EDNS with BADVERS, or with NOTIMP.",
	why:       "Neither speaks of the name. BIND asks without EDNS in all these cases.",
	world: func(w *lab.World) {
		unsigned(w, "vers.example.", "www A 192.0.2.1")
		unsigned(w, "imp.example.", "www A 192.0.2.2")
		script(w, "vers.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeBadVers
			return in.Query.IsEdns0() != nil
		})
		script(w, "imp.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, nil, dns.RcodeNotImplemented
			return in.Query.IsEdns0() != nil
		})
	},
	steps: []step{
		good("www.vers.example. A", "NOERROR", "www.vers.example. A 192.0.2.1"),
		good("www.imp.example. A", "NOERROR", "www.imp.example. A 192.0.2.2"),
	},
}, {
	name: "FORMERR with an OPT record is about the options",
	seen: "dns-violations/dns-violations 58, www.phishingscorecard.com",
	situation: "A firewall lets plain EDNS pass, and has every query with an option answered by " +
		"FORMERR with the query's own OPT record.",
	why: "EDNS is understood, so DNSSEC is not given up: the question is asked again without " +
		"options (RFC 6891, section 7).",
	world: func(w *lab.World) {
		signed(w, "score.example.", "www A 192.0.2.1;;ftp A 192.0.2.2")
		script(w, "score.example.", func(in lab.Incoming, m *dns.Msg) bool {
			opt := in.Query.IsEdns0()
			m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, []dns.RR{opt}, dns.RcodeFormatError
			return opt != nil && len(opt.Option) > 0
		})
	},
	steps: []step{
		good("www.score.example. A", "NOERROR AD", "www.score.example. A 192.0.2.1"),
		good("ftp.score.example. A", "NOERROR AD", "ftp.score.example. A 192.0.2.2"),
	},
}, {
	name: "FORMERR to EDNS over TCP is not an end",
	seen: "mirage/ocaml-dns 281",
	situation: "A large answer is truncated over UDP. Over TCP the server answers FORMERR to " +
		"EDNS.",
	why: "Without EDNS the same question is answered, so it is asked that way (RFC 6891, " +
		"section 7).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "big.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Truncate}}})
		script(w, "big.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, nil, dns.RcodeFormatError
			return in.TCP && in.Query.IsEdns0() != nil
		})
	},
	steps: []step{good("www.big.example. A", "NOERROR", "www.big.example. A 192.0.2.1")},
}, {
	name:      "an NXDOMAIN for AAAA takes nothing from the A records that are known",
	seen:      "weaveworks/weave 2244; slackhq/nebula 1662; d2iq-archive/mesos-dns 338",
	situation: "A load balancer without IPv6 answers AAAA with NXDOMAIN.",
	why: "Its denial holds for the name and every type (RFC 2308, section 5), but what it has " +
		"said before and what is not proven wrong stays until its TTL ends. When the denial " +
		"ends, A is asked for again.",
	world: func(w *lab.World) {
		unsigned(w, "lb.example.", "node A 192.0.2.1")
		script(w, "lb.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode = dns.RcodeNameError
			return in.Question().Qtype == dns.TypeAAAA
		})
	},
	steps: []step{
		good("node.lb.example. A", "NOERROR", "node.lb.example. A 192.0.2.1"),
		empty("node.lb.example. AAAA", "NXDOMAIN"),
		good("node.lb.example. A", "NOERROR", "node.lb.example. A 192.0.2.1").packets(noPackets),
		empty("node.lb.example. AAAA", "NXDOMAIN").later(301 * time.Second),
		good("node.lb.example. A", "NOERROR", "node.lb.example. A 192.0.2.1").
			later(61 * time.Second),
	},
}, {
	name: "names that a server repeats in the letter case of the question are the same names",
	seen: "zonemaster/zonemaster 422, www.int-evry.fr; zonemaster/zonemaster-engine 382",
	situation: "By compression of names the random letter case of our question gets into owner " +
		"names and data of the answer.",
	why: "Names are compared and signed without regard to case (RFC 4343; RFC 4034, section " +
		"6.2).",
	world: func(w *lab.World) {
		signed(w, "evry.example.",
			"www CNAME it.evry.example.;;it MX 5 www.evry.example.;;it A 192.0.2.1")
		script(w, "evry.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, rr := range slices.Concat(m.Answer, m.Ns) {
				rr.Header().Name = strings.ToUpper(rr.Header().Name)
				switch rr := rr.(type) {
				case *dns.CNAME:
					rr.Target = strings.ToUpper(rr.Target)
				case *dns.SOA:
					rr.Ns, rr.Mbox = strings.ToUpper(rr.Ns), strings.ToUpper(rr.Mbox)
				case *dns.RRSIG:
					rr.SignerName = strings.ToUpper(rr.SignerName)
				}
			}
			return true
		})
	},
	steps: []step{
		{ask: "www.evry.example. A", want: "NOERROR AD", nothing: true, check: sections(2)},
		{ask: "it.evry.example. TXT", want: "NOERROR AD", nothing: true, check: sections(0)},
		{ask: "no.evry.example. A", want: "NXDOMAIN AD", nothing: true, check: sections(0)},
	},
}, {
	name:      "a service record with a compressed target is read",
	seen:      "c-ares/c-ares 1287; golang/go 36718",
	situation: "The server of a Samba domain compresses the target of SRV records.",
	why: "RFC 2782 forbids it to senders; receivers decompress (RFC 3597, section 4). What we " +
		"send on is not compressed.",
	world: func(w *lab.World) {
		unsigned(w, "ad.example.", "_ldap._tcp SRV 0 100 389 dc1;;dc1 A 192.0.2.1")
		w.Script = compressedSRV(w, "ad.example.")
	},
	steps: []step{
		good("_ldap._tcp.ad.example. SRV", "NOERROR",
			"_ldap._tcp.ad.example. SRV 0 100 389 dc1.ad.example."),
		good("_ldap._tcp.ad.example. SRV", "NOERROR",
			"_ldap._tcp.ad.example. SRV 0 100 389 dc1.ad.example.").packets(noPackets),
	},
}, {
	name:      "of two CNAMEs at a name neither is followed",
	seen:      "hickory-dns/hickory-dns 3053",
	situation: "A server answers with forty CNAMEs of one name, each of which leads to more.",
	why: "A name has one CNAME (RFC 2181, section 10.1). Who followed all would be an " +
		"amplifier; which one is meant nobody knows.",
	world: func(w *lab.World) {
		var records []string
		for i := range 40 {
			records = append(records, "www CNAME t"+strings.Repeat("x", i+1))
		}
		unsigned(w, "many.example.", strings.Join(records, ";;"))
	},
	steps: []step{
		fails("www.many.example. A", cause.ServerUnexpected).packets(12),
		fails("www.many.example. A", cause.ServerUnexpected).packets(noPackets),
	},
}, {
	name: "a chain that is too long fails without records, from memory too",
	seen: "PowerDNS/pdns 14310; PowerDNS/pdns 669; systemd/systemd 24827",
	situation: "A chain has more links than are followed. The first client gets SERVFAIL with " +
		"the links, the second without.",
	why: "A failure carries no data: programs that look at the records alone would use them.",
	world: func(w *lab.World) {
		records := "c A 192.0.2.1"
		for i := range 20 {
			records += ";;c" + strings.Repeat("x", i+1) + " CNAME c" + strings.Repeat("x", i)
		}
		unsigned(w, "long.example.", records)
		w.Add(lab.Zone{Name: "bogus.example.", Faults: lab.Faults{lab.CorruptSignatures},
			Records: "www A 192.0.2.1"})
	},
	steps: []step{
		fails("cxxxxxxxxxxxxxxxxxxxx.long.example. A", cause.LimitAliases),
		fails("cxxxxxxxxxxxxxxxxxxxx.long.example. A", cause.LimitAliases),
		fails("www.bogus.example. A", cause.SignatureInvalid),
		fails("www.bogus.example. A", cause.SignatureInvalid).packets(noPackets),
	},
}, {
	name: "signatures by keys that are not there yet do no harm",
	seen: "zonemaster/zonemaster 1035, atiger.se; zonemaster/zonemaster 989",
	situation: "At the start of an algorithm rollover every set has a second signature, by a " +
		"key that is not published yet.",
	why: "One valid signature is enough (RFC 6840, section 5.4; RFC 6781, section 4.1.4).",
	world: func(w *lab.World) {
		signed(w, "tiger.example.", "www A 192.0.2.1")
		script(w, "tiger.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = doubled(m.Answer), doubled(m.Ns)
			return true
		})
	},
	steps: []step{
		{ask: "www.tiger.example. A", want: "NOERROR AD", nothing: true, over: transport.TCP},
		{ask: "no.tiger.example. A", want: "NXDOMAIN AD", nothing: true, over: transport.TCP},
	},
}, {
	name: "a wildcard that exists for one type is asked for with that type",
	seen: "NLnetLabs/unbound 1500 and 870, t.nessus.org",
	situation: "A zone with one server has a wildcard with TXT records. The server says " +
		"NXDOMAIN for every other type.",
	why: "The last question has the type that was asked for (RFC 9156, section 2.3), and one " +
		"RCODE excludes no server.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "t.example.", Algorithm: lab.Unsigned, Records: "* TXT token"})
		script(w, "t.example.", func(in lab.Incoming, m *dns.Msg) bool {
			q := in.Question()
			if q.Qtype != dns.TypeTXT && strings.ToLower(q.Name) != "t.example." {
				m.Rcode, m.Answer = dns.RcodeNameError, nil
				return true
			}
			return false
		})
	},
	steps: []step{
		good("zurhbjwo-4.t.example. TXT", "NOERROR", `zurhbjwo-4.t.example. TXT "token"`),
	},
}, {
	name:      "FORMERR to DNSKEY and DS questions does not harm an unsigned zone",
	seen:      "PowerDNS/pdns 3841, mail.protection.outlook.com",
	situation: "The servers of an unsigned zone answer FORMERR to DNSKEY, DS and NS questions.",
	why:       "The parent proves that the zone is unsigned: none of these has to be asked.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "mail.example.", Algorithm: lab.Unsigned,
			Records: "swivel A 192.0.2.1"})
		script(w, "mail.example.", func(in lab.Incoming, m *dns.Msg) bool {
			q := in.Question()
			if q.Qtype == dns.TypeDNSKEY || q.Qtype == dns.TypeDS || q.Qtype == dns.TypeNS {
				*m = dns.Msg{MsgHdr: m.MsgHdr, Question: m.Question}
				m.Rcode, m.Authoritative = dns.RcodeFormatError, false
				return true
			}
			return false
		})
	},
	steps: []step{
		good("swivel.mail.example. A", "NOERROR", "swivel.mail.example. A 192.0.2.1"),
	},
}, {
	name:      "half an answer is never served",
	seen:      "hickory-dns 2608 and 2609",
	situation: "A server truncates its answer over UDP, and does not answer over TCP.",
	why: "A truncated answer is not used (RFC 2181, section 9) and not kept (RFC 1035, section " +
		"7.4).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "cut.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.NoTCP}}})
	},
	steps: []step{
		fails("www.cut.example. A", cause.Truncated),
		fails("www.cut.example. A", cause.Truncated),
	},
}, {
	name:      "a zone that all its servers refuse costs few packets",
	seen:      "NLnetLabs/unbound 1338, edgecastdns.net",
	situation: "All servers of a zone answer REFUSED.",
	why:       "Each is asked, once; then it is remembered (RFC 9520).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "cast.example.", Algorithm: lab.Unsigned,
			Servers: []lab.ServerFaults{{lab.Refusing}, {lab.Refusing}, {lab.Refusing}}})
	},
	steps: []step{
		fails("ns1.cast.example. A", cause.ServerRefused).packets(18),
		fails("ns1.cast.example. A", cause.ServerRefused).packets(noPackets),
		fails("ns2.cast.example. A", cause.ServerRefused).packets(6),
	},
}, {
	name:      "IPv6 that leads nowhere does not hide IPv4",
	seen:      "NLnetLabs/unbound 1348; PowerDNS/pdns 7542; TechnitiumSoftware/DnsServer 1098",
	situation: "IPv6 is on, and the only address of that family leads nowhere.",
	why:       "The other family's addresses are as good; which works is learnt by trying.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "six.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1"})
		script(w, "example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, ns := range m.Ns {
				if ns.Header().Name == "six.example." && ns.Header().Rrtype == dns.TypeNS {
					m.Extra = append(m.Extra, rr("ns1.six.example. 300 AAAA 2001:db8::53"))
					return true
				}
			}
			return false
		})
	},
	config: func(c *resolver.Config) { c.IPv6 = resolver.FamilyOn },
	steps: []step{
		good("www.six.example. A", "NOERROR", "www.six.example. A 192.0.2.1"),
	},
}, {
	name: "octets behind a message are passed over",
	seen: "rthalley/dnspython 5; rthalley/dnspython 324; PowerDNS/pdns 6896; oxen-io/lokinet " +
		"510",
	situation: "A server sends some octets behind the last record of its answers, and a client " +
		"behind its question.",
	why: "The counts say where a message ends (RFC 1035, section 4.1). Unbound and BIND pass " +
		"over the rest.",
	world: func(w *lab.World) {
		signed(w, "tail.example.", "www A 192.0.2.1")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != w.AddressOf("tail.example.") {
				return lab.Reply{}, false
			}
			r := lab.Messages(in.Honest())
			r.Packets[0] = append(r.Packets[0], 0xde, 0xad, 0xbe, 0xef)
			return r, true
		}
	},
	steps: []step{
		good("www.tail.example. A", "NOERROR AD", "www.tail.example. A 192.0.2.1"),
		{packet: []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" +
			"\x00\x00\x02\x00\x01behind"), want: "NOERROR", answer: []string{". NS *"}},
	},
}, {
	name: "an option that a server cannot bear costs it no name",
	seen: "PowerDNS/pdns 10825; PowerDNS/pdns 4491; tailscale/tailscale 20892",
	situation: "A server answers SERVFAIL, REFUSED or NXDOMAIN where an EDNS option is in the " +
		"query, and as it should where none is.",
	why: "Unknown options are to be ignored (RFC 6891, section 6.1.2). BIND and the public " +
		"resolvers answer such names. A server of which little is known is asked again without " +
		"its cookie.",
	world: func(w *lab.World) {
		for zone, rcode := range map[string]int{"fail.example.": dns.RcodeServerFailure,
			"refuse.example.": dns.RcodeRefused, "deny.example.": dns.RcodeNameError} {
			signed(w, zone, "a A 192.0.2.1;;b A 192.0.2.2;;c A 192.0.2.3")
			script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
				opt := in.Query.IsEdns0()
				m.Rcode, m.Answer, m.Ns = rcode, nil, nil
				return opt != nil && len(opt.Option) > 0
			})
		}
	},
	steps: slices.Concat(threeNames("fail.example."), threeNames("refuse.example."),
		threeNames("deny.example.")),
}}

// bareFormErr has the servers of a zone answer EDNS with a header alone.
func bareFormErr(w *lab.World, zone string) lab.Script {
	return func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf(zone) || in.Query.IsEdns0() == nil {
			return lab.Reply{}, false
		}
		m := new(dns.Msg)
		m.Id, m.Response, m.Rcode = in.Query.Id, true, dns.RcodeFormatError
		return lab.Messages(m), true
	}
}

// compressedSRV has the server of a zone compress the last labels of an SRV record's target.
func compressedSRV(w *lab.World, zone string) lab.Script {
	return func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf(zone) || in.Question().Qtype != dns.TypeSRV {
			return lab.Reply{}, false
		}
		m := in.Honest()
		m.Answer = nil
		packet, err := m.Pack()
		if err != nil {
			panic(err)
		}
		question := 12 + len(in.Question().Name) + 1 + 4
		apex := 12 + len("_ldap._tcp.")
		rdata := append([]byte{0, 0, 0, 100, 1, 0x85, 3}, "dc1"...)
		rdata = append(rdata, 0xC0, byte(apex))
		record := append([]byte{0xC0, 12, 0, 33, 0, 1, 0, 0, 1, 44, 0, byte(len(rdata))}, rdata...)
		packet[7] = 1
		return lab.Reply{Packets: [][]byte{slices.Insert(packet, question, record...)}}, true
	}
}

// doubled adds to each signature one of the same set, by a key of another algorithm.
func doubled(section []dns.RR) (out []dns.RR) {
	for _, rr := range section {
		if sig, ok := rr.(*dns.RRSIG); ok {
			early := *sig
			early.Algorithm, early.KeyTag = dns.ED25519, sig.KeyTag+1
			out = append(out, &early)
		}
		out = append(out, rr)
	}
	return out
}

// sections returns a check of the number of records in the answer, signatures left out.
func sections(n int) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		if got := records(m.Answer); len(got) != n {
			t.Errorf("the answer is %v, want %d records", got, n)
		}
	}
}

// threeNames asks for a, b and c of a signed zone.
func threeNames(zone string) (steps []step) {
	for i, label := range []string{"a", "b", "c"} {
		name := label + "." + zone
		steps = append(steps,
			good(name+" A", "NOERROR AD", fmt.Sprintf("%s A 192.0.2.%d", name, i+1)))
	}
	return steps
}
