// Hostile authorities for zones of their own: what they say harms nobody else.

package fieldreports

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestHostile(t *testing.T) { play(t, hostile) }

// evil adds a victim, and a zone of an attacker, whose servers reply as the function wants.
func evil(w *lab.World, reply func(name string, in lab.Incoming, m *dns.Msg)) {
	signed(w, "victim.example.", "www A 192.0.2.1;;*.wild A 192.0.2.2;;deep.ent TXT x")
	unsigned(w, "plain.example.", "www A 192.0.2.1;;mail A 192.0.2.2")
	unsigned(w, "evil.example.", "")
	script(w, "evil.example.", func(in lab.Incoming, m *dns.Msg) bool {
		m.Rcode, m.Authoritative, m.Answer, m.Ns = 0, true, nil, nil
		m.Extra = m.Extra[:0]
		reply(strings.ToLower(in.Question().Name), in, m)
		return true
	})
}

// unharmed are the steps that show that the victims are as they were.
var unharmed = []step{
	good("www.victim.example. A", "NOERROR AD", "www.victim.example. A 192.0.2.1"),
	good("x.wild.victim.example. A", "NOERROR AD", "x.wild.victim.example. A 192.0.2.2"),
	empty("no.victim.example. A", "NXDOMAIN AD"),
	good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.1"),
	good("mail.plain.example. A", "NOERROR", "mail.plain.example. A 192.0.2.2"),
	empty("plain.example. DS", "NOERROR AD"),
}

// attacked puts steps of an attack before those of its victims.
func attacked(steps ...step) []step { return append(steps, unharmed...) }

// whatever is a step of an attacker's client: how it ends does not matter.
func whatever(ask, want string) step { return step{ask: ask, want: want, nothing: true} }

var hostile = []report{{
	name: "a denial behind an alias denies nothing at its target",
	seen: "PowerDNS/pdns 679; PowerDNS/pdns 10017",
	situation: "An attacker's zone has aliases to names of others, with NXDOMAIN, the victim's " +
		"SOA " +
		"and the SOA of the zone above beside them.",
	why: "RFC 2308, section 2.1, with RFC 2181, section 5.4.1: the target's own zone denies it.",
	world: func(w *lab.World) {
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			m.Rcode = dns.RcodeNameError
			to := map[string]string{"a.evil.example.": "www.victim.example.",
				"b.evil.example.": "www.plain.example.", "c.evil.example.": "plain.example."}[name]
			if to == "" {
				to = "mail.plain.example."
			}
			m.Answer = []dns.RR{rr(name + " 300 CNAME " + to)}
			for _, z := range []string{"plain.example.", "victim.example.", "example.", "."} {
				m.Ns = append(m.Ns, rr(z+" 86400 SOA a. b. 1 2 3 4 86400"))
			}
		})
	},
	steps: attacked(
		good("a.evil.example. A", "NOERROR", "a.evil.example. CNAME www.victim.example.",
			"www.victim.example. A 192.0.2.1"),
		good("b.evil.example. A", "NOERROR", "b.evil.example. CNAME www.plain.example.",
			"www.plain.example. A 192.0.2.1"),
		whatever("c.evil.example. DS", "NOERROR"), whatever("d.evil.example. A", "NOERROR")),
}, {
	name: "records of other zones in any section are not kept",
	seen: "razvandimescu/numa 354; netty/netty 16877; hickory-dns/hickory-dns 3294",
	situation: "Each reply of an attacker's servers has addresses, aliases, DNAMEs, NS, DS, " +
		"NSEC and " +
		"SOA records of all zones around, in all sections.",
	why: "RFC 2181, section 5.4.1; CVE-2025-11411: a server is believed within its zone.",
	world: func(w *lab.World) {
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			m.Answer = []dns.RR{rr(name + " 300 A 192.0.2.66")}
			at := in.Server.String()
			for _, z := range []string{"victim.example.", "plain.example.", "example.", "."} {
				sub := strings.TrimPrefix(z, ".")
				for _, r := range []string{" 86400 NS ns1.evil.example.",
					" 86400 DNAME evil.example.", " 86400 SOA a. b. 1 2 3 4 86400",
					" 86400 NSEC " + z + " NS SOA RRSIG NSEC",
					" 86400 DS 1 13 2 " + strings.Repeat("ab", 32)} {
					m.Answer, m.Ns = append(m.Answer, rr(z+r)), append(m.Ns, rr(z+r))
				}
				for _, r := range []string{"www." + sub + " 86400 A " + at,
					"ns1." + sub + " 86400 A " + at,
					"mail." + sub + " 86400 CNAME www.evil.example."} {
					m.Answer, m.Ns = append(m.Answer, rr(r)), append(m.Ns, rr(r))
					m.Extra = append(m.Extra, rr(r))
				}
			}
			m.Extra = append(m.Extra, rr("ns1.evil.example. 86400 A "+at))
		})
	},
	steps: attacked(good("a.evil.example. A", "NOERROR", "a.evil.example. A 192.0.2.66"),
		whatever("evil.example. NS", "SERVFAIL").because(cause.Lame),
		whatever("evil.example. DS", "NOERROR AD"),
		whatever("b.evil.example. ANY", "NOERROR")),
}, {
	name: "a zone that delegates to its victims' names teaches nothing of them",
	seen: "razvandimescu/numa 355; zonemaster/zonemaster-engine 1501",
	situation: "An attacker's zone refers names below it to the victim's name servers, with glue " +
		"that is his own address, with short and long TTLs.",
	why: "Glue is for names below the zone that refers (RFC 1034, section 4.2.1), and for that " +
		"delegation alone.",
	world: func(w *lab.World) {
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			labels := dns.SplitDomainName(name)
			cut := strings.Join(labels[max(0, len(labels)-3):], ".") + "."
			m.Authoritative = false
			m.Ns = []dns.RR{rr(cut + " 86400 NS ns1.victim.example."),
				rr(cut + " 86400 NS ns1.plain.example."), rr(cut + " 86400 NS ns1.example.")}
			for _, n := range []string{"ns1.victim", "ns1.plain", "ns1"} {
				m.Extra = append(m.Extra, rr(n+".example. 86400 A "+in.Server.String()))
			}
		})
	},
	steps: attacked(whatever("x.a.evil.example. A", "SERVFAIL").because(cause.Lame),
		good("ns1.plain.example. A", "NOERROR", "ns1.plain.example. A 127.*"),
		good("ns1.victim.example. A", "NOERROR AD", "ns1.victim.example. A 127.*")),
}, {
	name: "referrals without end cost their own question alone",
	seen: "NLnetLabs/unbound 682; hickory-dns/hickory-dns 1889",
	situation: "An attacker's servers refer each name to a zone one label longer, whose servers " +
		"are the same; or to many servers that do not exist in zones of others.",
	why: "CVE-2014-8500 and CVE-2020-8616: the client's question has one budget.",
	world: func(w *lab.World) {
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			m.Authoritative = false
			if strings.Contains(name, "many") {
				for i := range 60 {
					m.Ns = append(m.Ns, rr(fmt.Sprintf("many.evil.example. 1 NS n%d.x%d."+
						"victim.example.", i, i)))
				}
				return
			}
			m.Ns = []dns.RR{rr(name + " 1 NS ns." + name)}
			m.Extra = append(m.Extra, rr("ns."+name+" 1 A "+in.Server.String()))
		})
	},
	steps: attacked(
		whatever("a.many.evil.example. A", "SERVFAIL").because(cause.LimitNameServers).packets(40),
		whatever(strings.Repeat("a.", 60)+"evil.example. A", "SERVFAIL").
			because(cause.Lame).packets(64)),
}, {
	name: "aliases to the keys and delegations of others do not touch them",
	seen: "systemd/systemd 31699; PowerDNS/pdns 11245",
	situation: "Clients ask for DNSKEY, DS and NS of an attacker's names, which are aliases for " +
		"the apexes of others; one chain is too long, and one a loop through them.",
	why: "A limit or a failure is that of the question that met it (RFC 9520, section 3).",
	world: func(w *lab.World) {
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			label, _, _ := strings.Cut(name, ".")
			to := map[string]string{"v": "victim.example.", "p": "plain.example.", "e": "example.",
				"loop": "loop2.evil.example.", "loop2": "loop.evil.example."}[label]
			var n int
			if _, err := fmt.Sscanf(label, "c%d", &n); err == nil && n < 10 {
				to = fmt.Sprintf("c%d.evil.example.", n+1)
			} else if err == nil {
				to = "victim.example."
			}
			if to != "" {
				m.Answer = []dns.RR{rr(name + " 1 CNAME " + to)}
			}
		})
	},
	steps: append(attacked(
		whatever("v.evil.example. DNSKEY", "NOERROR"), whatever("p.evil.example. DS", "NOERROR"),
		whatever("e.evil.example. NS", "NOERROR"), whatever("c0.evil.example. DNSKEY", "NOERROR"),
		whatever("loop.evil.example. DNSKEY", "SERVFAIL").because(cause.AliasLoop)),
		step{ask: "victim.example. DNSKEY", want: "NOERROR AD", nothing: true},
		step{ask: "victim.example. DS", want: "NOERROR AD", nothing: true}),
}, {
	name: "a name that changes at each question serves each client its last state",
	seen: "NLnetLabs/unbound 1424; kubernetes/kubernetes 71308",
	situation: "An attacker's name is, one after the other, an alias to a victim, a DNAME, " +
		"addresses, empty and denied, with TTLs of none, of days, and above 31 bits.",
	why: "What is kept is bounded by its TTL, and never that of another name.",
	world: func(w *lab.World) {
		turn := 0
		evil(w, func(name string, in lab.Incoming, m *dns.Msg) {
			turn++
			switch turn % 5 {
			case 0:
				m.Answer = []dns.RR{rr(name + " 0 CNAME www.plain.example.")}
			case 1:
				m.Answer = []dns.RR{rr("evil.example. 4294967295 DNAME plain.example.")}
			case 2:
				m.Answer = []dns.RR{rr(name + " 2147483648 A 192.0.2.66")}
			case 3:
				m.Rcode = dns.RcodeNameError
				m.Ns = []dns.RR{rr("evil.example. 0 SOA a. b. 1 2 3 4 0")}
			}
		})
	},
	steps: attacked(whatever("www.evil.example. A", "NOERROR"),
		whatever("mail.evil.example. A", "NOERROR"), whatever("www.evil.example. A", "NXDOMAIN").
			later(10*time.Second), whatever("www.evil.example. AAAA", "NOERROR")),
}}

// because gives a step the cause of its failure.
func (s step) because(c cause.Cause) step { s.cause = c; return s }
