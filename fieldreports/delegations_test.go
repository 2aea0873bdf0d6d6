// Delegations: referrals, glue, DS and the servers of zones.

package fieldreports

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestDelegations(t *testing.T) { play(t, delegations) }

var delegations = []report{{
	name: "a referral in reply to a DS question denies the DS of an unsigned zone",
	seen: "PowerDNS/pdns 10460, sthc.nordlo.cloud",
	situation: "The servers of an unsigned zone know nothing of DS, and answer a question for " +
		"that of a delegation with the referral to it.",
	why: "The DS is not at the child (RFC 4035, section 3.1.4.1), so the referral is not " +
		"followed; below an unsigned zone there is nothing to be proven.",
	world: func(w *lab.World) {
		unsigned(w, "nordlo.example.", "")
		unsigned(w, "sthc.nordlo.example.", "www A 192.0.2.1")
		script(w, "nordlo.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "sthc.nordlo.example.", dns.TypeDS) {
				return false
			}
			m.Authoritative = false
			m.Ns = []dns.RR{rr("sthc.nordlo.example. 300 NS ns1.sthc.nordlo.example.")}
			return true
		})
	},
	steps: []step{
		empty("sthc.nordlo.example. DS", "NOERROR").
			sparing("sthc.nordlo.example. sthc.nordlo.example. DS"),
		good("www.sthc.nordlo.example. A", "NOERROR", "www.sthc.nordlo.example. A 192.0.2.1"),
	},
}, {
	name: "a referral with the proof of opt-out answers a DS question",
	seen: "NLnetLabs/unbound 1497",
	situation: "A signed parent answers the DS question of an unsigned delegation with the " +
		"referral and its NSEC3 records, without SOA.",
	why: "The proof is complete (RFC 5155, section 7.2.7); asked, the child could only give an " +
		"empty answer without proof.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tld.", Denial: lab.NSEC3OptOut})
		unsigned(w, "shop.tld.", "www A 192.0.2.1")
		script(w, "tld.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "shop.tld.", dns.TypeDS) {
				return false
			}
			m.Authoritative = false
			m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
				return rr.Header().Name == "tld."
			})
			m.Ns = append(m.Ns, rr("shop.tld. 300 NS ns1.shop.tld."))
			return true
		})
	},
	steps: []step{
		empty("shop.tld. DS", "NOERROR").sparing("shop.tld. shop.tld. DS"),
		good("www.shop.tld. A", "NOERROR", "www.shop.tld. A 192.0.2.1"),
	},
}, {
	name:      "a client's question for DS goes to the parent though the child is known",
	seen:      "iijlab/dnsext 292",
	situation: "A client asks for the DS of a zone whose own servers are in the cache.",
	why:       "The child would deny it, truthfully (RFC 4035, sections 2.4 and 3.1.4.1).",
	world:     func(w *lab.World) { signed(w, "vouched.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.vouched.example. A", "NOERROR AD", "www.vouched.example. A 192.0.2.1"),
		good("vouched.example. DS", "NOERROR AD", "vouched.example. DS *").
			sparing("vouched.example. vouched.example. DS"),
	},
}, {
	name: "a zone on its parent's servers is validated from its own apex",
	seen: "iijlab/dnsext 152, www.cloudflare.com",
	situation: "Parent and child, both signed, are on the same servers: no referral is seen, " +
		"and the child's apex has addresses.",
	why: "The signer of the RRSIGs names the zone (RFC 4035, section 5.3.1), whose DS is asked " +
		"for then.",
	world: func(w *lab.World) {
		signed(w, "cloud.example.", "@ A 192.0.2.2")
		w.Add(lab.Zone{Name: "www.cloud.example.", On: "cloud.example.",
			Records: "@ A 192.0.2.1"})
	},
	steps: []step{
		empty("www.cloud.example. MX", "NOERROR AD"),
		good("www.cloud.example. A", "NOERROR AD", "www.cloud.example. A 192.0.2.1"),
		good("www.cloud.example. DS", "NOERROR AD", "www.cloud.example. DS *"),
		empty("no.www.cloud.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "a name server that exists as glue only serves its zone",
	seen: "internetstandards/Internet.nl 386, qnamemin-test.internet.nl",
	situation: "The child does not know the address of its own server: it answers an empty " +
		"message without SOA.",
	why: "Glue is for finding servers (RFC 1034, section 4.2.1), and the child's denial takes " +
		"nothing from it. A client hears what the child says.",
	world: func(w *lab.World) {
		unsigned(w, "glue.example.", "a.b TXT here")
		script(w, "glue.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = nil, nil
			return is(in, "ns1.glue.example.", in.Question().Qtype)
		})
	},
	steps: []step{
		empty("ns1.glue.example. A", "NOERROR"),
		good("a.b.glue.example. TXT", "NOERROR", `a.b.glue.example. TXT "here"`),
	},
}, {
	name: "a name server below a name that is denied wrongly is found",
	seen: "hickory-dns/hickory-dns 3629, dradis.netflix.com",
	situation: "The address of a delegation's server stands below an empty non-terminal, for " +
		"which that zone's servers say NXDOMAIN.",
	why: "Without proof, nothing is concluded from the denial of a shortened name (RFC 9156, " +
		"section 2.3): the full name is asked for.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "dradis.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1", Glueless: "ns.flx.example."})
		unsigned(w, "flx.example.", "ns1.ns A "+w.AddressOf("dradis.example.").String())
		script(w, "flx.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode = dns.RcodeNameError
			return strings.EqualFold(in.Question().Name, "ns.flx.example.")
		})
	},
	steps: []step{
		good("www.dradis.example. A", "NOERROR", "www.dradis.example. A 192.0.2.1"),
	},
}, {
	name:      "a name server whose name is an alias is found through it",
	seen:      "PowerDNS/pdns 16937, ceretec.gov.co",
	situation: "Both servers of a delegation have CNAMEs in place of addresses.",
	why: "RFC 2181, section 10.3 forbids it, and BIND and PowerDNS refuse; Unbound and the " +
		"large public resolvers answer. What can be resolved is: the alias costs no more than " +
		"other names of servers, and counts like them.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "ceretec.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1", Glueless: "h.bps.example."})
		unsigned(w, "bps.example.", "ns1.h CNAME real;;real A "+
			w.AddressOf("ceretec.example.").String())
	},
	steps: []step{
		good("www.ceretec.example. A", "NOERROR", "www.ceretec.example. A 192.0.2.1").packets(14),
	},
}, {
	name:      "a name server with a mistyped name does not harm the others",
	seen:      "TechnitiumSoftware/DnsServer 1480, login.arcadia.com",
	situation: "One of a delegation's NS records ends in a colon.",
	why: "Any octet may stand in a name (RFC 2181, section 11). The server has no address, and " +
		"another is asked.",
	world: func(w *lab.World) {
		unsigned(w, "perch.example.", "www A 192.0.2.1")
		script(w, "example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !strings.HasSuffix(strings.ToLower(in.Question().Name), "perch.example.") {
				return false
			}
			m.Ns = append([]dns.RR{rr(`perch.example. 300 NS ns-375.awsdns-46.com.:.`)}, m.Ns...)
			return true
		})
	},
	steps: []step{good("www.perch.example. A", "NOERROR", "www.perch.example. A 192.0.2.1")},
}, {
	name: "a zone in between that its servers refuse does not hide the one below",
	seen: "PowerDNS/pdns 10621, 95.201.35.in-addr.arpa",
	situation: "An unsigned zone is delegated to servers that refuse its own names, serve a " +
		"signed zone below it, and deny that zone's DS.",
	why: "The delegation is unsigned, by proof; from there down nothing has to be proven (RFC " +
		"4035, section 5.2), however broken it is.",
	world: func(w *lab.World) {
		signed(w, "35.example.", "")
		unsigned(w, "201.35.example.", "")
		w.Add(lab.Zone{Name: "95.201.35.example.", On: "201.35.example.",
			Records: "1 PTR host.example."})
		script(w, "201.35.example.", func(in lab.Incoming, m *dns.Msg) bool {
			q := in.Question()
			switch {
			case !dns.IsSubDomain("95.201.35.example.", strings.ToLower(q.Name)):
				*m = *new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused)
			case is(in, "95.201.35.example.", dns.TypeDS):
				m.Answer, m.Ns = nil, []dns.RR{rr("95.201.35.example. 60 SOA ns. h. 1 1 1 1 60")}
				m.Authoritative = true
			default:
				return false
			}
			return true
		})
	},
	steps: []step{
		good("1.95.201.35.example. PTR", "NOERROR", "1.95.201.35.example. PTR host.example."),
		empty("2.95.201.35.example. PTR", "NXDOMAIN"),
		good("1.95.201.35.example. PTR", "NOERROR",
			"1.95.201.35.example. PTR host.example.").packets(noPackets),
	},
}, {
	name: "a good delegation is used though the zone's own NS records are useless",
	seen: "dns-violations/dnsflagday 95",
	situation: "The servers that the parent names answer, and say in every message that the " +
		"zone's server is a name that nobody can look up.",
	why: "The parent's servers are asked as long as its delegation lasts, and it is asked for " +
		"again when that ends.",
	world: func(w *lab.World) {
		unsigned(w, "child.example.", "www A 192.0.2.1;;ftp A 192.0.2.2;;late A 192.0.2.3")
		script(w, "child.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = []dns.RR{rr("child.example. 300 NS ns1.local.")}
			if is(in, "child.example.", dns.TypeNS) {
				m.Answer = m.Ns
			}
			return len(m.Answer) > 0
		})
	},
	steps: []step{
		good("www.child.example. A", "NOERROR", "www.child.example. A 192.0.2.1"),
		good("child.example. NS", "NOERROR", "child.example. NS ns1.local."),
		good("ftp.child.example. A", "NOERROR", "ftp.child.example. A 192.0.2.2"),
		good("late.child.example. A", "NOERROR", "late.child.example. A 192.0.2.3").
			later(301 * time.Second),
	},
}, {
	name: "the TTL that clients see is that of the zone and not of the glue",
	seen: "CZ-NIC/knot-resolver 34, univie.ac.at",
	situation: "The parent gives a server's address with three hours, the zone with ten " +
		"minutes.",
	why: "What the zone says outranks glue (RFC 2181, section 5.4.1), which is for finding " +
		"servers only.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "ac.", TTL: 10800})
		w.Add(lab.Zone{Name: "univie.ac.", TTL: 600, Records: "www A 192.0.2.1"})
	},
	steps: []step{
		good("www.univie.ac. A", "NOERROR AD", "www.univie.ac. A 192.0.2.1"),
		{ask: "ns1.univie.ac. A", want: "NOERROR AD", nothing: true, check: ttl(600)},
		{ask: "univie.ac. NS", want: "NOERROR AD", nothing: true, check: ttl(600)},
	},
}, {
	name: "a secondary with signatures of last month does not take the zone away",
	seen: "zonemaster/zonemaster 395",
	situation: "One of a zone's two servers gets no transfers any more, and its signatures have " +
		"ended.",
	why: "One path that validates is enough (RFC 4035, section 4.7 knows no blame for a zone): " +
		"the next server is asked before a client hears of it.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "stale.example.", Records: "a A 192.0.2.1;;b A 192.0.2.2",
			Servers: []lab.ServerFaults{nil, nil}})
		script(w, "stale.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for i := range m.Answer {
				if sig, ok := m.Answer[i].(*dns.RRSIG); ok {
					old := *sig
					old.Inception -= 90 * 86400
					old.Expiration -= 90 * 86400
					m.Answer[i] = &old
				}
			}
			return true
		})
	},
	steps: []step{
		good("a.stale.example. A", "NOERROR AD", "a.stale.example. A 192.0.2.1"),
		good("b.stale.example. A", "NOERROR AD", "b.stale.example. A 192.0.2.2"),
		empty("c.stale.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "an unsigned zone on the servers of its opt-out parent is unsigned",
	seen: "semihalev/sdns 507, tether.edge.apple",
	situation: "A zone with opt-out and an unsigned zone below are on the same servers: no " +
		"referral is seen, and no NSEC3 matches the cut.",
	why: "The NSEC3 that covers the cut has opt-out, which proves that no signed zone is there " +
		"(RFC 5155, section 8.9).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "corp.", Denial: lab.NSEC3OptOut})
		w.Add(lab.Zone{Name: "edge.corp.", On: "corp.", Algorithm: lab.Unsigned,
			Records: "tether A 192.0.2.1"})
	},
	steps: []step{
		good("tether.edge.corp. A", "NOERROR", "tether.edge.corp. A 192.0.2.1"),
		empty("no.edge.corp. A", "NXDOMAIN"),
	},
}, {
	name: "an unsigned zone two cuts below an opt-out zone on the same servers is unsigned",
	seen: "semihalev/sdns 507, www.edpb.europa.eu",
	situation: "The same, with a signed zone two cuts above the unsigned one, all on the same " +
		"servers.",
	why: "Each cut has its own proof; the alias is as good as its own zone.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "union.", Denial: lab.NSEC3OptOut})
		w.Add(lab.Zone{Name: "body.union.", On: "union.",
			Records: "www CNAME host.in.body.union."})
		w.Add(lab.Zone{Name: "in.body.union.", On: "union.", Algorithm: lab.Unsigned,
			Records: "host A 192.0.2.1"})
	},
	steps: []step{
		good("www.body.union. A", "NOERROR", "www.body.union. CNAME host.in.body.union.",
			"host.in.body.union. A 192.0.2.1"),
		good("www.body.union. CNAME", "NOERROR AD", "www.body.union. CNAME host.in.body.union."),
	},
}, {
	name:      "servers that are dead do not hide the one that answers",
	seen:      "TechnitiumSoftware/DnsServer 1950, kwik-fit.com",
	situation: "Two of a zone's three servers have addresses where nobody answers.",
	why:       "All servers of a zone are tried (RFC 1034, section 5.3.3).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "fit.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Dead}, {lab.Dead}, nil}})
	},
	steps: []step{
		good("www.fit.example. A", "NOERROR", "www.fit.example. A 192.0.2.1"),
	},
}, {
	name:      "a zone whose servers are all inside it and have no glue fails cheaply",
	seen:      "NLnetLabs/unbound 682, sina.j.baishangeek.cn",
	situation: "Every name server of a zone is inside it, and the parent gives no address.",
	why: "Nothing can be done (RFC 1034, section 4.2.1). It has to be found out with few " +
		"packets, and remembered (RFC 9520).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "j.example.", Algorithm: lab.Unsigned, Glueless: "j.example."})
	},
	steps: []step{
		fails("www.j.example. A", cause.DependencyLoop).packets(12),
		fails("www.j.example. A", cause.DependencyLoop).packets(noPackets),
	},
}, {
	name: "the DS of a zone behind an alias is asked at its parent",
	seen: "TechnitiumSoftware/DnsServer 2090, xxllnc.nl",
	situation: "A validator asks the child's servers for the DS of a zone that it came to by an " +
		"alias, and hears that there is none.",
	why: "DS is at the parent (RFC 4035, section 3.1.4.1), on whatever way the zone was met.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "cloud.example.", Records: "app A 192.0.2.1"})
		w.Add(lab.Zone{Name: "case.example.", Algorithm: lab.Unsigned,
			Records: "www CNAME app.cloud.example."})
	},
	steps: []step{
		good("www.case.example. A", "NOERROR", "www.case.example. CNAME app.cloud.example.",
			"app.cloud.example. A 192.0.2.1"),
		good("cloud.example. DS", "NOERROR AD", "cloud.example. DS *"),
		good("app.cloud.example. A", "NOERROR AD", "app.cloud.example. A 192.0.2.1"),
	},
}, {
	name: "an answer is complete though the zone's NS records lead nowhere",
	seen: "PowerDNS/pdns 7866, www.actionindoorsports.com",
	situation: "An answer has the alias and its target's address, and NS records of servers " +
		"that refuse everything.",
	why: "The answer is complete. NS records beside it serve to find servers later, and do not " +
		"replace those that work.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "hosting.example.", Algorithm: lab.Unsigned,
			Servers: []lab.ServerFaults{{lab.Refusing}}})
		w.Add(lab.Zone{Name: "sports.example.", Algorithm: lab.Unsigned,
			Records: "www CNAME @;;@ A 192.0.2.1"})
		script(w, "sports.example.", func(in lab.Incoming, m *dns.Msg) bool {
			q := in.Question()
			if q.Qtype != dns.TypeA {
				return false
			}
			m.Ns = []dns.RR{rr("sports.example. 300 NS ns1.hosting.example.")}
			return true
		})
	},
	steps: []step{
		good("www.sports.example. A", "NOERROR", "www.sports.example. CNAME sports.example.",
			"sports.example. A 192.0.2.1"),
		good("sports.example. A", "NOERROR", "sports.example. A 192.0.2.1"),
	},
}, {
	name:      "a lame server that joins a delegation does not hide the good ones",
	seen:      "PowerDNS/pdns 150",
	situation: "A lame server and a failing one stand beside a good one in a delegation.",
	why:       "Each server is judged by its own replies, and the others are asked.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "org.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Lame}, {lab.Failing}, nil}})
	},
	steps: []step{
		good("www.org.example. A", "NOERROR", "www.org.example. A 192.0.2.1"),
		empty("no.org.example. A", "NXDOMAIN"),
	},
}, {
	name:      "an empty answer with the zone's own NS records is not a referral",
	seen:      "sipa/bitcoin-seeder 27",
	situation: "A server denies a type with the zone's NS records in place of the SOA.",
	why: "A referral leads downwards (RFC 1034, section 4.3.2); one to the zone itself would be " +
		"a loop. With AA it is an empty answer (RFC 2308, section 2.2).",
	world: func(w *lab.World) {
		unsigned(w, "seed.example.", "x A 192.0.2.1")
		script(w, "seed.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = []dns.RR{rr("seed.example. 40000 NS ns1.seed.example.")}
			return len(m.Answer) == 0
		})
	},
	steps: []step{
		empty("x.seed.example. TXT", "NOERROR").packets(12),
		good("x.seed.example. A", "NOERROR", "x.seed.example. A 192.0.2.1"),
	},
}, {
	name: "a zone that denies its own NS records is a zone",
	seen: "PowerDNS/pdns 5681, fastly.net, incapdns.net and v0cdn.net",
	situation: "The servers of an unsigned zone answer NS questions for its apex with nothing, " +
		"some with an SOA and some without. A validator looked for zone cuts by such questions.",
	why: "The cut is what the parent delegates, with the proof that it is unsigned (RFC 4035, " +
		"section 5.2).",
	world: func(w *lab.World) {
		unsigned(w, "fast.example.", "www A 192.0.2.1")
		unsigned(w, "incap.example.", "www A 192.0.2.2")
		script(w, "fast.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = nil, []dns.RR{rr("fast.example. 60 SOA ns. h. 1 1 1 1 60")}
			return in.Question().Qtype == dns.TypeNS
		})
		script(w, "incap.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns, m.Authoritative = nil, nil, false
			return in.Question().Qtype == dns.TypeNS
		})
	},
	steps: []step{
		empty("fast.example. NS", "NOERROR"),
		good("www.fast.example. A", "NOERROR", "www.fast.example. A 192.0.2.1"),
		empty("incap.example. NS", "NOERROR"),
		good("www.incap.example. A", "NOERROR", "www.incap.example. A 192.0.2.2"),
	},
}}

// ttl returns a check that no record of the answer has a longer TTL.
func ttl(most uint32) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		if len(m.Answer) == 0 {
			t.Error("the answer is empty")
		}
		for _, rr := range m.Answer {
			if rr.Header().Ttl > most {
				t.Errorf("%v: TTL above %d", rr, most)
			}
		}
	}
}
