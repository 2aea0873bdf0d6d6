// Aliases: CNAME, DNAME and chains of them.

package fieldreports

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

func TestAliases(t *testing.T) { play(t, aliases) }

var aliases = []report{{
	name: "an alias of a name that does not exist is NXDOMAIN with the alias",
	seen: "PowerDNS/pdns 679",
	situation: "A server answers a CNAME and, in the same message, that its target is not " +
		"there.",
	why: "The RCODE is that of the last name of a chain (RFC 6604, section 3), and clients see " +
		"how they came there.",
	world: func(w *lab.World) { unsigned(w, "data.example.", "puppet CNAME ops-puppet01.sldc") },
	steps: []step{
		good("puppet.data.example. A", "NXDOMAIN",
			"puppet.data.example. CNAME ops-puppet01.sldc.data.example."),
		good("puppet.data.example. A", "NXDOMAIN",
			"puppet.data.example. CNAME ops-puppet01.sldc.data.example.").packets(noPackets),
	},
}, {
	name: "a DNAME of a zone into one that denies the name is a proven NXDOMAIN",
	seen: "zonemaster/zonemaster 472, bergzand.nl",
	situation: "All of a signed zone is redirected to another signed zone, which lacks the " +
		"name.",
	why: "RFC 6672, section 3.1 and RFC 6604, section 3: the DNAME and its CNAME are in the " +
		"answer, the RCODE and the proof are the target's.",
	world: func(w *lab.World) {
		signed(w, "bergzand.example.", "@ DNAME berg.net.")
		signed(w, "net.", "")
		signed(w, "berg.net.", "www A 192.0.2.1")
	},
	steps: []step{
		good("xx--example.bergzand.example. A", "NXDOMAIN AD",
			"bergzand.example. DNAME berg.net.",
			"xx--example.bergzand.example. CNAME xx--example.berg.net."),
		good("www.bergzand.example. A", "NOERROR AD",
			"bergzand.example. DNAME berg.net.",
			"www.bergzand.example. CNAME www.berg.net.",
			"www.berg.net. A 192.0.2.1"),
	},
}, {
	name: "an alias without data and without SOA is an empty answer",
	seen: "NLnetLabs/nsd 142",
	situation: "A server leaves the SOA out of an answer that ends, behind a CNAME, without " +
		"data.",
	why: "RFC 2308, section 2.2 knows such answers (type 3). Nothing says how long they hold, " +
		"so that they are not kept; the alias is.",
	world: func(w *lab.World) {
		unsigned(w, "txt.example.", "a CNAME b;;b TXT only")
		script(w, "txt.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Ns = nil
			return in.Question().Qtype == dns.TypeA
		})
	},
	steps: []step{
		good("a.txt.example. A", "NOERROR", "a.txt.example. CNAME b.txt.example."),
		good("a.txt.example. TXT", "NOERROR", "a.txt.example. CNAME b.txt.example.",
			`b.txt.example. TXT "only"`),
	},
}, {
	name: "each link of a chain is in an answer once, whatever the type",
	seen: "razvandimescu/numa 323, eu.primevideo.com",
	situation: "A server answers with the whole chain at once. A browser asks for A, AAAA and " +
		"HTTPS together.",
	why: "A name has one CNAME (RFC 2181, section 10.1); browsers reject answers that repeat " +
		"one.",
	world: func(w *lab.World) {
		unsigned(w, "video.example.",
			"eu CNAME tp.frontier;;tp.frontier CNAME d2.cloud;;d2.cloud A 192.0.2.1;;"+
				`d2.cloud HTTPS 1 . alpn="h2"`)
	},
	steps: []step{
		good("eu.video.example. HTTPS", "NOERROR",
			"eu.video.example. CNAME tp.frontier.video.example.",
			"tp.frontier.video.example. CNAME d2.cloud.video.example.",
			`d2.cloud.video.example. HTTPS 1 . alpn="h2"`),
		good("eu.video.example. A", "NOERROR",
			"eu.video.example. CNAME tp.frontier.video.example.",
			"tp.frontier.video.example. CNAME d2.cloud.video.example.",
			"d2.cloud.video.example. A 192.0.2.1"),
		good("eu.video.example. AAAA", "NOERROR",
			"eu.video.example. CNAME tp.frontier.video.example.",
			"tp.frontier.video.example. CNAME d2.cloud.video.example."),
		good("eu.video.example. HTTPS", "NOERROR",
			"eu.video.example. CNAME tp.frontier.video.example.",
			"tp.frontier.video.example. CNAME d2.cloud.video.example.",
			`d2.cloud.video.example. HTTPS 1 . alpn="h2"`).packets(noPackets),
	},
}, {
	name:      "a dot within a label is no border of labels",
	seen:      "golang/go 10631",
	situation: "A chain leads from foo\\.bar, whose first label has a dot, to foo.bar.",
	why: "Labels are any octets (RFC 2181, section 11): these are two names, and the chain is " +
		"no loop.",
	world: func(w *lab.World) {
		unsigned(w, "dot.example.", `go CNAME foo\.bar;;foo\.bar CNAME foo.bar;;foo.bar TXT ok`)
	},
	steps: []step{
		good("go.dot.example. TXT", "NOERROR", `go.dot.example. CNAME foo\.bar.dot.example.`,
			`foo\.bar.dot.example. CNAME foo.bar.dot.example.`,
			`foo.bar.dot.example. TXT "ok"`),
		empty(`foo\.bar.bar.dot.example. TXT`, "NXDOMAIN"),
	},
}, {
	name:      "a question for SOA follows an alias as all others do",
	seen:      "caddyserver/certmagic 117",
	situation: "A program asks for the SOA of an alias, to learn in which zone it is.",
	why: "A CNAME redirects every type but its own (RFC 1034, section 3.6.2): the answer is the " +
		"alias and the SOA of its target, under the target's name.",
	world: func(w *lab.World) {
		signed(w, "xirui.example.", "cname CNAME shop.example.")
		signed(w, "shop.example.", "@ A 192.0.2.1")
	},
	steps: []step{
		good("cname.xirui.example. SOA", "NOERROR AD",
			"cname.xirui.example. CNAME shop.example.", "shop.example. SOA *"),
		good("cname.xirui.example. CNAME", "NOERROR AD",
			"cname.xirui.example. CNAME shop.example."),
	},
}, {
	name:      "an alias at a zone's apex takes nothing from the names below",
	seen:      "tektoncd/website 253, tekton.dev",
	situation: "A zone has a CNAME beside its SOA and NS records.",
	why: "It is a mistake (RFC 2181, section 10.1) that many make. What the server answers is " +
		"passed on; names below the apex are in the zone, for a CNAME has no names below.",
	world: func(w *lab.World) {
		unsigned(w, "tekton.example.", "@ CNAME site.net.;;@ MX 10 mx;;www A 192.0.2.2")
		signed(w, "net.", "")
		unsigned(w, "site.net.", "@ A 192.0.2.1")
	},
	steps: []step{
		good("tekton.example. A", "NOERROR", "tekton.example. CNAME site.net.",
			"site.net. A 192.0.2.1"),
		good("www.tekton.example. A", "NOERROR", "www.tekton.example. A 192.0.2.2"),
		good("tekton.example. A", "NOERROR", "tekton.example. CNAME site.net.",
			"site.net. A 192.0.2.1").packets(noPackets),
	},
}, {
	name:      "a zone that answers its own NS question with an alias resolves",
	seen:      "zonemaster/zonemaster-engine 114, email.klarna.com",
	situation: "A delegated zone consists of one CNAME: it has neither SOA nor NS records.",
	why: "The delegation is the parent's, and leads to servers that answer. What they say holds " +
		"for clients; the servers' own NS records are not needed.",
	world: func(w *lab.World) {
		unsigned(w, "email.example.", "@ CNAME grid.example.")
		unsigned(w, "grid.example.", "@ A 192.0.2.1")
		script(w, "email.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !strings.EqualFold(in.Question().Name, "email.example.") {
				return false
			}
			m.Ns, m.Extra = nil, m.Extra[len(m.Extra)-1:]
			m.Answer = []dns.RR{rr("email.example. 300 CNAME grid.example.")}
			return true
		})
	},
	steps: []step{
		good("email.example. A", "NOERROR", "email.example. CNAME grid.example.",
			"grid.example. A 192.0.2.1"),
		good("email.example. NS", "NOERROR", "email.example. CNAME grid.example.",
			"grid.example. NS ns1.grid.example."),
		good("email.example. SOA", "NOERROR", "email.example. CNAME grid.example.",
			"grid.example. SOA *"),
	},
}, {
	name: "the DS of a zone whose apex is an alias is what its parent says",
	seen: "NLnetLabs/unbound 88, coder.show",
	situation: "A validator behind us asks for the DS of an unsigned zone, whose apex we know " +
		"as a CNAME. With an alias for an answer it cannot prove that the zone is unsigned.",
	why: "DS is the parent's (RFC 4035, section 3.1.4.1): the child's CNAME does not redirect " +
		"it, from memory neither.",
	world: func(w *lab.World) {
		unsigned(w, "coder.example.", "@ CNAME hosted.example.")
		unsigned(w, "hosted.example.", "@ A 192.0.2.1")
	},
	steps: []step{
		good("coder.example. A", "NOERROR", "coder.example. CNAME hosted.example.",
			"hosted.example. A 192.0.2.1"),
		empty("coder.example. DS", "NOERROR AD"),
		empty("coder.example. DS", "NOERROR AD").packets(noPackets),
	},
}}
