// What clients send and see: flags, EDNS, classes, opcodes, letter case, sizes.

package fieldreports

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/server"
	"bailiwick/transport"
)

func TestClients(t *testing.T) { play(t, clients) }

var clients = []report{{
	name: "who sets DO or AD sees AD, and nobody else",
	seen: "systemd/systemd 20332; systemd/systemd 6434; AdguardTeam/dnsproxy 130",
	situation: "OpenSSH sets DO, and trusts SSHFP records if the answer has AD; dig sets AD; " +
		"old stub resolvers set neither.",
	why:   "RFC 6840, sections 5.7 and 5.8, from memory as well.",
	world: func(w *lab.World) { signed(w, "ssh.example.", "host SSHFP 4 2 ab") },
	steps: []step{
		good("host.ssh.example. SSHFP", "NOERROR AD", "host.ssh.example. SSHFP 4 2 AB"),
		good("host.ssh.example. SSHFP", "NOERROR AD", "host.ssh.example. SSHFP 4 2 AB").with(noDO),
		good("host.ssh.example. SSHFP", "NOERROR", "host.ssh.example. SSHFP 4 2 AB").with(noAD),
		good("host.ssh.example. SSHFP", "NOERROR", "host.ssh.example. SSHFP 4 2 AB").with(noEDNS),
		good("host.ssh.example. SSHFP", "NOERROR AD", "host.ssh.example. SSHFP 4 2 AB"),
	},
}, {
	name: "AD of a forwarder is not believed",
	seen: "systemd/systemd 34121",
	situation: "A forwarder sets AD in an answer for an unsigned zone, and clients trust our " +
		"AD.",
	why: "AD is what we have validated ourselves (RFC 4035, section 3.2.3).",
	world: func(w *lab.World) {
		unsigned(w, "home.example.", "www A 192.0.2.1")
		script(w, "home.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.AuthenticatedData, m.RecursionAvailable = true, true
			return true
		})
	},
	config: forward("home.example."),
	steps: []step{
		good("www.home.example. A", "NOERROR", "www.home.example. A 192.0.2.1"),
		good("www.home.example. A", "NOERROR", "www.home.example. A 192.0.2.1"),
		empty("no.home.example. A", "NXDOMAIN"),
	},
}, {
	name:      "CD and DO together are answered",
	seen:      "systemd/systemd 17218",
	situation: "A validating client asks with CD and DO, also for data that are bogus for us.",
	why: "RFC 4035, section 3.2.2: who sets CD judges for itself, and gets the signatures. It " +
		"changes nothing for others.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "cd.example.", Faults: lab.Faults{lab.CorruptSignatures},
			Records: "www A 192.0.2.1"})
		signed(w, "ok.example.", "www A 192.0.2.1")
	},
	steps: []step{
		good("www.cd.example. A", "NOERROR", "www.cd.example. A 192.0.2.1").with(cd),
		fails("www.cd.example. A", cause.SignatureInvalid),
		good("www.cd.example. A", "NOERROR", "www.cd.example. A 192.0.2.1").with(cd),
		good("www.ok.example. A", "NOERROR AD", "www.ok.example. A 192.0.2.1"),
	},
}, {
	name:      "a question without RD is refused, with RD clear in the answer",
	seen:      "systemd/systemd 19199",
	situation: "A client asks without RD, to look into the cache.",
	why: "RD is copied into the answer (RFC 1035, section 4.1.1). Who asks without recursion " +
		"could see what others have asked.",
	world: func(w *lab.World) { unsigned(w, "rd.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.rd.example. A", "NOERROR", "www.rd.example. A 192.0.2.1"),
		{ask: "www.rd.example. A", want: "REFUSED", most: noPackets,
			change: func(m *dns.Msg) { m.RecursionDesired = false },
			check: func(t *testing.T, m *dns.Msg) {
				if m.RecursionDesired || !m.RecursionAvailable {
					t.Errorf("RD %v, RA %v", m.RecursionDesired, m.RecursionAvailable)
				}
			}},
	},
}, {
	name: "the designated resolver exists for every type",
	seen: "ietf-wg-add/draft-ietf-add-ddr 58",
	situation: "A client, or a cache in between, asks _dns.resolver.arpa for another type than " +
		"SVCB.",
	why: "An NXDOMAIN would deny the SVCB records too (RFC 8020; RFC 9462, section 4). The " +
		"names below resolver.arpa never leave us (section 8.2).",
	world: func(w *lab.World) {},
	steps: []step{
		empty("_dns.resolver.arpa. A", "NOERROR").packets(noPackets),
		empty("_dns.resolver.arpa. TXT", "NOERROR").packets(noPackets),
		good("resolver.arpa. NS", "NOERROR", "resolver.arpa. NS resolver.arpa.").packets(noPackets),
		empty("other.resolver.arpa. A", "NXDOMAIN").packets(noPackets),
	},
}, {
	name: "the answer has the letter case of its client",
	seen: "NLnetLabs/unbound 1242; hickory-dns/hickory-dns 2683; projectdiscovery/interactsh " +
		"138",
	situation: "A forwarder in front of us mixes the letter case of its questions and drops " +
		"answers that have another.",
	why: "The question is repeated as it came (dns0x20), whatever case others used before and " +
		"we used upstream. RPZ and caches compare without regard to it (RFC 4343).",
	world: func(w *lab.World) {
		unsigned(w, "hole.example.", "docs CNAME pages;;pages A 192.0.2.1")
	},
	steps: []step{
		cased("dOcS.Hole.eXample. A"),
		cased("DOCS.hole.EXAMPLE. A"),
		cased("docs.hole.example. A"),
	},
}, {
	name: "EDNS of another version is BADVERS, with the question and without data",
	seen: "NLnetLabs/nsd 97; PowerDNS/pdns 2691; mirage/ocaml-dns 166; PowerDNS/pdns 4204",
	situation: "A client sends version 1 of EDNS, with an option that nobody knows. The answer " +
		"to version 0 is in the cache.",
	why: "RFC 6891, section 6.1.3: BADVERS, with the version that we have. dnsdist drops " +
		"answers without the question.",
	world: func(w *lab.World) { unsigned(w, "v.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.v.example. A", "NOERROR", "www.v.example. A 192.0.2.1"),
		{ask: "www.v.example. A", want: "BADVERS", most: noPackets, change: func(m *dns.Msg) {
			m.IsEdns0().SetVersion(1)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 100, Data: []byte("?")}}
		}, check: func(t *testing.T, m *dns.Msg) {
			o := m.IsEdns0()
			if len(m.Question) != 1 || o == nil || o.Version() != 0 || len(m.Ns) > 0 {
				t.Fatalf("got %v", m)
			}
			for _, o := range o.Option {
				if o.Option() == 100 {
					t.Error("the unknown option is repeated")
				}
			}
		}},
		good("www.v.example. A", "NOERROR", "www.v.example. A 192.0.2.1").packets(noPackets),
	},
}, {
	name:      "a CHAOS question has a CHAOS answer",
	seen:      "PowerDNS/pdns 1229; PowerDNS/pdns 234; PowerDNS/pdns 4149",
	situation: "An operator asks for version.bind, with DO and without.",
	why: "The class of an answer is that of its question (RFC 1035, section 4.1.2), else dig " +
		"calls it malformed. There is nothing to validate. In class IN these are names like any " +
		"other.",
	world:   func(w *lab.World) {},
	serving: func(c *server.Config) { c.Version, c.Identity = "one", "here" },
	steps: []step{
		chaos("version.bind. TXT", `version.bind. TXT "one"`),
		chaos("VERSION.server. TXT", `VERSION.server. TXT "one"`),
		chaos("id.server. TXT", `id.server. TXT "here"`),
		empty("version.bind. TXT", "NXDOMAIN AD"),
	},
}, {
	name:      "any octet stands in a label",
	seen:      "514-labs/dnsglobe 34; c-ares/c-ares 427",
	situation: "SPF, DKIM and reverse zones have names that no host may have.",
	why:       "Any octet may stand in a label (RFC 2181, section 11).",
	world: func(w *lab.World) {
		unsigned(w, "odd.example.", `_spf.514_ax._d TXT ok;;a_b- TXT ok;;-x TXT ok;;`+
			`36.0/25 PTR mtx.odd.example.;;\000 TXT ok;;q\"uote TXT ok;;\255 TXT ok`)
	},
	steps: []step{
		good("_spf.514_ax._d.odd.example. TXT", "NOERROR", `_spf.514_ax._d.odd.example. TXT "ok"`),
		good("a_b-.odd.example. TXT", "NOERROR", `a_b-.odd.example. TXT "ok"`),
		good("-x.odd.example. TXT", "NOERROR", `-x.odd.example. TXT "ok"`),
		good("36.0/25.odd.example. PTR", "NOERROR", `36.0/25.odd.example. PTR mtx.odd.example.`),
		good(`\000.odd.example. TXT`, "NOERROR", `\000.odd.example. TXT "ok"`),
		good(`\255.odd.example. TXT`, "NOERROR", `\255.odd.example. TXT "ok"`),
		good(`q\"uote.odd.example. TXT`, "NOERROR", `q\"uote.odd.example. TXT "ok"`),
	},
}, {
	name: "a set that does not fit is truncated as a whole",
	seen: "miekg/dns 1391; NLnetLabs/nsd 480; twisted/twisted 12604; mondoohq/mql 10460",
	situation: "A name has so many TXT records that they do not fit a packet. Clients that saw " +
		"some of them took them for all.",
	why: "RFC 2181, section 9: TC, and no part of a set. Over TCP all of it comes.",
	world: func(w *lab.World) {
		var records []string
		for i := range 12 {
			records = append(records, "txt TXT "+strings.Repeat(string(rune('a'+i)), 200))
		}
		unsigned(w, "texts.example.", strings.Join(records, ";;"))
	},
	steps: []step{
		{ask: "txt.texts.example. TXT", want: "NOERROR TC"},
		{ask: "txt.texts.example. TXT", want: "NOERROR TC", change: noEDNS, most: noPackets},
		{ask: "txt.texts.example. TXT", want: "NOERROR", over: transport.TCP, most: noPackets,
			nothing: true,
			check:   sections(12)},
	},
}, {
	name:      "ANY is answered with little over UDP",
	seen:      "razvandimescu/numa 343",
	situation: "A client with a forged address asks for ANY, to have much sent to its victim.",
	why: "RFC 8482, section 4.1: one set is an answer. It is real data of the name, and no " +
		"HINFO record that is not there.",
	world: func(w *lab.World) {
		signed(w, "any.example.", "@ A 192.0.2.1;;@ AAAA 2001:db8::1;;@ MX 10 mx;;@ TXT some;;"+
			"@ CAA 0 issue ca.example.")
	},
	steps: []step{
		{ask: "any.example. ANY", want: "NOERROR AD", nothing: true, check: sections(1)},
		{ask: "none.any.example. ANY", want: "NXDOMAIN AD"},
	},
}, {
	name: "a client that says it takes less than 512 octets gets 512",
	seen: "PowerDNS/pdns 5407; NLnetLabs/unbound 404; hickory-dns/hickory-dns 3814",
	situation: "Clients send an EDNS buffer size of 0 and of 100, or no EDNS. The answers have " +
		"some 400 octets, and some 700.",
	why: "RFC 6891, section 6.2.3; without EDNS it is 512 too (RFC 1035, section 4.2.1).",
	world: func(w *lab.World) {
		unsigned(w, "size.example.",
			"small TXT "+strings.Repeat("a", 250)+" "+strings.Repeat("b",
				100)+";;large TXT "+strings.Repeat("a", 250)+" "+strings.Repeat("b",
				250)+" "+strings.Repeat("c", 150))
	},
	steps: []step{
		{ask: "small.size.example. TXT", want: "NOERROR", nothing: true, change: size(0),
			check: sections(1)},
		{ask: "small.size.example. TXT", want: "NOERROR", nothing: true, change: size(100),
			check: sections(1)},
		{ask: "large.size.example. TXT", want: "NOERROR TC", change: size(100)},
		{ask: "large.size.example. TXT", want: "NOERROR TC", change: noEDNS},
		{ask: "large.size.example. TXT", want: "NOERROR", nothing: true, change: size(800),
			check: sections(1)},
	},
}, {
	name:      "a failure has EDNS of its own and nothing of the query's",
	seen:      "PowerDNS/pdns 10006; dnsimple/erldns 53",
	situation: "A client sends options and AD along, and its question fails.",
	why: "RFC 6891, section 6.1.1: the answer's OPT record is ours. AD in a failure would say " +
		"that something is authentic.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "bad.example.", Faults: lab.Faults{lab.Expired},
			Records: "www A 192.0.2.1"})
	},
	steps: []step{
		fails("www.bad.example. A", cause.SignatureExpired).with(nsidAndAD).
			checked(without(dns.EDNS0NSID)),
		fails("www.bad.example. A", cause.SignatureExpired).with(nsidAndAD).checked(without(100)),
	},
}}

// cased asks for docs.hole.example in some letter case.
func cased(ask string) step {
	name, _, _ := strings.Cut(ask, " ")
	return step{ask: ask, want: "NOERROR", nothing: true, check: func(t *testing.T, m *dns.Msg) {
		if m.Question[0].Name != name || m.Answer[0].Header().Name != name || len(m.Answer) != 2 {
			t.Errorf("asked for %s: %v", name, m)
		}
	}}
}

// chaos is a step in class CH.
func chaos(ask, answer string) step {
	s := good(ask, "NOERROR", answer).packets(noPackets)
	s.change = func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }
	s.check = func(t *testing.T, m *dns.Msg) {
		if m.Question[0].Qclass != dns.ClassCHAOS || m.Answer[0].Header().Class != dns.ClassCHAOS {
			t.Errorf("not of class CH: %v", m)
		}
	}
	return s
}

// size returns a change of the EDNS buffer size.
func size(octets uint16) func(*dns.Msg) {
	return func(m *dns.Msg) { m.IsEdns0().SetUDPSize(octets) }
}

// nsidAndAD adds NSID, an option that nobody knows, and AD.
func nsidAndAD(m *dns.Msg) {
	m.AuthenticatedData = true
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID},
		&dns.EDNS0_LOCAL{Code: 100, Data: []byte("?")}}
}
