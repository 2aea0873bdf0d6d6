// Advisories of other resolvers, by their numbers: what was done to them is done to us.

package fieldreports

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestAdvisories(t *testing.T) { play(t, advisories) }

// beside adds what somebody forges to the replies of a zone's servers to questions for an address
// of a random name, as who guesses the ID and the port of one of them can.
func beside(w *lab.World, zone string, forge func(m *dns.Msg)) {
	script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
		name := strings.ToLower(in.Question().Name)
		if !strings.HasPrefix(name, "random") {
			return false
		}
		m.Rcode, m.Authoritative, m.Ns, m.Extra = 0, true, nil, nil
		m.Answer = []dns.RR{rr(name + " 300 A 192.0.2.66")}
		forge(m)
		return true
	})
}

// long is a name of as many octets as a name may have, in a zone.
func long(zone string) string {
	label := strings.Repeat("l", 63) + "."
	name := label + label + label
	return name + strings.Repeat("m", 253-len(name)-len(zone)) + "." + zone
}

// takenAway has example. deny a zone below from some time on.
func takenAway(w *lab.World, zone string, gone func() bool) {
	script(w, "example.", func(in lab.Incoming, m *dns.Msg) bool {
		if !gone() || !dns.IsSubDomain(zone, strings.ToLower(in.Question().Name)) {
			return false
		}
		soa := rr("example. 60 SOA ns1.example. h.example. 1 3600 600 86400 60")
		cover := rr("example. 60 NSEC zz.example. NS SOA RRSIG NSEC DNSKEY")
		m.Authoritative, m.Rcode, m.Answer = true, dns.RcodeNameError, nil
		m.Ns = append(w.Sign("example.", soa), soa, cover)
		m.Ns = append(m.Ns, w.Sign("example.", cover)...)
		return true
	})
}

var advisories = []report{{
	name: "CVE-2025-40778: an answer to one name brings no records of others",
	seen: "ISC BIND 9 advisory CVE-2025-40778; PowerDNS Recursor advisory 2025-06",
	situation: "Who forges the answer to a random name of a zone adds addresses, an alias and a " +
		"DNAME of other names of the same zone to its answer section.",
	why: "One guess is worth one name: only the set that was asked for, and the chain that leads " +
		"to it, are an answer (RFC 5452, section 6).",
	world: func(w *lab.World) {
		unsigned(w, "plain.example.", "www A 192.0.2.1;;mail A 192.0.2.2;;a.deep A 192.0.2.3")
		beside(w, "plain.example.", func(m *dns.Msg) {
			m.Answer = append(m.Answer, rr("www.plain.example. 86400 A 192.0.2.66"),
				rr("mail.plain.example. 86400 CNAME random.plain.example."),
				rr("deep.plain.example. 86400 DNAME random.plain.example."),
				rr("plain.example. 86400 NS ns.random.plain.example."),
				rr("plain.example. 86400 SOA a. b. 1 2 3 4 5"))
		})
	},
	steps: []step{
		good("random.plain.example. A", "NOERROR", "random.plain.example. A 192.0.2.66"),
		good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.1"),
		good("mail.plain.example. A", "NOERROR", "mail.plain.example. A 192.0.2.2"),
		good("a.deep.plain.example. A", "NOERROR", "a.deep.plain.example. A 192.0.2.3"),
	},
}, {
	name: "CVE-2025-59023: a referral changes no delegation but that of the name in question",
	seen: "PowerDNS Recursor advisory 2025-06, CVE-2025-59023 and CVE-2025-59024",
	situation: "A forged referral, or the forged second fragment of one, names servers of a zone " +
		"beside, of the zone itself and of the one above, and has addresses for the servers of " +
		"others.",
	why: "A referral leads downward, to a zone that holds the name, and its glue is for that " +
		"zone alone (RFC 1034, section 4.2.1; RFC 5452, section 6).",
	world: func(w *lab.World) {
		unsigned(w, "plain.example.", "www A 192.0.2.1;;new A 192.0.2.2")
		unsigned(w, "other.example.", "www A 192.0.2.3")
		unsigned(w, "attacker.", "")
		at := w.AddressOf("attacker.").String()
		script(w, "attacker.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Authoritative, m.Ns, m.Extra = 0, true, nil, nil
			m.Answer = []dns.RR{rr(in.Question().Name + " 300 A 192.0.2.66")}
			return in.Question().Qtype == dns.TypeA
		})
		script(w, "example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !strings.HasSuffix(strings.ToLower(in.Question().Name), "other.example.") {
				return false
			}
			for _, zone := range []string{"plain.example.", "example.", ".", "com."} {
				m.Ns = append(m.Ns, rr(zone+" 86400 NS ns1."+strings.TrimPrefix(zone, ".")))
				m.Ns = append(m.Ns, rr(zone+" 86400 NS ns1.plain.example."))
			}
			for _, host := range []string{"ns1.plain.example.", "ns1.example.", "ns1."} {
				m.Extra = append(m.Extra, rr(host+" 86400 A "+at))
			}
			return true
		})
	},
	steps: []step{
		good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.1"),
		good("www.other.example. A", "NOERROR", "www.other.example. A 192.0.2.3"),
		good("new.plain.example. A", "NOERROR", "new.plain.example. A 192.0.2.2"),
		empty("no.example. A", "NXDOMAIN AD"),
		empty("no. A", "NXDOMAIN AD"),
	},
}, {
	name: "CVE-2026-42960: records of any type beside an answer bring no addresses",
	seen: "NLnetLabs/unbound release 1.25.1, CVE-2026-42960",
	situation: "A forged answer has MX, SRV, HTTPS and NS records in its authority section, and " +
		"the addresses of their hosts in the additional one.",
	why: "Nothing outside of the answer section is data, whatever led to it (RFC 2181, " +
		"section 5.4.1).",
	world: func(w *lab.World) {
		unsigned(w, "plain.example.", "www A 192.0.2.1;;@ MX 10 www")
		beside(w, "plain.example.", func(m *dns.Msg) {
			m.Ns = []dns.RR{rr("plain.example. 86400 MX 1 www.plain.example."),
				rr("plain.example. 86400 HTTPS 1 www.plain.example."),
				rr("_x._tcp.plain.example. 86400 SRV 1 1 1 www.plain.example."),
				rr("plain.example. 86400 NS www.plain.example.")}
			m.Extra = []dns.RR{rr("www.plain.example. 86400 A 192.0.2.66")}
		})
	},
	steps: []step{
		good("random.plain.example. A", "NOERROR", "random.plain.example. A 192.0.2.66"),
		good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.1"),
		good("plain.example. MX", "NOERROR", "plain.example. MX 10 www.plain.example."),
	},
}, {
	name: "CVE-2026-0398: links of a chain are believed of the zones they are in alone",
	seen: "PowerDNS Recursor advisory 2026-01, CVE-2026-0398",
	situation: "An attacker's answer is a chain that leads through a victim's name and back, " +
		"with aliases and addresses for the victim in between.",
	why: "What follows in another zone is asked for there (RFC 2181, section 5.4.1; RFC 1034, " +
		"section 3.6.2).",
	world: func(w *lab.World) {
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			if name == "end.evil.example." {
				m.Answer = []dns.RR{rr(name + " 300 A 192.0.2.66")}
				return
			}
			if name == "a.evil.example." {
				m.Answer = []dns.RR{rr(name + " 300 CNAME b.evil.example.")}
			}
			m.Answer = append(m.Answer, rr("b.evil.example. 300 CNAME www.plain.example."),
				rr("www.plain.example. 86400 CNAME end.evil.example."),
				rr("www.plain.example. 86400 A 192.0.2.66"),
				rr("end.evil.example. 300 CNAME mail.plain.example."),
				rr("mail.plain.example. 86400 A 192.0.2.66"))
		})
	},
	steps: attacked(good("a.evil.example. A", "NOERROR", "a.evil.example. CNAME b.evil.example.",
		"b.evil.example. CNAME www.plain.example.", "www.plain.example. A 192.0.2.1")),
}, {
	name: "CVE-2026-10723: a child's NSEC3 deny nothing of its parent",
	seen: "ISC BIND 9 advisory CVE-2026-10723",
	situation: "The owner of a signed zone sends its own NSEC3 records, which deny everything, " +
		"in answer to questions that the zone above was asked for.",
	why: "The hashes are of names below the zone that signed them: the signer has to be the zone " +
		"of the denial (RFC 4035, section 5.3.1; RFC 5155, section 8.1).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tld.", Denial: lab.NSEC3,
			Records: "www.deep A 192.0.2.1;;x A 192.0.2.2"})
		w.Add(lab.Zone{Name: "evil.tld.", Denial: lab.NSEC3, Records: "www A 192.0.2.66"})
		child := rr("0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM.evil.tld. 300 NSEC3 1 0 0 - " +
			"0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM NS SOA RRSIG DNSKEY NSEC3PARAM")
		script(w, "tld.", func(in lab.Incoming, m *dns.Msg) bool {
			if !strings.HasSuffix(strings.ToLower(in.Question().Name), "deep.tld.") {
				return false
			}
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			soa := rr("evil.tld. 300 SOA a. b. 1 2 3 4 60")
			m.Ns = append(w.Sign("evil.tld.", soa), soa, child)
			m.Ns = append(m.Ns, w.Sign("evil.tld.", child)...)
			return true
		})
	},
	steps: []step{
		good("www.evil.tld. A", "NOERROR AD", "www.evil.tld. A 192.0.2.66"),
		fails("www.deep.tld. A", cause.SignerMismatch),
		good("x.tld. A", "NOERROR AD", "x.tld. A 192.0.2.2"),
		empty("www.evil.tld. AAAA", "NOERROR AD"),
	},
}, {
	name: "CVE-2026-46582: an alias that a wildcard became is proven each time",
	seen: "NLnetLabs/unbound release 1.25.2, CVE-2026-46582; PowerDNS Recursor advisory 2026-08",
	situation: "Somebody between replays the signed alias that a wildcard became for one name as " +
		"that of a host which is there, after both were answered rightly.",
	why: "RFC 4035, section 5.3.4: that the name itself is not there has to be proven, for " +
		"aliases too, and for each name.",
	world: func(w *lab.World) {
		signed(w, "wild.example.", "* CNAME target;;target A 192.0.2.1;;host A 192.0.2.2;;"+
			"host TXT x;;other A 192.0.2.3")
		script(w, "wild.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "other.wild.example.", dns.TypeA) {
				return false
			}
			wild := rr("*.wild.example. 300 CNAME target.wild.example.")
			m.Answer = append([]dns.RR{wild}, w.Sign("wild.example.", wild)...)
			for _, r := range m.Answer {
				r.Header().Name = "other.wild.example."
			}
			m.Ns = nil
			return true
		})
	},
	steps: []step{
		good("any.wild.example. A", "NOERROR AD", "any.wild.example. CNAME target.wild.example.",
			"target.wild.example. A 192.0.2.1"),
		good("host.wild.example. A", "NOERROR AD", "host.wild.example. A 192.0.2.2"),
		fails("other.wild.example. A", cause.WildcardProofMissing),
		good("host.wild.example. TXT", "NOERROR AD", `host.wild.example. TXT "x"`),
	},
}, {
	name: "CVE-2026-12617: an alias that turns up where data are known harms neither",
	seen: "ISC BIND 9 advisory CVE-2026-12617",
	situation: "A name has an address; asked for its CNAME later, its server says that it is an " +
		"alias of itself. Names below another were answered before its DNAME is denied.",
	why: "Each set is kept by its own type, and a later alias takes the place of nothing that " +
		"has not ended (RFC 2181, section 5.4).",
	world: func(w *lab.World) {
		unsigned(w, "turn.example.", "www A 192.0.2.1;;a.d A 192.0.2.2")
		script(w, "turn.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "www.turn.example.", dns.TypeCNAME) {
				return false
			}
			m.Ns = nil
			m.Answer = []dns.RR{rr("www.turn.example. 300 CNAME www.turn.example.")}
			return true
		})
	},
	steps: []step{
		good("www.turn.example. A", "NOERROR", "www.turn.example. A 192.0.2.1"),
		good("www.turn.example. CNAME", "NOERROR", "www.turn.example. CNAME www.turn.example."),
		good("www.turn.example. CNAME", "NOERROR", "www.turn.example. CNAME www.turn.example."),
		good("a.d.turn.example. A", "NOERROR", "a.d.turn.example. A 192.0.2.2"),
		empty("d.turn.example. DNAME", "NOERROR"),
		good("a.d.turn.example. A", "NOERROR", "a.d.turn.example. A 192.0.2.2"),
	},
}, {
	name: "CVE-2026-81634: the longest name with a set of kilobytes validates",
	seen: "NLnetLabs/unbound release 1.26.1, CVE-2026-81634",
	situation: "A signed name of 255 octets has so many TXT records that they come over TCP; the " +
		"canonical form has the name before each of them.",
	why: "RFC 4034, section 3.1.8.1: what is signed is longer than the message, and has a room " +
		"of its own.",
	world: func(w *lab.World) {
		name := long("long.example.")
		var records []string
		for i := range 120 {
			text := strings.Repeat(string(rune('a'+i%26)), 200+i)
			records = append(records, name+` 300 TXT "`+text+`"`)
		}
		signed(w, "long.example.", strings.Join(records, ";;"))
	},
	steps: []step{{ask: long("long.example.") + " TXT", want: "NOERROR TC AD", nothing: true}},
}, {
	name: "CVE-2026-42959: a chain of DNAMEs with records of all kinds around it validates",
	seen: "NLnetLabs/unbound release 1.25.1, CVE-2026-42959",
	situation: "A signed zone redirects through two DNAMEs. Its answers have the unsigned " +
		"aliases that follow, the DNAMEs twice, unsigned records in the authority section and " +
		"signed addresses in the additional one.",
	why: "Records that nobody needs are passed over (RFC 4035, section 5); what is needed " +
		"verifies.",
	world: func(w *lab.World) {
		signed(w, "chain.example.", "a DNAME b;;b DNAME c;;x.c A 192.0.2.1;;glue A 192.0.2.2")
		script(w, "chain.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if len(m.Answer) == 0 {
				return false
			}
			m.Answer = append(m.Answer, m.Answer[0], m.Answer[0])
			m.Ns = append(m.Ns, rr("chain.example. 300 NS glue.chain.example."),
				rr("chain.example. 300 TXT unsigned"))
			address := rr("glue.chain.example. 300 A 192.0.2.2")
			m.Extra = append(append(m.Extra, address), w.Sign("chain.example.", address)...)
			return true
		})
	},
	steps: []step{good("x.a.chain.example. A", "NOERROR AD",
		"a.chain.example. DNAME b.chain.example.", "x.a.chain.example. CNAME x.b.chain.example.",
		"b.chain.example. DNAME c.chain.example.", "x.b.chain.example. CNAME x.c.chain.example.",
		"x.c.chain.example. A 192.0.2.1")},
}, {
	name:      "CVE-2026-42944: options that come many times are answered once",
	seen:      "NLnetLabs/unbound release 1.25.1, CVE-2026-42944",
	situation: "A query has ten NSID, ten COOKIE and ten padding options.",
	why: "An option is asked for or not; the response has each that we send once (RFC 6891, " +
		"section 6.1.2).",
	world: func(w *lab.World) { unsigned(w, "many.example.", "www A 192.0.2.1") },
	steps: []step{good("www.many.example. A", "NOERROR", "www.many.example. A 192.0.2.1").
		with(func(m *dns.Msg) {
			o := m.IsEdns0()
			for range 10 {
				o.Option = append(o.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID},
					&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
					&dns.EDNS0_PADDING{Padding: make([]byte, 20)})
			}
		}).checked(func(t *testing.T, m *dns.Msg) {
		count := map[uint16]int{}
		for _, o := range m.IsEdns0().Option {
			if count[o.Option()]++; count[o.Option()] > 1 {
				t.Errorf("option %d comes again", o.Option())
			}
		}
	})},
}, {
	name: "CVE-2026-42955: glue of a child prolongs nothing that its parent has taken away",
	seen: "NLnetLabs/unbound release 1.25.2, CVE-2026-42955",
	situation: "The servers of a zone that was taken away refer to a zone below with their own " +
		"names and addresses as glue, which last for a day, again and again.",
	why: "A delegation below ends with the one above it, and glue is used for its delegation " +
		"alone (CVE-2012-1033).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "gone.example.", Algorithm: lab.Unsigned, TTL: 86400,
			Records: "a A 192.0.2.66"})
		w.Add(lab.Zone{Name: "sub.gone.example.", Algorithm: lab.Unsigned, TTL: 86400,
			Records: "a A 192.0.2.66;;b A 192.0.2.66;;c A 192.0.2.66", On: "gone.example."})
		script(w, "gone.example.", func(in lab.Incoming, m *dns.Msg) bool {
			at := in.Server.String()
			m.Ns = append(m.Ns, rr("sub.gone.example. 86400 NS ns1.gone.example."),
				rr("gone.example. 86400 NS ns1.gone.example."))
			m.Extra = append(m.Extra, rr("ns1.gone.example. 86400 A "+at))
			return true
		})
		takenAway(w, "gone.example.", since(time.Minute))
	},
	steps: []step{
		good("a.sub.gone.example. A", "NOERROR", "a.sub.gone.example. A 192.0.2.66"),
		good("b.sub.gone.example. A", "NOERROR", "b.sub.gone.example. A 192.0.2.66").
			later(30 * time.Second),
		empty("c.sub.gone.example. A", "NXDOMAIN AD").later(5 * time.Minute),
		empty("a.gone.example. A", "NXDOMAIN AD"),
	},
}}
