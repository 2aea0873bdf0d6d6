// What went wrong elsewhere with protection against DNS rebinding, by public reports.

package server_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/wire"
)

// home is the policy of a household or an office: private networks and this machine are kept out,
// but for names that are known to have such addresses.
func home() policy.PrivateAddresses {
	p := policy.PrivateAddresses{}
	for _, n := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8",
		"192.0.0.0/24", "100.64.0.0/10", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		p.Networks = append(p.Networks, netip.MustParsePrefix(n))
	}
	for _, d := range []string{"direct.example.", "dnsbl.example.", "vpn.stranger.example."} {
		p.Domains = append(p.Domains, wire.MustParseName(d))
	}
	return p
}

// Each report is a question of a client of home, and whether it is refused.
func TestRebindingReports(t *testing.T) {
	for _, c := range []struct {
		what, seen string
		name       string
		qtype      uint16
		records    int // of the answer, without signatures
	}{
		{"a mapped address in hexadecimal", "ACK-J/Port_Authority 79",
			"mapped.stranger.example.", dns.TypeAAAA, 0},
		{"an IPv4-compatible address", "ACK-J/Port_Authority 79",
			"compatible.stranger.example.", dns.TypeAAAA, 0},
		{"a mapped address beside a public one", "trailofbits/algo 1049",
			"beside.stranger.example.", dns.TypeAAAA, 0},
		{"a unique local address: IPv6 is looked at", "garrytan/gstack 668",
			"local6.stranger.example.", dns.TypeAAAA, 0},
		{"a link-local address", "ACK-J/Port_Authority 77", "link.stranger.example.",
			dns.TypeAAAA, 0},
		{"this machine by IPv6", "razvandimescu/numa 279", "loop6.stranger.example.",
			dns.TypeAAAA, 0},
		{"the addresses between carriers and their clients", "ACK-J/Port_Authority 79",
			"carrier.stranger.example.", dns.TypeA, 0},
		{"the metadata of a cloud", "UnitOneAI/SecuritySkills 860", "meta.stranger.example.",
			dns.TypeA, 0},
		{"a name with an address in it, which must not reach the router", "openwrt/luci 6255",
			"192-168-0-1.stranger.example.", dns.TypeA, 0},
		{"the same below a name that may", "nextdns/metadata 500",
			"192-168-0-1.direct.example.", dns.TypeA, 1},
		{"a name that may, itself", "opnsense/core 6673", "direct.example.", dns.TypeA, 1},
		{"a part of a zone that may", "NLnetLabs/unbound 900", "host.vpn.stranger.example.",
			dns.TypeA, 1},
		{"and its neighbours, which may not", "opnsense/core 9264", "host.stranger.example.",
			dns.TypeA, 0},
		{"a list of senders of spam, whose answers are in 127.0.0.0/8", "opnsense/core 3692",
			"2.0.0.127.dnsbl.example.", dns.TypeA, 1},
		{"the addresses by which clients find a translator", "opnsense/core 3937",
			"ipv4only.arpa.", dns.TypeA, 2},
		{"what a block list elsewhere answers, unless it is listed", "nextdns/nextdns 151",
			"blocked.stranger.example.", dns.TypeA, 1},
		{"the name of a private address", "opnsense/core 4663", "1.0.168.192.in-addr.arpa.",
			dns.TypePTR, 1},
		{"a local record: it is the operator's", "TechnitiumSoftware/DnsServer 1795",
			"page.stranger.example.", dns.TypeA, 1},
		{"an alias of a stranger, which does not lead into local records", "NLnetLabs/unbound 1315",
			"alias.stranger.example.", dns.TypeA, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := atHome(t)
				for turn := range 3 { // resolved, from the cache, prepared
					m := f.ask(c.name, c.qtype, edns(false))
					if m == nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != c.records {
						t.Errorf("%s, turn %d: want %d records in\n%v", c.seen, turn, c.records, m)
					}
				}
			})
		})
	}
}

// atHome returns a server whose clients are protected, before a world of such names.
func atHome(t *testing.T) *front {
	t.Helper()
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "stranger.example.", Records: "mapped AAAA ::ffff:7f00:1;;" +
		"compatible AAAA ::7f00:1;;beside AAAA ::ffff:192.168.0.1;;beside AAAA 2001:db8::1;;" +
		"local6 AAAA fd00::1;;link AAAA fe80::1;;loop6 AAAA ::1;;carrier A 100.64.0.1;;" +
		"meta A 169.254.169.254;;192-168-0-1 A 192.168.0.1;;host.vpn A 10.0.0.1;;" +
		"host A 10.0.0.1;;blocked A 0.0.0.0;;alias CNAME page;;page A 192.0.2.9"})
	w.Add(lab.Zone{Name: "direct.example.", Records: "@ A 192.168.0.1;;192-168-0-1 A 192.168.0.1"})
	w.Add(lab.Zone{Name: "dnsbl.example.", Records: "2.0.0.127 A 127.0.0.2"})
	cfg, anchors := labtest.Resolver(w)
	f := newFrontAll(t, nil, func(c *resolver.Config) { c.Hints = cfg.Hints }, &quiet{},
		func(p *resolver.Parts) { p.Anchors, p.Exchanger = anchors, w })
	b := localdata.NewBuilder(nil)
	for _, r := range []string{"page.stranger.example. A 192.168.1.53",
		"1.0.168.192.in-addr.arpa. PTR router.corp."} {
		if err := b.AddText(r); err != nil {
			t.Fatal(err)
		}
	}
	local, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	rules := server.Default()
	f.Handler.Replace(server.Rules{Config: &rules, Access: private(),
		View: &policy.View{Private: home(), Local: local.Answer}})
	return f
}

// The address of a name changes after its page was loaded, with a TTL of a second: what is asked
// anew is judged anew, and so is what was prepared before (cloudflare/cloudflared 41,
// DNSCrypt/SimpleDnsCrypt 345).
func TestRebindingReportAnAddressThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := false
		f, w := guarded(t)
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != w.AddressOf("stranger.example.") ||
				!strings.EqualFold(in.Question().Name, "public.stranger.example.") || !inside {
				return lab.Reply{}, false
			}
			m := in.Honest()
			for i, rr := range m.Answer {
				if a, ok := rr.(*dns.A); ok {
					own := dns.Copy(a).(*dns.A)
					own.A = netip.MustParseAddr("10.0.0.1").AsSlice()
					m.Answer[i] = own
					m.Answer = append(m.Answer[:i+1], w.Sign("stranger.example.", own)...)
					break
				}
			}
			return lab.Messages(m), true
		}
		for turn, want := range []int{1, 1, 0, 0} {
			if inside = turn >= 2; turn == 2 {
				f.clock.Advance(time.Hour) // the TTL of the lab is shorter
			}
			m := f.ask("public.stranger.example.", dns.TypeA, edns(false))
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != want {
				t.Errorf("turn %d: %d records are wanted:\n%v", turn, want, m)
			}
		}
	})
}
