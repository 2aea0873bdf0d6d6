// Response policy zones.

package fieldreports

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/wire"
	"bailiwick/zone"
)

func TestPolicyZones(t *testing.T) { play(t, policyZones) }

// policed enforces policy zones, the first one first; each is lines of a zone file.
func policed(zones ...string) func(*policy.View) {
	return func(v *policy.View) {
		v.Zones = &rpz.Set{}
		for i, lines := range zones {
			apex, _ := wire.Root.Child(string(rune('a'+i)) + "-policy")
			text := "@ 60 SOA ns. host. 1 60 60 86400 30\n@ NS ns.\n" + lines + "\n"
			z, err := zone.Parse(strings.NewReader(text), apex, "", 1<<20)
			if err != nil {
				panic(err)
			}
			v.Zones.Zones = append(v.Zones.Zones, rpz.Zone{Name: apex, BreakDNSSEC: true,
				Reason: cause.Blocked, Rules: rpz.New(z)})
		}
	}
}

// bySOA compares the policy zone whose SOA record is in the additional section.
func bySOA(apex string) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		got := ""
		for _, rr := range m.Extra {
			if rr.Header().Rrtype == dns.TypeSOA {
				got += rr.Header().Name
			}
		}
		if got != apex {
			t.Errorf("the SOA record is %q, want %q", got, apex)
		}
	}
}

var policyZones = []report{{
	name: "a blocked name is blocked behind an alias of somebody else's",
	seen: "NLnetLabs/unbound 446; PowerDNS/pdns 4188; PowerDNS/pdns 9363; " +
		"AdguardTeam/AdGuardHome 2770",
	situation: "A tracker is reached by an alias in the zone of the site that embeds it. Only " +
		"the name that was asked for was compared with the rules, or only its first alias.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 5.1: each name of the chain.",
	world: func(w *lab.World) {
		signed(w, "shop.example.", "stats CNAME a.cdn.example.")
		unsigned(w, "cdn.example.", "a CNAME b.tracker.example.")
		unsigned(w, "tracker.example.", "b A 192.0.2.1")
	},
	viewing: policed("*.tracker.example CNAME ."),
	steps: []step{
		good("stats.shop.example. A", "NXDOMAIN", "stats.shop.example. CNAME a.cdn.example.",
			"a.cdn.example. CNAME b.tracker.example.").checked(bySOA("a-policy.")),
		good("a.cdn.example. A", "NXDOMAIN", "a.cdn.example. CNAME b.tracker.example."),
	},
}, {
	name: "who is let through is let through by all zones",
	seen: "NLnetLabs/unbound 628; CZ-NIC/knot-resolver 142",
	situation: "The first zone lets a name pass, and a later one blocks the network that its " +
		"address is in. The later rule was applied all the same.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 5.2: the first zone decides.",
	world: func(w *lab.World) {
		unsigned(w, "partner.example.", "api A 192.0.2.9;;www A 192.0.2.9")
	},
	viewing: policed("api.partner.example CNAME rpz-passthru.", "24.0.2.0.192.rpz-ip CNAME ."),
	steps: []step{
		good("api.partner.example. A", "NOERROR", "api.partner.example. A 192.0.2.9"),
		empty("www.partner.example. A", "NXDOMAIN").checked(bySOA("b-policy.")),
		good("api.partner.example. A", "NOERROR", "api.partner.example. A 192.0.2.9"),
	},
}, {
	name: "an alias that a rule puts in place is followed to its end",
	seen: "NLnetLabs/unbound 1332; PowerDNS/pdns 15893",
	situation: "A rule leads clients to a name that is an alias itself, in another zone. They " +
		"got the first alias alone, or none of the addresses when another client had asked.",
	why: "It is an answer: clients do not follow aliases.",
	world: func(w *lab.World) {
		unsigned(w, "old.example.", "www A 192.0.2.1")
		signed(w, "new.example.", "www CNAME edge.cdn.example.")
		unsigned(w, "cdn.example.", "edge A 192.0.2.2;;edge AAAA 2001:db8::2")
	},
	viewing: policed("www.old.example CNAME www.new.example."),
	steps: []step{
		good("www.old.example. A", "NOERROR", "www.old.example. CNAME www.new.example.",
			"www.new.example. CNAME edge.cdn.example.", "edge.cdn.example. A 192.0.2.2"),
		good("www.old.example. AAAA", "NOERROR", "www.old.example. CNAME www.new.example.",
			"www.new.example. CNAME edge.cdn.example.", "edge.cdn.example. AAAA 2001:db8::2"),
		good("www.old.example. A", "NOERROR", "www.old.example. CNAME www.new.example.",
			"www.new.example. CNAME edge.cdn.example.", "edge.cdn.example. A 192.0.2.2").
			packets(noPackets),
	},
}, {
	name: "the order of rules in a file does not matter",
	seen: "NLnetLabs/unbound 935; CZ-NIC/knot-resolver 137",
	situation: "All of a domain is blocked, but for one of its names; which rule stood first " +
		"decided, or wildcards were not known at all.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 5.3: the exact name comes first.",
	world: func(w *lab.World) {
		unsigned(w, "social.example.", "www A 192.0.2.1;;jobs A 192.0.2.2")
	},
	viewing: policed("*.social.example CNAME .\njobs.social.example CNAME rpz-passthru."),
	steps: []step{
		empty("www.social.example. A", "NXDOMAIN"),
		good("jobs.social.example. A", "NOERROR", "jobs.social.example. A 192.0.2.2"),
	},
}, {
	name: "names of rules end wildcards, also if they have no records",
	seen: "PowerDNS/pdns 8231",
	situation: "A zone blocks all of a domain, and has a rule three labels below it. Names " +
		"between the two were blocked here and not there.",
	why: "The zone is one of the DNS (RFC 4592, section 2.2.2).",
	world: func(w *lab.World) {
		unsigned(w, "ads.example.", "x A 192.0.2.1;;y.b A 192.0.2.2;;a.b A 192.0.2.3")
	},
	viewing: policed("*.ads.example CNAME .\na.b.ads.example CNAME *."),
	steps: []step{
		empty("x.ads.example. A", "NXDOMAIN"), empty("a.b.ads.example. A", "NOERROR"),
		good("y.b.ads.example. A", "NOERROR", "y.b.ads.example. A 192.0.2.2"),
	},
}, {
	name: "a changed answer says which zone has changed it, and for how long",
	seen: "PowerDNS/pdns 8232; NLnetLabs/unbound 738",
	situation: "A proxy in front could not keep denials without any TTL, and nobody could tell " +
		"which feed was to blame.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 6: the SOA record of the policy zone.",
	world: func(w *lab.World) {
		unsigned(w, "bad.example.", "www A 192.0.2.1")
	},
	viewing: policed("x.test CNAME .", "www.bad.example CNAME *."),
	steps: []step{
		empty("www.bad.example. A", "NOERROR").checked(bySOA("b-policy.")).packets(noPackets),
		empty("www.bad.example. TXT", "NOERROR").checked(bySOA("b-policy.")),
	},
}, {
	name: "a rule about a server is about all zones that have it",
	seen: "PowerDNS/pdns 13655; NLnetLabs/unbound 219",
	situation: "A domain has two servers, and a rule is about one of them. Whether the rule held " +
		"depended on which was asked, or servers were not compared at all.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 4.4: any server of the delegation.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "parked.example.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.1", Servers: []lab.ServerFaults{nil, nil}})
	},
	viewing: policed("ns2.parked.example.rpz-nsdname CNAME ."),
	steps: []step{
		empty("www.parked.example. A", "NXDOMAIN"), empty("www.parked.example. A", "NXDOMAIN"),
		empty("no.parked.example. A", "NXDOMAIN").checked(bySOA("a-policy.")),
	},
}, {
	name: "a record of the policy zone's own name is not a rule about the root",
	seen: "NLnetLabs/unbound 1439",
	situation: "A generated zone had an address at its own name by mistake. It was taken for a " +
		"rule about the root, whose DNSKEY set it replaced: all signed names failed.",
	why: "A zone's own records are not rules, and what the resolver asks for is never judged.",
	world: func(w *lab.World) {
		signed(w, "shop.example.", "www A 192.0.2.1")
	},
	viewing: policed("@ A 192.0.2.99\nwww.bad.example CNAME ."),
	steps: []step{
		good("www.shop.example. A", "NOERROR AD", "www.shop.example. A 192.0.2.1"),
		empty("www.bad.example. A", "NXDOMAIN"),
	},
}, {
	name: "a rule about an alias's target holds in answers from the cache",
	seen: "NLnetLabs/unbound 954",
	situation: "An alias led to a name of the same zone that a rule gives another address. The " +
		"first client got that, the next ones the real address, until the cache had forgotten.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 5.1: each name of the chain, each time.",
	world: func(w *lab.World) {
		unsigned(w, "dev.example.", "test A 192.0.2.1;;shown CNAME test")
	},
	viewing: policed("test.dev.example A 192.0.2.99"),
	steps: []step{
		good("shown.dev.example. A", "NOERROR", "shown.dev.example. CNAME test.dev.example.",
			"test.dev.example. A 192.0.2.99"),
		good("shown.dev.example. A", "NOERROR", "shown.dev.example. CNAME test.dev.example.",
			"test.dev.example. A 192.0.2.99").packets(noPackets),
		good("test.dev.example. A", "NOERROR", "test.dev.example. A 192.0.2.99"),
		good("shown.dev.example. A", "NOERROR", "shown.dev.example. CNAME test.dev.example.",
			"test.dev.example. A 192.0.2.99").packets(noPackets),
	},
}, {
	name: "a client that is let through is let through by the rules of the same zone",
	seen: "NLnetLabs/unbound 1029",
	situation: "Some clients had a rule that lets them pass, and got what rules about names say " +
		"all the same.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 5.5: the client's address comes first.",
	world: func(w *lab.World) {
		unsigned(w, "site.example.", "www A 192.0.2.1")
	},
	viewing: policed("8.0.0.0.127.rpz-client-ip CNAME rpz-passthru.\nwww.site.example CNAME .\n"+
		"32.1.2.0.192.rpz-ip CNAME .", "www.site.example CNAME *."),
	steps: []step{
		good("www.site.example. A", "NOERROR", "www.site.example. A 192.0.2.1"),
		good("www.site.example. A", "NOERROR", "www.site.example. A 192.0.2.1"),
	},
}, {
	name: "the name that was asked for stands before a wildcard target",
	seen: "PowerDNS/pdns 5237; PowerDNS/pdns 5265",
	situation: "The page that blocked clients are led to is to know what they asked for. They " +
		"got an alias to the asterisk.",
	why: "draft-vixie-dnsop-dns-rpz-00, section 3.6.",
	world: func(w *lab.World) {
		unsigned(w, "garden.example.", "*.all A 192.0.2.7")
	},
	viewing: policed("*.evil.example CNAME *.all.garden.example."),
	steps: []step{
		good("www.evil.example. A", "NOERROR",
			"www.evil.example. CNAME www.evil.example.all.garden.example.",
			"www.evil.example.all.garden.example. A 192.0.2.7"),
		good("a.b.evil.example. A", "NOERROR",
			"a.b.evil.example. CNAME a.b.evil.example.all.garden.example.",
			"a.b.evil.example.all.garden.example. A 192.0.2.7"),
	},
}, {
	name: "a rule's own records live as long as the zone says",
	seen: "PowerDNS/pdns 4931",
	situation: "Answers of rules had a TTL of zero, whatever the zone said, and each client " +
		"asked again for each connection.",
	why: "They are records of a zone.",
	world: func(w *lab.World) {
		unsigned(w, "site.example.", "www A 192.0.2.1")
	},
	viewing: policed("own.example 700 A 192.0.2.9\nold.example 600 CNAME www.site.example."),
	steps: []step{
		good("own.example. A", "NOERROR", "own.example. A 192.0.2.9").checked(firstTTL(700)),
		good("old.example. A", "NOERROR", "old.example. CNAME www.site.example.",
			"www.site.example. A 192.0.2.1").checked(firstTTL(600)),
	},
}, {
	name: "a rule that stands twice in a feed is one rule",
	seen: "PowerDNS/pdns 12842",
	situation: "A feed had some names twice now and then, and was refused as a whole: the old " +
		"rules went on, for days.",
	why: "Records that are equal are one record (RFC 2181, section 5).",
	world: func(w *lab.World) {
		unsigned(w, "site.example.", "www A 192.0.2.1")
	},
	viewing: policed("a.bad.example CNAME .\nb.bad.example CNAME .\na.bad.example CNAME .\n" +
		"A.BAD.example CNAME .\n32.1.2.0.192.rpz-ip CNAME *.\n32.1.2.0.192.rpz-ip CNAME *."),
	steps: []step{
		empty("a.bad.example. A", "NXDOMAIN"), empty("b.bad.example. A", "NXDOMAIN"),
		empty("www.site.example. A", "NOERROR"),
	},
}, {
	name:      "a rule is about nothing above its name",
	seen:      "NLnetLabs/unbound 74",
	situation: "A name of five labels was blocked, and with it the domain that it is in.",
	why:       "draft-vixie-dnsop-dns-rpz-00, section 4.2: the name, or those below a wildcard's.",
	world: func(w *lab.World) {
		unsigned(w, "site.example.", "www A 192.0.2.1;;@ A 192.0.2.2;;c A 192.0.2.3")
	},
	viewing: policed("a.b.c.site.example CNAME .\n*.x.y.site.example CNAME ."),
	steps: []step{
		empty("a.b.c.site.example. A", "NXDOMAIN"),
		good("c.site.example. A", "NOERROR", "c.site.example. A 192.0.2.3"),
		good("site.example. A", "NOERROR", "site.example. A 192.0.2.2"),
		good("www.site.example. A", "NOERROR", "www.site.example. A 192.0.2.1"),
	},
}}

// firstTTL compares the TTL of the first record.
func firstTTL(ttl uint32) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		if len(m.Answer) == 0 || m.Answer[0].Header().Ttl != ttl {
			t.Errorf("the answer is %v, want a TTL of %d", m.Answer, ttl)
		}
	}
}
