// What an operator configures: forwarders, stub zones, names that stay here.

package fieldreports

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/transport"
)

func TestConfigured(t *testing.T) { play(t, configuredZones) }

var configuredZones = []report{{
	name: "a forward zone whose forwarders are silent is never asked for elsewhere",
	seen: "NLnetLabs/unbound 451",
	situation: "The forwarders of an internal zone are down for a minute. The public tree has a " +
		"zone of that name, without the internal names.",
	why: "What is configured is not for the public tree to answer: it would learn the names, " +
		"and its NXDOMAIN would outlast the outage. When the forwarders are back they are asked " +
		"within seconds.",
	world: func(w *lab.World) {
		unsigned(w, "private.", "")
		unsigned(w, "office.private.", "www A 192.0.2.1;;ftp A 192.0.2.2")
		down := time.Now().Add(time.Minute)
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Reply{}, in.Server == w.AddressOf("office.private.") && time.Now().
				Before(down)
		}
	},
	config: forward("office.private."),
	steps: []step{
		fails("www.office.private. A", cause.Timeout).sparing(". private. A",
			"private. office.private. A"),
		fails("ftp.office.private. A", cause.Timeout).sparing(". private. A",
			"private. office.private. A"),
		good("www.office.private. A", "NOERROR", "www.office.private. A 192.0.2.1").
			later(65 * time.Second),
		good("ftp.office.private. A", "NOERROR", "ftp.office.private. A 192.0.2.2"),
	},
}, {
	name:      "below a stub zone delegations are followed",
	seen:      "PowerDNS/pdns 11382",
	situation: "The servers of a stub zone refer names of a zone below to other servers.",
	why:       "They are authorities, and know only their own zone (RFC 1034, section 4.3.1).",
	world: func(w *lab.World) {
		unsigned(w, "corp.example.", "www A 192.0.2.1")
		unsigned(w, "eu.corp.example.", "www A 192.0.2.2")
	},
	config: configured("corp.example.", false),
	steps: []step{
		good("www.eu.corp.example. A", "NOERROR", "www.eu.corp.example. A 192.0.2.2").
			asking("eu.corp.example. www.eu.corp.example. A").sparing(". example. A"),
		good("www.corp.example. A", "NOERROR", "www.corp.example. A 192.0.2.1"),
		empty("no.eu.corp.example. A", "NXDOMAIN"),
	},
}, {
	name: "a forwarder is asked for all that is below its zone",
	seen: "semihalev/sdns 591; PowerDNS/pdns 11382",
	situation: "A forwarder's answers tell the NS set of a zone below, whose servers cannot be " +
		"reached from here.",
	why: "A forwarder resolves (RFC 9499, section 6): what it says of servers is not a " +
		"delegation for us.",
	world: func(w *lab.World) {
		unsigned(w, "corp.example.", "")
		w.Add(lab.Zone{Name: "eu.corp.example.", On: "corp.example.", Algorithm: lab.Unsigned,
			Records: "a A 192.0.2.1;;b A 192.0.2.2"})
		script(w, "corp.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Authoritative, m.RecursionAvailable = false, true
			if len(m.Answer) > 0 {
				m.Ns = []dns.RR{rr("eu.corp.example. 300 NS ns.eu.corp.example.")}
				m.Extra = append(m.Extra, rr("ns.eu.corp.example. 300 A 203.0.113.1"))
			}
			return true
		})
	},
	config: forward("corp.example."),
	steps: []step{
		good("a.eu.corp.example. A", "NOERROR", "a.eu.corp.example. A 192.0.2.1"),
		good("b.eu.corp.example. A", "NOERROR", "b.eu.corp.example. A 192.0.2.2").
			asking("corp.example. b.eu.corp.example. A"),
		empty("c.eu.corp.example. A", "NXDOMAIN"),
	},
}, {
	name: "a stub zone on a server that is a resolver answers",
	seen: "opnsense/core 2550",
	situation: "An operator makes a stub zone of what should be a forward zone: its server " +
		"answers without AA.",
	why: "An answer without AA is used where no server has a better one.",
	world: func(w *lab.World) {
		unsigned(w, "lan.example.", "www A 192.0.2.1")
		script(w, "lan.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Authoritative, m.RecursionAvailable = false, true
			return true
		})
	},
	config: configured("lan.example.", false),
	steps: []step{
		good("www.lan.example. A", "NOERROR", "www.lan.example. A 192.0.2.1"),
		empty("no.lan.example. A", "NXDOMAIN"),
	},
}, {
	name: "names for other uses never leave",
	seen: "PowerDNS/pdns 17726; hickory-dns/hickory-dns 1382; pi-hole/pi-hole 5400; " +
		"c-ares/c-ares 196",
	situation: "Programs that do not know better ask for onion, home.arpa, invalid and test " +
		"names.",
	why: "RFC 7686, section 2; RFC 8375, section 4; RFC 6761: the questions tell strangers who " +
		"visits what. A client that validates gets the root's proof, for which the root learns " +
		"the top-level name.",
	world: func(w *lab.World) {},
	steps: []step{
		empty("duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion. A", "NXDOMAIN").
			with(noDO).packets(noPackets),
		empty("printer.home.arpa. A", "NXDOMAIN").packets(noPackets),
		empty("host.invalid. AAAA", "NXDOMAIN").with(noDO).packets(noPackets),
		empty("a.test. A", "NXDOMAIN").with(noDO).packets(noPackets),
		empty("duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion. A",
			"NXDOMAIN AD").asking(". onion. A").packets(2),
		good("db.localhost. A", "NOERROR", "db.localhost. A 127.0.0.1").packets(noPackets),
		empty("1.1.168.192.in-addr.arpa. PTR", "NXDOMAIN").packets(noPackets),
	},
}, {
	name:      "a client's subnet goes nowhere",
	seen:      "NLnetLabs/unbound 314; semihalev/sdns 483; AdguardTeam/AdGuardDNS 542",
	situation: "A client sends its subnet (ECS) along.",
	why: "RFC 7871, section 11.1: who does not use it leaves it out, upstream and in the " +
		"answer, and an answer serves all clients.",
	world: func(w *lab.World) {
		unsigned(w, "geo.example.", "www A 192.0.2.1")
		script(w, "geo.example.", func(in lab.Incoming, m *dns.Msg) bool {
			for _, o := range in.Query.IsEdns0().Option {
				if o.Option() == dns.EDNS0SUBNET {
					m.Rcode = dns.RcodeRefused
					return true
				}
			}
			return false
		})
	},
	steps: []step{
		good("www.geo.example. A", "NOERROR", "www.geo.example. A 192.0.2.1").
			with(option(&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24,
				Address: []byte{192, 0, 2, 0}})).checked(without(dns.EDNS0SUBNET)),
		good("www.geo.example. A", "NOERROR", "www.geo.example. A 192.0.2.1").packets(noPackets),
	},
}, {
	name:      "keepalive over UDP is passed over",
	seen:      "NLnetLabs/domain 355",
	situation: "A client sends the keepalive option over UDP.",
	why:       "RFC 7828, section 3.2.1: it is ignored there, and no error.",
	world:     func(w *lab.World) { unsigned(w, "keep.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.keep.example. A", "NOERROR", "www.keep.example. A 192.0.2.1").
			with(option(&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE})).
			checked(without(dns.EDNS0TCPKEEPALIVE)),
	},
}, {
	name: "each client gets its own cookie back, from memory too",
	seen: "c-ares/c-ares 1271; Dreamacro/clash 1630; PowerDNS/pdns 10750",
	situation: "A home router keeps answers with the cookie in them, and sends it to whoever " +
		"asks next. Clients that check cookies drop these answers.",
	why: "RFC 7873, section 5.2: the client's own cookie comes back, with a server cookie " +
		"behind it.",
	world: func(w *lab.World) { unsigned(w, "box.example.", "www A 192.0.2.1") },
	steps: []step{
		good("www.box.example. A", "NOERROR", "www.box.example. A 192.0.2.1").
			with(cookie("f2d220ad3ab296e9")).checked(hasCookie("f2d220ad3ab296e9")),
		good("www.box.example. A", "NOERROR", "www.box.example. A 192.0.2.1").
			with(cookie("1a512882ffff1dbf")).checked(hasCookie("1a512882ffff1dbf")),
		good("www.box.example. A", "NOERROR", "www.box.example. A 192.0.2.1").
			checked(without(dns.EDNS0COOKIE)),
	},
}, {
	name:      "padding is for who is encrypted and asks for it",
	seen:      "m13253/dns-over-https 111; PowerDNS/pdns 10018; chrisstaite/DoTe 7",
	situation: "Clients send the padding option over TLS and over UDP.",
	why: "RFC 7830, section 6 and RFC 8467, section 4.1: encrypted answers have a multiple of " +
		"468 octets; without encryption padding hides nothing.",
	world: func(w *lab.World) { signed(w, "pad.example.", "www A 192.0.2.1") },
	steps: []step{
		{ask: "www.pad.example. A", want: "NOERROR AD",
			answer: []string{"www.pad.example. A 192.0.2.1"}, change: option(&dns.EDNS0_PADDING{}),
			over: transport.DoT, multiple: 468},
		{ask: "www.pad.example. A", want: "NOERROR AD",
			answer: []string{"www.pad.example. A 192.0.2.1"}, change: option(&dns.EDNS0_PADDING{}),
			check: without(dns.EDNS0PADDING)},
		{ask: "www.pad.example. A", want: "NOERROR AD",
			answer: []string{"www.pad.example. A 192.0.2.1"}, over: transport.DoT,
			check: without(dns.EDNS0PADDING)},
	},
}, {
	name:      "a forwarder's truncated answer is asked for again over TCP",
	seen:      "PowerDNS/pdns 704",
	situation: "A forwarder truncates its answer over UDP.",
	why:       "RFC 7766, section 5: it is asked again over TCP.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "fwd.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Truncate}}})
	},
	config: forward("fwd.example."),
	steps: []step{
		good("www.fwd.example. A", "NOERROR", "www.fwd.example. A 192.0.2.1"),
	},
}}

// option returns a change that adds an EDNS option.
func option(o dns.EDNS0) func(*dns.Msg) {
	return func(m *dns.Msg) { m.IsEdns0().Option = append(m.IsEdns0().Option, o) }
}

// cookie returns a change that adds a client's cookie.
func cookie(client string) func(*dns.Msg) {
	return option(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: client})
}

// hasCookie returns a check that an answer has a server cookie for a client's.
func hasCookie(client string) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		for _, o := range m.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok && len(c.Cookie) == 48 &&
				c.Cookie[:16] == client {
				return
			}
		}
		t.Errorf("no server cookie for %s: %v", client, m.IsEdns0())
	}
}

// without returns a check that an answer lacks an EDNS option.
func without(code uint16) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		for _, o := range m.IsEdns0().Option {
			if o.Option() == code {
				t.Errorf("the answer has %v", o)
			}
		}
	}
}
