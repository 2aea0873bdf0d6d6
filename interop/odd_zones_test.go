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
	for label, alter := range oddSigners() {
		z := signedZone(www+";;e.n.t A 192.0.2.4", append(usual, "n.t A", "x.n.t A")...)
		z.alter = alter
		zones[label] = z
	}
	for label, why := range map[string]string{
		"dname":    "an alias of its own name is all that the name has, as with Unbound 1.26",
		"extraset": "sets of other names in a reply are of no use, and of no harm to its proofs",
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
