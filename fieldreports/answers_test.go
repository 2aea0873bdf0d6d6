// Answers: what clients see, the first time and from memory.

package fieldreports

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

func TestAnswers(t *testing.T) { play(t, answers) }

// hasEDNS wants an OPT record in the response.
func hasEDNS(t *testing.T, m *dns.Msg) {
	if m.IsEdns0() == nil {
		t.Error("no OPT record")
	}
}

// deniedFor wants an SOA record, of so many seconds at most.
func deniedFor(most uint32) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		for _, rr := range m.Ns {
			if soa, ok := rr.(*dns.SOA); ok {
				if soa.Hdr.Ttl > most {
					t.Errorf("%v: more than %d seconds", soa, most)
				}
				return
			}
		}
		t.Error("no SOA record")
	}
}

// packed packs a message that clients should not send.
func packed(m *dns.Msg) []byte {
	m.Id = 7
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

var answers = []report{{
	name: "an answer from memory is truncated like the first one",
	seen: "AdguardTeam/dnsproxy 131",
	situation: "A set of some kilobytes is asked for over UDP twice, by a client that takes 1232 " +
		"octets and one without EDNS. What came from memory was whole, and too large.",
	why: "RFC 6891, section 6.2.3, and RFC 1035, section 4.2.1: no response is larger than its " +
		"client says, wherever it comes from.",
	world: func(w *lab.World) {
		var many strings.Builder
		for i := range 40 {
			fmt.Fprintf(&many, "locations TXT %q\n", fmt.Sprint(i, strings.Repeat("x", 100)))
		}
		unsigned(w, "goog.example.", many.String())
	},
	steps: []step{
		{ask: "locations.goog.example. TXT", want: "NOERROR TC", nothing: true},
		{ask: "locations.goog.example. TXT", want: "NOERROR TC", nothing: true, most: noPackets},
		{ask: "locations.goog.example. TXT", want: "NOERROR TC", nothing: true, change: noEDNS},
		{ask: "locations.goog.example. TXT", want: "NOERROR TC", nothing: true, change: noEDNS,
			most: noPackets},
	},
}, {
	name: "the flags of a response are ours and not those of a forwarder",
	seen: "AdguardTeam/AdGuardHome 7955",
	situation: "A server of the intranet answers with AA and without RA, and clients got the " +
		"flags of its replies.",
	why: "Each server sets AA and RA for its own response: whether it is an authority, and " +
		"whether it offers recursion. RD is copied from the query (RFC 1035, section 4.1.1).",
	world:  func(w *lab.World) { unsigned(w, "intra.example.", "www A 192.0.2.1") },
	config: forward("intra.example."),
	steps: []step{
		good("www.intra.example. A", "NOERROR",
			"www.intra.example. A 192.0.2.1").checked(recursive),
		good("www.intra.example. A", "NOERROR",
			"www.intra.example. A 192.0.2.1").checked(recursive),
		empty("no.intra.example. A", "NXDOMAIN").checked(recursive),
		empty("no.intra.example. A", "NXDOMAIN").checked(recursive),
	},
}, {
	name: "a refusal, a denial and a special name come with EDNS for who sends it",
	seen: "AdguardTeam/AdGuardHome 8183",
	situation: "Blocked names had responses without OPT record; systemd-resolved took the server " +
		"for one without EDNS from then on.",
	why:   "RFC 6891, section 6.1.1: to a query with OPT the response has it, whatever it says.",
	world: func(w *lab.World) { unsigned(w, "edns.example.", "www A 192.0.2.1") },
	steps: []step{
		empty("x.invalid. A", "NXDOMAIN AD").checked(hasEDNS),
		empty("1.0.0.127.in-addr.arpa. A", "NOERROR").checked(hasEDNS),
		empty("no.edns.example. A", "NXDOMAIN").checked(hasEDNS),
		empty("edns.example. AXFR", "REFUSED").checked(hasEDNS),
		empty("edns.example. MAILB", "NOTIMP").checked(hasEDNS),
		empty("edns.example. TSIG", "FORMERR").checked(hasEDNS),
	},
}, {
	name: "a denial has its SOA each time, for every type",
	seen: "pi-hole/pi-hole 5384, sipgate.net",
	situation: "The first NXDOMAIN of a name had the SOA record, later ones did not, and clients " +
		"could not know for how long to keep them.",
	why:   "RFC 2308, section 3 has the SOA in each negative answer, section 6 its TTL count down.",
	world: func(w *lab.World) { unsigned(w, "sip.example.", "www A 192.0.2.1") },
	steps: []step{
		empty("mwi.sip.example. A", "NXDOMAIN").checked(deniedFor(60)),
		empty("mwi.sip.example. A", "NXDOMAIN").later(20 * time.Second).checked(deniedFor(40)).
			packets(noPackets),
		empty("mwi.sip.example. SOA", "NXDOMAIN").checked(deniedFor(60)),
		empty("www.sip.example. TXT", "NOERROR").checked(deniedFor(60)),
		empty("www.sip.example. TXT", "NOERROR").with(noEDNS).checked(deniedFor(60)).
			packets(noPackets),
	},
}, {
	name: "a denial is forgotten within the hour, whatever its zone says",
	seen: "TechnitiumSoftware/DnsServer 356; CZ-NIC/knot-resolver 125; folbricht/routedns 301; " +
		"PowerDNS/pdns 8102; dnsjava/dnsjava 190",
	situation: "The SOA of a zone allows a day for negative caching. A name that was asked for " +
		"too early did not exist until somebody emptied the cache.",
	why: "RFC 2308, section 5 has resolvers limit it, to one to three hours; an hour is what " +
		"Unbound and Knot Resolver take as well.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "new.example.", Algorithm: lab.Unsigned, TTL: 86400, Minimum: 86400,
			Records: "host A 192.0.2.1"})
		there := since(30 * time.Minute)
		script(w, "new.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if there() || !is(in, "host.new.example.", dns.TypeA) {
				return false
			}
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			m.Ns = []dns.RR{rr("new.example. 86400 SOA ns1.new.example. h. 1 1 1 1 86400")}
			return true
		})
	},
	steps: []step{
		empty("host.new.example. A", "NXDOMAIN").checked(deniedFor(3600)),
		empty("host.new.example. A", "NXDOMAIN").later(59 * time.Minute).checked(deniedFor(60)).
			packets(noPackets),
		good("host.new.example. A", "NOERROR", "host.new.example. A 192.0.2.1").
			later(2 * time.Minute),
	},
}, {
	name: "an error repeats the question, so that its client can tell what it is about",
	seen: "openthread/openthread 7438",
	situation: "Resolvers leave the question out of FORMERR. A client that compares it waits for " +
		"another response.",
	why: "RFC 5452, section 9.1 has clients compare the question. That of a well-formed message " +
		"is repeated, as by BIND and Unbound.",
	world: func(*lab.World) {},
	steps: []step{
		empty("www.thread.example. TSIG", "FORMERR").checked(questions(1)),
		empty("www.thread.example. OPT", "FORMERR").checked(questions(1)),
		{ask: "a malformed cookie", want: "FORMERR", check: questions(1), packet: func() []byte {
			m := new(dns.Msg).SetQuestion("www.thread.example.", dns.TypeA)
			m.SetEdns0(1232, true)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0COOKIE,
				Data: []byte("short")}}
			return packed(m)
		}()},
	},
}}

// recursive wants the flags of a recursive server's response.
func recursive(t *testing.T, m *dns.Msg) {
	if !m.RecursionAvailable || !m.RecursionDesired {
		t.Errorf("RD %v, RA %v", m.RecursionDesired, m.RecursionAvailable)
	}
}

// questions wants so many questions in the response.
func questions(n int) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		if len(m.Question) != n {
			t.Errorf("%d questions, want %d", len(m.Question), n)
		}
	}
}
