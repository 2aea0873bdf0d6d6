// Extended DNS Errors: what clients are told, and what not (RFC 8914).

package fieldreports

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
)

func TestErrors(t *testing.T) { play(t, extendedErrors) }

// inText checks that the texts of a response's Extended DNS Errors have some words.
func inText(words ...string) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		text := ""
		for _, o := range m.IsEdns0().Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				text += e.ExtraText + "\n"
			}
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not in %q", w, text)
			}
		}
	}
}

var extendedErrors = []report{{
	name: "signatures that have expired are told to be, over the keys too",
	seen: "PowerDNS/pdns 10936, servfail.nl; NLnetLabs/unbound 877; hickory-dns/hickory-dns 2301",
	situation: "All signatures of a zone have expired, those over its keys included. The client " +
		"is told that there is no DNSKEY (9), or that something is bogus (6).",
	why: "RFC 8914, sections 4.8 and 4.10: there is a key that matches the DS, and it is the " +
		"signatures' time that is over. So with signatures that begin later.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "late.", Faults: lab.Faults{lab.Expired}, Records: "www A 192.0.2.1"})
		script(w, "late.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "late.", dns.TypeDNSKEY) {
				return false
			}
			for i, r := range m.Answer {
				if sig, ok := r.(*dns.RRSIG); ok { // its time is judged before it is computed
					old := *sig
					old.Expiration = uint32(time.Now().Add(-time.Hour).Unix())
					old.Inception = old.Expiration - 3600
					m.Answer[i] = &old
				}
			}
			return true
		})
		w.Add(lab.Zone{Name: "early.", Faults: lab.Faults{lab.Future}, Records: "www A 192.0.2.1"})
	},
	steps: []step{
		fails("www.late. AAAA", cause.SignatureExpired).checked(only(7)),
		fails("late. DNSKEY", cause.SignatureExpired).checked(told(7)),
		fails("www.early. AAAA", cause.SignatureNotYetValid).checked(only(8)),
	},
}, {
	name: "the reason comes with every type, with DO and without, and each time",
	seen: "NLnetLabs/unbound 873 and 1179; jsha/unboundtest 18; PowerDNS/pdns 11386",
	situation: "A client that asks for A gets the reason, a browser that asks for HTTPS gets " +
		"none; or the first client does, and the next one, from the cache, does not.",
	why: "The reason is a property of the failure, and not of the question's options: whoever " +
		"sends EDNS can read it (RFC 8914, section 3).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "failed.", Faults: lab.Faults{lab.DSMismatch},
			Records: "www A 192.0.2.1"})
	},
	steps: []step{
		fails("www.failed. A", cause.DSMismatch).checked(only(9)),
		fails("www.failed. A", cause.DSMismatch).checked(only(9, 13)),
		fails("www.failed. HTTPS", cause.DSMismatch).checked(told(9)),
		fails("www.failed. AAAA", cause.DSMismatch).with(noDO).checked(told(9)),
		fails("www.failed. AAAA", cause.DSMismatch).with(noAD).checked(told(9)),
		fails("www.failed. AAAA", cause.DSMismatch).with(noEDNS).
			checked(func(t *testing.T, m *dns.Msg) {
				if m.IsEdns0() != nil {
					t.Errorf("an OPT record for a client without EDNS: %v", m)
				}
			}),
	},
}, {
	name: "the text names the zone and the server that fail",
	seen: "PowerDNS/pdns 16061; letsencrypt/boulder 6875; rthalley/dnspython 1109",
	situation: "Users report that a name does not resolve, and those who run the resolver have " +
		"to find out where the fault is.",
	why: "EXTRA-TEXT is for that (RFC 8914, section 2): zone, server, and what was asked.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "refusing.example.", Servers: []lab.ServerFaults{{lab.Refusing}},
			Records: "www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "silent.example.", Servers: []lab.ServerFaults{{lab.Dead}},
			Records: "www A 192.0.2.1"})
	},
	steps: []step{
		fails("www.refusing.example. A", cause.ServerRefused).
			checked(inText("refusing.example. 127.", "www.refusing.example. A")),
		fails("www.silent.example. A", cause.Timeout).
			checked(inText("silent.example. 127.", "www.silent.example. A")),
	},
}, {
	name: "nothing is told of what was met on the way to a good answer",
	seen: "PowerDNS/pdns 12691, cctld.us; PowerDNS/pdns 12334; internetstandards/Internet.nl 1803",
	situation: "A name above the one that is asked for is an empty non-terminal, whose denial is " +
		"in the cache, or was synthesised; or there is no DS. The good answer comes with the " +
		"Extended DNS Error of that.",
	why: "An error in an answer that is as it should be alarms for nothing. Only what the answer " +
		"itself lacks is told.",
	world: func(w *lab.World) {
		signed(w, "ent.example.", "b.cctld A 192.0.2.1;;away CNAME www.plain.example.")
		unsigned(w, "plain.example.", "www A 192.0.2.2")
	},
	config: func(c *resolver.Config) { c.AggressiveNSEC = true },
	steps: []step{
		empty("cctld.ent.example. A", "NOERROR AD").checked(only()),
		good("b.cctld.ent.example. A", "NOERROR AD", "b.cctld.ent.example. A 192.0.2.1").
			checked(only()),
		good("away.ent.example. A", "NOERROR", "away.ent.example. CNAME www.plain.example.",
			"www.plain.example. A 192.0.2.2").checked(only()),
		good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.2").checked(only()),
	},
}, {
	name: "answers from the cache have an OPT record as the first one has",
	seen: "AdguardTeam/AdGuardHome 2600; AdguardTeam/dnsproxy 80; 0xERR0R/blocky 2240",
	situation: "The first answer has an OPT record, and those from the cache have none. A stub " +
		"resolver takes that for a server without EDNS, and fails for a while.",
	why: "RFC 6891, section 6.1.1: a query with OPT is answered with OPT, whatever the answer is " +
		"made of.",
	world: func(w *lab.World) { signed(w, "opt.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.opt.example. A", "NOERROR AD", "www.opt.example. A 192.0.2.1").checked(only()),
		good("www.opt.example. A", "NOERROR AD", "www.opt.example. A 192.0.2.1").checked(only()),
		good("www.opt.example. A", "NOERROR AD", "www.opt.example. A 192.0.2.1").
			packets(noPackets).checked(only()),
		empty("are.pink.opt.example. A", "NXDOMAIN AD").checked(only()),
		empty("are.pink.opt.example. A", "NXDOMAIN AD").checked(only()),
		empty("are.pink.opt.example. A", "NXDOMAIN AD").checked(only()),
	},
}, {
	name:      "a negative trust anchor at the end of an alias is told",
	seen:      "NLnetLabs/unbound 1470; PowerDNS/pdns 17737; CZ-NIC/knot 45",
	situation: "A name of a secure zone is an alias of one under a negative trust anchor.",
	why: "The answer is less than it seems because of the anchor, wherever in the chain that is " +
		"(draft-farrokhi-dnsop-ede-nta). The alias alone is told nothing of.",
	world: func(w *lab.World) {
		signed(w, "good.example.", "www CNAME www.late.;;mail A 192.0.2.3")
		w.Add(lab.Zone{Name: "late.", Faults: lab.Faults{lab.Expired}, Records: "www A 192.0.2.1"})
	},
	trusting: except("late.", trustanchor.Negative),
	steps: []step{
		good("www.good.example. A", "NOERROR", "www.good.example. CNAME www.late.",
			"www.late. A 192.0.2.1").checked(only(33)),
		good("www.good.example. A", "NOERROR", "www.good.example. CNAME www.late.",
			"www.late. A 192.0.2.1").packets(noPackets).checked(only(33)),
		good("www.good.example. CNAME", "NOERROR AD", "www.good.example. CNAME www.late.").
			checked(only()),
		good("mail.good.example. A", "NOERROR AD", "mail.good.example. A 192.0.2.3").
			checked(only()),
	},
}, {
	name:      "signatures that end before they begin have a code of their own",
	seen:      "NLnetLabs/unbound 604",
	situation: "A signer was given its times in the wrong order.",
	why:       "The code 25 is registered for that: neither has the time come nor is it over.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "reversed.", Faults: lab.Faults{lab.Reversed},
			Records: "www A 192.0.2.1"})
	},
	steps: []step{
		fails("www.reversed. A", cause.SignatureReversed).checked(only(25)),
		fails("www.reversed. A", cause.SignatureReversed).later(time.Second).
			checked(only(25, 13)),
	},
}}
