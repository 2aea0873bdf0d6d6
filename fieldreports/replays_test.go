// Signed records that are shown where they do not belong: their signatures verify, and what they
// are to prove does not follow.

package fieldreports

import (
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestReplays(t *testing.T) { play(t, replays) }

// renamed gives records another owner; their signatures are as they were.
func renamed(owner string, set ...dns.RR) []dns.RR {
	for _, r := range set {
		r.Header().Name = owner
	}
	return set
}

// denies makes a reply the denial of a type by records that are there already with signatures.
func denies(w *lab.World, zone string, m *dns.Msg, proof ...dns.RR) bool {
	proofOf(w, zone, m, dns.RcodeSuccess)
	m.Ns = append(m.Ns, proof...)
	return true
}

var replays = []report{{
	name: "the NSEC of a wildcard does not deny types of the names below",
	seen: "hickory-dns/hickory-dns 3130",
	situation: "Somebody between sends the NSEC record of a wildcard under the name of a host, " +
		"as if it were expanded to it: the signature verifies. It lacks the host's type.",
	why: "An NSEC is never expanded: its owner is the name that it speaks of (RFC 4034, section " +
		"4; RFC 4035, section 5.3.4), and the labels of its RRSIG say which that is.",
	world: func(w *lab.World) {
		signed(w, "wild.example.", "* A 192.0.2.9;;www TXT here;;www A 192.0.2.1")
		script(w, "wild.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "www.wild.example.", dns.TypeTXT) {
				return false
			}
			nsec := rr("*.wild.example. 60 NSEC www.wild.example. A RRSIG NSEC")
			proof := append(w.Sign("wild.example.", nsec), nsec)
			return denies(w, "wild.example.", m, renamed("www.wild.example.", proof...)...)
		})
	},
	steps: []step{
		fails("www.wild.example. TXT", cause.DenialInvalid),
		good("www.wild.example. A", "NOERROR AD", "www.wild.example. A 192.0.2.1"),
		good("no.wild.example. A", "NOERROR AD", "no.wild.example. A 192.0.2.9"),
	},
}, {
	name: "the NSEC of an alias denies no type, whatever its bitmap lacks",
	seen: "hickory-dns/hickory-dns 3651",
	situation: "Somebody between takes the CNAME out of an answer and puts the alias's own NSEC " +
		"there, which has no A.",
	why: "RFC 6840, section 4.3: a bitmap with CNAME proves no missing data but that of CNAME.",
	world: func(w *lab.World) {
		signed(w, "alias.example.", "www CNAME host;;host A 192.0.2.1;;host TXT x")
		script(w, "alias.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "www.alias.example.", dns.TypeA) {
				return false
			}
			nsec := rr("www.alias.example. 60 NSEC alias.example. CNAME RRSIG NSEC")
			return denies(w, "alias.example.", m, append(w.Sign("alias.example.", nsec), nsec)...)
		})
	},
	steps: []step{
		fails("www.alias.example. A", cause.DenialInvalid),
		good("www.alias.example. TXT", "NOERROR AD", "www.alias.example. CNAME "+
			"host.alias.example.", `host.alias.example. TXT "x"`),
	},
}, {
	name: "a wildcard's records are not those of a host that is there",
	seen: "hickory-dns/hickory-dns 2882",
	situation: "Somebody between answers for a host with the signed records of the zone's " +
		"wildcard: without a proof, with the NSEC of another span, with the host's own NSEC.",
	why: "RFC 4035, section 5.3.4: an expansion counts with the proof that no closer name " +
		"exists, and the host does.",
	world: func(w *lab.World) {
		signed(w, "host.example.", "* A 203.0.113.9;;a A 192.0.2.1;;b A 192.0.2.2;;c A 192.0.2.3")
		proofs := map[string]string{"b.host.example.": "*.host.example. 60 NSEC a.host.example. A",
			"c.host.example.": "c.host.example. 60 NSEC host.example. A"}
		script(w, "host.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := dns.CanonicalName(in.Question().Name)
			if in.Question().Qtype != dns.TypeA || dns.CountLabel(name) != 3 {
				return false
			}
			set := rr("*.host.example. 300 A 203.0.113.9")
			m.Answer = renamed(name, append(w.Sign("host.example.", set), set)...)
			if p := proofs[name]; p != "" {
				m.Ns = append(w.Sign("host.example.", rr(p+" RRSIG NSEC")), rr(p+" RRSIG NSEC"))
			}
			return true
		})
	},
	steps: []step{
		fails("a.host.example. A", cause.WildcardProofMissing),
		fails("b.host.example. A", cause.WildcardProofMissing),
		fails("c.host.example. A", cause.WildcardProofMissing),
	},
}, {
	name: "a signature by a zone without DS does not make a signed zone's data insecure",
	seen: "razvandimescu/numa 393",
	situation: "Forged data come with an RRSIG whose signer is an insecure zone: one beside the " +
		"signed zone, and one below it.",
	why: "The signer is the zone of the data, at or above their owner (RFC 4035, section 5.3.1). " +
		"Another is no signature at all, and the zone is signed.",
	world: func(w *lab.World) {
		signed(w, "safe.example.", "www A 192.0.2.1;;web A 192.0.2.2")
		w.Add(lab.Zone{Name: "open.example.", NoDS: true})
		w.Add(lab.Zone{Name: "www.open.example.", NoDS: true, On: "open.example."})
		script(w, "safe.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := dns.CanonicalName(in.Question().Name)
			if in.Question().Qtype != dns.TypeA || dns.CountLabel(name) != 3 {
				return false
			}
			set := rr("www.open.example. 300 A 203.0.113.9")
			m.Answer = renamed(name, append(w.Sign("open.example.", set), set)...)
			if name == "web.safe.example." {
				m.Answer[0].(*dns.RRSIG).SignerName = "web.safe.example."
			}
			return true
		})
	},
	steps: []step{
		fails("www.safe.example. A", cause.SignerMismatch),
		fails("web.safe.example. A", cause.SignerMismatch),
	},
}, {
	name: "the child's NSEC at its apex denies no DS, and the parent's at a cut no data",
	seen: "hickory-dns/hickory-dns 3372",
	situation: "Two NSEC records stand at the name of a delegation, of the parent and of the " +
		"child. Somebody between shows each in place of the other.",
	why: "RFC 6840, section 4.1 and 4.4: which zone they are of is told by the signer and by " +
		"the SOA bit.",
	world: func(w *lab.World) {
		signed(w, "up.example.", "www A 192.0.2.1")
		signed(w, "cut.up.example.", "@ A 192.0.2.2;;@ TXT x")
		script(w, "up.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "cut.up.example.", dns.TypeDS) {
				return false
			}
			nsec := rr("cut.up.example. 60 NSEC ns1.cut.up.example. A NS SOA TXT RRSIG NSEC DNSKEY")
			proofOf(w, "cut.up.example.", m, dns.RcodeSuccess, nsec)
			return true
		})
		script(w, "cut.up.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "cut.up.example.", dns.TypeA) {
				return false
			}
			nsec := rr("cut.up.example. 60 NSEC www.up.example. NS DS RRSIG NSEC")
			proofOf(w, "up.example.", m, dns.RcodeSuccess, nsec)
			return true
		})
	},
	steps: []step{
		fails("cut.up.example. DS", cause.SignerMismatch),
		fails("cut.up.example. A", cause.SignerMismatch),
		good("cut.up.example. TXT", "NOERROR AD", `cut.up.example. TXT "x"`),
	},
}, {
	name: "an NSEC3 that says that there is a DS does not prove that there is none",
	seen: "zonemaster/zonemaster 497, geant.org",
	situation: "A registry's database is halfway through a change: it answers a question for " +
		"the DS of a zone without any, with the NSEC3 of the name, which has DS in its bitmap.",
	why: "RFC 5155, section 8.6: the DS bit must be clear. Validating resolvers answered " +
		"SERVFAIL, and were right: the delegation may have been secure until it was tampered with.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "org.", Denial: lab.NSEC3})
		w.Add(lab.Zone{Name: "geant.org.", NoDS: true, Records: "www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "other.org.", NoDS: true, Records: "www A 192.0.2.2"})
		hash := dns.HashName("geant.org.", dns.SHA1, 0, "")
		script(w, "org.", func(in lab.Incoming, m *dns.Msg) bool {
			for i, r := range m.Ns {
				n, ok := r.(*dns.NSEC3)
				if !ok || dns.SplitDomainName(dns.CanonicalName(n.Hdr.Name))[0] !=
					dns.CanonicalName(hash)[:32] {
					continue
				}
				owner := n.Hdr.Name
				n.TypeBitMap = []uint16{dns.TypeNS, dns.TypeDS, dns.TypeRRSIG}
				m.Ns = drop(m.Ns, func(r dns.RR) bool {
					return covers(r, dns.TypeNSEC3) && r.Header().Name == owner
				})
				m.Ns = append(m.Ns[:min(i+1, len(m.Ns))], append(w.Sign("org.", n),
					m.Ns[min(i+1, len(m.Ns)):]...)...)
				return true
			}
			return false
		})
	},
	steps: []step{
		fails("www.geant.org. A", cause.DenialInvalid),
		fails("geant.org. DS", cause.DenialInvalid),
		good("www.other.org. A", "NOERROR", "www.other.org. A 192.0.2.2"),
	},
}, {
	name: "an insecure zone does not deny names below an anchor of the operator's",
	seen: "NLnetLabs/unbound release 1.26.2, CVE-2026-50106",
	situation: "The operator has an anchor for a zone below an unsigned one. Servers of the " +
		"upper zone deny the lower one and names in it, and servers of the lower one deny a " +
		"name without a proof.",
	why: "Names at and below an anchor are secure or bogus (RFC 4035, section 4.3): a denial " +
		"without proof is neither secure nor insecure, whoever says it.",
	world: func(w *lab.World) {
		unsigned(w, "sea.example.", "www A 192.0.2.1")
		w.Add(lab.Zone{Name: "isle.sea.example.", Records: "www A 192.0.2.2;;web A 192.0.2.3"})
		w.Add(lab.Zone{Name: "reef.sea.example.", Records: "www A 192.0.2.4"})
		script(w, "sea.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := dns.CanonicalName(in.Question().Name)
			if !dns.IsSubDomain("reef.sea.example.", name) {
				return false
			}
			m.Rcode, m.Authoritative, m.Answer, m.Extra = dns.RcodeNameError, true, nil, nil
			m.Ns = []dns.RR{rr("sea.example. 60 SOA ns1.sea.example. h. 1 1 1 1 60")}
			return true
		})
		script(w, "isle.sea.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = drop(m.Ns, func(r dns.RR) bool { return r.Header().Rrtype != dns.TypeSOA })
			return m.Rcode == dns.RcodeNameError || is(in, "web.isle.sea.example.", dns.TypeMX)
		})
	},
	anchored: []string{"isle.sea.example.", "reef.sea.example."},
	steps: []step{
		good("www.isle.sea.example. A", "NOERROR AD", "www.isle.sea.example. A 192.0.2.2"),
		fails("no.isle.sea.example. A", cause.SignatureMissing),
		fails("web.isle.sea.example. MX", cause.SignatureMissing),
		fails("www.reef.sea.example. A", cause.KeyMissing),
		fails("reef.sea.example. SOA", cause.KeyMissing),
		good("www.sea.example. A", "NOERROR", "www.sea.example. A 192.0.2.1"),
		empty("no.sea.example. A", "NXDOMAIN"),
	},
}, {
	name: "signatures of the insecure zone above an anchor prove nothing below it",
	seen: "NLnetLabs/unbound release 1.26.2, CVE-2026-50106 and CVE-2026-35501",
	situation: "A zone has signatures and no DS, and the operator has an anchor for a zone below " +
		"it. Somebody forges data and denials in the lower zone, signed in the upper one's " +
		"name, and an NSEC record of the lower zone's apex that lacks SOA.",
	why: "The chain of trust begins at the closest anchor (RFC 4035, section 5): what the zone " +
		"above signs is of a zone that the name is not in.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "sea.example.", NoDS: true, Records: "www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "isle.sea.example.", Records: "@ A 192.0.2.2;;www A 192.0.2.2"})
		script(w, "isle.sea.example.", func(in lab.Incoming, m *dns.Msg) bool {
			nsec := rr("isle.sea.example. 60 NSEC z.isle.sea.example. NS RRSIG NSEC")
			switch name := dns.CanonicalName(in.Question().Name); {
			case in.Question().Qtype == dns.TypeDNSKEY:
				return false
			case name == "a.isle.sea.example.":
				set := rr("a.isle.sea.example. 300 A 203.0.113.1")
				m.Rcode, m.Answer, m.Ns = 0, append(w.Sign("sea.example.", set), set), nil
			case name == "b.isle.sea.example.":
				proofOf(w, "sea.example.", m, dns.RcodeNameError, nsec)
			case name == "c.isle.sea.example.":
				proofOf(w, "sea.example.", m, dns.RcodeSuccess,
					rr("c.isle.sea.example. 60 NSEC d.isle.sea.example. NS RRSIG NSEC"))
			case in.Question().Qtype == dns.TypeNSEC:
				m.Answer, m.Ns = append(w.Sign("sea.example.", nsec), nsec), nil
			case in.Question().Qtype == dns.TypeDS:
				proofOf(w, "sea.example.", m, dns.RcodeSuccess, nsec)
			default:
				return false
			}
			return true
		})
		script(w, "sea.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "isle.sea.example.", dns.TypeNSEC) {
				return false
			}
			nsec := rr("isle.sea.example. 60 NSEC www.sea.example. NS RRSIG NSEC")
			m.Authoritative, m.Rcode, m.Ns = true, 0, nil
			m.Answer = append(w.Sign("sea.example.", nsec), nsec)
			return true
		})
	},
	anchored: []string{"isle.sea.example."},
	steps: []step{
		fails("a.isle.sea.example. A", cause.DenialMissing),
		fails("b.isle.sea.example. A", cause.SignerMismatch),
		fails("c.isle.sea.example. A", cause.SignerMismatch),
		fails("isle.sea.example. NSEC", cause.SignerMismatch),
		good("isle.sea.example. DS", "NOERROR", "isle.sea.example. DS *"),
		good("www.isle.sea.example. A", "NOERROR AD", "www.isle.sea.example. A 192.0.2.2"),
		good("isle.sea.example. A", "NOERROR AD", "isle.sea.example. A 192.0.2.2"),
		empty("d.a.isle.sea.example. A", "NXDOMAIN AD"),
	},
}}
