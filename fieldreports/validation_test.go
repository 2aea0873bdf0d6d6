// Validation: chains of trust through zones that are half right, and proofs in rare forms.

package fieldreports

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

func TestValidation(t *testing.T) { play(t, validation) }

// drop leaves out records of a section for which gone is true.
func drop(section []dns.RR, gone func(dns.RR) bool) (kept []dns.RR) {
	for _, rr := range section {
		if !gone(rr) {
			kept = append(kept, rr)
		}
	}
	return kept
}

// covers reports whether a record is a signature of a type.
func covers(rr dns.RR, t uint16) bool {
	sig, ok := rr.(*dns.RRSIG)
	return ok && sig.TypeCovered == t
}

var validation = []report{{
	name: "a question for NSEC at an alias gets the NSEC of the alias",
	seen: "NLnetLabs/unbound 572, autoconfig.y.gy",
	situation: "A name of a signed zone is an alias of another. A client that walks the zone " +
		"asks for its NSEC record, and got that of the target.",
	why: "NSEC and RRSIG stand beside a CNAME (RFC 4034, section 4; RFC 4035, section 2.5), so " +
		"the alias is not followed for them.",
	world: func(w *lab.World) {
		signed(w, "gy.example.", "auto CNAME mx;;mx A 192.0.2.1")
		script(w, "gy.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "auto.gy.example.", dns.TypeNSEC) {
				return false
			}
			nsec := rr("auto.gy.example. 60 NSEC mx.gy.example. CNAME RRSIG NSEC")
			m.Answer, m.Ns = append(w.Sign("gy.example.", nsec), nsec), nil
			return true
		})
	},
	steps: []step{
		good("auto.gy.example. NSEC", "NOERROR AD", "auto.gy.example. NSEC *"),
		good("auto.gy.example. A", "NOERROR AD", "auto.gy.example. CNAME mx.gy.example.",
			"mx.gy.example. A 192.0.2.1"),
		good("auto.gy.example. NSEC", "NOERROR AD", "auto.gy.example. NSEC *"),
	},
}, {
	name: "the smallest NSEC at a delegation proves that it is unsigned",
	seen: "NLnetLabs/unbound 441",
	situation: "A parent that signs as it answers denies the DS of a delegation with an NSEC " +
		"whose next name is the first one below it.",
	why: "The owner is the delegation itself and its types have NS without DS (RFC 4035, section " +
		"5.2); what the next name is says nothing about that.",
	world: func(w *lab.World) {
		signed(w, "tld.", "")
		unsigned(w, "shop.tld.", "www A 192.0.2.1")
		script(w, "tld.", func(_ lab.Incoming, m *dns.Msg) bool {
			for i, r := range m.Ns {
				n, ok := r.(*dns.NSEC)
				if !ok || n.Hdr.Name != "shop.tld." {
					continue
				}
				c := dns.Copy(n).(*dns.NSEC)
				c.NextDomain = `\000.shop.tld.`
				m.Ns[i] = c
				m.Ns = append(drop(m.Ns, func(rr dns.RR) bool {
					return covers(rr, dns.TypeNSEC)
				}), w.Sign("tld.", c)...)
				return true
			}
			return false
		})
	},
	steps: []step{
		good("www.shop.tld. A", "NOERROR", "www.shop.tld. A 192.0.2.1"),
		empty("no.shop.tld. A", "NXDOMAIN"),
		empty("shop.tld. DS", "NOERROR AD"),
	},
}, {
	name: "of two forwarders the one that passes proofs on is believed",
	seen: "NLnetLabs/unbound 1483",
	situation: "The first forwarder denies a name without signatures, the second one with them. " +
		"The second was blamed.",
	why: "One path that validates is enough (RFC 4035, section 5.5): the proof is complete, from " +
		"whomever it comes.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "corp.example.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping}, nil}})
	},
	config: func(c *resolver.Config) {
		c.Zones = append(c.Zones, resolver.Zone{Name: wire.MustParseName("corp.example."),
			Forward: true, Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.53.0.4:53"),
				netip.MustParseAddrPort("127.53.0.5:53")}})
	},
	steps: []step{
		empty("example.corp.example. TXT", "NXDOMAIN AD"),
		good("www.corp.example. A", "NOERROR AD", "www.corp.example. A 192.0.2.1"),
	},
}, {
	name: "a name is validated without asking for its DS",
	seen: "PowerDNS/pdns 8220, www.gpo.gov",
	situation: "The servers answer DS questions for a name that is no delegation with an NSEC3 " +
		"record in the answer section.",
	why: "The signer of the data names the zone (RFC 4035, section 5.3.1), whose keys are " +
		"trusted already: no such question is needed.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "gpo.example.", Denial: lab.NSEC3, Records: "www A 192.0.2.1"})
		script(w, "gpo.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Ns = m.Ns, nil
			return is(in, "www.gpo.example.", dns.TypeDS)
		})
	},
	steps: []step{
		good("www.gpo.example. A", "NOERROR AD", "www.gpo.example. A 192.0.2.1").
			sparing("gpo.example. www.gpo.example. DS"),
		empty("www.gpo.example. AAAA", "NOERROR AD"),
	},
}, {
	name: "a signed alias into an unsigned zone on the same servers is insecure",
	seen: "PowerDNS/pdns 6135, ugp.rug.nl; systemd/systemd 24171, verisignlabs.com",
	situation: "The answer to a question in a signed zone has the alias, and beside it the " +
		"address from an unsigned zone that the same servers have.",
	why: "Each link is as secure as its own zone, and the answer as its weakest link (RFC 4035, " +
		"section 3.2.3).",
	world: func(w *lab.World) {
		signed(w, "rug.example.", "ugp CNAME ugp.ub;;gslb CNAME a.elsewhere")
		w.Add(lab.Zone{Name: "ub.rug.example.", On: "rug.example.", Algorithm: lab.Unsigned,
			Records: "ugp A 192.0.2.1"})
		unsigned(w, "elsewhere.rug.example.", "a A 192.0.2.2")
	},
	steps: []step{
		good("ugp.rug.example. A", "NOERROR", "ugp.rug.example. CNAME ugp.ub.rug.example.",
			"ugp.ub.rug.example. A 192.0.2.1"),
		good("gslb.rug.example. A", "NOERROR", "gslb.rug.example. CNAME a.elsewhere.rug.example.",
			"a.elsewhere.rug.example. A 192.0.2.2"),
		good("ugp.rug.example. CNAME", "NOERROR AD",
			"ugp.rug.example. CNAME ugp.ub.rug.example."),
	},
}, {
	name:      "signatures of a zone without DS may be as wrong as they like",
	seen:      "PowerDNS/pdns 10219, unpublished.mattnordhoffdns.work",
	situation: "A zone is signed, has no DS, and its signatures are corrupt, over the keys too.",
	why: "The parent proves that nothing below has to be signed (RFC 4035, section 5.2); what is " +
		"signed there all the same proves nothing.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "unpublished.example.", NoDS: true, Records: "www A 192.0.2.1",
			Faults: lab.Faults{lab.CorruptSignatures}})
	},
	steps: []step{
		good("www.unpublished.example. A", "NOERROR", "www.unpublished.example. A 192.0.2.1"),
		empty("no.unpublished.example. A", "NXDOMAIN"),
		good("unpublished.example. DNSKEY", "NOERROR", "unpublished.example. DNSKEY *"),
	},
}, {
	name:      "keys that cannot be had of a zone without DS are not needed",
	seen:      "PowerDNS/pdns 11890",
	situation: "A zone without DS has signatures, and its servers answer SERVFAIL for its keys.",
	why: "The same: the chain of trust ends at the parent's proof, and the keys are not on it " +
		"(RFC 4035, section 5.2).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "keyless.example.", NoDS: true, Records: "www A 192.0.2.1"})
		script(w, "keyless.example.", func(in lab.Incoming, m *dns.Msg) bool {
			*m = *new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure)
			return in.Question().Qtype == dns.TypeDNSKEY
		})
	},
	steps: []step{
		good("www.keyless.example. A", "NOERROR", "www.keyless.example. A 192.0.2.1"),
		empty("no.keyless.example. A", "NXDOMAIN"),
	},
}, {
	name:      "the root has no DS, and that is proven",
	seen:      "PowerDNS/pdns 9144",
	situation: "A validator behind the resolver asks for the DS of the root, and got SERVFAIL.",
	why: "The root has no parent, so its own servers answer; its NSEC, with SOA and without DS, " +
		"proves the answer (RFC 4035, sections 3.1.4.1 and 5.4).",
	world: func(*lab.World) {},
	steps: []step{
		empty(". DS", "NOERROR AD"), empty(". DS", "NOERROR AD").packets(noPackets),
	},
}, {
	name: "an anchor below a zone of an unknown algorithm counts at the first question",
	seen: "PowerDNS/pdns 17775, kochen-specker.info",
	situation: "A zone has an anchor of its own; the zone above it is insecure, for nobody knows " +
		"its algorithm. The first answer had no AD, those from memory had.",
	why: "Validation begins at the anchor that is closest (RFC 4035, section 5; RFC 6840, " +
		"section 5.13), and an answer is as secure the first time as later.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "info.", Algorithm: 100})
		signed(w, "specker.info.", "www A 192.0.2.1")
		signed(w, "other.info.", "www A 192.0.2.2")
	},
	anchored: []string{"specker.info."},
	steps: []step{
		good("www.specker.info. A", "NOERROR AD", "www.specker.info. A 192.0.2.1"),
		good("www.specker.info. A", "NOERROR AD", "www.specker.info. A 192.0.2.1").
			packets(noPackets),
		empty("no.specker.info. A", "NXDOMAIN AD"),
		good("www.other.info. A", "NOERROR", "www.other.info. A 192.0.2.2"),
	},
}, {
	name: "the closest encloser of a deep wildcard is where its RRSIG says",
	seen: "PowerDNS/pdns 6092",
	situation: "A wildcard stands three labels below the apex, and is expanded by one label and " +
		"by three, in a zone with NSEC3.",
	why: "The labels of the RRSIG give the wildcard, and the next closer name below it is what " +
		"must not exist (RFC 5155, sections 7.2.6 and 8.8).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "deep.example.", Denial: lab.NSEC3,
			Records: "*.b.a A 192.0.2.1;;x.y.z.b.a TXT beside"})
	},
	steps: []step{
		good("one.b.a.deep.example. A", "NOERROR AD", "one.b.a.deep.example. A 192.0.2.1"),
		good("3.2.1.b.a.deep.example. A", "NOERROR AD", "3.2.1.b.a.deep.example. A 192.0.2.1"),
		empty("w.z.b.a.deep.example. A", "NXDOMAIN AD"),
		empty("y.z.b.a.deep.example. A", "NOERROR AD"),
		empty("one.b.a.deep.example. TXT", "NOERROR AD"),
	},
}, {
	name: "one set of expired proofs at one server of many is passed over",
	seen: "systemd/systemd 12388, archlinux.org",
	situation: "One of a top level domain's servers has NSEC3 signatures of last month, and good " +
		"ones over all else: referrals from there prove nothing.",
	why: "Another server has the proof (RFC 4035, section 5.5); what one of them says too late " +
		"is not the zone's.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "org.", Denial: lab.NSEC3OptOut,
			Servers: []lab.ServerFaults{nil, nil}})
		unsigned(w, "arch.org.", "www A 192.0.2.1")
		script(w, "org.", func(_ lab.Incoming, m *dns.Msg) bool {
			for i, rr := range m.Ns {
				if covers(rr, dns.TypeNSEC3) {
					old := *rr.(*dns.RRSIG)
					old.Inception -= 90 * 86400
					old.Expiration -= 90 * 86400
					m.Ns[i] = &old
				}
			}
			return true
		})
	},
	steps: []step{
		good("www.arch.org. A", "NOERROR", "www.arch.org. A 192.0.2.1"),
		empty("arch.org. DS", "NOERROR"),
	},
}, {
	name: "the keys of a zone whose apex is an alias are those of the target",
	seen: "systemd/systemd 31699, terranix.org",
	situation: "An unsigned zone has an alias at its apex, of a signed zone's name. A question " +
		"for its keys is answered by the alias, and the zone was taken for signed.",
	why: "Whether a zone is signed is up to its DS at the parent (RFC 4035, section 5.2), not to " +
		"what its own servers say of keys.",
	world: func(w *lab.World) {
		signed(w, "pages.example.", "@ A 192.0.2.1")
		unsigned(w, "terra.example.", "@ CNAME pages.example.;;www A 192.0.2.2")
	},
	steps: []step{
		good("terra.example. A", "NOERROR", "terra.example. CNAME pages.example.",
			"pages.example. A 192.0.2.1"),
		good("terra.example. DNSKEY", "NOERROR", "terra.example. CNAME pages.example.",
			"pages.example. DNSKEY *"),
		good("www.terra.example. A", "NOERROR", "www.terra.example. A 192.0.2.2"),
	},
}, {
	name: "an alias into a zone that has signatures and no DS is insecure",
	seen: "systemd/systemd 36001, support.zoom.com; PowerDNS/pdns 11391",
	situation: "The target's zone is signed with an algorithm of before, and its parent has no " +
		"DS for it. The signatures were taken for a reason to validate.",
	why: "The proof that there is no DS makes the zone insecure, whatever RRSIGs it has (RFC " +
		"4035, section 5.2).",
	world: func(w *lab.World) {
		signed(w, "zoom.example.", "support CNAME zoomus.now.example.")
		w.Add(lab.Zone{Name: "now.example.", NoDS: true, Algorithm: dns.RSASHA1NSEC3SHA1,
			Bits: 1024, Denial: lab.NSEC3, Records: "zoomus 0 A 192.0.2.1"})
	},
	steps: []step{
		good("support.zoom.example. A", "NOERROR",
			"support.zoom.example. CNAME zoomus.now.example.", "zoomus.now.example. A 192.0.2.1"),
		empty("no.now.example. A", "NXDOMAIN"),
	},
}, {
	name: "a secure alias of a name that an unsigned zone denies is NXDOMAIN",
	seen: "TechnitiumSoftware/DnsServer 1720, esdk-ffl.spotify.com",
	situation: "The alias is in a signed zone, the name in an unsigned one below, whose servers " +
		"say NXDOMAIN without any proof, as they have none.",
	why: "Nothing has to be proven below an unsigned delegation (RFC 4035, section 5.2), and the " +
		"RCODE is that of the last name (RFC 6604, section 3).",
	world: func(w *lab.World) {
		signed(w, "spot.example.", "esdk CNAME weblb.gslb")
		unsigned(w, "gslb.spot.example.", "other A 192.0.2.1")
	},
	steps: []step{
		good("esdk.spot.example. A", "NXDOMAIN",
			"esdk.spot.example. CNAME weblb.gslb.spot.example."),
		good("esdk.spot.example. A", "NXDOMAIN",
			"esdk.spot.example. CNAME weblb.gslb.spot.example.").packets(noPackets),
		empty("weblb.gslb.spot.example. A", "NXDOMAIN"),
	},
}, {
	name: "an SOA without signature takes nothing from the data of its zone",
	seen: "TechnitiumSoftware/DnsServer 417, el.roskilde-festival.dk",
	situation: "The servers of a signed zone leave the signature of the SOA out. Names in the " +
		"zone did not resolve, as the SOA had been asked for to find the zone.",
	why: "Data are validated by their own signatures (RFC 4035, section 5.3). A question for the " +
		"SOA itself fails.",
	world: func(w *lab.World) {
		signed(w, "el.example.", "www CNAME host.rfit.example.")
		signed(w, "rfit.example.", "host CNAME aws;;aws A 192.0.2.1")
		script(w, "rfit.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			unsignedSOA := func(rr dns.RR) bool { return covers(rr, dns.TypeSOA) }
			m.Answer, m.Ns = drop(m.Answer, unsignedSOA), drop(m.Ns, unsignedSOA)
			return true
		})
	},
	steps: []step{
		good("www.el.example. A", "NOERROR AD", "www.el.example. CNAME host.rfit.example.",
			"host.rfit.example. CNAME aws.rfit.example.", "aws.rfit.example. A 192.0.2.1"),
		fails("rfit.example. SOA", cause.SignatureMissing),
	},
}, {
	name: "what a client with CD has fetched is validated for the next one",
	seen: "internetstandards/Internet.nl 1869, www.peppol.nl",
	situation: "A client that checks by itself asks for the SOA of an alias of the apex, then " +
		"one for that of the apex, with CD and without.",
	why: "RFC 4035, section 3.2.2: CD is for the client that sets it. What was not validated for " +
		"it is validated before anybody else gets it.",
	world: func(w *lab.World) { signed(w, "peppol.example.", "www CNAME @") },
	steps: []step{
		good("www.peppol.example. SOA", "NOERROR",
			"www.peppol.example. CNAME peppol.example.", "peppol.example. SOA *").with(cd),
		good("peppol.example. SOA", "NOERROR AD", "peppol.example. SOA *"),
		good("peppol.example. SOA", "NOERROR", "peppol.example. SOA *").with(cd),
		good("www.peppol.example. SOA", "NOERROR AD",
			"www.peppol.example. CNAME peppol.example.", "peppol.example. SOA *"),
	},
}, {
	name:      "an alias that has MX records beside it answers each question as its servers do",
	seen:      "systemd/systemd 34269, genevadialogue.ch",
	situation: "The apex of a signed zone has a CNAME and MX records, which is forbidden.",
	why: "RFC 1034, section 3.6.2 forbids it; each set has its own good signature. What comes " +
		"first is answered; once the alias is known it stands for all types.",
	world: func(w *lab.World) {
		signed(w, "dialogue.example.", "@ CNAME host.pages.example.;;@ MX 10 mx.pages.example.")
		unsigned(w, "pages.example.", "host A 192.0.2.1")
	},
	steps: []step{
		good("dialogue.example. MX", "NOERROR AD", "dialogue.example. MX 10 mx.pages.example."),
		good("dialogue.example. A", "NOERROR", "dialogue.example. CNAME host.pages.example.",
			"host.pages.example. A 192.0.2.1"),
		good("dialogue.example. MX", "NOERROR AD", "dialogue.example. MX 10 mx.pages.example."),
		good("dialogue.example. CNAME", "NOERROR AD",
			"dialogue.example. CNAME host.pages.example."),
	},
}}
