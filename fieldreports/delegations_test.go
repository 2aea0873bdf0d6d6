// Delegations: referrals, glue, DS and the servers of zones.

package fieldreports

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

func TestDelegations(t *testing.T) { play(t, delegations) }

var delegations = []report{{
	name: "a referral in answer to a DS question of an unsigned zone says that there is none",
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
		good("www.ceretec.example. A", "NOERROR", "www.ceretec.example. A 192.0.2.1").packets(10),
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
