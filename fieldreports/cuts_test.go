// Zone cuts where parents, children and their servers disagree about them.

package fieldreports

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestCuts(t *testing.T) { play(t, cuts) }

var cuts = []report{{
	name: "a denial of the DS takes nothing from a zone that is there",
	seen: "zonemaster/zonemaster 553, ccc.cea.fr",
	situation: "Servers that have a zone and its parent, both unsigned, answer a question for " +
		"the " +
		"zone's DS with NXDOMAIN. A client that validates asks for it first.",
	why: "The denial is the parent's, about a name where a zone begins: the zone is asked for " +
		"its " +
		"own names, which exist (RFC 4035, section 2.4; RFC 1034, section 4.2).",
	world: func(w *lab.World) {
		unsigned(w, "cea.example.", "")
		w.Add(lab.Zone{Name: "ccc.cea.example.", Algorithm: lab.Unsigned, On: "cea.example.",
			Records: "@ A 192.0.2.1;;www A 192.0.2.2"})
		script(w, "cea.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode = dns.RcodeNameError
			return is(in, "ccc.cea.example.", dns.TypeDS)
		})
	},
	steps: []step{
		step{ask: "ccc.cea.example. DS", want: "NXDOMAIN"},
		good("ccc.cea.example. A", "NOERROR", "ccc.cea.example. A 192.0.2.1"),
		good("www.ccc.cea.example. A", "NOERROR", "www.ccc.cea.example. A 192.0.2.2"),
	},
}, {
	name: "a zone that its grandparent's servers have too is what its parent says",
	seen: "PowerDNS/pdns 6138, root-servers.net",
	situation: "The servers of the root have root-servers.net too, but not net. Asked for its DS " +
		"they deny it in the zone's own name, without signatures.",
	why: "The DS is in net (RFC 4035, section 2.4), whose denial is signed: the zone is unsigned.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "net.", Denial: lab.NSEC3OptOut})
		w.Add(lab.Zone{Name: "root-servers.net.", Algorithm: lab.Unsigned, On: ".",
			Records: "a A 192.0.2.4"})
	},
	steps: []step{
		good("a.root-servers.net. A", "NOERROR", "a.root-servers.net. A 192.0.2.4"),
		empty("root-servers.net. DS", "NOERROR"),
		empty("no.root-servers.net. A", "NXDOMAIN"),
	},
}, {
	name: "name servers of a signed zone validate for clients after they were used",
	seen: "PowerDNS/pdns 8642, Route 53",
	situation: "The addresses of a hoster's name servers are learnt as glue and used. Then a " +
		"client asks for them.",
	why: "Glue is not an answer (RFC 2181, section 5.4.1): the hoster's zone is asked, and " +
		"validated.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "host.", Denial: lab.NSEC3OptOut})
		signed(w, "awsdns.host.", "")
		w.Add(lab.Zone{Name: "customer.example.", Algorithm: lab.Unsigned, On: "awsdns.host.",
			Records: "www A 192.0.2.1"})
	},
	steps: []step{
		good("www.customer.example. A", "NOERROR", "www.customer.example. A 192.0.2.1"),
		good("ns1.awsdns.host. A", "NOERROR AD", "ns1.awsdns.host. A 127.*"),
		empty("ns1.awsdns.host. AAAA", "NOERROR AD"),
	},
}, {
	name: "an unsigned delegation to servers that answer everything with TXT resolves",
	seen: "PowerDNS/pdns 4735, _dmarc.otalliance.org",
	situation: "A signed zone delegates _dmarc to a vendor, without DS. The vendor's servers " +
		"answer each question, for DS and DNSKEY too, with the TXT record.",
	why: "The parent proves that the zone is unsigned; what its servers say of keys is not needed.",
	world: func(w *lab.World) {
		signed(w, "alliance.example.", "")
		w.Add(lab.Zone{Name: "_dmarc.alliance.example.", Algorithm: lab.Unsigned})
		script(w, "_dmarc.alliance.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Ns, m.Authoritative = dns.RcodeSuccess, nil, true
			m.Answer = []dns.RR{rr(in.Question().Name + ` 300 TXT "v=DMARC1; p=reject"`)}
			return true
		})
	},
	steps: []step{good("_dmarc.alliance.example. TXT", "NOERROR",
		`_dmarc.alliance.example. TXT "v=DMARC1; p=reject"`)},
}, {
	name: "a signed alias in place of a DS proves no unsigned zone",
	seen: "dnsviz/dnsviz 30, www.stadsmuseum.nl",
	situation: "A signed zone has an alias at a name, and its servers have another, unsigned " +
		"zone " +
		"of that name. Asked for the DS they send the alias.",
	why: "RFC 4035, section 5.2: without a proof from the parent the zone may not be unsigned. " +
		"Unbound, PowerDNS and Knot Resolver failed the reported name.",
	world: func(w *lab.World) {
		signed(w, "museum.example.", "@ A 192.0.2.1;;www CNAME @")
		script(w, "museum.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if in.Question().Qtype == dns.TypeDS ||
				!dns.IsSubDomain("www.museum.example.", strings.ToLower(in.Question().Name)) {
				return false
			}
			m.Rcode, m.Authoritative = dns.RcodeSuccess, true
			m.Answer = []dns.RR{rr(in.Question().Name + " 300 A 192.0.2.66")}
			m.Ns = nil
			return true
		})
	},
	steps: []step{
		fails("www.museum.example. A", cause.SignatureMissing),
		good("museum.example. A", "NOERROR AD", "museum.example. A 192.0.2.1"),
	},
}, {
	name: "an alias at an unsigned apex answers the same in every order",
	seen: "PowerDNS/pdns 9621, dpaste.com; PowerDNS/pdns 11245",
	situation: "The apex of an unsigned zone is an alias, and its servers answer questions for " +
		"SOA and DS with it too. What clients asked before decided whether www was bogus.",
	why: "The parent proves that the zone is unsigned, whatever else is in the cache.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "com.", Denial: lab.NSEC3OptOut})
		w.Add(lab.Zone{Name: "dpaste.com.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		signed(w, "target.example.", "@ A 192.0.2.2")
		script(w, "dpaste.com.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = []dns.RR{rr("dpaste.com. 300 CNAME target.example.")}, nil
			return strings.EqualFold(in.Question().Name, "dpaste.com.")
		})
	},
	steps: []step{
		good("dpaste.com. A", "NOERROR", "dpaste.com. CNAME target.example.",
			"target.example. A 192.0.2.2"),
		step{ask: "dpaste.com. SOA", want: "NOERROR", nothing: true},
		empty("dpaste.com. DS", "NOERROR"),
		good("www.dpaste.com. A", "NOERROR", "www.dpaste.com. A 192.0.2.1"),
	},
}, {
	name: "a zone that is another zone's DNAME validates with its target beside it",
	seen: "PowerDNS/pdns 10713, treasury.xn--mori-qsa.nz",
	situation: "Two signed zones are on the same servers; the apex of one is a DNAME to the " +
		"other. Replies have the target's records first and the DNAME last.",
	why: "The order in a section means nothing (RFC 1034, section 3.7; RFC 6672, section 5.3.1).",
	world: func(w *lab.World) {
		signed(w, "maori.example.", "treasury A 192.0.2.1")
		w.Add(lab.Zone{Name: "xn--mori-qsa.example.", On: "maori.example.",
			Records: "@ DNAME maori.example."})
		script(w, "maori.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for i, j := 0, len(m.Answer)-1; i < j; i, j = i+1, j-1 {
				m.Answer[i], m.Answer[j] = m.Answer[j], m.Answer[i]
			}
			return true
		})
	},
	steps: []step{
		good("treasury.xn--mori-qsa.example. A", "NOERROR AD",
			"xn--mori-qsa.example. DNAME maori.example.",
			"treasury.xn--mori-qsa.example. CNAME treasury.maori.example.",
			"treasury.maori.example. A 192.0.2.1"),
		good("treasury.maori.example. A", "NOERROR AD", "treasury.maori.example. A 192.0.2.1"),
	},
}, {
	name: "two zones with each other's name servers resolve by the glue of both",
	seen: "SIDN/CycleHunter 22; coredns/coredns 4377; gdnsd/gdnsd 239",
	situation: "The servers of one zone are named in a second and those of the second in the " +
		"first. Their common parent has the addresses of both.",
	why: "RFC 9471, section 2.2: the parent sends sibling glue in this case, as nothing else " +
		"leads there; it is within the parent's bailiwick.",
	world: func(w *lab.World) {
		unsigned(w, "tld.", "")
		w.Add(lab.Zone{Name: "pool.", Algorithm: lab.Unsigned})
		at := w.AddressOf("pool.").String()
		w.Put("tld.", rr("one.tld. 300 NS ns.two.tld."), rr("two.tld. 300 NS ns.one.tld."),
			rr("ns.one.tld. 300 A "+at), rr("ns.two.tld. 300 A "+at))
		script(w, "pool.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Authoritative, m.Ns = dns.RcodeSuccess, true, nil
			m.Answer = []dns.RR{rr(in.Question().Name + " 300 A 192.0.2.1")}
			return true
		})
	},
	steps: []step{
		good("www.one.tld. A", "NOERROR", "www.one.tld. A 192.0.2.1").packets(12),
		good("www.two.tld. A", "NOERROR", "www.two.tld. A 192.0.2.1").packets(6),
	},
}, {
	name: "two zones that need each other and have no glue fail cheaply",
	seen: "zonemaster/zonemaster 965, tsuname.zut-root.rd.nic.fr",
	situation: "The servers of each of two zones, in different top level domains, are named in " +
		"the other one alone (TsuNAME). Clients ask again and again.",
	why: "The question depends on itself; that is found, and the failure remembered (RFC 9520, " +
		"section 3.2).",
	world: func(w *lab.World) {
		unsigned(w, "fr.", "tsuname NS ns1.tsunayou.re.;;tsuname NS ns2.tsunayou.re.")
		unsigned(w, "re.", "tsunayou NS ns1.tsuname.fr.;;tsunayou NS ns2.tsuname.fr.")
	},
	steps: []step{
		fails("www.tsuname.fr. A", cause.DependencyLoop).packets(12),
		fails("www.tsuname.fr. A", cause.DependencyLoop).packets(noPackets),
		fails("x.tsunayou.re. A", cause.DependencyLoop).packets(12),
	},
}, {
	name: "glue is used though the zone has an alias at its name",
	seen: "zonemaster/zonemaster-engine 236, equityfeed.com",
	situation: "The parent has addresses for two name servers of a zone, in which both names are " +
		"aliases; the zone's own NS set has other names.",
	why: "RFC 2181, section 10.3 forbids it, and it works all the same with the parent's glue.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "feed.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		at := w.AddressOf("feed.example.").String()
		script(w, "feed.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := in.Question().Name
			switch {
			case strings.EqualFold(name, "ns1.feed.example."):
				m.Answer, m.Ns = []dns.RR{rr(name + " 300 CNAME utils.feed.example.")}, nil
			case strings.EqualFold(name, "utils.feed.example."):
				m.Rcode, m.Answer, m.Ns = 0, []dns.RR{rr(name + " 300 A " + at)}, nil
			case is(in, "feed.example.", dns.TypeNS):
				m.Answer = []dns.RR{rr("feed.example. 300 NS utils.feed.example.")}
			default:
				m.Ns = []dns.RR{rr("feed.example. 300 NS utils.feed.example.")}
			}
			return true
		})
	},
	steps: []step{
		good("www.feed.example. A", "NOERROR", "www.feed.example. A 192.0.2.1"),
		good("feed.example. NS", "NOERROR", "feed.example. NS utils.feed.example."),
		good("www.feed.example. A", "NOERROR", "www.feed.example. A 192.0.2.1").
			later(10 * time.Minute),
	},
}, {
	name: "an unsigned delegation eight labels down is proven at each label",
	seen: "PowerDNS/pdns 1289, 1.0.0.0.1.0.0.0.pasilehto.fi",
	situation: "A zone with NSEC delegates reverse-like names of eight labels, without DS; the " +
		"names between have no records.",
	why: "They are empty non-terminals, which the NSEC before them proves (RFC 4592, section " +
		"2.2.2).",
	world: func(w *lab.World) {
		signed(w, "pasi.example.", "")
		for _, z := range []string{"1.0.0.0.1", "0.0.0.0.1"} {
			w.Add(lab.Zone{Name: z + ".0.0.0.pasi.example.", Algorithm: lab.Unsigned,
				Records: "5.2.0.0.0.1.0.0.0.0.0.0.0.0.0.0 PTR host.example."})
		}
	},
	steps: []step{
		good("5.2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.1.0.0.0.1.0.0.0.pasi.example. PTR", "NOERROR",
			"5.2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.1.0.0.0.1.0.0.0.pasi.example. PTR host.example."),
		good("5.2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.pasi.example. PTR", "NOERROR",
			"5.2.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.pasi.example. PTR host.example."),
		empty("0.0.0.pasi.example. PTR", "NOERROR AD"),
		empty("0.0.0.0.1.0.0.0.pasi.example. DS", "NOERROR AD"),
	},
}, {
	name: "a question for NS is answered by the zone and not by its parent",
	seen: "hickory-dns/hickory-dns 3125",
	situation: "The parent's NS set differs from the zone's own. A client asks for it after the " +
		"zone has been used.",
	why: "The set of a referral is the parent's, and no answer (RFC 2181, section 5.4.1).",
	world: func(w *lab.World) {
		signed(w, "differs.example.", "@ NS ns2.differs.example.;;ns2 A 192.0.2.53;;"+
			"www A 192.0.2.1")
	},
	steps: []step{
		good("www.differs.example. A", "NOERROR AD", "www.differs.example. A 192.0.2.1"),
		good("differs.example. NS", "NOERROR AD", "differs.example. NS ns2.differs.example.",
			"differs.example. NS ns1.differs.example."),
	},
}, {
	name: "an answer without AA from a server that resolves is used if there is no other",
	seen: "PowerDNS/pdns 8150; PowerDNS/pdns 8619, abaton.secure-store.at",
	situation: "A company's servers are resolvers too: names of a zone that they delegate come " +
		"from their cache, without AA. Another server sends each record twice, without AA.",
	why: "The reply is used, as Unbound and BIND do, if no server has a better one.",
	world: func(w *lab.World) {
		unsigned(w, "corp.example.", "")
		script(w, "corp.example.", func(in lab.Incoming, m *dns.Msg) bool {
			a := rr(in.Question().Name + " 300 A 192.0.2.1")
			m.Rcode, m.Authoritative, m.RecursionAvailable, m.Ns = 0, false, true, nil
			m.Answer = []dns.RR{a, a}
			return in.Question().Qtype == dns.TypeA
		})
	},
	steps: []step{good("www.auth.corp.example. A", "NOERROR",
		"www.auth.corp.example. A 192.0.2.1")},
}, {
	name: "an empty answer without AA and SOA is an empty answer",
	seen: "PowerDNS/pdns 15749, cqwx.bjdc6.e-chinalife.com; docker/for-mac 5088",
	situation: "Asked for AAAA, a balancer that has A records sends NOERROR with nothing at all, " +
		"and without AA. The host was not reached: resolvers said SERVFAIL.",
	why: "RFC 2308, section 2.2: it is no referral, so NODATA. It is not kept (section 5).",
	world: func(w *lab.World) {
		unsigned(w, "life.example.", "www A 192.0.2.1")
		script(w, "life.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns, m.Authoritative = nil, false
			return in.Question().Qtype == dns.TypeAAAA
		})
	},
	steps: []step{
		empty("www.life.example. AAAA", "NOERROR"),
		good("www.life.example. A", "NOERROR", "www.life.example. A 192.0.2.1"),
		empty("www.life.example. AAAA", "NOERROR").later(time.Second),
	},
}, {
	name: "NS records beside an alias do not prolong a zone that is gone",
	seen: "PowerDNS/pdns 7178",
	situation: "A zone's servers answer each question with an alias, and put NS records of the " +
		"zone with long TTLs beside it. The parent has taken the zone away.",
	why: "How long a zone's servers are asked is up to the parent (CVE-2012-1033).",
	world: func(w *lab.World) {
		unsigned(w, "org.", "")
		w.Add(lab.Zone{Name: "ghost.org.", Algorithm: lab.Unsigned, TTL: 5})
		signed(w, "shop.example.", "www A 192.0.2.1")
		script(w, "ghost.org.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer = 0, []dns.RR{rr(in.Question().Name + " 5 CNAME www.shop.example.")}
			m.Ns = []dns.RR{rr("ghost.org. 86400 NS ns1.ghost.org.")}
			m.Extra = []dns.RR{rr("ns1.ghost.org. 86400 A " + in.Server.String())}
			return true
		})
		gone := since(time.Minute)
		script(w, "org.", func(in lab.Incoming, m *dns.Msg) bool {
			if !gone() || !dns.IsSubDomain("ghost.org.", strings.ToLower(in.Question().Name)) {
				return false
			}
			denied("org.")(m)
			m.Authoritative, m.Extra = true, nil
			return true
		})
	},
	steps: []step{
		good("a.ghost.org. A", "NOERROR", "a.ghost.org. CNAME www.shop.example.",
			"www.shop.example. A 192.0.2.1"),
		good("b.ghost.org. A", "NOERROR", "b.ghost.org. CNAME www.shop.example.",
			"www.shop.example. A 192.0.2.1").later(4 * time.Minute),
		empty("c.ghost.org. A", "NXDOMAIN").later(2 * time.Minute),
	},
}, {
	name: "a name with an underscore that is refused does not hide those below it",
	seen: "PowerDNS/pdns 10110; yarrick/iodine 120",
	situation: "A firewall in front of a zone's servers answers REFUSED for names of which only " +
		"names below have records: _tcp and _domainkey. TLSA and DKIM were not found.",
	why: "RFC 9156, section 2.3: whoever shortens names goes on with the whole one on an error.",
	world: func(w *lab.World) {
		signed(w, "strict.example.", "_25._tcp.mail TLSA 3 1 1 ab;;s1._domainkey TXT k")
		script(w, "strict.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := strings.ToLower(in.Question().Name)
			m.Rcode, m.Ns = dns.RcodeRefused, nil
			return strings.HasPrefix(name, "_tcp.") || strings.HasPrefix(name, "_domainkey.") ||
				name == "mail.strict.example."
		})
	},
	steps: []step{
		good("_25._tcp.mail.strict.example. TLSA", "NOERROR AD",
			"_25._tcp.mail.strict.example. TLSA 3 1 1 ab"),
		good("s1._domainkey.strict.example. TXT", "NOERROR AD",
			`s1._domainkey.strict.example. TXT "k"`),
	},
}}
