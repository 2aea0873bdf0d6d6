// Hostile authorities: what the owner of a zone can try against everybody else.

package simulate

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// hostility is the name of what a hostile authority does.
type hostility string

const (
	poisonAdditional hostility = "poison-additional" // another zone's data, beside its own
	poisonAnswer     hostility = "poison-answer"     // behind an alias to another zone's name
	poisonServers    hostility = "poison-servers"    // NS and glue of another zone
	sideways         hostility = "sideways"          // a referral to another zone
	glueOfOthers     hostility = "glue-of-others"    // name servers of others, false addresses
	onVictims        hostility = "on-victims"        // delegates below itself to others' servers
	endlessAliases   hostility = "endless-aliases"
	endlessReferrals hostility = "endless-referrals"
	manyServers      hostility = "many-servers" // a referral to 40 names without address
	denyOthers       hostility = "deny-others"  // SOA and NSEC of the zone above
	silence          hostility = "silence"      // the slowest answers that count
	longTTL          hostility = "long-ttl"
)

var hostilities = []hostility{poisonAdditional, poisonAnswer, poisonServers, sideways, glueOfOthers,
	onVictims, endlessAliases, endlessReferrals, manyServers, denyOthers, silence, longTTL}

// hostile adds a hostile zone.
func (g *generator) hostile(name string) {
	g.w.Zones = append(g.w.Zones, Zone{Zone: lab.Zone{Name: name, Algorithm: one(g,
		[]uint8{lab.Unsigned, lab.Unsigned, dns.ECDSAP256SHA256}), TTL: 60, Minimum: 5,
		Servers: []lab.ServerFaults{nil}}, Links: []Link{{RTT: 5 * time.Millisecond}},
		Lines: []string{"www A 93.184.216.34"}, Hostile: one(g, hostilities)})
}

// bait is a name that serves a hostile authority if somebody asks for it.
func bait(g *generator, z *Zone) string {
	return under(one(g, []string{"www", "", "a.b", fmt.Sprintf("r%d", g.IntN(100)),
		fmt.Sprintf("r%d.s.t", g.IntN(100))}), z.Name)
}

// attacker is the address that hostile authorities and forgers would lead everybody to.
var attacker = net.IPv4(203, 0, 113, 66)

// attack changes a message of a hostile authority. victim is a name of another zone, and servers
// the name servers of that zone.
func (z *Zone) attack(q, m *dns.Msg, victim string, servers []string) (delay time.Duration) {
	name := q.Question[0].Name
	rr := func(owner string, t uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: 3600}
	}
	zone := parent(victim)
	refer := func(cut string, hosts ...string) {
		m.Authoritative, m.Rcode, m.Answer, m.Ns, m.Extra = false, 0, nil, nil, nil
		for _, h := range hosts {
			m.Ns = append(m.Ns, &dns.NS{Hdr: rr(cut, dns.TypeNS), Ns: h})
		}
	}
	glue := func(hosts ...string) {
		for _, h := range hosts {
			m.Extra = append(m.Extra, &dns.A{Hdr: rr(h, dns.TypeA), A: attacker})
		}
	}
	atApex := strings.EqualFold(name, z.Name)
	switch z.Hostile {
	case poisonAdditional:
		glue(append(servers, victim)...)
	case poisonAnswer:
		m.Rcode, m.Ns = 0, nil
		m.Answer = []dns.RR{&dns.CNAME{Hdr: rr(name, dns.TypeCNAME), Target: victim},
			&dns.A{Hdr: rr(victim, dns.TypeA), A: attacker}}
	case poisonServers:
		m.Ns = append(m.Ns, &dns.NS{Hdr: rr(zone, dns.TypeNS), Ns: "ns." + z.Name})
		glue("ns." + z.Name)
	case sideways:
		refer(zone, "ns."+z.Name)
		glue("ns." + z.Name)
	case glueOfOthers:
		if !atApex {
			refer(name, servers...)
			glue(servers...)
		}
	case onVictims:
		if !atApex {
			refer(name, servers...)
		}
	case endlessAliases:
		m.Rcode, m.Ns = 0, nil
		m.Answer = []dns.RR{&dns.CNAME{Hdr: rr(name, dns.TypeCNAME),
			Target: fmt.Sprintf("n%d.%s", len(name)*7+int(name[0]), z.Name)}}
		if len(name) > 60 {
			m.Answer[0].(*dns.CNAME).Target = "n1." + z.Name
		}
	case endlessReferrals:
		if !atApex {
			refer(name, "ns1."+name)
			glue("ns1." + name)
		}
	case manyServers:
		if !atApex {
			var hosts []string
			for i := range 40 {
				hosts = append(hosts, fmt.Sprintf("nx%d.%s", i, zone))
			}
			refer(name, hosts...)
		}
	case denyOthers:
		m.Rcode, m.Answer = dns.RcodeNameError, nil
		m.Ns = []dns.RR{&dns.SOA{Hdr: rr(parent(z.Name), dns.TypeSOA), Ns: "ns." + z.Name,
			Mbox: "x." + z.Name, Minttl: 3600},
			&dns.NSEC{Hdr: rr(parent(z.Name), dns.TypeNSEC), NextDomain: "zzz." + parent(z.Name),
				TypeBitMap: []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC}}}
	case silence:
		return 1400 * time.Millisecond
	case longTTL:
		for _, x := range m.Answer {
			x.Header().Ttl = 1<<31 - 1
		}
	}
	return 0
}
