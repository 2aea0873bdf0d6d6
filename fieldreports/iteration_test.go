// Iteration: names between cuts, delegations that come and go, and servers that are half right.

package fieldreports

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestIteration(t *testing.T) { play(t, iteration) }

// since returns whether some time has passed in a world.
func since(d time.Duration) func() bool {
	at := time.Now().Add(d)
	return func() bool { return time.Now().After(at) }
}

// exactly wants a TTL of all records of the answer but signatures.
func exactly(want uint32) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		for _, rr := range m.Answer {
			if rr.Header().Ttl != want {
				t.Errorf("%v: the TTL is not %d", rr, want)
			}
		}
	}
}

// counts wants so many records in the answer.
func counts(n int) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		if len(m.Answer) != n {
			t.Errorf("%d records, want %d", len(m.Answer), n)
		}
	}
}

var iteration = []report{{
	name: "an alias between two cuts does not lead away from the lower one",
	seen: "hickory-dns/hickory-dns 2788",
	situation: "A name on the way to a delegation is an alias. Resolvers that look for a cut " +
		"there hear the alias, and followed it.",
	why: "Data below a CNAME's name are none of its business (RFC 1034, section 3.6.2 speaks of " +
		"the name alone); a shortened question only looks for cuts (RFC 9156, section 3).",
	world: func(w *lab.World) {
		unsigned(w, "testing.example.", "a CNAME elsewhere;;elsewhere A 192.0.2.9")
		unsigned(w, "b.a.testing.example.", "www A 192.0.2.1")
		signed(w, "signed.example.", "a CNAME elsewhere;;elsewhere A 192.0.2.9")
		signed(w, "b.a.signed.example.", "www A 192.0.2.2")
	},
	steps: []step{
		good("www.b.a.testing.example. A", "NOERROR", "www.b.a.testing.example. A 192.0.2.1"),
		good("www.b.a.signed.example. A", "NOERROR AD", "www.b.a.signed.example. A 192.0.2.2"),
		good("a.testing.example. A", "NOERROR",
			"a.testing.example. CNAME elsewhere.testing.example.",
			"elsewhere.testing.example. A 192.0.2.9"),
	},
}, {
	name: "servers whose names do not exist make a failure and no denial",
	seen: "hickory-dns/hickory-dns 3503",
	situation: "The name server of a zone is in a top level domain that the root denies, and the " +
		"client heard NXDOMAIN of the zone's names.",
	why: "That a server's name does not exist says nothing of the names that it should serve: " +
		"RFC 2308, section 7.1 has a server failure for that.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "lost.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1", Glueless: "h.no-such-tld."})
	},
	steps: []step{
		fails("www.lost.example. A", cause.NoAddress),
		fails("www.lost.example. A", cause.NoAddress).packets(noPackets),
		empty("h.no-such-tld. A", "NXDOMAIN AD"),
	},
}, {
	name:      "a failure is remembered, and not for longer than seconds",
	seen:      "hickory-dns/hickory-dns 3563",
	situation: "A zone's servers answer SERVFAIL. Each query of each client began the search anew.",
	why: "RFC 9520, section 3.2: failures are cached for a second at least and five minutes at " +
		"most.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "ill.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		well := since(20 * time.Second)
		script(w, "ill.example.", func(in lab.Incoming, m *dns.Msg) bool {
			*m = *new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure)
			return !well()
		})
	},
	steps: []step{
		fails("www.ill.example. A", cause.ServerFailed),
		fails("www.ill.example. A", cause.ServerFailed).packets(noPackets),
		good("www.ill.example. A", "NOERROR", "www.ill.example. A 192.0.2.1").
			later(5 * time.Minute),
	},
}, {
	name: "addresses that lead to this machine or to nobody are not asked",
	seen: "hickory-dns/hickory-dns 2411, extended-dns-errors.com",
	situation: "Delegations have glue that is unspecified, loopback, multicast or broadcast, " +
		"beside a good server and without one.",
	why: "No server of the public tree can be there; who asks them asks himself " +
		"(CVE-2026-50251). The good server is enough.",
	world: func(w *lab.World) {
		unsigned(w, "mixed.example.", "www A 192.0.2.1")
		unsigned(w, "nobody.example.", "www A 192.0.2.1")
		script(w, "example.", func(_ lab.Incoming, m *dns.Msg) bool {
			for i, e := range m.Extra {
				a, ok := e.(*dns.A)
				if !ok || !strings.HasSuffix(a.Hdr.Name, "mixed.example.") &&
					!strings.HasSuffix(a.Hdr.Name, "nobody.example.") {
					continue
				}
				for _, ip := range []string{"0.0.0.0", "255.255.255.255", "224.0.0.1"} {
					c := dns.Copy(a).(*dns.A)
					c.A = net.ParseIP(ip)
					m.Extra = append(m.Extra, c)
				}
				if strings.HasSuffix(a.Hdr.Name, "nobody.example.") {
					m.Extra = append(m.Extra[:i], m.Extra[i+1:]...)
				}
				return true
			}
			return false
		})
	},
	steps: []step{
		good("www.mixed.example. A", "NOERROR", "www.mixed.example. A 192.0.2.1"),
		{ask: "www.nobody.example. A", want: "SERVFAIL", cause: cause.NoServers, most: 12},
	},
}, {
	name:      "a loop of aliases through two zones is found at its second turn",
	seen:      "hickory-dns/hickory-dns 3566",
	situation: "A name of one zone is an alias of one in another, which is an alias of the first.",
	why: "RFC 1034, section 3.6.2 has loops signalled as an error; each name is asked for " +
		"once.",
	world: func(w *lab.World) {
		unsigned(w, "one.example.", "a CNAME b.two.example.")
		unsigned(w, "two.example.", "b CNAME a.one.example.")
	},
	steps: []step{
		fails("a.one.example. A", cause.AliasLoop).packets(8),
		fails("a.one.example. A", cause.AliasLoop).packets(noPackets),
		fails("b.two.example. A", cause.AliasLoop).packets(noPackets),
	},
}, {
	name: "a delegation below names that are denied wrongly is found",
	seen: "hickory-dns/hickory-dns 3759; iijlab/dnsext 109",
	situation: "Empty non-terminals above a delegation are NXDOMAIN at the servers of an " +
		"unsigned zone, as at a large provider.",
	why: "RFC 9156, section 2.3: such servers are common, so the full name is asked for before " +
		"the denial is believed; RFC 8020 needs no more than the zone's own word for the name " +
		"itself.",
	world: func(w *lab.World) {
		unsigned(w, "r53.example.", "")
		unsigned(w, "deleg.b.a.r53.example.", "host A 192.0.2.1")
		script(w, "r53.example.", func(in lab.Incoming, m *dns.Msg) bool {
			n := strings.ToLower(in.Question().Name)
			if n != "a.r53.example." && n != "b.a.r53.example." {
				return false
			}
			m.Rcode = dns.RcodeNameError
			return true
		})
	},
	steps: []step{
		good("host.deleg.b.a.r53.example. A", "NOERROR", "host.deleg.b.a.r53.example. A 192.0.2.1"),
		empty("b.a.r53.example. A", "NXDOMAIN"),
		empty("no.deleg.b.a.r53.example. A", "NXDOMAIN"),
	},
}, {
	name: "a grandchild is found when the delegation of its parent has ended",
	seen: "NLnetLabs/unbound 1053",
	situation: "The servers of a zone have a zone below it too, and refer to the next one below " +
		"at once. The delegation in between was heard long ago.",
	why: "The closest delegation that lasts is used (RFC 1034, section 5.3.3); an ended one " +
		"between it and a new one hinders nothing.",
	world: func(w *lab.World) {
		unsigned(w, "p.example.", "www A 192.0.2.1")
		w.Add(lab.Zone{Name: "c.p.example.", On: "p.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.2"})
		unsigned(w, "g.c.p.example.", "www A 192.0.2.3;;late A 192.0.2.4")
	},
	steps: []step{
		good("www.c.p.example. A", "NOERROR", "www.c.p.example. A 192.0.2.2"),
		good("www.g.c.p.example. A", "NOERROR", "www.g.c.p.example. A 192.0.2.3"),
		good("late.g.c.p.example. A", "NOERROR", "late.g.c.p.example. A 192.0.2.4").
			later(301 * time.Second),
		good("www.g.c.p.example. A", "NOERROR", "www.g.c.p.example. A 192.0.2.3").packets(4),
	},
}, {
	name: "keys that do not fit a packet come over TCP",
	seen: "CZ-NIC/knot-resolver 138, ai.",
	situation: "The key set of a zone is larger than 1232 octets; over UDP it is truncated. The " +
		"resolver asked again over UDP until it gave up.",
	why: "RFC 7766, section 5: what is truncated is asked for over TCP.",
	world: func(w *lab.World) {
		signed(w, "ai.example.", "www A 192.0.2.1")
		script(w, "ai.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if in.Question().Qtype != dns.TypeDNSKEY || in.TCP {
				return false
			}
			m.Answer, m.Truncated = nil, true
			return true
		})
	},
	steps: []step{
		good("www.ai.example. A", "NOERROR AD", "www.ai.example. A 192.0.2.1").
			asking("ai.example. ai.example. DNSKEY TCP"),
	},
}, {
	name: "a zone's servers delegate nothing that is not below it",
	seen: "razvandimescu/numa 354",
	situation: "The servers of one zone answer with a referral of another zone to themselves, " +
		"with glue.",
	why: "A referral leads down from the zone that was asked (RFC 5452, section 6; RFC 2181, " +
		"section 5.4.1). Any other is no answer, and nothing of it is kept.",
	world: func(w *lab.World) {
		unsigned(w, "attack.example.", "www A 192.0.2.1")
		unsigned(w, "victim.example.", "www A 192.0.2.2")
		script(w, "attack.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			m.Answer, m.Authoritative = nil, false
			m.Ns = []dns.RR{rr("victim.example. 3600 NS ns1.victim.example.")}
			m.Extra = append(m.Extra, rr("ns1.victim.example. 3600 A "+
				w.AddressOf("attack.example.").String()))
			return true
		})
	},
	steps: []step{
		fails("www.attack.example. A", cause.Lame),
		good("www.victim.example. A", "NOERROR", "www.victim.example. A 192.0.2.2").
			sparing("attack.example. www.victim.example. A"),
		good("ns1.victim.example. A", "NOERROR", "ns1.victim.example. A *").
			asking("victim.example. ns1.victim.example. A"),
	},
}, {
	name: "a zone that its parent has taken away is gone when its delegation ends",
	seen: "semihalev/sdns 513",
	situation: "A delegation lasts for five minutes. Its parent takes it away, and clients go on " +
		"asking for new names in it, which its servers answer with longer TTLs.",
	why: "The child prolongs nothing (CVE-2012-1033): how long it is asked is up to the parent.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "ghost.example.", TTL: 86400,
			Records: "a.x A 192.0.2.1;;b.x A 192.0.2.1;;c.x A 192.0.2.1"})
		takenAway(w, "ghost.example.", since(time.Minute))
	},
	steps: []step{
		good("a.x.ghost.example. A", "NOERROR AD", "a.x.ghost.example. A 192.0.2.1"),
		good("b.x.ghost.example. A", "NOERROR AD", "b.x.ghost.example. A 192.0.2.1").
			later(2 * time.Minute),
		empty("c.x.ghost.example. A", "NXDOMAIN AD").later(4 * time.Minute),
		empty("d.x.ghost.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "the TTL of data is not that of the keys or of the delegation",
	seen: "semihalev/sdns 579; semihalev/sdns 580",
	situation: "A zone's data last for an hour, its keys and its delegation for five minutes. " +
		"The second name, or the second query, was told what was left of those.",
	why: "RFC 2181, section 5.2, and RFC 4035, section 5.3.3: a TTL is the set's own, and ends " +
		"with its own signature. Keys that were valid when it was validated are enough.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "long.example.", Records: "a 3600 A 192.0.2.1;;b 3600 A 192.0.2.2"})
	},
	steps: []step{
		good("a.long.example. A", "NOERROR AD", "a.long.example. A 192.0.2.1").
			checked(exactly(3600)),
		good("b.long.example. A", "NOERROR AD", "b.long.example. A 192.0.2.2").
			later(250 * time.Second).checked(exactly(3600)),
		good("b.long.example. A", "NOERROR AD", "b.long.example. A 192.0.2.2").
			checked(exactly(3600)).packets(noPackets),
		good("a.long.example. A", "NOERROR AD", "a.long.example. A 192.0.2.1").
			later(250 * time.Second).checked(exactly(3100)).packets(noPackets),
	},
}, {
	name:      "the CNAME that follows from a DNAME lasts as long as it",
	seen:      "NLnetLabs/unbound 973",
	situation: "Servers give the synthesised CNAME with TTL 0, as the RFC before had it.",
	why: "RFC 6672, section 3.1: its TTL is that of the DNAME, and the CNAME is made from " +
		"that.",
	world: func(w *lab.World) {
		signed(w, "tree.example.", "d DNAME e;;x.e A 192.0.2.1")
		script(w, "tree.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			for i, rr := range m.Answer {
				if c, ok := rr.(*dns.CNAME); ok {
					zero := *c
					zero.Hdr.Ttl = 0
					m.Answer[i] = &zero
				}
			}
			return true
		})
	},
	steps: []step{
		good("x.d.tree.example. A", "NOERROR AD", "d.tree.example. DNAME e.tree.example.",
			"x.d.tree.example. CNAME x.e.tree.example.", "x.e.tree.example. A 192.0.2.1").
			checked(exactly(300)),
		good("x.d.tree.example. A", "NOERROR AD", "d.tree.example. DNAME e.tree.example.",
			"x.d.tree.example. CNAME x.e.tree.example.", "x.e.tree.example. A 192.0.2.1").
			checked(exactly(300)).packets(noPackets),
	},
}, {
	name:      "a DNAME with a TTL of 0 serves each name, for its own question",
	seen:      "NLnetLabs/unbound 1411",
	situation: "A zone has a DNAME with TTL 0, signed and unsigned.",
	why: "RFC 1035, section 3.2.1: it is for the transaction in progress. Each question gets it " +
		"with TTL 0, and the CNAME with the same.",
	world: func(w *lab.World) {
		signed(w, "zero.example.", "d 0 DNAME e;;x.e 0 A 192.0.2.1;;y.e 0 A 192.0.2.2")
		unsigned(w, "plain.example.", "d 0 DNAME e;;x.e 0 A 192.0.2.1")
	},
	steps: []step{
		good("x.d.zero.example. A", "NOERROR AD", "d.zero.example. DNAME e.zero.example.",
			"x.d.zero.example. CNAME x.e.zero.example.", "x.e.zero.example. A 192.0.2.1").
			checked(exactly(0)),
		good("y.d.zero.example. A", "NOERROR AD", "d.zero.example. DNAME e.zero.example.",
			"y.d.zero.example. CNAME y.e.zero.example.", "y.e.zero.example. A 192.0.2.2").
			checked(exactly(0)),
		good("x.d.plain.example. A", "NOERROR", "d.plain.example. DNAME e.plain.example.",
			"x.d.plain.example. CNAME x.e.plain.example.", "x.e.plain.example. A 192.0.2.1").
			checked(exactly(0)),
	},
}, {
	name: "an authority that claims to be a resolver is used",
	seen: "NLnetLabs/unbound 844, www.cscec.com; NLnetLabs/unbound 818, pgl.yoyo.org",
	situation: "The only servers of a zone answer with RA and without AA, rightly. They were " +
		"taken for resolvers of somebody else, and for lame.",
	why: "An answer to the question from a server that the parent names is better than none; one " +
		"with AA would be preferred (RFC 2181, section 5.4.1).",
	world: func(w *lab.World) {
		unsigned(w, "cscec.example.", "www A 192.0.2.1;;a.b TXT here")
		script(w, "cscec.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			m.Authoritative, m.RecursionAvailable = false, true
			return true
		})
	},
	steps: []step{
		good("www.cscec.example. A", "NOERROR", "www.cscec.example. A 192.0.2.1"),
		good("a.b.cscec.example. TXT", "NOERROR", `a.b.cscec.example. TXT "here"`),
		empty("no.cscec.example. A", "NXDOMAIN"),
		empty("www.cscec.example. AAAA", "NOERROR"),
	},
}, {
	name: "nothing that was asked while the network was away stays empty",
	seen: "NLnetLabs/unbound 465",
	situation: "A router loses its link for a while. Names that were asked for meanwhile had no " +
		"data for an hour, all others resolved.",
	why: "No server has answered, so there is no denial to keep (RFC 2308, section 7.2), and " +
		"failures last for minutes at most (RFC 9520, section 3.2).",
	world: func(w *lab.World) {
		unsigned(w, "far.example.", "www A 192.0.2.1;;other A 192.0.2.2")
		back := since(2 * time.Minute)
		w.Path = func(_ lab.Incoming, r lab.Reply) lab.Reply {
			if !back() {
				return lab.Reply{}
			}
			return r
		}
	},
	steps: []step{
		{ask: "www.far.example. A", want: "SERVFAIL", cause: cause.Timeout},
		{ask: "www.far.example. AAAA", want: "SERVFAIL", cause: cause.Timeout},
		good("other.far.example. A", "NOERROR", "other.far.example. A 192.0.2.2").
			later(3 * time.Minute),
		good("www.far.example. A", "NOERROR", "www.far.example. A 192.0.2.1").
			later(10 * time.Second),
		empty("www.far.example. AAAA", "NOERROR"),
	},
}, {
	name: "a message that a firewall has cut is asked for over TCP",
	seen: "MichaCo/DnsClient.NET 52",
	situation: "A box between the resolver and a zone's servers cuts UDP replies after 512 " +
		"octets, and does not set TC: the records that the header counts are not all there.",
	why: "Nothing of such a message can be believed; TCP is for messages that do not fit (RFC " +
		"7766, section 5), and is what BIND asks by.",
	world: func(w *lab.World) {
		var many strings.Builder
		for i := range 60 {
			fmt.Fprintf(&many, "many A 192.0.2.%d;;", i+1)
		}
		unsigned(w, "azure.example.", many.String()+"www A 192.0.2.1")
		signed(w, "proven.example.", many.String()+"www A 192.0.2.1")
		w.Path = func(in lab.Incoming, r lab.Reply) lab.Reply {
			for i, p := range r.Packets {
				if !in.TCP && in.Server != w.AddressOf(".") && len(p) > 512 {
					r.Packets[i] = p[:512]
				}
			}
			return r
		}
	},
	steps: []step{
		good("www.azure.example. A", "NOERROR", "www.azure.example. A 192.0.2.1"),
		{ask: "many.azure.example. A", want: "NOERROR", nothing: true, check: counts(60),
			asked: []string{"azure.example. many.azure.example. A TCP"}},
		{ask: "many.proven.example. A", want: "NOERROR AD", nothing: true, check: counts(61),
			asked: []string{"proven.example. many.proven.example. A TCP"}},
	},
}}
