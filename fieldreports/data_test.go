// Data: TTLs, odd types, records that do not belong together, and what may be remembered.

package fieldreports

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/transport"
)

func TestData(t *testing.T) { play(t, data) }

var data = []report{{
	name:      "a TTL above 31 bits is zero",
	seen:      "rthalley/dnspython 682",
	situation: "A record has a TTL with the top bit set.",
	why:       "RFC 2181, section 8: it is taken for zero, so that it is not kept.",
	world: func(w *lab.World) {
		unsigned(w, "long.example.", "www A 192.0.2.1")
		script(w, "long.example.", setTTL(1<<31+600))
	},
	steps: []step{
		{ask: "www.long.example. A", want: "NOERROR",
			answer: []string{"www.long.example. A 192.0.2.1"}, check: ttl(0)},
		good("www.long.example. A", "NOERROR", "www.long.example. A 192.0.2.1").
			asking("long.example. www.long.example. A"),
	},
}, {
	name:      "a TTL of zero is passed on and asked for each time",
	seen:      "dns-violations/dnsflagday 95",
	situation: "A zone gives its records, and its own NS set, a TTL of zero.",
	why: "RFC 1035, section 3.2.1: for the transaction in progress only. The delegation lasts " +
		"as long as the parent says.",
	world: func(w *lab.World) {
		unsigned(w, "zero.example.", "www A 192.0.2.1")
		script(w, "zero.example.", setTTL(0))
	},
	steps: []step{
		{ask: "www.zero.example. A", want: "NOERROR",
			answer: []string{"www.zero.example. A 192.0.2.1"}, check: ttl(0)},
		good("www.zero.example. A", "NOERROR", "www.zero.example. A 192.0.2.1").packets(1),
		{ask: "zero.example. NS", want: "NOERROR", nothing: true, check: ttl(0)},
		good("www.zero.example. A", "NOERROR", "www.zero.example. A 192.0.2.1").packets(2),
	},
}, {
	name:      "the shortest TTL of a set is that of all its records",
	seen:      "NLnetLabs/nsd 403",
	situation: "The records of a set have different TTLs.",
	why:       "RFC 2181, section 5.2: a set has one TTL; of several the lowest is safe.",
	world: func(w *lab.World) {
		unsigned(w, "mixed.example.", "www A 192.0.2.1;;www A 192.0.2.2")
		script(w, "mixed.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if len(m.Answer) < 2 {
				return false
			}
			m.Answer[0].Header().Ttl, m.Answer[1].Header().Ttl = 9000, 20
			return true
		})
	},
	steps: []step{
		{ask: "www.mixed.example. A", want: "NOERROR", nothing: true, check: ttl(20)},
		{ask: "www.mixed.example. A", want: "NOERROR", nothing: true, check: ttl(10),
			after: 10 * time.Second, most: noPackets},
		{ask: "www.mixed.example. A", want: "NOERROR", nothing: true, after: 11 * time.Second,
			asked: []string{"mixed.example. www.mixed.example. A"}},
	},
}, {
	name: "a TTL that grew on the way is that of the signature",
	seen: "NLnetLabs/cascade 174; dnsimple/erldns 93; PowerDNS/pdns 9193",
	situation: "Set and RRSIG come with a longer TTL than the original one in the RRSIG, or " +
		"with different ones.",
	why: "RFC 4035, section 5.3.3: no more than the lowest of the three, in every record.",
	world: func(w *lab.World) {
		signed(w, "grown.example.", "www A 192.0.2.1")
		script(w, "grown.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for i, rr := range m.Answer {
				rr.Header().Ttl = 7200 + uint32(i)
			}
			return in.Question().Qtype == dns.TypeA
		})
	},
	steps: []step{
		{ask: "www.grown.example. A", want: "NOERROR AD", nothing: true, check: ttl(300)},
		{ask: "www.grown.example. A", want: "NOERROR AD", nothing: true, check: ttl(300),
			most: noPackets},
	},
}, {
	name:      "no TTL lasts longer than its signature",
	seen:      "hickory-dns/hickory-dns 2292; dnsviz/dnsviz 83",
	situation: "A set is asked for shortly before its signature ends, and again afterwards.",
	why: "RFC 4035, section 5.3.3. After the end it is bogus, in memory as well. The root's " +
		"signatures have ended with it, so the cause is this machine's clock.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "late.example.", Algorithm: lab.Unsigned})
		signed(w, "ends.example.", "www A 192.0.2.1")
	},
	steps: []step{
		{ask: "www.ends.example. A", want: "NOERROR AD", nothing: true, check: ttl(100),
			after: 30*24*time.Hour - 100*time.Second},
		{ask: "www.ends.example. A", want: "SERVFAIL", cause: cause.ClockAhead,
			after: 102 * time.Second},
	},
}, {
	name: "a denial lasts as long as the shorter of the SOA's TTL and its MINIMUM",
	seen: "razvandimescu/numa 389; coredns/coredns 2294; dnsjava/dnsjava 190; " +
		"Comcast/traffic_control 841",
	situation: "The SOA of a denial has a long TTL and a short MINIMUM, or the other way round.",
	why:       "RFC 2308, sections 3 and 5.",
	world: func(w *lab.World) {
		for name, minimum := range map[string]uint32{"short.example.": 5, "long.example.": 86400} {
			w.Add(lab.Zone{Name: name, Algorithm: lab.Unsigned, Minimum: minimum})
		}
	},
	steps: []step{
		empty("no.short.example. A", "NXDOMAIN"),
		empty("no.short.example. A", "NXDOMAIN").later(4 * time.Second).packets(noPackets),
		empty("no.short.example. A", "NXDOMAIN").later(2 * time.Second).
			asking("short.example. no.short.example. A"),
		empty("no.long.example. A", "NXDOMAIN"),
		empty("no.long.example. A", "NXDOMAIN").later(299 * time.Second).packets(noPackets),
		empty("no.long.example. A", "NXDOMAIN").later(2 * time.Second).
			asking("long.example. no.long.example. A"),
	},
}, {
	name:      "an NXDOMAIN without SOA is forgotten within seconds",
	seen:      "denoland/clawpatrol 743; razvandimescu/numa 389",
	situation: "A server denies names without an SOA.",
	why: "RFC 2308, section 5 says not to keep it, for nobody says how long it holds. Five " +
		"seconds keep every client from asking such a server again, as Unbound has it.",
	world: func(w *lab.World) {
		unsigned(w, "bare.example.", "")
		script(w, "bare.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = nil
			return m.Rcode == dns.RcodeNameError
		})
	},
	steps: []step{
		empty("no.bare.example. A", "NXDOMAIN"),
		empty("no.bare.example. A", "NXDOMAIN").packets(noPackets),
		empty("no.bare.example. A", "NXDOMAIN").later(6 * time.Second).
			asking("bare.example. no.bare.example. A"),
	},
}, {
	name: "types that are not data are not asked for upstream",
	seen: "PowerDNS/pdns 9290; PowerDNS/pdns 9300; PowerDNS/pdns 5738; " +
		"TechnitiumSoftware/DnsServer 871",
	situation: "Clients ask for type 0, for OPT, and for zone transfers.",
	why: "Type 0 is reserved and OPT no data (RFC 6895, section 3.1; RFC 6891, section 6.1.1); " +
		"a resolver has no zones to transfer. None of them is asked upstream.",
	world: func(w *lab.World) { unsigned(w, "t.example.", "www A 192.0.2.1") },
	steps: []step{
		{ask: "www.t.example. TYPE0", want: "FORMERR", most: noPackets},
		{ask: "www.t.example. OPT", want: "FORMERR", most: noPackets},
		{ask: "t.example. AXFR", want: "REFUSED", over: transport.TCP, most: noPackets},
		{ask: "t.example. IXFR", want: "REFUSED", most: noPackets},
	},
}, {
	name:      "a type without a name of its own is data like any other",
	seen:      "PowerDNS/pdns 9300; farsightsec/wdns 4",
	situation: "A zone has records of a type that nobody has implemented.",
	why:       "RFC 3597: they are octets, signed and denied like all others.",
	world:     func(w *lab.World) { signed(w, "new.example.", `www TYPE65280 \# 4 01020304`) },
	steps: []step{
		good("www.new.example. TYPE65280", "NOERROR AD",
			`www.new.example. TYPE65280 \# 4 01020304`),
		empty("www.new.example. TYPE65281", "NOERROR AD"),
	},
}, {
	name:      "a cached denial of one type does not answer ANY",
	seen:      "NLnetLabs/unbound 823",
	situation: "A client asks for A, which the name lacks, and then for ANY.",
	why: "The NSEC says which types there are. None of them answers ANY, so there is no denial " +
		"to be made of it (RFC 8198, section 5.1 is about types).",
	world: func(w *lab.World) { signed(w, "any.example.", "www TXT here") },
	steps: []step{
		empty("www.any.example. A", "NOERROR AD"),
		good("www.any.example. ANY", "NOERROR AD", `www.any.example. TXT "here"`),
	},
}, {
	name: "names below a DNAME are not denied by its own proofs",
	seen: "PowerDNS/pdns 17137",
	situation: "The NSEC3 records of a DNAME's owner, and of the gaps beside it, are in the " +
		"cache. A name below the DNAME is asked for.",
	why: "Below a DNAME every name is redirected: its NSEC3 is not a closest encloser for a " +
		"denial (RFC 6672, section 5.3.4.1; RFC 6840, section 4.1).",
	world: func(w *lab.World) {
		for _, z := range []lab.Zone{{Name: "d3.example.", Denial: lab.NSEC3},
			{Name: "d.example."}} {
			z.Records = "redir DNAME target.example."
			w.Add(z)
		}
		signed(w, "target.example.", "* A 192.0.2.1")
	},
	steps: slices.Concat(belowDNAME("d3.example."), belowDNAME("d.example.")),
}, {
	name:      "an asterisk within an alias's target is not a wildcard",
	seen:      "NLnetLabs/nsd 152",
	situation: "A CNAME leads to www.*, in a zone that has nothing there.",
	why: "Only the first label can make a wildcard (RFC 4592, section 2.1.1): the target does " +
		"not exist.",
	world: func(w *lab.World) {
		signed(w, "campus.example.", "foo CNAME www.*;;bar CNAME www.*.sub;;*.sub A 192.0.2.1")
	},
	steps: []step{
		good("foo.campus.example. A", "NXDOMAIN AD",
			"foo.campus.example. CNAME www.*.campus.example."),
		good("bar.campus.example. A", "NXDOMAIN AD",
			"bar.campus.example. CNAME www.*.sub.campus.example."),
		good("x.sub.campus.example. A", "NOERROR AD", "x.sub.campus.example. A 192.0.2.1"),
	},
}, {
	name: "a wildcard alias of a name that does not exist is a proven NXDOMAIN",
	seen: "PowerDNS/pdns 4304, _25._tcp.dbdo.se",
	situation: "A mail server asks for TLSA. A wildcard CNAME of the zone matches, and leads to " +
		"a name that is not there.",
	why: "With SERVFAIL no mail would be delivered (RFC 7672, section 2.1); the chain's end is " +
		"denied with proof, so there is no TLSA.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "dbdo.example.", Denial: lab.NSEC3, Salt: "ab", Iterations: 1,
			Records: "@ MX 10 mx;;mx A 192.0.2.1;;*._tcp CNAME nowhere;;* CNAME nowhere"})
		w.Add(lab.Zone{Name: "dbd1.example.",
			Records: "@ MX 10 mx;;mx A 192.0.2.1;;*._tcp CNAME gone.net.example."})
		signed(w, "net.example.", "")
	},
	steps: []step{
		good("_25._tcp.dbdo.example. TLSA", "NOERROR AD",
			"_25._tcp.dbdo.example. CNAME nowhere.dbdo.example.",
			"nowhere.dbdo.example. CNAME nowhere.dbdo.example."),
		good("_25._tcp.dbd1.example. TLSA", "NXDOMAIN AD",
			"_25._tcp.dbd1.example. CNAME gone.net.example."),
	},
}, {
	name: "TXT beside a CNAME is answered as the server answers it",
	seen: "NLnetLabs/unbound 723, leonid.shevtsov.me",
	situation: "A hoster lets a name have a CNAME and TXT records. Its servers answer TXT with " +
		"these, and all else with the alias.",
	why: "It is forbidden (RFC 1034, section 3.6.2), and site owners prove with it whose the " +
		"name is. What was heard in answer to TXT is not replaced by the alias.",
	world: func(w *lab.World) {
		unsigned(w, "both.example.", "leonid CNAME host;;leonid TXT proof;;host A 192.0.2.1")
	},
	steps: []step{
		good("leonid.both.example. TXT", "NOERROR", `leonid.both.example. TXT "proof"`),
		good("leonid.both.example. A", "NOERROR", "leonid.both.example. CNAME host.both.example.",
			"host.both.example. A 192.0.2.1"),
		good("leonid.both.example. TXT", "NOERROR", `leonid.both.example. TXT "proof"`).
			packets(noPackets),
	},
}, {
	name: "what does not answer the question is left out of the answer",
	seen: "microsoft/WSL 5806, ultradns.com; NLnetLabs/unbound 238",
	situation: "A forwarder puts NS records, addresses of servers, and a record of an unknown " +
		"class into the answer section.",
	why: "RFC 2181, section 5.4.1: only what is on the way from the question counts as an " +
		"answer. Clients take what stands there for data.",
	world: func(w *lab.World) {
		unsigned(w, "ultra.example.", "www TXT proof;;www A 192.0.2.1")
		script(w, "ultra.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if len(m.Answer) == 0 {
				return false
			}
			odd := rr("www.ultra.example. 300 A 203.0.113.9")
			odd.Header().Class = 500
			m.Answer = append([]dns.RR{odd, rr("other.ultra.example. 300 A 203.0.113.1")},
				m.Answer...)
			m.Answer = append(m.Answer, rr("ultra.example. 300 NS ns1.ultra.example."),
				rr("victim.example. 300 A 203.0.113.2"))
			return true
		})
	},
	config: forward("ultra.example."),
	steps: []step{
		good("www.ultra.example. TXT", "NOERROR", `www.ultra.example. TXT "proof"`),
		good("www.ultra.example. A", "NOERROR", "www.ultra.example. A 192.0.2.1"),
		empty("other.ultra.example. A", "NXDOMAIN"),
		empty("victim.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "an address that a stranger gives for a victim's name is not used",
	seen: "razvandimescu/numa 355; zonemaster/zonemaster-engine 1501",
	situation: "A zone names a host of another zone as its server, and sends an address for it " +
		"along, and a DS for a third zone.",
	why: "RFC 5452, section 6 and RFC 1034, section 4.2.1: who does not have a zone tells " +
		"nothing of its names.",
	world: func(w *lab.World) {
		unsigned(w, "evil.example.", "www A 192.0.2.6")
		signed(w, "victim.example.", "www A 192.0.2.1")
		unsigned(w, "plain.example.", "www A 192.0.2.2")
		script(w, "evil.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = append(m.Ns, rr("evil.example. 300 NS www.victim.example."),
				rr("sub.evil.example. 300 NS www.plain.example."),
				rr("plain.example. 300 DS 1 13 2 "+strings.Repeat("ab", 32)))
			m.Extra = append(m.Extra, rr("www.victim.example. 300 A 203.0.113.66"),
				rr("www.plain.example. 300 A 203.0.113.66"))
			return true
		})
	},
	steps: []step{
		good("www.evil.example. A", "NOERROR", "www.evil.example. A 192.0.2.6"),
		good("www.victim.example. A", "NOERROR AD", "www.victim.example. A 192.0.2.1"),
		good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.2"),
		empty("plain.example. DS", "NOERROR AD"),
	},
}, {
	name:      "an answer without its question is not believed",
	seen:      "openziti/desktop-edge-win 408",
	situation: "A server leaves the question out of its answers.",
	why: "The question is what ties an answer to it (RFC 5452, section 9.1); who guesses ID and " +
		"port could have any name answered. Only errors may come without it.",
	world: func(w *lab.World) {
		unsigned(w, "noq.example.", "www A 203.0.113.1")
		script(w, "noq.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Question = nil
			return true
		})
	},
	steps: []step{fails("www.noq.example. A", cause.Spoofed)},
}, {
	name: "a type that a server refuses does not make it lame",
	seen: "pjsip/pjproject 545",
	situation: "A server answers SRV with REFUSED, NOTAUTH or SERVFAIL, and then gets a " +
		"question for A.",
	why: "One question says nothing of others; the only server of a zone is asked again.",
	world: func(w *lab.World) {
		unsigned(w, "sip.example.", "a A 192.0.2.1;;b A 192.0.2.2;;c A 192.0.2.3")
		codes := map[string]int{"a": dns.RcodeRefused, "b": dns.RcodeNotAuth,
			"c": dns.RcodeServerFailure}
		script(w, "sip.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if in.Question().Qtype != dns.TypeSRV {
				return false
			}
			m.Rcode, m.Answer, m.Ns = codes[strings.ToLower(in.Question().Name[:1])], nil, nil
			return true
		})
	},
	steps: []step{
		fails("a.sip.example. SRV", cause.ServerRefused),
		good("a.sip.example. A", "NOERROR", "a.sip.example. A 192.0.2.1"),
		fails("b.sip.example. SRV", cause.ServerRefused),
		good("b.sip.example. A", "NOERROR", "b.sip.example. A 192.0.2.2"),
		fails("c.sip.example. SRV", cause.ServerFailed),
		good("c.sip.example. A", "NOERROR", "c.sip.example. A 192.0.2.3"),
	},
}, {
	name: "a reverse name leads through classless delegation to its host",
	seen: "c-ares/c-ares 427; PowerDNS/pdns 123; iglvzx/gwhois.org 13",
	situation: "A provider has a CNAME for each address, into a zone with a slash in its name " +
		"that the customer serves. The provider answers alias and referral at once.",
	why: "RFC 2317. The referral in an answer's authority section is where the rest is to be " +
		"asked.",
	world: func(w *lab.World) {
		signed(w, "arpa.", "")
		signed(w, "in-addr.arpa.", "")
		signed(w, "82.122.93.in-addr.arpa.", "36 CNAME 36.0/25")
		unsigned(w, "0/25.82.122.93.in-addr.arpa.", "36 PTR mtx.example.")
	},
	steps: []step{
		good("36.82.122.93.in-addr.arpa. PTR", "NOERROR",
			"36.82.122.93.in-addr.arpa. CNAME 36.0/25.82.122.93.in-addr.arpa.",
			"36.0/25.82.122.93.in-addr.arpa. PTR mtx.example."),
		empty("37.0/25.82.122.93.in-addr.arpa. PTR", "NXDOMAIN"),
	},
}, {
	name: "a header alone is answered",
	seen: "PowerDNS/pdns 3292; folbricht/routedns 524; blinklabs-io/cdnsd 594; " +
		"hickory-dns/hickory-dns 2723",
	situation: "Messages come without a question, with two, with an unknown opcode, or end in " +
		"the middle.",
	why: "RFC 9619 (one question), RFC 8906, section 3.1.4 (NOTIMP for opcodes, whatever else). " +
		"A message that is an answer is dropped, or two servers would talk for ever.",
	world: func(w *lab.World) {},
	steps: []step{
		{packet: []byte{0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, want: "FORMERR", most: noPackets},
		{packet: []byte{0, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1},
			want: "FORMERR", most: noPackets},
		{packet: []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w'}, want: "FORMERR",
			most: noPackets},
		{packet: []byte{0, 1, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0}, want: "NOTIMP", most: noPackets},
		{packet: []byte{0, 1, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, want: "silence",
			most: noPackets},
	},
}}

// setTTL has a server send all records with a TTL.
func setTTL(ttl uint32) func(lab.Incoming, *dns.Msg) bool {
	return func(in lab.Incoming, m *dns.Msg) bool {
		for _, rr := range slices.Concat(m.Answer, m.Ns) {
			rr.Header().Ttl = ttl
		}
		return true
	}
}

// belowDNAME asks for what a zone denies beside its DNAME, and then for a name below that.
func belowDNAME(zone string) []step {
	return []step{
		empty("redir."+zone+" TXT", "NOERROR AD"),
		empty("a."+zone+" A", "NXDOMAIN AD"),
		empty("zz."+zone+" A", "NXDOMAIN AD"),
		good("foo.redir."+zone+" A", "NOERROR AD", "redir."+zone+" DNAME target.example.",
			"foo.redir."+zone+" CNAME foo.target.example.", "foo.target.example. A 192.0.2.1"),
	}
}
