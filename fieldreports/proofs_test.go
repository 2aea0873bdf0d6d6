// More proofs that something does not exist: online signers, broken chains and odd letters.

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

func TestProofs(t *testing.T) { play(t, proofs) }

// proofOf makes a reply the denial that consists of these records, signed by the zone.
func proofOf(w *lab.World, zone string, m *dns.Msg, rcode int, proofs ...dns.RR) {
	m.Rcode, m.Authoritative, m.Answer, m.Ns = rcode, true, nil, nil
	soa := rr(zone + " 60 SOA ns1." + zone + " h." + zone + " 1 3600 600 86400 60")
	for _, p := range append([]dns.RR{soa}, proofs...) {
		m.Ns = append(append(m.Ns, p), w.Sign(zone, p)...)
	}
}

// count wants so many records of a type in the authority section.
func count(t uint16, want int) func(*testing.T, *dns.Msg) {
	return func(test *testing.T, m *dns.Msg) {
		n := 0
		for _, r := range m.Ns {
			if r.Header().Rrtype == t {
				n++
			}
		}
		if n != want {
			test.Errorf("%d records of type %s, want %d", n, dns.TypeToString[t], want)
		}
	}
}

// nsec3Of returns the NSEC3 record of a name, without salt and iterations, whose span ends at the
// hash of another.
func nsec3Of(name, zone, next string, types ...uint16) *dns.NSEC3 {
	owner := strings.ToLower(dns.HashName(name, dns.SHA1, 0, "")) + "." + zone
	return &dns.NSEC3{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeNSEC3, Class: dns.ClassINET,
		Ttl: 60}, Hash: dns.SHA1, HashLength: 20, NextDomain: dns.HashName(next, dns.SHA1, 0, ""),
		TypeBitMap: types}
}

// nsec3Chain returns the NSEC3 records of a zone, whose apex is the first of its names. The others
// have addresses.
func nsec3Chain(salt string, names ...string) (chain []dns.RR) {
	var hashes []string
	for _, n := range names {
		hashes = append(hashes, dns.HashName(n, dns.SHA1, 0, salt))
	}
	sorted := slices.Sorted(slices.Values(hashes))
	for i, n := range names {
		types := []uint16{dns.TypeA, dns.TypeRRSIG}
		if i == 0 {
			types = []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeDNSKEY}
		}
		next := sorted[(slices.Index(sorted, hashes[i])+1)%len(sorted)]
		r := nsec3Of(n, names[0], n, types...)
		r.Hdr.Name, r.NextDomain = strings.ToLower(hashes[i])+"."+names[0], next
		r.Salt, r.SaltLength = salt, uint8(len(salt)/2)
		chain = append(chain, r)
	}
	return chain
}

var proofs = []report{{
	name: "an NSEC whose next name has capital letters verifies",
	seen: "PowerDNS/pdns 4028; NLnetLabs/ldns 132",
	situation: "A signer leaves the capital letters of names in the RDATA of NSEC records, and " +
		"signs them so.",
	why: "They are not lowered before the signature is computed (RFC 6840, section 5.1), and " +
		"compared without regard to case.",
	world: func(w *lab.World) {
		signed(w, "caps.example.", "a A 192.0.2.1;;m A 192.0.2.1")
		script(w, "caps.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "b.caps.example.", in.Question().Qtype) {
				return false
			}
			proofOf(w, "caps.example.", m, dns.RcodeNameError,
				rr("a.caps.example. 60 NSEC M.CAPS.example. A RRSIG NSEC"),
				rr("caps.example. 60 NSEC A.Caps.Example. NS SOA RRSIG NSEC DNSKEY"))
			return true
		})
	},
	steps: []step{
		empty("b.caps.example. A", "NXDOMAIN AD"),
		empty("c.caps.example. A", "NXDOMAIN AD"),
		good("m.caps.example. A", "NOERROR AD", "m.caps.example. A 192.0.2.1"),
	},
}, {
	name: "proofs of a server that knows its names in lower case alone are found",
	seen: "dnsviz/dnsviz 162, onoma.yocto.com; zonemaster/zonemaster 1381",
	situation: "A server compares names of NSEC records with their case: for a question with " +
		"capital letters its denial has no NSEC. CAA could not be looked up.",
	why: "The letters are ours (DNS 0x20); a reply that needs them lowered is asked for again so.",
	world: func(w *lab.World) {
		signed(w, "yocto.example.", "www A 192.0.2.1")
		script(w, "yocto.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if in.Question().Name == strings.ToLower(in.Question().Name) || len(m.Answer) > 0 {
				return false
			}
			m.Ns = slices.DeleteFunc(m.Ns, func(r dns.RR) bool {
				s, sig := r.(*dns.RRSIG)
				return r.Header().Rrtype == dns.TypeNSEC || sig && s.TypeCovered == dns.TypeNSEC
			})
			return true
		})
	},
	steps: []step{
		empty("www.yocto.example. CAA", "NOERROR AD"),
		empty("no.yocto.example. CAA", "NXDOMAIN AD"),
	},
}, {
	name: "online signatures over names in lower case verify under names of other letters",
	seen: "coredns/coredns 5061, SIDN's valcheck",
	situation: "An online signer puts the letters of the question into the owner and the next " +
		"name of its NSEC record, and signs the names in lower case.",
	why: "RFC 6840, section 5.1 does not lower the next name, so that this does not verify; the " +
		"letters are ours, and in lower case it does.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "online.example.", Denial: lab.Compact, Records: "www A 192.0.2.1"})
		script(w, "online.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, r := range m.Ns {
				if n, ok := r.(*dns.NSEC); ok {
					n.Hdr.Name, n.NextDomain = in.Question().Name, `\000.`+in.Question().Name
				}
			}
			return true
		})
	},
	steps: []step{
		empty("www.online.example. HINFO", "NOERROR AD"),
		step{ask: "aaaabbbbccccddddeeee.online.example. A", want: "NOERROR AD", nothing: true},
	},
}, {
	name: "compact denials without NXNAME are empty answers",
	seen: "rthalley/dnspython 857; systemd/systemd 23114",
	situation: "Signers from before RFC 9824 deny each name with an NSEC of that name whose " +
		"types " +
		"are NSEC and RRSIG, and the next name \\000 below or behind it.",
	why: "This proves NODATA; whether the name exists cannot be told from an empty non-terminal.",
	world: func(w *lab.World) {
		signed(w, "lies.example.", "www A 192.0.2.1;;x.ent A 192.0.2.2")
		script(w, "lies.example.", func(in lab.Incoming, m *dns.Msg) bool {
			name := strings.ToLower(in.Question().Name)
			next := `\000.` + name
			if strings.HasPrefix(name, "behind.") {
				next = `behind\000.lies.example.`
			}
			if len(m.Answer) > 0 || name == "lies.example." {
				return false
			}
			types := " RRSIG NSEC"
			if strings.HasPrefix(name, "www.") {
				types = " A" + types
			}
			proofOf(w, "lies.example.", m, dns.RcodeSuccess, rr(name+" 60 NSEC "+next+types))
			return true
		})
	},
	steps: []step{
		empty("no.lies.example. A", "NOERROR AD"),
		empty("behind.lies.example. A", "NOERROR AD"),
		empty("www.lies.example. TXT", "NOERROR AD"),
		empty("ent.lies.example. A", "NOERROR AD"),
		good("x.ent.lies.example. A", "NOERROR AD", "x.ent.lies.example. A 192.0.2.2"),
		good("www.lies.example. A", "NOERROR AD", "www.lies.example. A 192.0.2.1"),
	},
}, {
	name: "denials by the smallest spans around a name verify",
	seen: "systemd/systemd 23114; PowerDNS/pdns 12493",
	situation: "An online signer denies a name by an NSEC from just before it to just behind it, " +
		"and the wildcard by another (RFC 4470). NSEC3 does the same with hashes.",
	why: "RFC 4470, section 3: validators need to know nothing of it.",
	world: func(w *lab.World) {
		signed(w, "white.example.", "")
		script(w, "white.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "no.white.example.", in.Question().Qtype) {
				return false
			}
			proofOf(w, "white.example.", m, dns.RcodeNameError,
				rr(`nn~.white.example. 60 NSEC no\000.white.example. RRSIG NSEC`),
				rr(`\)~.white.example. 60 NSEC +.white.example. RRSIG NSEC`))
			return true
		})
	},
	steps: []step{empty("no.white.example. A", "NXDOMAIN AD")},
}, {
	name: "a zone with its apex alone is denied by one record",
	seen: "PowerDNS/pdns 10699, nsec3.mattnordhoffdns.work",
	situation: "A zone with NSEC3 has no names but its apex: the same record is the closest " +
		"encloser's, covers the name and covers the wildcard. From the cache it came three times.",
	why: "A record is in a section once (RFC 2181, section 5).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "bare.", Denial: lab.NSEC3})
		script(w, "bare.", func(in lab.Incoming, m *dns.Msg) bool {
			if in.Question().Qtype == dns.TypeDNSKEY || len(m.Answer) > 0 {
				return false
			}
			proofOf(w, "bare.", m, dns.RcodeNameError, nsec3Of("bare.", "bare.", "bare.",
				dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeDNSKEY, dns.TypeNSEC3PARAM))
			return true
		})
	},
	steps: []step{
		empty("a.bare. A", "NXDOMAIN AD").checked(count(dns.TypeNSEC3, 1)),
		empty("b.bare. A", "NXDOMAIN AD").checked(count(dns.TypeNSEC3, 1)),
		empty("c.d.bare. A", "NXDOMAIN AD").checked(count(dns.TypeNSEC3, 1)),
	},
}, {
	name: "a record that denies the encloser beside the one that proves it does no harm",
	seen: "dnsviz/dnsviz 160",
	situation: "After a name was added, an NSEC3 chain kept an old record that covers the new " +
		"name: replies have a record that denies the closest encloser, and one that matches it.",
	why: "RFC 5155, section 8.3: the encloser is the longest name that a record matches. BIND " +
		"failed, all others answered.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "overlap.example.", Denial: lab.NSEC3, Records: "host A 192.0.2.1"})
		script(w, "overlap.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "x.host.overlap.example.", in.Question().Qtype) {
				return false
			}
			wide := nsec3Of("old.overlap.example.", "overlap.example.", "old.overlap.example.",
				dns.TypeMX, dns.TypeRRSIG)
			proofOf(w, "overlap.example.", m, dns.RcodeNameError, wide,
				nsec3Of("host.overlap.example.", "overlap.example.", "y.overlap.example.",
					dns.TypeA, dns.TypeRRSIG))
			return true
		})
	},
	steps: []step{
		empty("x.host.overlap.example. A", "NXDOMAIN AD"),
		good("host.overlap.example. A", "NOERROR AD", "host.overlap.example. A 192.0.2.1"),
	},
}, {
	name: "a denial that lacks the wildcard's is bogus, for TLSA too",
	seen: "danefail/list 22, mx1.marketconservative.com",
	situation: "A zone's servers deny _25._tcp of a mail host with a proof that leaves the " +
		"wildcard open. An old Unbound took it for proven.",
	why: "RFC 4035, section 5.4: it could hide a wildcard's TLSA record.",
	world: func(w *lab.World) {
		signed(w, "conservative.example.", "mx1 A 192.0.2.1")
		script(w, "conservative.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "_25._tcp.mx1.conservative.example.", in.Question().Qtype) &&
				!is(in, "_tcp.mx1.conservative.example.", in.Question().Qtype) {
				return false
			}
			proofOf(w, "conservative.example.", m, dns.RcodeNameError, rr("_25._tcp.mx1."+
				"conservative.example. 60 NSEC z.conservative.example. TXT RRSIG NSEC"))
			m.Ns[2].Header().Name = "_24._tcp.mx1.conservative.example."
			m.Ns = append(m.Ns[:3], w.Sign("conservative.example.", m.Ns[2])...)
			return true
		})
	},
	steps: []step{fails("_25._tcp.mx1.conservative.example. TLSA", cause.DenialInvalid)},
}, {
	name: "a denial without AD is a denial to mail servers",
	seen: "danefail/list 13, schenkmakelaars.nl; stalwartlabs/stalwart 2328",
	situation: "TLSA of a mail host is denied under opt-out, or is an alias that leads into an " +
		"unsigned zone. Mail servers that got an error deferred the mail.",
	why: "Both are lawful denials without AD (RFC 7672, section 2.1.1); only a failed proof is " +
		"an " +
		"error.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "makelaars.example.", Denial: lab.NSEC3OptOut,
			Records: "mx A 192.0.2.1;;_25._tcp.mx2 CNAME _tlsa.plain.example."})
		unsigned(w, "plain.example.", "_tlsa TLSA 3 1 1 ab")
	},
	steps: []step{
		empty("_25._tcp.mx.makelaars.example. TLSA", "NXDOMAIN"),
		good("_25._tcp.mx2.makelaars.example. TLSA", "NOERROR",
			"_25._tcp.mx2.makelaars.example. CNAME _tlsa.plain.example.",
			"_tlsa.plain.example. TLSA 3 1 1 ab"),
	},
}, {
	name: "a denial of one type that fails takes nothing from the others",
	seen: "foxcpp/maddy 292; KumoCorp/kumomta 543",
	situation: "A zone signs its data and cannot prove what it lacks: A validates, and AAAA and " +
		"TLSA are bogus each time.",
	why: "Data and denials verify for themselves (RFC 4035, section 5): the failure is that of " +
		"its question.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "half.example.", Faults: lab.Faults{lab.NoDenial},
			Records: "mx A 192.0.2.1"})
	},
	steps: []step{
		fails("mx.half.example. AAAA", cause.DenialMissing),
		good("mx.half.example. A", "NOERROR AD", "mx.half.example. A 192.0.2.1"),
		fails("_25._tcp.mx.half.example. TLSA", cause.DenialMissing),
		good("mx.half.example. A", "NOERROR AD", "mx.half.example. A 192.0.2.1").
			later(10 * time.Minute),
	},
}, {
	name: "a chain that lacks names denies no name that has been answered",
	seen: "PowerDNS/pdns 8689, paradijs4kids.nl; NLnetLabs/nsd 171",
	situation: "A zone's NSEC chain was not renewed when names were added: the record that " +
		"denies " +
		"a random name covers names that exist, and its servers answer them all the same.",
	why: "RFC 8198, section 7: what is in the cache stands before what follows from a span; " +
		"names that nobody asked for yet are denied for the span's TTL, by the zone's own word.",
	world: func(w *lab.World) {
		signed(w, "kids.example.", "auth A 192.0.2.1;;www A 192.0.2.2")
		script(w, "kids.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "fake.kids.example.", in.Question().Qtype) {
				return false
			}
			proofOf(w, "kids.example.", m, dns.RcodeNameError,
				rr("kids.example. 60 NSEC kids.example. NS SOA RRSIG NSEC DNSKEY"))
			return true
		})
	},
	steps: []step{
		good("auth.kids.example. A", "NOERROR AD", "auth.kids.example. A 192.0.2.1"),
		empty("fake.kids.example. A", "NXDOMAIN AD"),
		good("auth.kids.example. A", "NOERROR AD", "auth.kids.example. A 192.0.2.1"),
		good("www.kids.example. A", "NOERROR AD", "www.kids.example. A 192.0.2.2").
			later(2 * time.Minute),
	},
}, {
	name: "a zone that goes over from NSEC to NSEC3, and to another salt, resolves throughout",
	seen: "PowerDNS/pdns 8689; NLnetLabs/nsd 171",
	situation: "A zone changes how it denies while its NSEC records are in caches; then its salt " +
		"is changed. Some of its servers are behind.",
	why: "RFC 5155, section 8.2: a proof is of one chain; records of another are passed over.",
	world: func(w *lab.World) {
		signed(w, "resalt.example.", "b A 192.0.2.1;;m A 192.0.2.2")
		began := time.Now()
		script(w, "resalt.example.", func(in lab.Incoming, m *dns.Msg) bool {
			phase := int(time.Since(began) / (30 * time.Second))
			name := strings.ToLower(in.Question().Name)
			if phase == 0 || len(m.Answer) > 0 || dns.CountLabel(name) != 3 {
				return false
			}
			salt := []string{"", "aa", "bbcc"}[min(phase, 2)]
			proofOf(w, "resalt.example.", m, dns.RcodeNameError, nsec3Chain(salt,
				"resalt.example.", "b.resalt.example.", "m.resalt.example.")...)
			return true
		})
	},
	steps: []step{
		empty("a.resalt.example. A", "NXDOMAIN AD"),
		empty("z.resalt.example. A", "NXDOMAIN AD").later(35 * time.Second),
		empty("y.resalt.example. A", "NXDOMAIN AD"),
		empty("x.resalt.example. A", "NXDOMAIN AD").later(30 * time.Second),
		good("b.resalt.example. A", "NOERROR AD", "b.resalt.example. A 192.0.2.1"),
		good("m.resalt.example. A", "NOERROR AD", "m.resalt.example. A 192.0.2.2"),
	},
}, {
	name: "the report of a resolver's own trust anchors is denied like any name",
	seen: "MatthewVance/unbound-docker 124",
	situation: "Validators behind us ask for _ta-4f66 with type NULL, to tell the root which " +
		"anchors they have (RFC 8145, section 5).",
	why:   "It is a question like others; the root denies it, with proof.",
	world: func(*lab.World) {},
	steps: []step{
		empty("_ta-4f66. NULL", "NXDOMAIN AD"),
		empty("_ta-4f66-9728. NULL", "NXDOMAIN AD"),
	},
}}
