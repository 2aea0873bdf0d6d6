// Signed zones as signers, registries and hosters make them: odd, and right all the same.

package fieldreports

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestSigners(t *testing.T) { play(t, signers) }

// alike returns an entry key and another key of a zone that have the same key tag.
func alike(w *lab.World, zone string) (entry, other lab.ZoneKey) {
	entries := map[uint16]lab.ZoneKey{}
	for {
		e, o := w.NewKey(zone, 0, true), w.NewKey(zone, 0, false)
		entries[e.KeyTag()] = e
		if e, ok := entries[o.KeyTag()]; ok {
			return e, o
		}
	}
}

var signers = []report{{
	name: "a zone whose two keys have the same tag validates",
	seen: "rthalley/dnspython 26; NLnetLabs/dnst 41",
	situation: "The key that signs the keys and the one that signs the data happen to have one " +
		"key tag and one algorithm.",
	why: "A key tag does not name a key (RFC 4034, section 8): all with it are tried, up to the " +
		"limit against KeyTrap, which a collision of two must not meet.",
	world: func(w *lab.World) {
		signed(w, "tags.example.", "www A 192.0.2.1;;*.wild A 192.0.2.2")
		rolled(w, "tags.example.", func(lab.ZoneKey) lab.Keys {
			e, o := alike(w, "tags.example.")
			return lab.Keys{Published: list(o, e), Entry: list(e), Signing: list(o), DS: list(e)}
		})
	},
	steps: []step{
		good("www.tags.example. A", "NOERROR AD", "www.tags.example. A 192.0.2.1"),
		good("a.wild.tags.example. A", "NOERROR AD", "a.wild.tags.example. A 192.0.2.2"),
		empty("no.tags.example. A", "NXDOMAIN AD"),
		empty("www.tags.example. AAAA", "NOERROR AD"),
	},
}, {
	name: "signatures of somebody else's zone beside unsigned data change nothing",
	seen: "pi-hole/FTL 2737, rivcoed.org",
	situation: "A hoster answers for a customer's unsigned zone with the data and the RRSIG of " +
		"its own zone: of another signer, and of more labels than the owner has.",
	why: "Data of a zone that is proven to be unsigned need no signature, and one that is there " +
		"proves nothing against them (RFC 4035, section 4.3, insecure).",
	world: func(w *lab.World) {
		unsigned(w, "rivco.example.", "@ A 192.0.2.1;;www A 192.0.2.2")
		signed(w, "cdn.example.", "")
		script(w, "rivco.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Answer {
				if r.Header().Rrtype == dns.TypeA {
					own := rr("rivco.example.cdn.example. 300 A 192.0.2.1")
					m.Answer = append(m.Answer, renamed(r.Header().Name,
						w.Sign("cdn.example.", own)...)...)
					return true
				}
			}
			return false
		})
	},
	steps: []step{
		good("rivco.example. A", "NOERROR", "rivco.example. A 192.0.2.1"),
		good("www.rivco.example. A", "NOERROR", "www.rivco.example. A 192.0.2.2"),
		empty("rivco.example. AAAA", "NOERROR"),
	},
}, {
	name: "a referral without DS and without its denial is followed by a question for the DS",
	seen: "coredns/coredns 5899",
	situation: "A signed zone's server leaves the proof that a delegation is unsigned out of its " +
		"referrals. Asked for the DS it proves it.",
	why: "RFC 4035, section 5.2 needs the proof, and section 3.1.4.1 says where it is to be had. " +
		"Resolvers that only look at the referral report a broken chain of trust.",
	world: func(w *lab.World) {
		signed(w, "plugin.example.", "www A 192.0.2.1")
		unsigned(w, "kid.plugin.example.", "www A 192.0.2.2")
		w.Add(lab.Zone{Name: "safe.plugin.example.", Records: "www A 192.0.2.3"})
		script(w, "plugin.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if m.Authoritative {
				return false
			}
			m.Ns = drop(m.Ns, func(r dns.RR) bool { return r.Header().Rrtype != dns.TypeNS })
			return true
		})
	},
	steps: []step{
		good("www.kid.plugin.example. A", "NOERROR", "www.kid.plugin.example. A 192.0.2.2"),
		good("www.safe.plugin.example. A", "NOERROR AD", "www.safe.plugin.example. A 192.0.2.3"),
	},
}, {
	name:      "signatures count though the reply does not repeat the DO bit",
	seen:      "TechnitiumSoftware/DnsServer 1967, zonetransfer.de",
	situation: "A server sends signatures, and clears the DO bit in its OPT record.",
	why: "RFC 3225, section 3 wants the bit copied. What is signed is signed: RRSIG records are " +
		"in the reply, and nobody else but validators looks at the bit.",
	world: func(w *lab.World) {
		signed(w, "zonetransfer.example.", "www A 192.0.2.1")
		script(w, "zonetransfer.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.IsEdns0().SetDo(false)
			return true
		})
	},
	steps: []step{
		good("www.zonetransfer.example. A", "NOERROR AD", "www.zonetransfer.example. A 192.0.2.1"),
		empty("no.zonetransfer.example. A", "NXDOMAIN AD"),
	},
}, {
	name:      "the parameters of NSEC3, whose TTL is 0, are data",
	seen:      "iijlab/dnsext 39, jprs",
	situation: "A client asks for the NSEC3PARAM set of a zone, which signers give the TTL 0.",
	why: "RFC 5155, section 4: it is a set like others, and resolvers do not use it. With TTL 0 " +
		"it is asked for each time.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "jprs.example.", Denial: lab.NSEC3, Records: "@ NSEC3PARAM 1 0 0 -"})
		script(w, "jprs.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Answer {
				r.Header().Ttl = 0
			}
			return in.Question().Qtype == dns.TypeNSEC3PARAM
		})
	},
	steps: []step{
		good("jprs.example. NSEC3PARAM", "NOERROR AD", "jprs.example. NSEC3PARAM 1 0 0 -"),
		good("jprs.example. NSEC3PARAM", "NOERROR AD", "jprs.example. NSEC3PARAM 1 0 0 -").
			asking("jprs.example. jprs.example. NSEC3PARAM"),
	},
}, {
	name: "NSEC records of names that a delegation hides prove what is behind them",
	seen: "PowerDNS/pdns 17881, dn42",
	situation: "A zone has two delegations, one below the other, so that the lower one is not " +
		"part of it. Its signer has an NSEC record for the lower one all the same.",
	why: "RFC 4035, section 2.3 leaves such names out of the chain. The record is signed by the " +
		"zone, and a name behind its owner in order that it covers does not exist.",
	world: func(w *lab.World) {
		signed(w, "dn42.example.", "zoo A 192.0.2.1")
		unsigned(w, "cut.dn42.example.", "www A 192.0.2.2")
		upper := "cut.dn42.example. 60 NSEC low.cut.dn42.example. NS RRSIG NSEC"
		lower := "low.cut.dn42.example. 60 NSEC zoo.dn42.example. NS RRSIG NSEC"
		script(w, "dn42.example.", func(in lab.Incoming, m *dns.Msg) bool {
			switch name := dns.CanonicalName(in.Question().Name); {
			case is(in, "cut.dn42.example.", dns.TypeDS):
				proofOf(w, "dn42.example.", m, dns.RcodeSuccess, rr(upper))
			case name == "day.dn42.example.":
				proofOf(w, "dn42.example.", m, dns.RcodeNameError, rr(lower),
					rr("dn42.example. 60 NSEC cut.dn42.example. NS SOA RRSIG NSEC DNSKEY"))
			default:
				return false
			}
			return true
		})
	},
	steps: []step{
		empty("cut.dn42.example. DS", "NOERROR AD"),
		empty("day.dn42.example. A", "NXDOMAIN AD"),
		good("www.cut.dn42.example. A", "NOERROR", "www.cut.dn42.example. A 192.0.2.2"),
		good("zoo.dn42.example. A", "NOERROR AD", "zoo.dn42.example. A 192.0.2.1"),
	},
}, {
	name: "a type that a wildcard lacks is denied by the wildcard's NSEC and a span",
	seen: "hickory-dns/hickory-dns 3143",
	situation: "A wildcard has an address. Names below it are asked for another type: the proof " +
		"has the wildcard's own NSEC, and the one that covers the name. A reply that lacks " +
		"either proves nothing.",
	why: "RFC 4035, sections 3.1.3.4 and 5.4.",
	world: func(w *lab.World) {
		signed(w, "star.example.", "*.w A 192.0.2.1;;a.w TXT x;;z A 192.0.2.2")
		script(w, "star.example.", func(in lab.Incoming, m *dns.Msg) bool {
			gone := map[string]string{"one.w.star.example.": "*.w.star.example.",
				"two.w.star.example.": "a.w.star.example."}[dns.CanonicalName(in.Question().Name)]
			if gone == "" {
				return false
			}
			m.Ns = drop(m.Ns, func(r dns.RR) bool { return r.Header().Name == gone })
			return true
		})
	},
	steps: []step{
		empty("b.w.star.example. TXT", "NOERROR AD"),
		empty("b.c.w.star.example. TXT", "NOERROR AD"),
		good("b.w.star.example. A", "NOERROR AD", "b.w.star.example. A 192.0.2.1"),
		empty("b.a.w.star.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "a chain of wildcards through a zone with NSEC3 and one with NSEC has both proofs",
	seen: "hickory-dns/hickory-dns 3598",
	situation: "A wildcard alias of a zone with NSEC3 leads to a wildcard of a zone with NSEC, " +
		"and to a name that does not exist there.",
	why: "Each link is proven by its own zone's way (RFC 7129, section 5.4); the answer has the " +
		"records of both.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "three.example.", Denial: lab.NSEC3,
			Records: "*.to CNAME x.w.one.example.;;*.no CNAME no.one.example."})
		signed(w, "one.example.", "*.w A 192.0.2.1")
	},
	steps: []step{
		good("a.to.three.example. A", "NOERROR AD", "a.to.three.example. CNAME x.w.one.example.",
			"x.w.one.example. A 192.0.2.1").checked(count(dns.TypeNSEC3, 1)).
			checked(count(dns.TypeNSEC, 1)),
		good("a.to.three.example. A", "NOERROR AD", "a.to.three.example. CNAME x.w.one.example.",
			"x.w.one.example. A 192.0.2.1").packets(noPackets),
		good("a.no.three.example. A", "NXDOMAIN AD", "a.no.three.example. CNAME no.one.example."),
		good("a.to.three.example. TXT", "NOERROR AD",
			"a.to.three.example. CNAME x.w.one.example."),
	},
}, {
	name:      "names below no top level domain are denied by the root, whatever the type",
	seen:      "PowerDNS/pdns 5648",
	situation: "Clients ask for single labels: misspelt hosts, and names that browsers make up.",
	why: "The root's NSEC records prove it (RFC 4035, section 5.4); one proof answers all names " +
		"of its span (RFC 8198).",
	world: func(w *lab.World) { signed(w, "zebra.", "") },
	steps: []step{
		empty("foo12345. SOA", "NXDOMAIN AD"),
		empty("foo7599. A", "NXDOMAIN AD").packets(noPackets),
		empty("foo1. DS", "NXDOMAIN AD").packets(noPackets),
		empty("www.foo2.foo1. NS", "NXDOMAIN AD").packets(noPackets),
	},
}, {
	name: "signatures without the set that they cover are no answer",
	seen: "coredns/coredns 4189, oauth2.gmx.net",
	situation: "A reply to a question for addresses has their RRSIG and nothing else; another " +
		"server has both.",
	why: "It is neither data nor the proof that there are none (RFC 4035, section 3.1.1). Half " +
		"an answer is a fault of its server, and no NODATA.",
	world: func(w *lab.World) {
		half := func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer = drop(m.Answer, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeA })
			return true
		}
		signed(w, "half.example.", "www A 192.0.2.1")
		script(w, "half.example.", half)
		w.Add(lab.Zone{Name: "two.example.", Records: "www A 192.0.2.2",
			Servers: []lab.ServerFaults{nil, nil}})
		script(w, "two.example.", half)
	},
	steps: []step{
		fails("www.half.example. A", cause.DenialMissing),
		good("www.two.example. A", "NOERROR AD", "www.two.example. A 192.0.2.2"),
	},
}, {
	name: "servers whose zones lean on each other's for addresses are found",
	seen: "PowerDNS/pdns 5827, susepaste.org",
	situation: "A signed zone is on the servers of a second zone, that one on those of a third, " +
		"and so on for four zones, each signed and none with glue but the last.",
	why: "Addresses of servers are looked up without the chain of trust of their names, which " +
		"would need further servers in turn (RFC 4035, section 4.1 asks for none).",
	world: func(w *lab.World) {
		signed(w, "z4.example.", "www A 192.0.2.1")
		w.Put("z4.example.", rr("ns.z4.example. 300 A "+w.AddressOf("z4.example.").String()))
		for i := range 4 {
			w.Add(lab.Zone{Name: fmt.Sprintf("z%d.example.", i), On: "z4.example.",
				Records: "www A 192.0.2.1;;ns A " + w.AddressOf("z4.example.").String()})
		}
		script(w, "example.", func(_ lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Ns {
				ns, ok := r.(*dns.NS)
				if up := dns.SplitDomainName(r.Header().Name)[0]; ok && up < "z4" {
					ns.Ns = fmt.Sprintf("ns.z%d.example.", up[1]-'0'+1)
				}
			}
			return !m.Authoritative
		})
	},
	steps: []step{
		good("www.z0.example. A", "NOERROR AD", "www.z0.example. A 192.0.2.1"),
		good("www.z4.example. A", "NOERROR AD", "www.z4.example. A 192.0.2.1"),
	},
}, {
	name:      "an RRSIG whose signer is in capital letters verifies",
	seen:      "hickory-dns/hickory-dns 2685",
	situation: "A signer writes its zone's name in capital letters into the RRSIG records.",
	why: "The signer's name is put into lower case before it is signed and compared (RFC 6840, " +
		"section 5.1).",
	world: func(w *lab.World) {
		signed(w, "upper.example.", "www A 192.0.2.1")
		script(w, "upper.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, section := range [][]dns.RR{m.Answer, m.Ns} {
				for _, r := range section {
					if sig, ok := r.(*dns.RRSIG); ok {
						sig.SignerName = strings.ToUpper(sig.SignerName)
					}
				}
			}
			return true
		})
	},
	steps: []step{
		good("www.upper.example. A", "NOERROR AD", "www.upper.example. A 192.0.2.1"),
		empty("no.upper.example. A", "NXDOMAIN AD"),
	},
}}
