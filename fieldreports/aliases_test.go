// Aliases: CNAME, DNAME and chains of them.

package fieldreports

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
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
	name:      "a dot within a label does not separate labels",
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
}, {
	name: "a DNAME does not redirect its own name",
	seen: "systemd/systemd 35158, smoot.apple.cn",
	situation: "A DNAME's owner has other records, asked for after a name below it, and a " +
		"second name below is asked for.",
	why: "A DNAME redirects what is below its owner and not the owner (RFC 6672, section 2.3); " +
		"each name below gets a CNAME of its own.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "cn.example.",
			Records: "smoot DNAME smoot.com.example.;;smoot TXT here"})
		w.Add(lab.Zone{Name: "com.example.",
			Records: "a.smoot A 192.0.2.1;;b.smoot A 192.0.2.2"})
	},
	steps: []step{
		good("a.smoot.cn.example. A", "NOERROR AD", "smoot.cn.example. DNAME smoot.com.example.",
			"a.smoot.cn.example. CNAME a.smoot.com.example.", "a.smoot.com.example. A 192.0.2.1"),
		empty("smoot.cn.example. SOA", "NOERROR AD"),
		good("smoot.cn.example. TXT", "NOERROR AD", `smoot.cn.example. TXT "here"`),
		good("smoot.cn.example. DNAME", "NOERROR AD", "smoot.cn.example. DNAME smoot.com.example."),
		// systemd/systemd 34916: a second name below it gets a CNAME of its own.
		good("b.smoot.cn.example. A", "NOERROR AD", "smoot.cn.example. DNAME smoot.com.example.",
			"b.smoot.cn.example. CNAME b.smoot.com.example.", "b.smoot.com.example. A 192.0.2.2"),
	},
}, {
	name: "DNAMEs that lead into themselves cost little",
	seen: "PowerDNS/pdns 8660 and 12885; systemd/systemd 30392; coredns 6419",
	situation: "DNAMEs lead into themselves: at once, by way of another, and into names that " +
		"grow.",
	why: "Each record is in an answer once, and few packets are sent. One that leads to itself " +
		"at once is shown, as by Unbound; longer loops are errors (RFC 1034, section 3.6.2).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "loop.example.",
			Records: "self DNAME self;;grow DNAME x.grow;;a DNAME b;;b DNAME a"})
	},
	steps: []step{
		good("www.self.loop.example. A", "NOERROR AD",
			"self.loop.example. DNAME self.loop.example.",
			"www.self.loop.example. CNAME www.self.loop.example.").packets(16),
		fails("www.a.loop.example. A", cause.AliasLoop).packets(8),
		fails("www.grow.loop.example. A", cause.AliasLoop).packets(8),
	},
}, {
	name:      "CNAMEs that lead into themselves cost little",
	seen:      "TechnitiumSoftware/DnsServer 1818; coredns 6421; PowerDNS/pdns 4307",
	situation: "CNAMEs lead to themselves, or in a ring.",
	why: "A name that is its own alias is shown, as by Unbound; a ring is an error (RFC 1034, " +
		"section 3.6.2), not an empty answer.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "ring.example.", Algorithm: lab.Unsigned,
			Records: "self CNAME self;;a CNAME b;;b CNAME c;;c CNAME a;;* CNAME *"})
	},
	steps: []step{
		good("self.ring.example. A", "NOERROR", "self.ring.example. CNAME self.ring.example.").
			packets(12),
		fails("a.ring.example. A", cause.AliasLoop),
		good("x.ring.example. A", "NOERROR", "x.ring.example. CNAME *.ring.example.",
			"*.ring.example. CNAME *.ring.example."),
		good("a.ring.example. CNAME", "NOERROR", "a.ring.example. CNAME b.ring.example."),
	},
}, {
	name: "an alias directly below a signed apex validates",
	seen: "PowerDNS/pdns 3261, a.lieter.nl",
	situation: "A CNAME stands directly below the apex of a signed zone, and another one a " +
		"level deeper.",
	why: "How deep a name is makes no difference to its signature.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "lieter.example.", Records: "a CNAME b;;b A 192.0.2.1;;" +
			"a.issue CNAME b.issue;;b.issue A 192.0.2.1"})
	},
	steps: []step{
		good("a.lieter.example. A", "NOERROR AD", "a.lieter.example. CNAME b.lieter.example.",
			"b.lieter.example. A 192.0.2.1"),
		good("a.issue.lieter.example. A", "NOERROR AD",
			"a.issue.lieter.example. CNAME b.issue.lieter.example.",
			"b.issue.lieter.example. A 192.0.2.1"),
	},
}, {
	name: "the CNAME of a signed DNAME needs no signature",
	seen: "PowerDNS/pdns 6318, slxh.nl",
	situation: "A signed zone's apex has a DNAME. The CNAME that follows from it comes without " +
		"signature.",
	why: "It has none: it is checked by the DNAME (RFC 6672, section 5.3.1).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "slxh.example.", Records: "@ DNAME slxh.test."})
		w.Add(lab.Zone{Name: "test."})
		w.Add(lab.Zone{Name: "slxh.test.", Records: "mail A 192.0.2.1"})
	},
	steps: []step{
		good("mail.slxh.example. A", "NOERROR AD", "slxh.example. DNAME slxh.test.",
			"mail.slxh.example. CNAME mail.slxh.test.", "mail.slxh.test. A 192.0.2.1"),
		good("slxh.example. SOA", "NOERROR AD",
			"slxh.example. SOA ns1.slxh.example. hostmaster.slxh.example. 1 3600 600 86400 60"),
	},
}, {
	name: "aliases through signed and unsigned zones are as good as the worst of them",
	seen: "hickory-dns 3834, www.gov.uk",
	situation: "An alias of a signed zone leads through an unsigned one to another unsigned " +
		"one.",
	why: "An answer is authentic if all of it is (RFC 4035, section 3.2.3); asked for by itself " +
		"the first link is.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "gov.example.", Denial: lab.NSEC3OptOut,
			Records: "www CNAME cdn.service.gov.example."})
		w.Add(lab.Zone{Name: "service.gov.example.", On: "gov.example.",
			Algorithm: lab.Unsigned,
			Records:   "cdn CNAME map.net.example."})
		w.Add(lab.Zone{Name: "net.example.", Algorithm: lab.Unsigned,
			Records: "map A 192.0.2.1"})
	},
	steps: []step{
		good("www.gov.example. A", "NOERROR", "www.gov.example. CNAME cdn.service.gov.example.",
			"cdn.service.gov.example. CNAME map.net.example.", "map.net.example. A 192.0.2.1"),
		good("www.gov.example. CNAME", "NOERROR AD",
			"www.gov.example. CNAME cdn.service.gov.example."),
	},
}, {
	name: "an NXDOMAIN beside an alias does not hide a target that is there",
	seen: "PowerDNS/pdns 464, www.kabelinternetdns.de; Comcast/traffic_control 744",
	situation: "A server sends a CNAME with NXDOMAIN, though the target is in the same zone, or " +
		"in another one of which it knows nothing.",
	why: "The RCODE speaks of the chain's end (RFC 6604, section 3). Without a proof the target " +
		"is asked for by itself, and what its servers say of it holds.",
	world: func(w *lab.World) {
		unsigned(w, "kabel.example.",
			"www CNAME x1.h1;;x1.h1 A 192.0.2.1;;out CNAME web.other.example.")
		unsigned(w, "other.example.", "web A 192.0.2.2")
		script(w, "kabel.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if len(m.Answer) == 0 || m.Answer[0].Header().Rrtype != dns.TypeCNAME {
				return false
			}
			m.Rcode, m.Answer = dns.RcodeNameError, m.Answer[:1]
			m.Ns = []dns.RR{rr("kabel.example. 10 SOA ns. h. 1 1 1 1 10")}
			return true
		})
	},
	steps: []step{
		good("www.kabel.example. A", "NOERROR", "www.kabel.example. CNAME x1.h1.kabel.example.",
			"x1.h1.kabel.example. A 192.0.2.1"),
		good("out.kabel.example. A", "NOERROR", "out.kabel.example. CNAME web.other.example.",
			"web.other.example. A 192.0.2.2"),
		good("www.kabel.example. A", "NOERROR", "www.kabel.example. CNAME x1.h1.kabel.example.",
			"x1.h1.kabel.example. A 192.0.2.1").packets(noPackets),
	},
}}
