// What stub resolvers, phones, clusters and balancers in front of us ask for.

package fieldreports

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/trustanchor"
)

func TestStubs(t *testing.T) { play(t, stubs) }

// deniedBy wants an SOA of a zone beside a denial.
func deniedBy(zone string) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		for _, r := range m.Ns {
			if soa, ok := r.(*dns.SOA); ok && soa.Hdr.Name == zone {
				return
			}
		}
		t.Errorf("no SOA of %s in %v", zone, m.Ns)
	}
}

var stubs = []report{{
	name: "the same search list costs a signed zone few questions",
	seen: "kubernetes/kubernetes 64924; k3s-io/k3s 6132; coredns/coredns 357",
	situation: "A container with five search domains asks for each public name below all of them " +
		"first, by A and AAAA; the company's zone, which is signed, is the last of them.",
	why: "A denied span answers for all names that it covers (RFC 8198, section 5): not each " +
		"name is a question.",
	world: func(w *lab.World) {
		signed(w, "corp.example.", "intra A 192.0.2.1")
		signed(w, "a.example.", "www A 192.0.2.1")
	},
	steps: func() (list []step) {
		list = append(list, empty("www.first.test-0.com.corp.example. A", "NXDOMAIN AD"))
		for i := range 20 {
			for _, typ := range []string{"A", "AAAA"} {
				list = append(list, empty(fmt.Sprintf("www.site%d.com.corp.example. %s", i, typ),
					"NXDOMAIN AD").packets(noPackets))
			}
		}
		return append(list, good("intra.corp.example. A", "NOERROR AD",
			"intra.corp.example. A 192.0.2.1"))
	}(),
}, {
	name: "a forwarder that denies with the SOA of the root denies one name",
	seen: "coredns/coredns 357; d2iq-archive/mesos-dns 338",
	situation: "The server of a cluster's zone forwards what it does not know itself, and its " +
		"NXDOMAIN has the root's SOA beside it, unsigned.",
	why: "It is that forwarder's word about its zone (RFC 2308, section 5): the client moves on " +
		"to the next search domain, and nothing else of the zone or of the root is denied.",
	world: func(w *lab.World) {
		unsigned(w, "cluster.local.", "api.default.svc A 192.0.2.1;;web.default.svc A 192.0.2.2")
		signed(w, "com.", "www A 192.0.2.3")
		script(w, "cluster.local.", func(in lab.Incoming, m *dns.Msg) bool {
			if m.Rcode != dns.RcodeNameError {
				return false
			}
			m.Ns = []dns.RR{rr(". 86400 SOA a.root-servers.net. nstld. 1 2 3 4 86400")}
			return true
		})
	},
	config: forward("cluster.local."),
	steps: []step{
		empty("www.com.default.svc.cluster.local. A", "NXDOMAIN"),
		empty("www.com.default.svc.cluster.local. AAAA", "NXDOMAIN"),
		good("api.default.svc.cluster.local. A", "NOERROR",
			"api.default.svc.cluster.local. A 192.0.2.1"),
		good("www.com. A", "NOERROR AD", "www.com. A 192.0.2.3"),
		good("web.default.svc.cluster.local. A", "NOERROR",
			"web.default.svc.cluster.local. A 192.0.2.2"),
	},
}, {
	name: "a stub that validates asks around a private zone and takes nothing from it",
	seen: "systemd/systemd 2683; systemd/systemd 6490",
	situation: "systemd-resolved asks for the DS and the SOA of each level of a name in a " +
		"private zone that the public root denies.",
	why: "The DS is the root's, and its denial is of type DS alone (RFC 4035, section 3.1.4.1); " +
		"all else is the forwarder's.",
	world: func(w *lab.World) {
		unsigned(w, "xlink.", "melforce A 192.0.2.1;;other A 192.0.2.2")
		w.Withdraw("xlink.")
	},
	config:   forward("xlink."),
	trusting: except("xlink.", trustanchor.Negative),
	steps: []step{
		empty("xlink. DS", "NXDOMAIN AD"),
		empty("melforce.xlink. DS", "NOERROR"),
		good("melforce.xlink. A", "NOERROR", "melforce.xlink. A 192.0.2.1"),
		good("xlink. SOA", "NOERROR", "xlink. SOA *"),
		empty("melforce.xlink. SOA", "NOERROR"),
		empty("melforce.xlink. AAAA", "NOERROR"),
		good("other.xlink. A", "NOERROR", "other.xlink. A 192.0.2.2"),
	},
}, {
	name: "names for browsing a private network do not leave it",
	seen: "AdguardTeam/AdGuardHome 2286, 5567 and 7406; pi-hole/pi-hole 2654; openwrt/luci 4089; " +
		"hassio-addons/app-adguard-home 86",
	situation: "Phones ask for b, db and lb._dns-sd._udp below the reverse zone of their " +
		"network, hundreds of times an hour, with PTR and sometimes with other types.",
	why: "RFC 6303, section 4: these zones are empty here unless the operator has them, and the " +
		"denial has an SOA, so that the phone remembers it.",
	world: func(w *lab.World) {},
	steps: []step{
		empty("lb._dns-sd._udp.0.1.168.192.in-addr.arpa. PTR", "NXDOMAIN").packets(noPackets).
			checked(deniedBy("168.192.in-addr.arpa.")),
		empty("b._dns-sd._udp.0.178.16.172.in-addr.arpa. PTR", "NXDOMAIN").packets(noPackets),
		empty("db._dns-sd._udp.1.0.0.10.in-addr.arpa. TXT", "NXDOMAIN").packets(noPackets),
		empty("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. PTR",
			"NXDOMAIN").packets(noPackets),
	},
}, {
	name: "the health check of a balancer costs one question in a TTL",
	seen: "PowerDNS/pdns 4233 and 16635",
	situation: "dnsdist asks each server behind it for a name every second, with CD or without, " +
		"and takes it out of service when that fails.",
	why: "What is cached is an answer, whoever asks; with CD as well (RFC 6840, section 5.9).",
	world: func(w *lab.World) {
		signed(w, "net.", "")
		signed(w, "root-servers.net.", "a A 192.0.2.1")
	},
	steps: []step{
		good("a.root-servers.net. A", "NOERROR", "a.root-servers.net. A 192.0.2.1").with(noAD),
		good("a.root-servers.net. A", "NOERROR", "a.root-servers.net. A 192.0.2.1").with(cd).
			later(time.Second).packets(noPackets),
		good("a.root-servers.net. A", "NOERROR", "a.root-servers.net. A 192.0.2.1").with(noEDNS).
			later(time.Second).packets(noPackets),
		good("a.root-servers.net. A", "NOERROR AD", "a.root-servers.net. A 192.0.2.1").
			later(4 * time.Minute).packets(noPackets),
	},
}, {
	name: "a service record that is not there is denied with an SOA, whoever answers A",
	seen: "firezone/firezone 7141; pfBlockerNG/pfBlockerNG 3222; AdguardTeam/DnsLibs 80",
	situation: "Phones ask for HTTPS beside A and AAAA, and wait for all three. Empty answers " +
		"without an SOA had them wait, or ask again each time.",
	why: "An empty answer is remembered for the SOA's time (RFC 2308, section 5), from memory too.",
	world: func(w *lab.World) {
		unsigned(w, "shop.example.", "www A 192.0.2.1;;alias CNAME www")
	},
	steps: []step{
		empty("www.shop.example. HTTPS", "NOERROR").checked(deniedBy("shop.example.")),
		good("www.shop.example. A", "NOERROR", "www.shop.example. A 192.0.2.1"),
		empty("www.shop.example. HTTPS", "NOERROR").checked(deniedBy("shop.example.")).
			packets(noPackets),
		good("alias.shop.example. HTTPS", "NOERROR",
			"alias.shop.example. CNAME www.shop.example.").checked(deniedBy("shop.example.")),
	},
}, {
	name: "a forwarder that refuses one type is asked for the others",
	seen: "AdguardTeam/AdguardForiOS 1670; DNSCrypt/dnscrypt-proxy 1473",
	situation: "A filtering forwarder answers REFUSED to every question for HTTPS, and all " +
		"others as it should.",
	why: "A refusal is of its question; the browser goes on with addresses (RFC 9460, section 3).",
	world: func(w *lab.World) {
		unsigned(w, "umbrella.example.", "www A 192.0.2.1;;web A 192.0.2.2")
		script(w, "umbrella.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeRefused, nil, nil
			return in.Question().Qtype == dns.TypeHTTPS
		})
	},
	config: forward("umbrella.example."),
	steps: []step{
		fails("www.umbrella.example. HTTPS", cause.ServerRefused),
		good("www.umbrella.example. A", "NOERROR", "www.umbrella.example. A 192.0.2.1"),
		fails("web.umbrella.example. HTTPS", cause.ServerRefused),
		good("web.umbrella.example. A", "NOERROR", "web.umbrella.example. A 192.0.2.2"),
		fails("www.umbrella.example. HTTPS", cause.ServerRefused).packets(noPackets),
	},
}, {
	name: "a mail host below a wildcard that leads to itself has an answer",
	seen: "PowerDNS/pdns 4307",
	situation: "A zone has a wildcard alias, whose target it covers too. Mail servers ask for " +
		"TLSA below the mail host, and do not deliver on SERVFAIL.",
	why: "A name that is an alias of itself is shown as such (RFC 1034, section 3.6.2 has the " +
		"name server signal an error).",
	world: func(w *lab.World) {
		unsigned(w, "dane.example.", "* CNAME bogus;;mx A 192.0.2.1;;@ MX 10 mx")
	},
	steps: []step{
		good("mx.dane.example. A", "NOERROR", "mx.dane.example. A 192.0.2.1"),
		empty("_25._tcp.mx.dane.example. TLSA", "NXDOMAIN"),
		good("_25._tcp.dane.example. TLSA", "NOERROR",
			"_25._tcp.dane.example. CNAME bogus.dane.example.",
			"bogus.dane.example. CNAME bogus.dane.example."),
	},
}, {
	name: "a wildcard alias to the apex is for names alone that are not there",
	seen: "handshake-org/hsd 947; PowerDNS/pdns 124",
	situation: "A zone has an alias to its apex for all names, and names with MX or TXT records " +
		"alone, which are asked for addresses.",
	why: "RFC 4592, section 2.2.1: a name that exists has no wildcard for any of its types.",
	world: func(w *lab.World) {
		signed(w, "mail.example.", "@ A 192.0.2.1;;* CNAME @;;lord MX 10 mx.example.;;"+
			"anon A 192.0.2.2;;x.deep TXT x")
	},
	steps: []step{
		good("some.mail.example. A", "NOERROR AD", "some.mail.example. CNAME mail.example.",
			"mail.example. A 192.0.2.1"),
		empty("lord.mail.example. A", "NOERROR AD"),
		empty("deep.mail.example. A", "NOERROR AD"),
		empty("y.deep.mail.example. A", "NXDOMAIN AD"),
		good("anon.mail.example. A", "NOERROR AD", "anon.mail.example. A 192.0.2.2"),
		good("lord.mail.example. MX", "NOERROR AD", "lord.mail.example. MX 10 mx.example."),
	},
}, {
	name: "a wildcard above a delegation is for no name below it",
	seen: "PowerDNS/pdns 389",
	situation: "A zone has a wildcard address, and delegates a name. Names below the delegation, " +
		"of which some do not exist, got the wildcard's address.",
	why: "RFC 4592, section 4.2: the delegated zone answers for its names, also after the " +
		"wildcard is known.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tld.", Records: "* A 192.0.2.66;;*.wild A 192.0.2.66"})
		signed(w, "dom.tld.", "@ A 192.0.2.1;;sub CNAME @")
	},
	steps: []step{
		good("any.tld. A", "NOERROR AD", "any.tld. A 192.0.2.66"),
		good("sub.dom.tld. A", "NOERROR AD", "sub.dom.tld. CNAME dom.tld.",
			"dom.tld. A 192.0.2.1"),
		empty("no.dom.tld. A", "NXDOMAIN AD"),
		good("x.y.tld. A", "NOERROR AD", "x.y.tld. A 192.0.2.66"),
	},
}, {
	name: "a DNAME that leads below wildcards is followed to them, with their proof",
	seen: "TechnitiumSoftware/DnsServer 791; NLnetLabs/nsd 152",
	situation: "All of a zone is redirected to one with a wildcard, and a wildcard alias of it " +
		"leads back below the DNAME once.",
	why: "Each step is as if it had been asked for (RFC 6672, section 3.2; RFC 4592, section 3.3).",
	world: func(w *lab.World) {
		signed(w, "old.example.", "old DNAME new.example.;;real A 192.0.2.3")
		signed(w, "new.example.", "*.any A 192.0.2.1;;*.back CNAME x.any.old.old.example.")
	},
	steps: []step{
		good("x.any.old.old.example. A", "NOERROR AD",
			"old.old.example. DNAME new.example.",
			"x.any.old.old.example. CNAME x.any.new.example.", "x.any.new.example. A 192.0.2.1"),
		good("y.back.old.old.example. A", "NOERROR AD",
			"old.old.example. DNAME new.example.",
			"y.back.old.old.example. CNAME y.back.new.example.",
			"y.back.new.example. CNAME x.any.old.old.example.",
			"x.any.old.old.example. CNAME x.any.new.example.", "x.any.new.example. A 192.0.2.1"),
		empty("x.old.old.example. A", "NXDOMAIN AD").
			asAlias("x.old.old.example.", "x.new.example."),
	},
}, {
	name: "a ring of aliases without TTL is not walked for each client",
	seen: "PowerDNS/pdns 4307; semihalev/sdns 513",
	situation: "Two names are aliases of each other, with a TTL of 0, and clients try again and " +
		"again.",
	why: "RFC 9520, section 2.5: an alias loop is a failure, which is remembered for a second at " +
		"least.",
	world: func(w *lab.World) {
		unsigned(w, "ring.example.", "a 0 CNAME b;;b 0 CNAME a")
	},
	steps: []step{
		fails("a.ring.example. A", cause.AliasLoop),
		fails("a.ring.example. A", cause.AliasLoop).packets(noPackets),
		fails("a.ring.example. AAAA", cause.AliasLoop),
		fails("a.ring.example. A", cause.AliasLoop).later(time.Minute).
			asking("ring.example. a.ring.example. A"),
	},
}, {
	name: "a stub that speaks EDNS of any size gets what fits",
	seen: "systemd/systemd 11849, 13432 and 30577",
	situation: "systemd-resolved tries sizes of 65,494, 1,232, 512 and no EDNS, with DO and " +
		"without, and takes a server that leaves one of them out for one that has no EDNS.",
	why:   "RFC 6891, section 6.2.3: every size is answered, with an OPT record if there was one.",
	world: func(w *lab.World) { signed(w, "sizes.example.", "www A 192.0.2.1") },
	steps: func() (list []step) {
		for _, size := range []uint16{65494, 4096, 1232, 512, 0} {
			for _, do := range []bool{true, false} {
				list = append(list, step{ask: "www.sizes.example. A", nothing: true,
					want: "NOERROR AD", change: func(m *dns.Msg) {
						m.AuthenticatedData = true
						m.IsEdns0().SetUDPSize(size)
						m.IsEdns0().SetDo(do)
					}, check: func(t *testing.T, m *dns.Msg) {
						if o := m.IsEdns0(); o == nil || o.Do() != do || len(m.Answer) == 0 {
							t.Errorf("size %d, DO %v: %v", size, do, m)
						}
					}})
			}
		}
		return list
	}(),
}}

// asAlias wants an alias in the answer section.
func (s step) asAlias(name, to string) step {
	parent := name[strings.Index(name, ".")+1:]
	s.answer = []string{parent + " DNAME " + to[strings.Index(to, ".")+1:],
		name + " CNAME " + to}
	return s
}
