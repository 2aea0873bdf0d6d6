package check_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/check"
	"bailiwick/internal/lab"
	"bailiwick/transport"
)

// is reports whether a query is for a name and a type.
func is(in lab.Incoming, name string, t uint16) bool {
	q := in.Question()
	return strings.EqualFold(q.Name, name) && q.Qtype == t
}

// ofZone reports whether a query is for a name of the zone, to one of its servers.
func ofZone(w *lab.World, in lab.Incoming) bool {
	first := w.AddressOf(zoneName)
	return in.Server == first || in.Server == first.Next()
}

// answerWith replaces the answer by records, signed by the zone.
func answerWith(w *lab.World, m *dns.Msg, set ...dns.RR) *dns.Msg {
	m.Rcode, m.Ns = dns.RcodeSuccess, nil
	m.Answer = append(slices.Clone(set), w.Sign(zoneName, set...)...)
	return m
}

// record reads a record with the TTL of the lab.
func record(text string) dns.RR {
	rr, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	rr.Header().Ttl = 300
	return rr
}

// at changes replies about one name and type from the servers of the zone; from the second alone if
// second is true.
func at(name string, t uint16, second bool,
	change func(w *lab.World, in lab.Incoming, m *dns.Msg) *dns.Msg,
) func(*lab.World, lab.Incoming, bool, *dns.Msg) *dns.Msg {
	return func(w *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
		if o := in.Query.IsEdns0(); !is(in, name, t) || !ofZone(w, in) || second && first ||
			o != nil && o.Version() != 0 {
			return m
		}
		return change(w, in, m)
	}
}

// at the parent's server.
func atParent(change func(m *dns.Msg)) func(*lab.World, lab.Incoming, bool, *dns.Msg) *dns.Msg {
	return func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
		if is(in, zoneName, dns.TypeNS) && in.Server == w.AddressOf("example.") {
			change(m)
		}
		return m
	}
}

var silent = func(*lab.World, lab.Incoming, *dns.Msg) *dns.Msg { return nil }

// cookieOf returns the cookie of a query, in hexadecimal.
func cookieOf(m *dns.Msg) string {
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if c, ok := opt.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
	}
	return ""
}

// withKey adds a key to the DNSKEY set of the zone's servers.
func withKey(make func(own *dns.DNSKEY) *dns.DNSKEY, second bool,
) func(*lab.World, lab.Incoming, bool, *dns.Msg) *dns.Msg {
	return at(zoneName, dns.TypeDNSKEY, second,
		func(w *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
			own := w.Key(zoneName)
			k := make(dns.Copy(own).(*dns.DNSKEY))
			return answerWith(w, m, own, k)
		})
}

// flipped returns a key with the same tag: two words of it change places (RFC 4034, appendix B).
func flipped(k *dns.DNSKEY) *dns.DNSKEY {
	b, _ := base64.StdEncoding.DecodeString(k.PublicKey)
	b[0], b[1], b[2], b[3] = b[2], b[3], b[0], b[1]
	k.PublicKey = base64.StdEncoding.EncodeToString(b)
	return k
}

// cds returns the CDS of the zone's key, and its CDNSKEY.
func cds(w *lab.World) (*dns.CDS, *dns.CDNSKEY) {
	k := w.Key(zoneName)
	return k.ToDS(dns.SHA256).ToCDS(), k.ToCDNSKEY()
}

// scenes has a zone for every rule. All else in these zones is right, so that each is a test of
// all other rules too: they find nothing.
var scenes = []scene{
	{name: "a good zone with NSEC"},
	{name: "a good zone with NSEC3", zone: lab.Zone{Denial: lab.NSEC3},
		names: []string{"www/A", "x.wild/A", "a.b.ent/A", "alias/A", "x.tree/A"}},
	{name: "a good zone with compact denial", zone: lab.Zone{Denial: lab.Compact},
		names: []string{"a.b.ent/A", "x.wild/A"}},
	{name: "given servers of a good zone, with its DS", given: true, alone: true, proposed: "own",
		names: []string{"www/A"}},

	{name: "one is silent", want: []string{"server-silent"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.Dead}}}},
	{name: "none answers over UDP", want: []string{"udp-unanswered"}, given: true, alone: true,
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if !in.TCP {
				return nil
			}
			return m
		}},
	{name: "one does not answer over TCP", want: []string{"tcp-unanswered"},
		alter: func(w *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if in.TCP && ofZone(w, in) && !first {
				return nil
			}
			return m
		}},
	{name: "one truncates and has no TCP", want: []string{"tcp-unanswered"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.NoTCP}}}},
	{name: "one refuses", want: []string{"server-lame"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.Refusing}}}},
	{name: "one refers to the root", want: []string{"server-lame"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.Lame}}}},
	{name: "one lacks AA", want: []string{"server-lame"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.NoAA}}}},
	{name: "one is silent to a type", want: []string{"question-unanswered"},
		alter: at(zoneName, dns.TypeCDS, true, silent)},
	{name: "one fails for a type", want: []string{"question-failed"},
		alter: at(zoneName, dns.TypeCDNSKEY, true,
			func(_ *lab.World, in lab.Incoming, _ *dns.Msg) *dns.Msg {
				return new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure)
			})},
	{name: "one sends garbage", want: []string{"reply-malformed"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.Garbage}}}},
	{name: "one refuses EDNS", want: []string{"edns-refused"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil, {lab.NoEDNS}}}},
	{name: "one is silent to EDNS", want: []string{"edns-unanswered"},
		alter: func(w *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if in.Query.IsEdns0() != nil && ofZone(w, in) && !first {
				return nil
			}
			return m
		}},
	{name: "one answers EDNS version 1", want: []string{"edns-version"},
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if o := in.Query.IsEdns0(); o != nil && o.Version() == 1 && first {
				m.Rcode = dns.RcodeSuccess
			}
			return m
		}},
	{name: "one is silent to EDNS version 1", want: []string{"edns-version"},
		seen: "zonemaster/zonemaster-engine#483",
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if o := in.Query.IsEdns0(); o != nil && o.Version() == 1 && first {
				return nil
			}
			return m
		}},
	{name: "one does not ignore an option", want: []string{"edns-option"},
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if o := in.Query.IsEdns0(); o != nil && len(o.Option) > 0 && cookieOf(in.Query) == "" {
				return nil
			}
			return m
		}, given: true, alone: true},
	{name: "one sends more over UDP than is allowed", want: []string{"udp-size-exceeded"},
		alter: at(zoneName, dns.TypeDNSKEY, true,
			func(_ *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				m.Extra = append(m.Extra, record("pad. TXT "+strings.Repeat("x", 200)+" "+
					strings.Repeat("y", 200)))
				return m
			})},
	{name: "large packets are lost", want: []string{"large-udp-lost"},
		alter: at(zoneName, dns.TypeDNSKEY, true,
			func(_ *lab.World, in lab.Incoming, m *dns.Msg) *dns.Msg {
				switch o := in.Query.IsEdns0(); {
				case in.TCP:
					for range 7 {
						m.Extra = append(m.Extra, record("pad. TXT "+strings.Repeat("x", 200)))
					}
				case o != nil && o.UDPSize() > 1500:
					return nil
				default:
					m.Answer, m.Truncated = nil, true
				}
				return m
			})},
	{name: "one cannot take cookies", want: []string{"cookie-refused"},
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if cookieOf(in.Query) != "" {
				return new(dns.Msg).SetRcode(in.Query, dns.RcodeFormatError)
			}
			return m
		}, given: true, alone: true},
	{name: "one returns another's cookie", want: []string{"cookie-wrong"},
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			if cookieOf(in.Query) != "" {
				m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{
					Code: dns.EDNS0COOKIE, Cookie: "00000000000000001111111111111111"})
			}
			return m
		}, given: true, alone: true},
	{name: "one forgets its cookie", want: []string{"cookie-unstable"},
		alter: func(_ *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			c := cookieOf(in.Query)
			if c == "" {
				return m
			}
			if len(c) > 16 {
				m.Answer, m.Rcode = nil, dns.RcodeBadCookie
			}
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{
				Code: dns.EDNS0COOKIE, Cookie: c[:16] + "1111111111111111"})
			return m
		}, given: true, alone: true},
	{name: "one offers recursion", want: []string{"recursion-offered"},
		alter: func(w *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			m.RecursionAvailable = ofZone(w, in) && first
			return m
		}},
	{name: "there is no route to one", want: []string{"server-not-asked"},
		err: transport.ErrNoNetwork},

	{name: "the parent does not delegate", want: []string{"not-delegated"},
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if in.Server == w.AddressOf("example.") &&
				dns.IsSubDomain(zoneName, strings.ToLower(in.Question().Name)) {
				m = new(dns.Msg).SetRcode(in.Query, dns.RcodeNameError)
				m.Authoritative = true
			}
			return m
		}, parents: true},
	{name: "the parent delegates to others", want: []string{"delegation-pending"}, given: true,
		parents: true,
		alter: atParent(func(m *dns.Msg) {
			m.Ns = []dns.RR{record(zoneName + " NS old.invalid."), record(zoneName +
				" NS older.invalid.")}
		})},
	{name: "the parent is silent", want: []string{"parent-silent"}, given: true, parents: true,
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if in.Server == w.AddressOf("example.") {
				return nil
			}
			return m
		}},
	{name: "the parent's servers differ", want: []string{"parent-differs"},
		parent: lab.Zone{Servers: good},
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if is(in, zoneName, dns.TypeNS) && in.Server == w.AddressOf("example.").Next() {
				m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
					ns, ok := rr.(*dns.NS)
					return ok && strings.HasPrefix(ns.Ns, "ns2.")
				})
			}
			return m
		}},
	{name: "the parent's servers differ in DS", want: []string{"parent-differs"},
		parent: lab.Zone{Servers: good},
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if is(in, zoneName, dns.TypeDS) && in.Server == w.AddressOf("example.").Next() {
				m.Answer = []dns.RR{record(zoneName + " DS 1 13 2 " + strings.Repeat("00", 32))}
			}
			return m
		}},
	{name: "nothing is known of the servers", want: []string{"parent-silent", "nothing-checked"},
		parents: true,
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if !is(in, ".", dns.TypeNS) && !is(in, ".", dns.TypeDNSKEY) {
				return nil
			}
			return m
		}},
	{name: "there is no route to any", want: []string{"server-not-asked", "nothing-checked"},
		given: true, alone: true, zone: lab.Zone{Servers: []lab.ServerFaults{nil}},
		err: transport.ErrNoNetwork},
	{name: "the parent is bogus", want: []string{"parent-bogus"},
		parent: lab.Zone{Faults: lab.Faults{lab.Expired}}},
	{name: "the NS sets differ", want: []string{"ns-parent-only", "ns-child-only",
		"server-silent"},
		alter: at(zoneName, dns.TypeNS, false,
			func(w *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				return answerWith(w, m, record(zoneName+" NS ns1."+zoneName), record(zoneName+
					" NS mail."+zoneName))
			})},
	{name: "there is one server", want: []string{"few-servers"},
		zone: lab.Zone{Servers: []lab.ServerFaults{nil}}},
	{name: "a server has no address", want: []string{"ns-no-address"}, parents: true,
		seen: "zonemaster/zonemaster#1275",
		zone: lab.Zone{Glueless: "nowhere.example."}},
	{name: "a server's name is an alias", want: []string{"ns-alias"},
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if q := in.Question(); strings.EqualFold(q.Name, "ns2."+zoneName) &&
				(q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA) && ofZone(w, in) {
				return answerWith(w, m, record("ns2."+zoneName+" CNAME ns1."+zoneName))
			}
			return m
		}},
	{name: "glue is missing", want: []string{"glue-missing"},
		alter: atParent(func(m *dns.Msg) {
			m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool {
				return strings.HasPrefix(rr.Header().Name, "ns2.")
			})
		})},
	{name: "glue is wrong", want: []string{"glue-differs", "glue-incomplete", "server-silent"},
		seen: "zonemaster/zonemaster#843, zonemaster/zonemaster-engine#148",
		alter: atParent(func(m *dns.Msg) {
			for i, rr := range m.Extra {
				if strings.HasPrefix(rr.Header().Name, "ns2.") {
					m.Extra[i] = record("ns2." + zoneName + " A 192.0.2.77")
				}
			}
		})},
	{name: "glue of a family is missing", want: []string{"glue-incomplete"}, noV6: true,
		seen: "zonemaster/zonemaster#764",
		zone: lab.Zone{Records: ordinary + ";;ns2 AAAA 2001:db8::2"}},

	{name: "a serial is old", want: []string{"serial-differs"},
		alter: at(zoneName, dns.TypeSOA, true,
			func(w *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				soa := dns.Copy(m.Answer[0]).(*dns.SOA)
				soa.Serial = 0
				return answerWith(w, m, soa)
			})},
	{name: "data differ", want: []string{"data-differs", "unsigned"}, names: []string{"www/A"},
		zone: lab.Zone{Algorithm: lab.Unsigned},
		alter: at("www."+zoneName, dns.TypeA, true,
			func(_ *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				m.Answer = []dns.RR{record("www." + zoneName + " A 192.0.2.66")}
				return m
			})},
	{name: "data are old", want: []string{"data-stale", "serial-differs", "unsigned"},
		names: []string{"www/A"}, zone: lab.Zone{Algorithm: lab.Unsigned},
		alter: func(w *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg {
			switch {
			case first || !ofZone(w, in):
			case is(in, "www."+zoneName, dns.TypeA):
				m.Answer = []dns.RR{record("www." + zoneName + " A 192.0.2.66")}
			case is(in, zoneName, dns.TypeSOA) && len(m.Answer) > 0:
				soa := dns.Copy(m.Answer[0]).(*dns.SOA)
				soa.Serial, m.Answer = 0, []dns.RR{soa}
			}
			return m
		}},
	{name: "keys differ", want: []string{"keys-differ"},
		alter: withKey(func(k *dns.DNSKEY) *dns.DNSKEY { k.Flags = 256; return k }, true)},
	{name: "a CNAME is at the apex", want: []string{"apex-alias", "unsigned"},
		zone: lab.Zone{Algorithm: lab.Unsigned},
		alter: func(w *lab.World, in lab.Incoming, _ bool, m *dns.Msg) *dns.Msg {
			if ofZone(w, in) && (is(in, zoneName, dns.TypeCNAME) || is(in, zoneName, dns.TypeA)) {
				m.Answer, m.Ns = []dns.RR{record(zoneName + " CNAME cdn.invalid.")}, nil
			}
			return m
		}},
	{name: "a denial has no SOA", want: []string{"negative-without-soa", "unsigned"},
		zone: lab.Zone{Algorithm: lab.Unsigned},
		alter: at(zoneName, dns.TypeCDS, true,
			func(_ *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg { m.Ns = nil; return m })},

	{name: "a zone is not signed", want: []string{"unsigned"},
		zone: lab.Zone{Algorithm: lab.Unsigned}},
	{name: "a zone has no DS", want: []string{"ds-absent"}, zone: lab.Zone{NoDS: true}},
	{name: "a zone below an unsigned one", want: []string{"parent-insecure", "ds-pending"},
		parent: lab.Zone{Algorithm: lab.Unsigned}, proposed: "own"},
	{name: "a DS without keys", want: []string{"keys-missing"},
		zone: lab.Zone{Faults: lab.Faults{lab.NoKeys}}},
	{name: "a DS of no key", want: []string{"ds-mismatch"},
		zone: lab.Zone{Faults: lab.Faults{lab.DSMismatch}}},
	{name: "a wrong proposed DS", want: []string{"ds-mismatch", "ds-pending"},
		proposed: "1 13 2 " + strings.Repeat("00", 32)},
	{name: "a right proposed DS, while the parent has another one",
		want:     []string{"ds-published-mismatch", "ds-pending"},
		proposed: "own", zone: lab.Zone{Faults: lab.Faults{lab.DSMismatch}}},
	{name: "a proposed DS of a key to come", want: []string{"ds-unmatched", "ds-pending"},
		proposed: "own;;1 13 2 " + strings.Repeat("00", 32)},
	{name: "a DS with SHA-1", want: []string{"ds-digest-outdated"},
		zone: lab.Zone{Digest: dns.SHA1}},
	{name: "a DS with an unknown digest", want: []string{"ds-digest-unknown"},
		zone: lab.Zone{Digest: 100}},
	{name: "RSA/SHA-1", want: []string{"algorithm-outdated", "key-1024"},
		seen: "dnsviz/dnsviz#63", zone: lab.Zone{Algorithm: dns.RSASHA1, Bits: 1024}},
	{name: "RSA/SHA-512", want: []string{"algorithm-discouraged"},
		zone: lab.Zone{Algorithm: dns.RSASHA512}},
	{name: "an unknown algorithm", want: []string{"algorithm-unknown"},
		zone: lab.Zone{Algorithm: 100}},
	{name: "an algorithm signs nothing", want: []string{"algorithm-unsigned"},
		seen: "zonemaster/zonemaster#344",
		alter: withKey(func(k *dns.DNSKEY) *dns.DNSKEY {
			k.Algorithm, k.PublicKey = dns.ED25519, base64.StdEncoding.EncodeToString(
				make([]byte, 32))
			return k
		}, false)},
	{name: "RSA with 768 bits", want: []string{"key-short", "algorithm-unsigned"},
		alter: withKey(func(k *dns.DNSKEY) *dns.DNSKEY {
			k.Algorithm, k.PublicKey = dns.RSASHA256, base64.StdEncoding.EncodeToString(append(
				[]byte{3, 1, 0, 1}, bytes.Repeat([]byte{0xFF}, 768/8)...))
			return k
		}, false)},
	{name: "a key of another protocol", want: []string{"key-unusable"}, seen: "dnsviz/dnsviz#110",
		alter: withKey(func(k *dns.DNSKEY) *dns.DNSKEY { k.Protocol = 2; return k }, false)},
	{name: "an RSA key whose exponent is longer than the key", want: []string{"key-unusable",
		"algorithm-unsigned"}, seen: "dnsviz/dnsviz#110",
		alter: withKey(func(k *dns.DNSKEY) *dns.DNSKEY {
			k.Algorithm, k.PublicKey = dns.RSASHA256, base64.StdEncoding.EncodeToString(
				[]byte{0, 255, 255, 1, 2, 3})
			return k
		}, false)},
	{name: "two keys of one tag", want: []string{"key-tag-collision"},
		alter: withKey(flipped, false)},

	{name: "signatures have expired", want: []string{"signature-expired"},
		zone: lab.Zone{Faults: lab.Faults{lab.Expired}}},
	{name: "signatures begin later", want: []string{"signature-future"},
		zone: lab.Zone{Faults: lab.Faults{lab.Future}}},
	{name: "signatures are missing", want: []string{"signature-missing"},
		zone: lab.Zone{Faults: lab.Faults{lab.MissingSignatures}}},
	{name: "signatures are damaged", want: []string{"signature-invalid"},
		zone: lab.Zone{Faults: lab.Faults{lab.CorruptSignatures}}},
	{name: "signatures end before they begin", want: []string{"signature-invalid"},
		zone: lab.Zone{Faults: lab.Faults{lab.Reversed}}},
	{name: "signatures of a key that is not there", want: []string{"signature-invalid"},
		zone: lab.Zone{Faults: lab.Faults{lab.WrongKeys}}},
	{name: "signatures end within two days", want: []string{"signature-expires-soon"},
		after: 29 * 24 * time.Hour},
	{name: "signatures end within the time that is wanted",
		want: []string{"signature-expires-soon"}, lead: 31 * 24 * time.Hour},
	{name: "a minute after the end", want: []string{"signature-expired"},
		seen: "internetstandards/Internet.nl#1481", after: 30*24*time.Hour + time.Minute},

	{name: "denials are missing", want: []string{"denial-missing"},
		zone: lab.Zone{Faults: lab.Faults{lab.NoDenial}}},
	{name: "a wildcard's proof is missing", want: []string{"denial-missing"},
		names: []string{"x.wild/A"}, zone: lab.Zone{Faults: lab.Faults{lab.NoWildcardProof}}},
	{name: "denials are of other names", want: []string{"denial-invalid"},
		zone: lab.Zone{Faults: lab.Faults{lab.WrongDenial}}},
	{name: "a denial covers names that exist", want: []string{"denial-contradicts"},
		seen: "dnsviz/dnsviz#51, dnsviz/dnsviz#114",
		alter: at(zoneName, dns.TypeNSEC3PARAM, true,
			func(w *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				return denyWith(w, m, record(zoneName+" NSEC \\000."+zoneName+
					" A NS SOA MX RRSIG NSEC DNSKEY"), record(zoneName+" NSEC "+zoneName+
					" A NS SOA MX RRSIG NSEC DNSKEY"))
			})},
	{name: "a denial denies types that exist", want: []string{"denial-contradicts"},
		seen: "dnsviz/dnsviz#76",
		alter: at(zoneName, dns.TypeCDS, true,
			func(w *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				return denyWith(w, m, record(zoneName+" NSEC \\000."+zoneName+
					" NS SOA RRSIG NSEC DNSKEY"))
			})},
	{name: "an empty non-terminal is denied", want: []string{"empty-non-terminal-denied",
		"unsigned"}, names: []string{"a.b.ent/A"}, seen: "dnsviz/dnsviz#64",
		zone: lab.Zone{Algorithm: lab.Unsigned},
		alter: at("ent."+zoneName, dns.TypeA, true,
			func(_ *lab.World, _ lab.Incoming, m *dns.Msg) *dns.Msg {
				m.Rcode = dns.RcodeNameError
				return m
			})},
	{name: "NSEC3 has iterations and salt", want: []string{"nsec3-iterations", "nsec3-salt"},
		zone: lab.Zone{Denial: lab.NSEC3, Iterations: 5, Salt: "aabb"}},
	{name: "NSEC3 has too many iterations", want: []string{"nsec3-iterations",
		"nsec3-iterations-refused"}, zone: lab.Zone{Denial: lab.NSEC3, Iterations: 151}},
	{name: "NSEC3 has opt-out", want: []string{"nsec3-opt-out"},
		zone: lab.Zone{Denial: lab.NSEC3OptOut}, names: []string{"x.wild/A", "a.b.ent/A"},
		seen: "zonemaster/zonemaster#1153"},

	{name: "CDS and CDNSKEY of the key", build: func(w *lab.World) {
		d, k := cds(w)
		w.Put(zoneName, d, k)
	}, seen: "zonemaster/zonemaster-engine#1381"},
	{name: "CDS before there is a DS", want: []string{"ds-absent"}, zone: lab.Zone{NoDS: true},
		seen: "dnsviz/dnsviz#157", build: func(w *lab.World) {
			d, k := cds(w)
			w.Put(zoneName, d, k)
		}},
	{name: "CDS of no key", want: []string{"cds-no-key", "cds-breaks"},
		build: func(w *lab.World) {
			w.Put(zoneName, record(zoneName+" CDS 1 13 2 "+strings.Repeat("00", 32)))
		}},
	{name: "CDNSKEY of no key", want: []string{"cds-no-key", "cds-cdnskey-differ"},
		build: func(w *lab.World) {
			d, k := cds(w)
			w.Put(zoneName, d, flipped(&k.DNSKEY).ToCDNSKEY())
		}},
	{name: "CDS and CDNSKEY of different keys", want: []string{"cds-cdnskey-differ",
		"cds-no-key", "cds-pending"},
		build: func(w *lab.World) {
			d, k := cds(w)
			other := w.NewEntryKey(zoneName)
			w.Put(zoneName, d, k, other.ToCDNSKEY(), record(zoneName+" CDS 1 13 2 "+
				strings.Repeat("00", 32)))
		}},
	{name: "CDS asks for removal", want: []string{"cds-delete"},
		seen: "zonemaster/zonemaster-engine#964", build: func(w *lab.World) {
			w.Put(zoneName, record(zoneName+" CDS 0 0 0 00"), record(zoneName+
				" CDNSKEY 0 3 0 AA=="))
		}},
	{name: "CDS asks for removal and for a key", want: []string{"cds-delete-mixed"},
		build: func(w *lab.World) {
			d, _ := cds(w)
			w.Put(zoneName, d, record(zoneName+" CDS 0 0 0 00"))
		}},
	{name: "CDS asks for another DS", want: []string{"cds-pending", "ds-mismatch"},
		zone: lab.Zone{Faults: lab.Faults{lab.DSMismatch}}, build: func(w *lab.World) {
			d, k := cds(w)
			w.Put(zoneName, d, k)
		}},

	{name: "more names than are compared", want: []string{"limit-met"},
		names: slices.Repeat([]string{"www/A"}, check.MaxNames+1)},
}

// denyWith replaces a denial by other NSEC records, signed by the zone.
func denyWith(w *lab.World, m *dns.Msg, nsec ...dns.RR) *dns.Msg {
	m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return rr.Header().Rrtype == dns.TypeNSEC || ok && sig.TypeCovered == dns.TypeNSEC
	})
	for _, rr := range nsec[len(nsec)-1:] {
		m.Ns = append(m.Ns, rr)
		m.Ns = append(m.Ns, w.Sign(zoneName, rr)...)
	}
	return m
}

// TestScenes plays every scene: exactly what is wrong is found. Together they have every finding
// that there is.
func TestScenes(t *testing.T) {
	found := map[string]bool{}
	for _, s := range append(scenes, tlsaScenes(t)...) {
		t.Run(s.name, func(t *testing.T) {
			for _, f := range s.play(t) {
				found[f.ID] = true
			}
		})
	}
	for _, r := range check.Rules() {
		if !found[r.ID] {
			t.Errorf("no scene has the finding %s", r.ID)
		}
	}
}
