// Situations from public reports about other resolvers, rebuilt in the lab. Each names its report;
// what is right is what the RFC says and what most resolvers do.

package resolver_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// step is a question of a report, and what its answer has to be.
type step struct {
	name   string
	typ    wire.Type
	rcode  wire.RCode
	status wire.Security
	types  []wire.Type // of the answer's sets
	cause  cause.Cause // of a failure
	most   int         // packets upstream; 0: any number
}

// answered is a step that ends well.
func answered(name string, t wire.Type, s wire.Security, types ...wire.Type) step {
	return step{name: name, typ: t, status: s, types: types}
}

// packets bounds what a step may ask.
func (s step) packets(most int) step {
	s.most = most
	return s
}

// reports are the situations.
var reports = []struct {
	report string // who met it, and where it is told
	world  func(w *lab.World)
	config func(c *resolver.Config)
	steps  []step
}{
	{
		// A wildcard behind an alias from an unsigned zone: the proof has to be of the alias's
		// target, not of the name that was asked for.
		report: "0xERR0R/blocky 2267",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "vip.example.", Records: "* A 192.0.2.1"})
			w.Add(lab.Zone{Name: "site.example.", Algorithm: lab.Unsigned,
				Records: "www CNAME platform.vip.example."})
		},
		steps: []step{
			answered("www.site.example.", wire.TypeA, wire.Insecure, wire.TypeCNAME, wire.TypeA),
			answered("platform.vip.example.", wire.TypeA, wire.Secure, wire.TypeA),
			{name: "www.site.example.", typ: wire.TypeTXT, status: wire.Insecure,
				types: []wire.Type{wire.TypeCNAME}},
		},
	},
	{
		// A wildcard CNAME below an empty non-terminal, with NSEC.
		report: "PowerDNS/pdns 9668",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "wild.example.",
				Records: "*.x CNAME web;;web A 192.0.2.1;;default._domainkey TXT key"})
		},
		steps: []step{
			answered("a.x.wild.example.", wire.TypeA, wire.Secure, wire.TypeCNAME, wire.TypeA),
			answered("b.x.wild.example.", wire.TypeTXT, wire.Secure, wire.TypeCNAME),
			{name: "x.wild.example.", typ: wire.TypeA, status: wire.Secure},
		},
	},
	{
		// Unsigned zone below an opt-out one, both on the same servers: no referral is seen, and no
		// NSEC3 matches the cut.
		report: "semihalev/sdns 507, tether.edge.apple",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "corp.", Denial: lab.NSEC3OptOut})
			w.Add(lab.Zone{Name: "edge.corp.", On: "corp.", Algorithm: lab.Unsigned,
				Records: "tether A 192.0.2.1"})
		},
		steps: []step{
			answered("tether.edge.corp.", wire.TypeA, wire.Insecure, wire.TypeA),
			{name: "no.edge.corp.", typ: wire.TypeA, rcode: nxDomain, status: wire.Insecure},
		},
	},
	{
		// The same with a signed zone two cuts below on the same servers.
		report: "semihalev/sdns 507, www.edpb.europa.eu",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "union.", Denial: lab.NSEC3OptOut})
			w.Add(lab.Zone{Name: "body.union.", On: "union.",
				Records: "www CNAME host.in.body.union."})
			w.Add(lab.Zone{Name: "in.body.union.", On: "union.", Algorithm: lab.Unsigned,
				Records: "host A 192.0.2.1"})
		},
		steps: []step{
			answered("www.body.union.", wire.TypeA, wire.Insecure, wire.TypeCNAME, wire.TypeA),
			answered("www.body.union.", wire.TypeCNAME, wire.Secure, wire.TypeCNAME),
		},
	},
	{
		// One name server whose glue is dead, beside others that answer.
		report: "TechnitiumSoftware/DnsServer 1950, kwik-fit.com",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "fit.example.", Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1",
				Servers: []lab.ServerFaults{{lab.Dead}, {lab.Dead}, nil}})
		},
		steps: []step{answered("www.fit.example.", wire.TypeA, wire.Insecure, wire.TypeA)},
	},
	{
		// Every name server of a zone is inside it, and the parent gives no address: nothing can be
		// done, which has to be found out cheaply.
		report: "NLnetLabs/unbound 682, sina.j.baishangeek.cn",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "j.example.", Algorithm: lab.Unsigned, Glueless: "j.example."})
		},
		steps: []step{
			step{name: "www.j.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.DependencyLoop}.packets(8),
			step{name: "www.j.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.DependencyLoop}.packets(-1),
		},
	},
	{
		// A wildcard TXT on a zone with one server, which says NXDOMAIN for every other type: the
		// last question has the type that was asked for, and one RCODE excludes no server.
		report: "NLnetLabs/unbound 1500 and 870, t.nessus.org",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "t.example.", Algorithm: lab.Unsigned, Records: "* TXT token"})
			script(w, "t.example.", func(q dns.Question, m *dns.Msg) bool {
				if q.Qtype != dns.TypeTXT && strings.ToLower(q.Name) != "t.example." {
					m.Rcode, m.Answer = dns.RcodeNameError, nil
					return true
				}
				return false
			})
		},
		steps: []step{answered("zurhbjwo-4.t.example.", wire.TypeTXT, wire.Insecure, wire.TypeTXT)},
	},
	{
		// Servers that say NXDOMAIN for empty non-terminals, as many do for CDNs and block lists.
		report: "PowerDNS/pdns 8496; spamhaus/rbldnsd 17; hickory-dns 3833",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "rbl.example.", Algorithm: lab.Unsigned,
				Records: "2.0.0.127.zen A 127.0.0.2;;a.b.c A 192.0.2.1"})
			script(w, "rbl.example.", func(q dns.Question, m *dns.Msg) bool {
				if len(m.Answer) == 0 && len(m.Ns) > 0 &&
					strings.ToLower(q.Name) != "rbl.example." {
					m.Rcode = dns.RcodeNameError
					return true
				}
				return false
			})
		},
		steps: []step{
			answered("2.0.0.127.zen.rbl.example.", wire.TypeA, wire.Insecure, wire.TypeA),
			answered("a.b.c.rbl.example.", wire.TypeA, wire.Insecure, wire.TypeA),
			{name: "c.rbl.example.", typ: wire.TypeA, rcode: nxDomain, status: wire.Insecure},
			// What the zone denied wrongly takes nothing from the names below.
			answered("a.b.c.rbl.example.", wire.TypeA, wire.Insecure, wire.TypeA),
		},
	},
	{
		// The DS of a zone behind an alias: asked at the parent, for the child's servers deny it.
		report: "TechnitiumSoftware/DnsServer 2090, xxllnc.nl",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "cloud.example.", Records: "app A 192.0.2.1"})
			w.Add(lab.Zone{Name: "case.example.", Algorithm: lab.Unsigned,
				Records: "www CNAME app.cloud.example."})
		},
		steps: []step{
			answered("www.case.example.", wire.TypeA, wire.Insecure, wire.TypeCNAME, wire.TypeA),
			answered("cloud.example.", wire.TypeDS, wire.Secure, wire.TypeDS),
			answered("app.cloud.example.", wire.TypeA, wire.Secure, wire.TypeA),
		},
	},
	{
		// A proven unsigned zone whose servers answer FORMERR to DNSKEY and DS questions.
		report: "PowerDNS/pdns 3841, mail.protection.outlook.com",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "mail.example.", Algorithm: lab.Unsigned,
				Records: "swivel A 192.0.2.1"})
			script(w, "mail.example.", func(q dns.Question, m *dns.Msg) bool {
				if q.Qtype == dns.TypeDNSKEY || q.Qtype == dns.TypeDS || q.Qtype == dns.TypeNS {
					*m = dns.Msg{MsgHdr: m.MsgHdr, Question: m.Question}
					m.Rcode, m.Authoritative = dns.RcodeFormatError, false
					return true
				}
				return false
			})
		},
		steps: []step{answered("swivel.mail.example.", wire.TypeA, wire.Insecure, wire.TypeA)},
	},
	{
		// An answer that has all that is needed, beside an NS set of servers that refuse.
		report: "PowerDNS/pdns 7866, www.actionindoorsports.com",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "hosting.example.", Algorithm: lab.Unsigned,
				Servers: []lab.ServerFaults{{lab.Refusing}}})
			w.Add(lab.Zone{Name: "sports.example.", Algorithm: lab.Unsigned,
				Records: "www CNAME @;;@ A 192.0.2.1"})
			script(w, "sports.example.", func(q dns.Question, m *dns.Msg) bool {
				if q.Qtype != dns.TypeA {
					return false
				}
				m.Ns = []dns.RR{rr("sports.example. 300 NS ns1.hosting.example.")}
				return true
			})
		},
		steps: []step{
			answered("www.sports.example.", wire.TypeA, wire.Insecure, wire.TypeCNAME, wire.TypeA),
			answered("sports.example.", wire.TypeA, wire.Insecure, wire.TypeA),
		},
	},
	{
		// A DNAME's own name is not redirected (RFC 6672, section 2.3), from memory neither.
		report: "systemd/systemd 35158, smoot.apple.cn",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "cn.example.",
				Records: "smoot DNAME smoot.com.example.;;smoot TXT here"})
			w.Add(lab.Zone{Name: "com.example.",
				Records: "a.smoot A 192.0.2.1;;b.smoot A 192.0.2.2"})
		},
		steps: []step{
			answered("a.smoot.cn.example.", wire.TypeA, wire.Secure, wire.TypeDNAME, wire.TypeCNAME,
				wire.TypeA),
			{name: "smoot.cn.example.", typ: wire.TypeSOA, status: wire.Secure},
			answered("smoot.cn.example.", wire.TypeTXT, wire.Secure, wire.TypeTXT),
			answered("smoot.cn.example.", wire.TypeDNAME, wire.Secure, wire.TypeDNAME),
			// systemd/systemd 34916: a second name below it gets a CNAME of its own.
			answered("b.smoot.cn.example.", wire.TypeA, wire.Secure, wire.TypeDNAME, wire.TypeCNAME,
				wire.TypeA),
		},
	},
	{
		// DNAMEs that lead into themselves: each record once, few packets. One that leads to itself
		// at once is shown, as by Unbound 1.26; longer loops are errors.
		report: "PowerDNS/pdns 8660 and 12885; systemd/systemd 30392; coredns 6419",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "loop.example.",
				Records: "self DNAME self;;grow DNAME x.grow;;a DNAME b;;b DNAME a"})
		},
		steps: []step{
			answered("www.self.loop.example.", wire.TypeA, wire.Secure, wire.TypeDNAME,
				wire.TypeCNAME).packets(12),
			step{name: "www.a.loop.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.AliasLoop}.packets(8),
			step{name: "www.grow.loop.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.AliasLoop}.packets(8),
		},
	},
	{
		// CNAMEs that lead into themselves: as above. Loops of several are an error (RFC 1034,
		// section 3.6.2), not an empty answer.
		report: "TechnitiumSoftware/DnsServer 1818; coredns 6421; PowerDNS/pdns 4307",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "ring.example.", Algorithm: lab.Unsigned,
				Records: "self CNAME self;;a CNAME b;;b CNAME c;;c CNAME a;;* CNAME *"})
		},
		steps: []step{
			answered("self.ring.example.", wire.TypeA, wire.Insecure, wire.TypeCNAME).packets(8),
			{name: "a.ring.example.", typ: wire.TypeA, rcode: servFail, cause: cause.AliasLoop},
			answered("x.ring.example.", wire.TypeA, wire.Insecure, wire.TypeCNAME, wire.TypeCNAME),
			answered("a.ring.example.", wire.TypeCNAME, wire.Insecure, wire.TypeCNAME),
		},
	},
	{
		// An alias directly below a signed zone's apex.
		report: "PowerDNS/pdns 3261, a.lieter.nl",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "lieter.example.", Records: "a CNAME b;;b A 192.0.2.1;;" +
				"a.issue CNAME b.issue;;b.issue A 192.0.2.1"})
		},
		steps: []step{
			answered("a.lieter.example.", wire.TypeA, wire.Secure, wire.TypeCNAME, wire.TypeA),
			answered("a.issue.lieter.example.", wire.TypeA, wire.Secure, wire.TypeCNAME,
				wire.TypeA),
		},
	},
	{
		// A signed DNAME whose CNAME comes without a signature, which has none.
		report: "PowerDNS/pdns 6318, slxh.nl",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "slxh.example.", Records: "@ DNAME slxh.test."})
			w.Add(lab.Zone{Name: "test."})
			w.Add(lab.Zone{Name: "slxh.test.", Records: "mail A 192.0.2.1"})
		},
		steps: []step{
			answered("mail.slxh.example.", wire.TypeA, wire.Secure, wire.TypeDNAME, wire.TypeCNAME,
				wire.TypeA),
			answered("slxh.example.", wire.TypeSOA, wire.Secure, wire.TypeSOA),
		},
	},
	{
		// Aliases through zones of every status; a signed result in between stays what it is.
		report: "hickory-dns 3834, www.gov.uk",
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
			answered("www.gov.example.", wire.TypeA, wire.Insecure, wire.TypeCNAME, wire.TypeCNAME,
				wire.TypeA),
			answered("www.gov.example.", wire.TypeCNAME, wire.Secure, wire.TypeCNAME),
		},
	},
	{
		// TC over UDP and nothing over TCP: an error, never half an answer, never kept.
		report: "hickory-dns 2608 and 2609",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "cut.example.", Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1",
				Servers: []lab.ServerFaults{{lab.NoTCP}}})
		},
		steps: []step{
			{name: "www.cut.example.", typ: wire.TypeA, rcode: servFail, cause: cause.Timeout},
			{name: "www.cut.example.", typ: wire.TypeA, rcode: servFail, cause: cause.Timeout},
		},
	},
	{
		// A forwarder's truncated answer is asked for again over TCP.
		report: "PowerDNS/pdns 704",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "fwd.example.", Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1",
				Servers: []lab.ServerFaults{{lab.Truncate}}})
		},
		config: forwardTo("fwd.example."),
		steps:  []step{answered("www.fwd.example.", wire.TypeA, wire.Insecure, wire.TypeA)},
	},
	{
		// REFUSED by every server: few packets a question, none while it is remembered.
		report: "NLnetLabs/unbound 1338, edgecastdns.net",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "cast.example.", Algorithm: lab.Unsigned,
				Servers: []lab.ServerFaults{{lab.Refusing}, {lab.Refusing}, {lab.Refusing}}})
		},
		steps: []step{
			step{name: "ns1.cast.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.ServerRefused}.packets(14),
			step{name: "ns1.cast.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.ServerRefused}.packets(-1),
			step{name: "ns2.cast.example.", typ: wire.TypeA, rcode: servFail,
				cause: cause.ServerRefused}.packets(6),
		},
	},
	{
		// Algorithms and digests that are not implemented make a zone insecure, not bogus.
		report: "PowerDNS/pdns 4254; systemd/systemd 19824 and 35126; razvandimescu/numa 393",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "old.example.", Algorithm: 100, Records: "www A 192.0.2.1"})
			w.Add(lab.Zone{Name: "pq.example.", Algorithm: 18, Records: "www A 192.0.2.1"})
			w.Add(lab.Zone{Name: "gost.example.", Digest: 5, Records: "www A 192.0.2.1"})
		},
		steps: []step{
			answered("www.old.example.", wire.TypeA, wire.Insecure, wire.TypeA),
			answered("www.pq.example.", wire.TypeA, wire.Insecure, wire.TypeA),
			answered("www.gost.example.", wire.TypeA, wire.Insecure, wire.TypeA),
			{name: "no.pq.example.", typ: wire.TypeA, rcode: nxDomain, status: wire.Insecure},
		},
	},
	{
		// IPv6 is on, has addresses, and leads nowhere; the zone's other family is asked.
		report: "NLnetLabs/unbound 1348; PowerDNS/pdns 7542; TechnitiumSoftware/DnsServer 1098",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "six.example.", Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1"})
			script(w, "example.", func(q dns.Question, m *dns.Msg) bool {
				for _, ns := range m.Ns {
					if ns.Header().Name == "six.example." && ns.Header().Rrtype == dns.TypeNS {
						m.Extra = append(m.Extra, rr("ns1.six.example. 300 AAAA 2001:db8::53"))
						return true
					}
				}
				return false
			})
		},
		config: func(c *resolver.Config) { c.IPv6 = resolver.FamilyOn },
		steps:  []step{answered("www.six.example.", wire.TypeA, wire.Insecure, wire.TypeA)},
	},
	{
		// A name server that joins a delegation and is lame, beside good ones.
		report: "PowerDNS/pdns 150",
		world: func(w *lab.World) {
			w.Add(lab.Zone{Name: "org.example.", Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1",
				Servers: []lab.ServerFaults{{lab.Lame}, {lab.Failing}, nil}})
		},
		steps: []step{
			answered("www.org.example.", wire.TypeA, wire.Insecure, wire.TypeA),
			{name: "no.org.example.", typ: wire.TypeA, rcode: nxDomain, status: wire.Insecure},
		},
	},
}

// TestPublicReports plays the situations, each from an empty cache, with every step asked once.
func TestPublicReports(t *testing.T) {
	for _, c := range reports {
		t.Run(c.report, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.New(time.Now())
				w.Add(lab.Zone{Name: "example."})
				c.world(w)
				in := newWorld(t, w, func(cfg *resolver.Config) {
					if c.config != nil {
						c.config(cfg)
						for i := range cfg.Zones {
							cfg.Zones[i].Addrs = []netip.AddrPort{
								netip.AddrPortFrom(w.AddressOf(cfg.Zones[i].Name.String()), 53)}
						}
					}
				})
				for i, s := range c.steps {
					in.transcript()
					a := in.resolve(s.name, s.typ)
					asked := in.transcript()
					got := cause.None
					if a.Failure != nil {
						got = a.Failure.Cause
					}
					if a.RCode != s.rcode || !slices.Equal(types(a.Sets), s.types) ||
						s.rcode == servFail && got != s.cause ||
						s.rcode != servFail && a.Status != s.status {
						t.Errorf("step %d, %s %s: %s %s %v %v, want %s %s %v %v\n%s", i, s.name,
							s.typ,
							a.RCode, a.Status, types(a.Sets), a.Failure, s.rcode, s.status, s.types,
							s.cause, asked)
					}
					n := strings.Count(asked, "\n")
					if s.most > 0 && n > s.most || s.most < 0 && n > 0 {
						t.Errorf("step %d, %s %s: %d packets, at most %d wanted\n%s", i, s.name,
							s.typ,
							n, s.most, asked)
					}
				}
			})
		})
	}
}

// script changes what the first server of a zone says; change reports whether it did.
func script(w *lab.World, zone string, change func(dns.Question, *dns.Msg) bool) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf(zone) {
			return lab.Reply{}, false
		}
		m := in.Honest()
		if m == nil || !change(in.Question(), m) {
			return lab.Reply{}, false
		}
		return lab.Messages(m), true
	}
}

// forwardTo forwards a zone to its own server.
func forwardTo(zone string) func(*resolver.Config) {
	return func(c *resolver.Config) {
		c.Zones = []resolver.Zone{{Name: wire.MustParseName(zone), Forward: true}}
	}
}
