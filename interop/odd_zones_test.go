// Zones and servers as odd as those of the Internet, before all resolvers.

package interop

import (
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// oddZone is a zone below odd., with what is odd about its servers, and what it is asked for.
type oddZone struct {
	lab.Zone
	// alter changes what a server replies; nil: nothing.
	alter func(in lab.Incoming, m *dns.Msg)
	asked []string // a name without the zone's, and a type
	alone string   // why ours may answer otherwise than all others
}

func plainZone(records string, asked ...string) oddZone {
	return oddZone{Zone: lab.Zone{Algorithm: lab.Unsigned, Records: records}, asked: asked}
}

func signedZone(records string, asked ...string) oddZone {
	return oddZone{Zone: lab.Zone{Records: records}, asked: asked}
}

// altered is an unsigned zone with an odd server.
func altered(asked string, alter func(in lab.Incoming, m *dns.Msg)) oddZone {
	z := plainZone("www A 192.0.2.1;;txt TXT x;;alias CNAME www;;*.wild A 192.0.2.2",
		strings.Split(asked, ",")...)
	z.alter = alter
	return z
}

// of makes a zone one of others.
func (z oddZone) of(change func(*lab.Zone)) oddZone {
	change(&z.Zone)
	return z
}

func record(text string) dns.RR {
	r, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	return r
}

// oddZones are the zones, by the label below odd.
func oddZones() map[string]oddZone {
	www := "www A 192.0.2.1;;txt TXT x;;alias CNAME www;;*.wild A 192.0.2.2"
	usual := []string{"www A", "txt A", "no A", "alias A", "a.b.wild A", "a.wild TXT", " DS",
		" SOA"}
	server := func(faults ...lab.Fault) lab.ServerFaults { return faults }
	servers := func(all ...lab.ServerFaults) func(*lab.Zone) {
		return func(z *lab.Zone) { z.Servers = all }
	}
	zones := map[string]oddZone{
		"plain":  plainZone(www, usual...),
		"signed": signedZone(www, usual...),
		"optout": signedZone(www+";;*.w A 192.0.2.3;;*.a.w TXT x", append(
			usual, "x.w A", "x.w MX", "x.a.w TXT", "x.a.w A", "a.w A", "q.no A")...).
			of(func(z *lab.Zone) { z.Denial = lab.NSEC3OptOut }),
		"nsec3": signedZone(www+";;*.w CNAME www;;*.a.w TXT x;;e.n.t A 192.0.2.4", append(usual,
			"x.w A", "x.y.w MX", "x.a.w TXT", "x.a.w A", "n.t A", "t A", "x.n.t A", "*.w A")...).of(
			func(z *lab.Zone) { z.Denial = lab.NSEC3 }),
		"nsecwild": signedZone("*.w CNAME www;;www A 192.0.2.1;;*.a.w TXT x;;e.n.t A 192.0.2.4;;"+
			"*.n2 CNAME nothing", "x.w A", "x.y.w MX", "x.a.w TXT", "x.a.w A", "n.t A", "t A",
			"x.n.t A", "*.w A", "x.n2 A", "w A"),
		"apexcname":  plainZone("@ CNAME www.plain.odd.", " A", " MX", " CNAME", "x A"),
		"apexcnames": signedZone("@ CNAME www.plain.odd.", " A", " MX", " CNAME", "x A"),
		"extrans":    plainZone("@ NS ns9.nowhere.odd.;;"+www, append(usual, " NS")...),
		"deepns":     plainZone("@ NS ns.deep.deepns.odd.;;"+www, append(usual, " NS")...),
		"dname": signedZone("d DNAME plain.odd.;;s DNAME signed.odd.;;l DNAME d.l;;"+
			"o DNAME nsec3.odd.;;self DNAME self;;t DNAME nothing.odd.", "www.d A", "www.s A",
			"no.s A", "x.l A", "d A",
			"d DNAME", "x.self A", "x.t A", "a.w.o A", "www.d CNAME", "www.d DNAME", "alias.s A"),
		"udname": plainZone("d DNAME plain.odd.;;s DNAME signed.odd.;;@ DNAME nsec3.odd.",
			"www.d A", "www.s A", " A", "www A", "x.w A"),
		"digest": signedZone(www, usual...).of(func(z *lab.Zone) { z.Digest = 200 }),
		"alg":    signedZone(www, usual...).of(func(z *lab.Zone) { z.Algorithm = 200 }),
		"island": signedZone(www, usual...).of(func(z *lab.Zone) { z.NoDS = true }),
		"rsa":    signedZone(www, usual...).of(func(z *lab.Zone) { z.Algorithm = dns.RSASHA512 }),
		"ed":     signedZone(www, usual...).of(func(z *lab.Zone) { z.Algorithm = dns.ED25519 }),
		"sha384": signedZone(www, usual...).of(func(z *lab.Zone) { z.Digest = dns.SHA384 }),
		"svcb": signedZone("a SVCB 0 b;;b SVCB 0 c;;c SVCB 1 . alpn=h2;;@ HTTPS 1 . alpn=h3;;"+
			"loop SVCB 0 loop;;m MX 0 .;;al CNAME a", "a SVCB", "b SVCB", " HTTPS", "loop SVCB",
			"m MX", "al SVCB", "c HTTPS"),
		"chain": signedZone("a CNAME b.apexcname.odd.;;1 CNAME 2;;2 CNAME alias.plain.odd.;;"+
			"3 CNAME x.w.nsecwild.odd.;;4 CNAME no.signed.odd.;;5 CNAME no.plain.odd.;;6 CNAME 7;;"+
			"7 CNAME 6;;8 CNAME 8;;9 CNAME txt.signed.odd.", "a A", "1 A", "2 A",
			"3 A", "4 A", "5 A", "6 A",
			"9 A", "1 CNAME", "1 ANY"),
		"types": signedZone(www+";;t TYPE65280 \\# 3 010203;;c CAA 0 issue \"x\";;"+
			"n NAPTR 1 1 \"s\" \"\" \"\" www;;h HINFO a b", "t TYPE65280", "c CAA",
			"n NAPTR", "h HINFO", "h ANY",
			"www RRSIG", "www NSEC", " DNSKEY", " NSEC3PARAM", "www CDS", "www TYPE65535"),
		"many": signedZone(deepName(60)+" A 192.0.2.1;;"+
			deepName(110)+" TXT x", deepName(60)+" A", deepName(61)+" A", deepName(110)+" TXT",
			deepName(30)+" A"),
		"big": signedZone(bigText(60), "t TXT"),
		// Servers.
		"alwaystc": plainZone(www, usual...).of(servers(server(lab.AlwaysTC))),
		"noedns":   plainZone(www, usual...).of(servers(server(lab.NoEDNS))),
		"lower":    signedZone(www, usual...).of(servers(server(lab.LowerCase))),
		"lamemix": signedZone(www, usual...).of(
			servers(server(lab.Lame), nil, server(lab.Refusing))),
		"noaa": plainZone(www, "www A", "no A").of(servers(server(lab.NoAA), nil)),
		"failmix": signedZone(www, usual...).of(
			servers(server(lab.Failing), server(lab.Stripping), nil)),
		"ttl0": altered("www A,alias A,no A,a.wild A", func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range append(append(m.Answer, m.Ns...), m.Extra...) {
				if r.Header().Rrtype != dns.TypeOPT {
					r.Header().Ttl = 0
				}
			}
		}),
		"selfref": altered("www A", func(in lab.Incoming, m *dns.Msg) {
			m.Answer, m.Authoritative = nil, false
			m.Ns = []dns.RR{record("selfref.odd. 300 NS ns1.selfref.odd.")}
		}),
		"upward": altered("www A,no A", func(in lab.Incoming, m *dns.Msg) {
			m.Answer, m.Authoritative, m.Rcode = nil, false, 0
			m.Ns = []dns.RR{record(". 300 NS ns1.")}
		}),
		"twosoa": altered("txt A,no A", func(_ lab.Incoming, m *dns.Msg) {
			m.Ns = append(m.Ns, record("odd. 300 SOA a. b. 1 2 3 4 5"))
		}),
		"wrongsoa": altered("txt A,no A", func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range m.Ns {
				r.Header().Name = "odd."
			}
		}),
		"lowersoa": altered("txt A,no A,txt MX", func(in lab.Incoming, m *dns.Msg) {
			for _, r := range m.Ns {
				if r.Header().Rrtype == dns.TypeSOA {
					r.Header().Name = strings.ToLower(in.Question().Name)
				}
			}
		}),
		"nosoa": altered("txt A,no A", func(_ lab.Incoming, m *dns.Msg) { m.Ns = nil }),
		"foreign": altered("www A,txt A,alias A", func(_ lab.Incoming, m *dns.Msg) {
			m.Ns = append(m.Ns, record("plain.odd. 300 NS ns.evil.odd."))
			m.Extra = append(m.Extra, record("www.plain.odd. 300 A 192.0.2.66"),
				record("ns1.plain.odd. 300 A 192.0.2.66"))
		}),
		"wrongname": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range m.Answer {
				r.Header().Name = "other.wrongname.odd."
			}
		}),
		"twocnames": altered("alias A,alias CNAME", func(_ lab.Incoming, m *dns.Msg) {
			if len(m.Answer) > 0 {
				m.Answer = append(m.Answer,
					record("alias.twocnames.odd. 300 CNAME txt.twocnames.odd."))
			}
		}),
		"cnamedata": altered("alias A,alias TXT", func(in lab.Incoming, m *dns.Msg) {
			if strings.HasPrefix(strings.ToLower(in.Question().Name), "alias.") {
				m.Answer = append([]dns.RR{record("alias.cnamedata.odd. 300 A 192.0.2.9")},
					m.Answer...)
			}
		}),
		"reversed": altered("alias A,www A", func(_ lab.Incoming, m *dns.Msg) {
			for i, j := 0, len(m.Answer)-1; i < j; i, j = i+1, j-1 {
				m.Answer[i], m.Answer[j] = m.Answer[j], m.Answer[i]
			}
		}),
		"duplicate": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range m.Answer {
				c := dns.Copy(r)
				c.Header().Ttl = 7
				m.Answer = append(m.Answer, c)
			}
		}),
		"flags": altered("www A,no A", func(_ lab.Incoming, m *dns.Msg) {
			m.RecursionAvailable, m.AuthenticatedData, m.Zero = true, true, true
		}),
		"nxcname": altered("alias A", func(_ lab.Incoming, m *dns.Msg) {
			m.Rcode = dns.RcodeNameError
		}),
		"nxdata": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			m.Rcode = dns.RcodeNameError
		}),
		"servdata": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			m.Rcode = dns.RcodeServerFailure
		}),
		"class": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range m.Answer {
				r.Header().Class = dns.ClassCHAOS
			}
		}),
		"answerns": altered("www A,txt A", func(_ lab.Incoming, m *dns.Msg) {
			m.Answer = append(m.Answer, record("answerns.odd. 300 NS ns.evil.odd."))
		}),
		"badsize": altered("www A,www AAAA", func(in lab.Incoming, m *dns.Msg) {
			if t := in.Question().Qtype; t == dns.TypeA || t == dns.TypeAAAA {
				h := dns.RR_Header{Name: in.Question().Name, Rrtype: t, Class: 1, Ttl: 300}
				m.Ns, m.Answer = nil, []dns.RR{&dns.RFC3597{Hdr: h, Rdata: "0102030405"}}
			}
		}),
		"optanswer": altered("www A,txt A,no A", func(in lab.Incoming, m *dns.Msg) {
			if opt := m.IsEdns0(); opt != nil && in.Query.IsEdns0() != nil {
				m.Extra, m.Answer = m.Answer, []dns.RR{opt}
			}
		}),
		"addonly": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			m.Extra, m.Answer = append(m.Answer, m.Extra...), nil
		}),
		"twoopts": altered("www A,no A", func(_ lab.Incoming, m *dns.Msg) {
			if opt := m.IsEdns0(); opt != nil {
				m.Extra = append(m.Extra, opt)
			}
		}),
		"dsdenied": altered(" DS,www A,www.u A,u A", func(in lab.Incoming, m *dns.Msg) {
			if in.Question().Qtype == dns.TypeDS {
				m.Rcode = dns.RcodeNameError
			}
		}),
	}
	maps.Copy(zones, oddReferrers())
	maps.Copy(zones, oddNames())
	for label, alter := range oddSigners() {
		z := signedZone(www+";;e.n.t A 192.0.2.4", append(usual, "n.t A", "x.n.t A")...)
		z.alter = alter
		zones[label] = z
	}
	for label, why := range map[string]string{
		"dname":      "an alias of its own name is all that the name has, as with Unbound 1.26",
		"extraset":   "sets of other names in a reply are of no use, and of no harm to its proofs",
		"extraproof": "proofs that do not verify are left out, and those that do are enough",
		"badsize":    "damaged records are left out, as later versions of Unbound do",
		"emptytxt":   "damaged records are left out, as later versions of Unbound do",
	} {
		z := zones[label]
		z.alone = why
		zones[label] = z
	}
	zones["compact"] = signedZone(www+";;e.n.t A 192.0.2.4", append(usual, "n.t A", "x.n.t A")...).
		of(func(z *lab.Zone) { z.Denial = lab.Compact })
	zones["upper"] = signedZone("Alias CNAME WWW.Upper.Odd.;;WWW A 192.0.2.1;;"+
		"m MX 1 Mail.UPPER.odd.;;D DNAME Plain.ODD.;;s SRV 1 1 1 Www.Upper.Odd.", "alias A", "m MX",
		"www.d A", "s SRV")
	for _, fault := range []lab.Fault{lab.NoWildcardProof, lab.NoDenial, lab.WrongDenial,
		lab.MissingKSKSignature, lab.NoKeys} {
		zones["f"+strings.ToLower(strings.ReplaceAll(string(fault), "-", ""))] =
			signedZone(www, usual...).of(func(z *lab.Zone) { z.Faults = lab.Faults{fault} })
	}
	return zones
}

// oddReferrers are servers of unsigned zones, with zones below them, and more that is odd.
func oddReferrers() map[string]oddZone {
	refers := func(m *dns.Msg) bool { return len(m.Answer) == 0 && !m.Authoritative }
	ttl := func(ttl uint32) func(lab.Incoming, *dns.Msg) {
		return func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range append(append([]dns.RR(nil), m.Answer...), m.Ns...) {
				r.Header().Ttl = ttl
			}
		}
	}
	rcode := func(rcode int) func(lab.Incoming, *dns.Msg) {
		return func(_ lab.Incoming, m *dns.Msg) { m.Rcode, m.Answer, m.Ns = rcode, nil, nil }
	}
	return map[string]oddZone{
		"aaref": altered("www A,www.u A,no.u A", func(_ lab.Incoming, m *dns.Msg) {
			m.Authoritative = true
		}),
		"nxref": altered("www A,www.u A", func(_ lab.Incoming, m *dns.Msg) {
			if refers(m) {
				m.Rcode = dns.RcodeNameError
			}
		}),
		"refsoa": altered("www A,www.u A", func(_ lab.Incoming, m *dns.Msg) {
			if refers(m) {
				m.Ns = append(m.Ns, record("refsoa.odd. 300 SOA a. b. 1 2 3 4 5"))
			}
		}),
		"refanswer": altered("www A,www.u A", func(_ lab.Incoming, m *dns.Msg) {
			if refers(m) {
				m.Answer, m.Ns = m.Ns, nil
			}
		}),
		"soaanswer": altered("txt A,no A", func(_ lab.Incoming, m *dns.Msg) {
			m.Answer, m.Ns = append(m.Answer, m.Ns...), nil
		}),
		"samecname": altered("alias A", func(_ lab.Incoming, m *dns.Msg) {
			m.Answer = append(m.Answer, dns.Copy(m.Answer[0]))
		}),
		"ttlmax":   altered("www A,no A,alias A", ttl(1<<32-1)),
		"ttlhalf":  altered("www A,no A,alias A", ttl(1<<31)),
		"notauth":  altered("www A", rcode(dns.RcodeNotAuth)),
		"rcode14":  altered("www A", rcode(14)),
		"yxdomain": altered("www A", rcode(dns.RcodeYXDomain)),
		"edns1": altered("www A", func(_ lab.Incoming, m *dns.Msg) {
			if opt := m.IsEdns0(); opt != nil {
				opt.SetVersion(1)
			}
		}),
		"bare": altered("www A,no A", func(in lab.Incoming, m *dns.Msg) {
			if in.Query.IsEdns0() != nil && !in.TCP {
				m.Rcode, m.Question, m.Answer, m.Ns, m.Extra = 1, nil, nil, nil, nil
			}
		}),
		"tcfull": altered("www A", func(_ lab.Incoming, m *dns.Msg) { m.Truncated = true }),
		"onlydname": plainZone("d DNAME plain.odd.", "www.d A", "no.d A", "d A").with(
			func(_ lab.Incoming, m *dns.Msg) {
				m.Answer = slices.DeleteFunc(m.Answer, func(r dns.RR) bool {
					return r.Header().Rrtype == dns.TypeCNAME
				})
			}),
		"otherdname": plainZone("d DNAME plain.odd.", "www.d A").of(func(z *lab.Zone) {
			z.Faults = lab.Faults{lab.WrongSynthesis}
		}),
		"emptytxt": altered("txt TXT", func(in lab.Incoming, m *dns.Msg) {
			h := dns.RR_Header{Name: in.Question().Name, Rrtype: dns.TypeTXT, Class: 1, Ttl: 300}
			m.Answer = []dns.RR{&dns.RFC3597{Hdr: h}}
		}),
		"childns": plainZone("www A 192.0.2.1;;n NS ns1.plain.odd.;;n NS nothing.plain.odd.",
			"www.n A", "n A", "n NS"),
		"nsroot":  plainZone("n NS .;;m NS localhost.", "www.n A", "www.m A"),
		"cnamens": plainZone("n CNAME www;;n NS ns1.plain.odd.", "n A", "www.n A"),
	}
}

// oddNames are signed zones of odd names and types, and with odd delegations.
func oddNames() map[string]oddZone {
	bare := func(in lab.Incoming, m *dns.Msg) { // a referral without what proves its security
		if len(m.Answer) == 0 && !m.Authoritative {
			strip := func(r dns.RR) bool { return r.Header().Rrtype != dns.TypeNS }
			m.Ns = slices.DeleteFunc(m.Ns, strip)
		}
	}
	return map[string]oddZone{
		"capitals": signedZone("a RP Mb.Odd. Tx.Odd.;;b AFSDB 1 H.Odd.;;c RT 1 H.Odd.;;"+
			"d KX 1 H.Odd.;;e PX 1 A.Odd. B.Odd.;;f NAPTR 1 1 \"s\" \"\" \"\" Www.Odd.;;"+
			"h MINFO A.Odd. B.Odd.;;i SVCB 1 Www.Odd.;;j LP 1 H.Odd.;;m PTR H.Odd.;;"+
			"n TALINK A.Odd. B.Odd.", "a RP", "b AFSDB", "c RT", "d KX", "e PX", "f NAPTR",
			"h MINFO", "i SVCB", "j LP", "m PTR", "n TALINK"),
		"rare": signedZone("a LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m;;"+
			"b SSHFP 1 1 ab;;c CERT 1 2 3 AQ==;;d APL 1:192.0.2.0/24 !1:192.0.2.64/28;;"+
			"e OPENPGPKEY AQ==;;f CSYNC 66 3 A NS AAAA;;g ZONEMD 1 1 1 "+strings.Repeat("ab", 48)+
			";;h EUI48 00-00-5e-00-53-2a;;i URI 1 1 \"https://x\";;j CAA 128 issue \"\";;"+
			"k TYPE66 \\# 4 00010203;;l SPF \"v=spf1\";;m HINFO \"\" \"\";;o DLV 1 13 2 ab;;"+
			"p TYPE262 \\# 1 00", "a LOC", "b SSHFP", "c CERT", "d APL", "e OPENPGPKEY", "f CSYNC",
			"g ZONEMD", "h EUI48", "i URI", "j CAA", "l SPF", "m HINFO", "o DLV", "o DS"),
		"labels": signedZone("\\000 A 192.0.2.1;;\\255 A 192.0.2.2;;a\\.b A 192.0.2.3;;"+
			"x\\ y A 192.0.2.4;;"+strings.Repeat("z", 63)+" A 192.0.2.5;;"+
			"a.*.b A 192.0.2.7;;_ A 192.0.2.8;;- A 192.0.2.9", "\\000 A", "\\255 A", "a\\.b A",
			"a.b A", "x\\032y A", strings.Repeat("z", 63)+" A", "ba A", "a.*.b A", "a.c.b A",
			"*.b A", "_ A", "- A", "\\001 A", "\\200 A"),
		"bareref": signedZone("www A 192.0.2.1", "www A").with(bare),
		"barens3": signedZone("www A 192.0.2.1", "www A").of(func(z *lab.Zone) {
			z.Denial = lab.NSEC3OptOut
		}).with(bare),
		"dsfails": signedZone("www A 192.0.2.1", "www A", " DS").with(
			func(in lab.Incoming, m *dns.Msg) {
				bare(in, m)
				if in.Question().Qtype == dns.TypeDS {
					m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
				}
			}),
		"dschild": signedZone("www A 192.0.2.1", "www A").with(func(in lab.Incoming, m *dns.Msg) {
			bare(in, m)
			if name := in.Question().Name; in.Question().Qtype == dns.TypeDS {
				m.Rcode, m.Answer = dns.RcodeSuccess, nil
				m.Ns = []dns.RR{record(name + " 300 SOA a. b. 1 2 3 4 5")}
			}
		}),
		"dschildu": plainZone("www A 192.0.2.1", "www A").with(func(in lab.Incoming, m *dns.Msg) {
			if name := in.Question().Name; in.Question().Qtype == dns.TypeDS {
				m.Rcode, m.Answer = dns.RcodeSuccess, nil
				m.Ns = []dns.RR{record(name + " 300 SOA a. b. 1 2 3 4 5")}
			}
		}),
		"wildns": signedZone("*.w NS ns1.plain.odd.;;www A 192.0.2.1", "x.w A", "*.w NS", "www A",
			"x.w DS"),
		"sha1ds": signedZone("www A 192.0.2.1", "www A", "no A").of(func(z *lab.Zone) {
			z.Digest = dns.SHA1
		}),
		"deepent": signedZone("a.b.c.d.e.f A 192.0.2.1;;*.c.d.e.f A 192.0.2.2;;d.e.f TXT x",
			"c.d.e.f A", "b.c.d.e.f A", "x.b.c.d.e.f A", "x.c.d.e.f A", "x.d.e.f A", "e.f TXT",
			"d.e.f MX", "x.e.f A").of(func(z *lab.Zone) { z.Denial = lab.NSEC3 }),
	}
}

// with gives a zone an odd server.
func (z oddZone) with(alter func(in lab.Incoming, m *dns.Msg)) oddZone {
	z.alter = alter
	return z
}

// oddSigners are servers of signed zones.
func oddSigners() map[string]func(lab.Incoming, *dns.Msg) {
	all := func(m *dns.Msg) []dns.RR { return append(append([]dns.RR(nil), m.Answer...), m.Ns...) }
	without := func(list []dns.RR, drop func(dns.RR) bool) (kept []dns.RR) {
		for _, r := range list {
			if !drop(r) {
				kept = append(kept, r)
			}
		}
		return kept
	}
	covers := func(r dns.RR, t uint16) bool {
		s, ok := r.(*dns.RRSIG)
		return ok && s.TypeCovered == t
	}
	return map[string]func(lab.Incoming, *dns.Msg){
		"extrasig": func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range m.Answer {
				if s, ok := r.(*dns.RRSIG); ok {
					c := dns.Copy(s).(*dns.RRSIG)
					c.Algorithm, c.KeyTag = 200, 1
					m.Answer = append([]dns.RR{c}, m.Answer...)
					return
				}
			}
		},
		"longttl": func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range all(m) {
				r.Header().Ttl = 86400
			}
		},
		"sigttl": func(_ lab.Incoming, m *dns.Msg) {
			for i, r := range all(m) {
				if r.Header().Rrtype == dns.TypeRRSIG {
					r.Header().Ttl = uint32(10 + i)
				}
			}
		},
		"unsignedns": func(_ lab.Incoming, m *dns.Msg) {
			if m.Rcode == 0 && len(m.Answer) > 0 {
				m.Ns = append(m.Ns, record("unsignedns.odd. 300 NS ns1.unsignedns.odd."))
			}
		},
		"targetsig": func(in lab.Incoming, m *dns.Msg) {
			m.Answer = without(m.Answer, func(r dns.RR) bool {
				return covers(r, dns.TypeA) && strings.HasPrefix(strings.ToLower(
					in.Question().Name), "alias.")
			})
		},
		"soasig": func(in lab.Incoming, m *dns.Msg) {
			m.Ns = without(m.Ns, func(r dns.RR) bool { return covers(r, dns.TypeSOA) })
		},
		"nosoas": func(in lab.Incoming, m *dns.Msg) {
			m.Ns = without(m.Ns, func(r dns.RR) bool {
				return covers(r, dns.TypeSOA) || r.Header().Rrtype == dns.TypeSOA
			})
		},
		"nxent": func(in lab.Incoming, m *dns.Msg) {
			if strings.EqualFold(in.Question().Name, "n.t.nxent.odd.") ||
				strings.EqualFold(in.Question().Name, "t.nxent.odd.") {
				m.Rcode = dns.RcodeNameError
			}
		},
		"refuseent": func(in lab.Incoming, m *dns.Msg) {
			if strings.EqualFold(in.Question().Name, "n.t.refuseent.odd.") ||
				strings.EqualFold(in.Question().Name, "t.refuseent.odd.") {
				*m = *new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused)
			}
		},
		"extraset": func(in lab.Incoming, m *dns.Msg) {
			m.Answer = append(m.Answer, record("evil.extraset.odd. 300 A 192.0.2.66"))
			m.Ns = append(m.Ns, record("evil.extraset.odd. 300 TXT x"))
		},
		"sigfirst": func(_ lab.Incoming, m *dns.Msg) {
			for _, list := range [][]dns.RR{m.Answer, m.Ns} {
				for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
					list[i], list[j] = list[j], list[i]
				}
			}
		},
		"nxrcode": func(_ lab.Incoming, m *dns.Msg) { // NOERROR in place of NXDOMAIN
			if m.Rcode == dns.RcodeNameError {
				m.Rcode = dns.RcodeSuccess
			}
		},
		"nodataasnx": func(_ lab.Incoming, m *dns.Msg) {
			if m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 {
				m.Rcode = dns.RcodeNameError
			}
		},
		"uppersigner": func(_ lab.Incoming, m *dns.Msg) {
			for _, r := range all(m) {
				if s, ok := r.(*dns.RRSIG); ok {
					s.SignerName = strings.ToUpper(s.SignerName)
				}
			}
		},
		"nocnamesig": func(_ lab.Incoming, m *dns.Msg) {
			m.Answer = without(m.Answer, func(r dns.RR) bool { return covers(r, dns.TypeCNAME) })
		},
		"onensec": func(_ lab.Incoming, m *dns.Msg) {
			n := 0
			m.Ns = without(m.Ns, func(r dns.RR) bool {
				if r.Header().Rrtype == dns.TypeNSEC {
					n++
				}
				return n > 1
			})
		},
		"extraproof": func(in lab.Incoming, m *dns.Msg) {
			m.Ns = append(m.Ns, record("extraproof.odd. 60 NSEC www.plain.odd. A RRSIG NSEC"),
				record("a.extraproof.odd. 60 NSEC zz.extraproof.odd. A RRSIG NSEC"))
		},
		"childds": func(in lab.Incoming, m *dns.Msg) {
			if len(m.Answer) > 0 {
				m.Ns = append(m.Ns, record("childds.odd. 300 DS 1 13 2 "+strings.Repeat("ab", 32)))
			}
		},
		"aa0nx": func(_ lab.Incoming, m *dns.Msg) {
			m.Authoritative = m.Rcode == dns.RcodeSuccess
		},
		"noaas": func(_ lab.Incoming, m *dns.Msg) { m.Authoritative = false },
	}
}

// deepName is a name of so many labels.
func deepName(n int) string { return strings.TrimSuffix(strings.Repeat("l.", n), ".") }

// bigText has a set of so many TXT records.
func bigText(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("t TXT \"" + strings.Repeat(string(rune('a'+i%26)), 200+i) + "\";;")
	}
	return strings.TrimSuffix(b.String(), ";;")
}

// Each answer of ours is that of one of the others, or the zone has the reason. All of them are in
// the log of the test.
func TestOddZonesBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, peerPrograms)
		return
	}
	addNetwork(t)
	w := lab.NewIn(time.Now(), labNetwork)
	w.Add(lab.Zone{Name: "odd."})
	zones := oddZones()
	odd := map[netip.Addr]func(lab.Incoming, *dns.Msg){}
	for label, z := range zones {
		z.Name = label + ".odd."
		w.Add(z.Zone)
		if z.alter != nil {
			odd[w.AddressOf(z.Name)] = z.alter
		}
	}
	w.Add(lab.Zone{Name: "deep.deepns.odd.", Algorithm: lab.Unsigned, On: "deepns.odd."})
	for _, z := range []struct {
		name, on  string
		algorithm uint8
	}{{"s.signed.odd.", "signed.odd.", 0}, {"u.signed.odd.", "signed.odd.", lab.Unsigned},
		{"s.plain.odd.", "plain.odd.", 0}, {"u.plain.odd.", "plain.odd.", lab.Unsigned},
		{"u.s.signed.odd.", "signed.odd.", lab.Unsigned}, {"s.u.signed.odd.", "signed.odd.", 0},
		{"u.dsdenied.odd.", "dsdenied.odd.", lab.Unsigned},
		{"u.aaref.odd.", "plain.odd.", lab.Unsigned}, {"u.nxref.odd.", "plain.odd.", lab.Unsigned},
		{"u.refsoa.odd.", "plain.odd.", lab.Unsigned},
		{"u.refanswer.odd.", "plain.odd.", lab.Unsigned},
		{"s.e.optout.odd.", "plain.odd.", 0}, {"u.f.optout.odd.", "plain.odd.", lab.Unsigned},
		{"s.e.nsec3.odd.", "nsec3.odd.", 0}, {"u.f.nsec3.odd.", "nsec3.odd.", lab.Unsigned},
		{"u.g.nsecwild.odd.", "nsecwild.odd.", lab.Unsigned},
		{"s.g.nsecwild.odd.", "plain.odd.", 0},
		{"s.bareref.odd.", "plain.odd.", 0}, {"u.bareref.odd.", "plain.odd.", lab.Unsigned},
		{"s.barens3.odd.", "plain.odd.", 0}, {"u.barens3.odd.", "plain.odd.", lab.Unsigned},
		{"s.dsfails.odd.", "plain.odd.", 0}, {"u.dsfails.odd.", "plain.odd.", lab.Unsigned},
		{"s.dschild.odd.", "plain.odd.", 0}, {"u.dschild.odd.", "plain.odd.", lab.Unsigned},
		{"s.dschildu.odd.", "plain.odd.", 0}, {"u.dschildu.odd.", "plain.odd.", lab.Unsigned},
		{"u.optout.odd.", "optout.odd.", lab.Unsigned}, {"s.optout.odd.", "plain.odd.", 0}} {
		w.Add(lab.Zone{Name: z.name, On: z.on, Algorithm: z.algorithm,
			Records: "www A 192.0.2.1;;*.wild A 192.0.2.2;;out CNAME www.nsec3.odd."})
		label, _, _ := strings.Cut(z.name, ".odd.")
		zones[label] = oddZone{asked: []string{"www A", "no A", "x.wild A", " DS", " NS", "www DS",
			" DNSKEY", "out A", "x.www A"}}
	}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		alter := odd[in.Server]
		if alter == nil {
			return lab.Reply{}, false
		}
		m := in.Honest()
		alter(in, m)
		return lab.Messages(m), true
	}
	folder(t.TempDir()).startPeers(t, listen(t, w))
	agree, differ := 0, 0
	for _, label := range slices.Sorted(maps.Keys(zones)) {
		z := zones[label]
		for _, q := range z.asked {
			name, typ, _ := strings.Cut(q, " ")
			if name != "" {
				name += "."
			}
			name += label + ".odd."
			qtype, ok := dns.StringToType[typ]
			if !ok {
				qtype = map[string]uint16{"TYPE65280": 65280, "TYPE65535": 65535}[typ]
			}
			got := make([]string, len(peers))
			var all sync.WaitGroup
			for i, p := range peers {
				all.Go(func() {
					m, err := ask(p.at, name, qtype)
					if err != nil {
						got[i] = err.Error()
						return
					}
					got[i] = verdict(m)
				})
			}
			all.Wait()
			alone, same, line := true, true, ""
			for i, p := range peers {
				line += "\n\t" + p.name + ": " + got[i]
				alone, same = alone && (i == 0 || got[i] != got[0]), same && got[i] == got[0]
			}
			if same {
				agree++
			} else {
				differ++
				t.Logf("%s %s:%s", name, typ, line)
			}
			if alone && z.alone == "" {
				t.Errorf("%s %s: nobody else answers so:%s", name, typ, line)
			}
		}
	}
	t.Logf("%d questions about %d zones: %d times all agree", agree+differ, len(zones), agree)
}
