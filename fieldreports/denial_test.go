// What does not exist: NSEC, NSEC3, wildcards, empty non-terminals and missing proofs.

package fieldreports

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/transport"
)

func TestDenial(t *testing.T) { play(t, denial) }

var denial = []report{{
	name:      "the parent of a wildcard is an empty non-terminal with proof",
	seen:      "TechnitiumSoftware/DnsServer 2110",
	situation: "A client asks for the DS, and other types, of a name that has a wildcard below.",
	why: "The name exists (RFC 4592, section 2.2.2), so that it is NODATA; the wildcard is " +
		"below the name and proves nothing for it.",
	world: func(w *lab.World) {
		signed(w, "ent.example.", "*.foo A 192.0.2.1")
		w.Add(lab.Zone{Name: "ent3.example.", Denial: lab.NSEC3, Records: "*.foo A 192.0.2.1"})
	},
	steps: []step{
		empty("foo.ent.example. DS", "NOERROR AD"),
		empty("foo.ent.example. A", "NOERROR AD"),
		good("x.foo.ent.example. A", "NOERROR AD", "x.foo.ent.example. A 192.0.2.1"),
		empty("foo.ent3.example. DS", "NOERROR AD"),
		empty("foo.ent3.example. A", "NOERROR AD"),
		good("x.foo.ent3.example. A", "NOERROR AD", "x.foo.ent3.example. A 192.0.2.1"),
	},
}, {
	name:      "a wildcard that is asked for by its own name is signed like any other",
	seen:      "PowerDNS/pdns 7714, *.foo.h4ha.com",
	situation: "The name in the question begins with an asterisk.",
	why: "Nothing is expanded: the labels of the RRSIG do not count the asterisk (RFC 4034, " +
		"section 3.1.3), and no proof is needed.",
	world: func(w *lab.World) {
		signed(w, "star.example.", "*.foo A 192.0.2.1")
		w.Add(lab.Zone{Name: "star3.example.", Denial: lab.NSEC3, Records: "*.foo A 192.0.2.1"})
	},
	steps: []step{
		good("*.foo.star.example. A", "NOERROR AD", "*.foo.star.example. A 192.0.2.1"),
		empty("*.foo.star.example. TXT", "NOERROR AD"),
		good("a.foo.star.example. A", "NOERROR AD", "a.foo.star.example. A 192.0.2.1"),
		good("*.foo.star3.example. A", "NOERROR AD", "*.foo.star3.example. A 192.0.2.1"),
		good("*.*.foo.star3.example. A", "NXDOMAIN AD"),
	},
}, {
	name:      "NSEC3 records validate with any salt",
	seen:      "PowerDNS/pdns 14220",
	situation: "Zones have salts of one octet, of zeros, of 255 octets, and none.",
	why:       "A salt is up to 255 octets of any value (RFC 5155, section 3.1.5).",
	world: func(w *lab.World) {
		for name, salt := range map[string]string{"none": "", "one": "7f", "zero": "00000000",
			"most": strings.Repeat("ab", 255)} {
			w.Add(lab.Zone{Name: name + ".example.", Denial: lab.NSEC3, Salt: salt,
				Records: "*.w A 192.0.2.1;;a.b A 192.0.2.2"})
		}
	},
	steps: slices.Concat(salted("none"), salted("one"), salted("zero"), salted("most")),
}, {
	name: "a wildcard does not answer where a name between exists",
	seen: "PowerDNS/pdns 17136",
	situation: "For a.b a server sends the wildcard of the zone, and the NSEC of b, which " +
		"covers a.b; all are rightly signed.",
	why: "b exists, so it is the closest encloser, and the wildcard above it does not apply " +
		"(RFC 4592, section 3.3.1): the next closer name is what has to be denied.",
	world: func(w *lab.World) {
		signed(w, "victim.example.", "* A 192.0.2.9;;b A 192.0.2.1")
		wild := rr("*.victim.example. 300 A 192.0.2.9")
		script(w, "victim.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "a.b.victim.example.", dns.TypeA) {
				return false
			}
			m.Rcode = dns.RcodeSuccess
			for _, r := range append(w.Sign("victim.example.", wild), wild) {
				r = dns.Copy(r)
				r.Header().Name = "a.b.victim.example."
				m.Answer = append(m.Answer, r)
			}
			return true
		})
	},
	steps: []step{
		fails("a.b.victim.example. A", cause.WildcardProofMissing),
		good("c.victim.example. A", "NOERROR AD", "c.victim.example. A 192.0.2.9"),
	},
}, {
	name: "a delegation is bogus if an NSEC denies its name",
	seen: "dnsviz/dnsviz 78, kupaliska.netmarketer.sk",
	situation: "A signed zone has a wildcard. Its servers refer a name that the wildcard covers " +
		"to other servers, with the NSEC records of a wildcard without DS.",
	why: "An unsigned delegation is proven by an NSEC at its own name with the NS bit (RFC " +
		"4035, section 5.2; RFC 6840, section 4.4). Else who can answer for the zone could make " +
		"names under any wildcard unsigned.",
	world: func(w *lab.World) {
		signed(w, "market.example.", "* A 192.0.2.9")
		unsigned(w, "pool.", "")
		w.Add(lab.Zone{Name: "x.pool.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		script(w, "market.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := strings.ToLower(in.Question().Name)
			if !dns.IsSubDomain("kup.market.example.", name) {
				return false
			}
			if in.Question().Qtype != dns.TypeDS {
				m.Answer = nil
				m.Authoritative = false
				m.Ns = []dns.RR{rr("kup.market.example. 300 NS ns1.x.pool.")}
			}
			return true
		})
		script(w, "x.pool.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Authoritative = dns.RcodeSuccess, true
			m.Answer = []dns.RR{rr(in.Question().Name + " 300 A 192.0.2.1")}
			m.Ns = nil
			return dns.IsSubDomain("kup.market.example.", strings.ToLower(in.Question().Name))
		})
	},
	steps: []step{
		fails("www.kup.market.example. A", cause.SignatureMissing),
		good("a.market.example. A", "NOERROR AD", "a.market.example. A 192.0.2.9"),
	},
}, {
	name:      "an NXDOMAIN under opt-out is not authentic",
	seen:      "PowerDNS/pdns 8665",
	situation: "A zone with opt-out denies a name, and the DS of an unsigned delegation.",
	why: "Opt-out proves that there is no signed delegation, and no more (RFC 5155, section " +
		"9.2): no AD.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tld.", Denial: lab.NSEC3OptOut, Records: "nic A 192.0.2.1"})
		unsigned(w, "shop.tld.", "")
	},
	steps: []step{
		empty("no.tld. A", "NXDOMAIN"),
		empty("shop.tld. DS", "NOERROR"),
		good("nic.tld. A", "NOERROR AD", "nic.tld. A 192.0.2.1"),
		empty("nic.tld. TXT", "NOERROR AD"),
	},
}, {
	name: "an empty answer to a DS question proves nothing",
	seen: "folbricht/routedns 530",
	situation: "On the path to a signed parent somebody takes DS and NSEC records out of " +
		"answers, and sends addresses without signatures for the zone below.",
	why: "That a delegation is unsigned has to be proven (RFC 4035, section 5.2); else DNSSEC " +
		"is switched off by leaving things out.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "bank.example.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping, lab.Forging}}})
		script(w, "example.", func(in lab.Incoming, m *dns.Msg) bool {
			bare := func(rr dns.RR) bool {
				switch rr.Header().Rrtype {
				case dns.TypeDS, dns.TypeRRSIG, dns.TypeNSEC:
					return true
				}
				return false
			}
			m.Answer, m.Ns = slices.DeleteFunc(m.Answer, bare), slices.DeleteFunc(m.Ns, bare)
			return dns.IsSubDomain("bank.example.", strings.ToLower(in.Question().Name))
		})
	},
	steps: []step{fails("www.bank.example. A", cause.DenialMissing)},
}, {
	name:      "an empty answer of a signed zone without proof is bogus",
	seen:      "folbricht/routedns 568",
	situation: "Somebody answers a question for TLSA with nothing, to have mail sent in plain.",
	why:       "RFC 4035, section 5.4: what does not exist is proven by NSEC or NSEC3.",
	world: func(w *lab.World) {
		signed(w, "mail.example.", "_25._tcp TLSA 3 1 1 ab;;www A 192.0.2.1")
		script(w, "mail.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = nil, nil
			return in.Question().Qtype == dns.TypeTLSA
		})
	},
	steps: []step{
		fails("_25._tcp.mail.example. TLSA", cause.DenialMissing),
		good("www.mail.example. A", "NOERROR AD", "www.mail.example. A 192.0.2.1"),
	},
}, {
	name: "a signed delegation below an empty non-terminal is signed",
	seen: "PowerDNS/pdns 4574, bla.test-ns.bogus.internet.nl",
	situation: "A zone delegates a name two labels down, with DS. The name between has no " +
		"records, and the zone below sends none of its signatures.",
	why: "The denial does not end the chain of trust: the name between is not a zone cut. The " +
		"DS shows that the zone below is signed, so unsigned data of it are bogus.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "internet.example.", Denial: lab.NSEC3})
		w.Add(lab.Zone{Name: "test-ns.bogus.internet.example.", Records: "bla A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping}}})
	},
	steps: []step{
		empty("bogus.internet.example. A", "NOERROR AD"),
		fails("bla.test-ns.bogus.internet.example. A", cause.SignatureMissing),
	},
}, {
	name: "an alias at the apex of an unsigned zone needs no signature",
	seen: "systemd/systemd 32593, www.rts.ch",
	situation: "A signed zone delegates www, unsigned and with proof. The zone there has a " +
		"CNAME at its apex.",
	why: "The proven absence of a DS ends the chain of trust (RFC 4035, section 5.2), for a " +
		"CNAME at the cut as well.",
	world: func(w *lab.World) {
		signed(w, "rts.example.", "")
		unsigned(w, "www.rts.example.", "@ CNAME cdn.example.")
		signed(w, "cdn.example.", "@ A 192.0.2.1")
	},
	steps: []step{
		good("www.rts.example. A", "NOERROR", "www.rts.example. CNAME cdn.example.",
			"cdn.example. A 192.0.2.1"),
		good("cdn.example. A", "NOERROR AD", "cdn.example. A 192.0.2.1"),
	},
}, {
	name: "a wildcard behind an alias from an unsigned zone is proven for the target",
	seen: "0xERR0R/blocky 2267",
	situation: "An unsigned zone has an alias into a signed zone, where a wildcard answers. A " +
		"validator looked for the proof that the first name does not exist.",
	why: "The wildcard stands for the alias's target, and that name is what has to be denied " +
		"(RFC 4035, section 5.3.4).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "vip.example.", Records: "* A 192.0.2.1"})
		w.Add(lab.Zone{Name: "site.example.", Algorithm: lab.Unsigned,
			Records: "www CNAME platform.vip.example."})
	},
	steps: []step{
		good("www.site.example. A", "NOERROR", "www.site.example. CNAME platform.vip.example.",
			"platform.vip.example. A 192.0.2.1"),
		good("platform.vip.example. A", "NOERROR AD", "platform.vip.example. A 192.0.2.1"),
		good("www.site.example. TXT", "NOERROR", "www.site.example. CNAME platform.vip.example."),
	},
}, {
	name:      "a wildcard alias below an empty non-terminal validates",
	seen:      "PowerDNS/pdns 9668",
	situation: "A wildcard CNAME stands below an empty non-terminal of a zone with NSEC.",
	why: "The closest encloser is the empty non-terminal (RFC 4592, section 3.3.1), and its own " +
		"questions are NODATA.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "wild.example.",
			Records: "*.x CNAME web;;web A 192.0.2.1;;default._domainkey TXT key"})
	},
	steps: []step{
		good("a.x.wild.example. A", "NOERROR AD", "a.x.wild.example. CNAME web.wild.example.",
			"web.wild.example. A 192.0.2.1"),
		good("b.x.wild.example. TXT", "NOERROR AD", "b.x.wild.example. CNAME web.wild.example."),
		empty("x.wild.example. A", "NOERROR AD"),
	},
}, {
	name: "an NXDOMAIN for an empty non-terminal takes nothing from the names below",
	seen: "PowerDNS/pdns 8496; spamhaus/rbldnsd 17; hickory-dns 3833",
	situation: "Servers say NXDOMAIN for empty non-terminals, as many do for CDNs and block " +
		"lists.",
	why: "RFC 8020 lets us conclude from a denial to all names below, but without a proof these " +
		"servers are too many to do so.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "rbl.example.", Algorithm: lab.Unsigned,
			Records: "2.0.0.127.zen A 127.0.0.2;;a.b.c A 192.0.2.1"})
		script(w, "rbl.example.", func(in lab.Incoming, m *dns.Msg) bool {
			q := in.Question()
			if len(m.Answer) == 0 && len(m.Ns) > 0 &&
				strings.ToLower(q.Name) != "rbl.example." {
				m.Rcode = dns.RcodeNameError
				return true
			}
			return false
		})
	},
	steps: []step{
		good("2.0.0.127.zen.rbl.example. A", "NOERROR", "2.0.0.127.zen.rbl.example. A 127.0.0.2"),
		good("a.b.c.rbl.example. A", "NOERROR", "a.b.c.rbl.example. A 192.0.2.1"),
		empty("c.rbl.example. A", "NXDOMAIN"),
		// What the zone denied wrongly takes nothing from the names below.
		good("a.b.c.rbl.example. A", "NOERROR", "a.b.c.rbl.example. A 192.0.2.1"),
	},
}, {
	name:      "an algorithm or digest that nobody has implemented makes a zone insecure",
	seen:      "PowerDNS/pdns 4254; systemd/systemd 19824 and 35126; razvandimescu/numa 393",
	situation: "The DS of zones have algorithms or digests that no validator has.",
	why:       "RFC 4035, section 5.2: without any path that can be checked a zone is unsigned.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "old.example.", Algorithm: 100, Records: "www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "pq.example.", Algorithm: 18, Records: "www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "gost.example.", Digest: 5, Records: "www A 192.0.2.1"})
	},
	steps: []step{
		good("www.old.example. A", "NOERROR", "www.old.example. A 192.0.2.1"),
		good("www.pq.example. A", "NOERROR", "www.pq.example. A 192.0.2.1"),
		good("www.gost.example. A", "NOERROR", "www.gost.example. A 192.0.2.1"),
		empty("no.pq.example. A", "NXDOMAIN"),
	},
}, {
	name: "an empty non-terminal above unsigned delegations exists though opt-out leaves it out",
	seen: "NLnetLabs/nsd 190; dblacka/jdnssec-tools 2",
	situation: "A zone with opt-out has a name that is there only because of an unsigned " +
		"delegation below. The NSEC3 chain has neither.",
	why: "The answer is empty with a proof of opt-out (RFC 5155, sections 7.1 and 9.2): not " +
		"authentic, and no NXDOMAIN.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tld.", Denial: lab.NSEC3OptOut})
		unsigned(w, "a.ent.tld.", "www A 192.0.2.1")
	},
	steps: []step{
		empty("ent.tld. A", "NOERROR"),
		empty("ent.tld. DS", "NOERROR"),
		good("www.a.ent.tld. A", "NOERROR", "www.a.ent.tld. A 192.0.2.1"),
	},
}, {
	name:      "records that come twice count once",
	seen:      "PowerDNS/pdns 8512; iijlab/dnsext 290; miekg/dns 193",
	situation: "A server sends each record of an answer, and each of a denial, twice.",
	why: "A set has each record once (RFC 2181, section 5), and so has what is signed (RFC " +
		"4034, section 6.3).",
	world: func(w *lab.World) {
		for _, z := range []lab.Zone{{Name: "dup.example."},
			{Name: "dup3.example.", Denial: lab.NSEC3}} {
			z.Records = "www A 192.0.2.1;;www A 192.0.2.2"
			w.Add(z)
			script(w, z.Name, func(in lab.Incoming, m *dns.Msg) bool {
				m.Answer, m.Ns = append(m.Answer, m.Answer...), append(m.Ns, m.Ns...)
				return true
			})
		}
	},
	steps: []step{
		good("www.dup.example. A", "NOERROR AD", "www.dup.example. A 192.0.2.1",
			"www.dup.example. A 192.0.2.2"),
		empty("no.dup.example. A", "NXDOMAIN AD"),
		good("www.dup3.example. A", "NOERROR AD", "www.dup3.example. A 192.0.2.1",
			"www.dup3.example. A 192.0.2.2"),
		empty("no.dup3.example. A", "NXDOMAIN AD"),
	},
}, {
	name:      "one good signature is enough, wherever it stands",
	seen:      "hickory-dns/hickory-dns 3847, mailbox.org",
	situation: "A set has a broken signature before the good one, or behind it.",
	why:       "RFC 6840, section 5.4: bogus is what all signatures fail for.",
	world: func(w *lab.World) {
		for _, zone := range []string{"first.example.", "last.example."} {
			signed(w, zone, "@ MX 10 mx")
			script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
				for i, rr := range m.Answer {
					if sig, ok := rr.(*dns.RRSIG); ok {
						bad := *sig
						bad.Expiration++
						at := i
						if zone == "last.example." {
							at++
						}
						m.Answer = slices.Insert(m.Answer, at, dns.RR(&bad))
						break
					}
				}
				return true
			})
		}
	},
	steps: []step{
		good("first.example. MX", "NOERROR AD", "first.example. MX 10 mx.first.example."),
		good("last.example. MX", "NOERROR AD", "last.example. MX 10 mx.last.example."),
	},
}}

// salted asks for the denials of a zone with a salt.
func salted(zone string) []step {
	zone += ".example."
	steps := []step{
		empty("no."+zone+" A", "NXDOMAIN AD"),
		empty("b."+zone+" A", "NOERROR AD"),
		good("x.w."+zone+" A", "NOERROR AD", "x.w."+zone+" A 192.0.2.1"),
		empty("x.w."+zone+" TXT", "NOERROR AD"),
	}
	for i := range steps {
		steps[i].over = transport.TCP // the longest are too large for UDP
	}
	return steps
}
