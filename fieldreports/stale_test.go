// Stale answers: what clients get of data that have ended.

package fieldreports

import (
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestStale(t *testing.T) { play(t, stale) }

// outage has the servers of a zone fail from a time after the start on.
func outage(w *lab.World, zone string, after time.Duration) {
	began := time.Now()
	script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
		m.Rcode, m.Answer, m.Ns, m.Extra = dns.RcodeServerFailure, nil, nil, nil
		return time.Since(began) >= after
	})
}

// changed changes what the servers of a zone reply to a question from a time after the start on.
func changed(w *lab.World, zone, name string, after time.Duration, change func(*dns.Msg)) {
	began := time.Now()
	script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
		if time.Since(began) < after || !is(in, name, in.Question().Qtype) {
			return false
		}
		change(m)
		return true
	})
}

// denied makes a reply the denial of its name.
func denied(zone string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.Rcode, m.Answer = dns.RcodeNameError, nil
		m.Ns = []dns.RR{rr(zone + " 60 SOA ns." + zone + " h. 1 2 3 4 60")}
	}
}

// only checks that a response has these Extended DNS Errors and no other.
func only(codes ...uint16) func(*testing.T, *dns.Msg) {
	return func(t *testing.T, m *dns.Msg) {
		if got := errorsOf(m); !slices.Equal(got, codes) {
			t.Errorf("EDE %v, want %v", got, codes)
		}
	}
}

var stale = []report{{
	name: "old data are never given where the servers answer",
	seen: "NLnetLabs/unbound 1175; MatthewVance/unbound-docker 138; AdguardTeam/AdGuardHome 8596 " +
		"and 7131; AdguardTeam/dnsproxy 284",
	situation: "The addresses of a service change often. Nobody asks for it for some hours, and " +
		"the first client afterwards gets the address of before, which is somebody else's now: " +
		"its TLS certificate is wrong.",
	why: "RFC 8767, section 5: stale data are for clients that cannot have fresh ones in time. A " +
		"server that answers is waited for.",
	world: func(w *lab.World) {
		unsigned(w, "shop.example.", "api A 192.0.2.1")
		changed(w, "shop.example.", "api.shop.example.", time.Hour, func(m *dns.Msg) {
			m.Answer = []dns.RR{rr("api.shop.example. 60 A 192.0.2.9")}
		})
	},
	steps: []step{
		good("api.shop.example. A", "NOERROR", "api.shop.example. A 192.0.2.1"),
		good("api.shop.example. A", "NOERROR", "api.shop.example. A 192.0.2.9").
			later(5 * time.Hour).checked(only()),
	},
}, {
	name: "stale data have an end",
	seen: "NLnetLabs/unbound 1175; AdguardTeam/dnsproxy 318; NLnetLabs/unbound 107",
	situation: "Stale data are served without any limit of time: a name that was moved years ago " +
		"still leads to its former owner's address where the new servers are blocked.",
	why: "RFC 8767, section 5: a maximum stale timer, of one to three days. It counts from the " +
		"end of the data, and being served does not set it back.",
	world: func(w *lab.World) {
		unsigned(w, "old.example.", "www A 192.0.2.1")
		outage(w, "old.example.", time.Minute)
	},
	steps: []step{
		good("www.old.example. A", "NOERROR", "www.old.example. A 192.0.2.1"),
		good("www.old.example. A", "NOERROR", "www.old.example. A 192.0.2.1").
			later(12 * time.Hour).checked(only(3, 23)),
		good("www.old.example. A", "NOERROR", "www.old.example. A 192.0.2.1").
			later(11 * time.Hour).checked(only(3, 23)),
		fails("www.old.example. A", cause.ServerFailed).later(2 * time.Hour),
	},
}, {
	name: "a denial gives way to data with TTL 0",
	seen: "NLnetLabs/unbound 860",
	situation: "A name did not exist, and gets an address with TTL 0, which is not cached. The " +
		"denial stays in the cache and is served again and again.",
	why: "A fresh answer is the answer, whether it can be cached or not; the denial has ended " +
		"(RFC 8767, section 4).",
	world: func(w *lab.World) {
		unsigned(w, "zero.example.", "")
		changed(w, "zero.example.", "host.zero.example.", time.Minute, func(m *dns.Msg) {
			m.Rcode, m.Ns = dns.RcodeSuccess, nil
			m.Answer = []dns.RR{rr("host.zero.example. 0 A 192.0.2.1")}
		})
	},
	steps: []step{
		empty("host.zero.example. A", "NXDOMAIN"),
		good("host.zero.example. A", "NOERROR", "host.zero.example. A 192.0.2.1").
			later(time.Hour),
		good("host.zero.example. A", "NOERROR", "host.zero.example. A 192.0.2.1").
			later(time.Second),
		good("host.zero.example. A", "NOERROR", "host.zero.example. A 192.0.2.1").
			later(time.Hour),
	},
}, {
	name: "the later of an alias and a denial is the one that is stale",
	seen: "PowerDNS/pdns 12395 and 13411",
	situation: "A name was an alias, and has no data any more. Then its servers fail: the cache " +
		"has both the alias and the denial, both ended.",
	why: "The denial replaced the alias (RFC 2308, section 5; RFC 8767, section 4). What was " +
		"replaced is not stale, but wrong.",
	world: func(w *lab.World) {
		unsigned(w, "alias.example.", "www CNAME old;;old A 192.0.2.1")
		changed(w, "alias.example.", "www.alias.example.", time.Minute, func(m *dns.Msg) {
			m.Answer = nil
			m.Ns = []dns.RR{rr("alias.example. 60 SOA ns.alias.example. h. 1 2 3 4 60")}
		})
		outage(w, "alias.example.", 2*time.Hour)
	},
	steps: []step{
		good("www.alias.example. A", "NOERROR", "www.alias.example. CNAME old.alias.example.",
			"old.alias.example. A 192.0.2.1"),
		empty("www.alias.example. A", "NOERROR").later(time.Hour),
		empty("www.alias.example. A", "NOERROR").later(2 * time.Hour).checked(only(3, 23)),
	},
}, {
	name: "data that follow a denial are the ones that are stale",
	seen: "PowerDNS/pdns 12395; systemd/systemd 28058",
	situation: "A name did not exist, then exists, and then its servers fail. The denial of " +
		"before is found first.",
	why: "The same the other way around.",
	world: func(w *lab.World) {
		unsigned(w, "back.example.", "www A 192.0.2.1")
		began := time.Now()
		script(w, "back.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if time.Since(began) >= time.Minute || !is(in, "www.back.example.", dns.TypeA) {
				return false
			}
			denied("back.example.")(m)
			return true
		})
		outage(w, "back.example.", 2*time.Hour)
	},
	steps: []step{
		empty("www.back.example. A", "NXDOMAIN"),
		good("www.back.example. A", "NOERROR", "www.back.example. A 192.0.2.1").later(time.Hour),
		good("www.back.example. A", "NOERROR", "www.back.example. A 192.0.2.1").
			later(2 * time.Hour).checked(only(3, 23)),
	},
}, {
	name: "a failure is never stale",
	seen: "AdguardTeam/dnsproxy 436; safing/portmaster 1879",
	situation: "A name's servers failed once. The failure is kept beyond its end and served " +
		"again and again, although the servers deny the name now.",
	why: "RFC 9520 bounds how long a failure is remembered; RFC 8767 is about data.",
	world: func(w *lab.World) {
		unsigned(w, "once.example.", "")
		began := time.Now()
		script(w, "once.example.", func(in lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			return time.Since(began) < time.Minute
		})
	},
	steps: []step{
		fails("no.once.example. A", cause.ServerFailed),
		fails("no.once.example. A", cause.ServerFailed).packets(noPackets),
		empty("no.once.example. A", "NXDOMAIN").later(time.Hour),
		empty("no.once.example. A", "NXDOMAIN").later(time.Hour),
	},
}, {
	name: "a denial of the name ends its old data, though it is asked for to the contrary",
	seen: "coredns/coredns 7805; systemd/systemd 27681",
	situation: "A zone is taken away by mistake, and its parent denies it. Operators would like " +
		"to have the last good answer.",
	why: "RFC 8767, section 4: NXDOMAIN replaces what is in the cache. What its owner has " +
		"deleted must go, and nobody can tell a mistake from an intention.",
	world: func(w *lab.World) {
		unsigned(w, "gone.example.", "www A 192.0.2.1")
		changed(w, "gone.example.", "www.gone.example.", time.Minute, denied("gone.example."))
		outage(w, "gone.example.", 2*time.Hour)
	},
	steps: []step{
		good("www.gone.example. A", "NOERROR", "www.gone.example. A 192.0.2.1"),
		empty("www.gone.example. A", "NXDOMAIN").later(time.Hour).checked(only()),
		empty("www.gone.example. A", "NXDOMAIN").later(2 * time.Hour).checked(only(19, 23)),
	},
}, {
	name: "the parent's denial of a zone ends its stale data",
	seen: "semihalev/sdns 588",
	situation: "A domain is withdrawn. Its former servers fail for the resolver, which keeps " +
		"serving what they said: the domain lives on as a ghost.",
	why: "The delegation has ended too, and delegations are never stale (CVE-2012-1033): the " +
		"parent is asked anew. What it denies does not exist.",
	world: func(w *lab.World) {
		unsigned(w, "parent.", "")
		w.Add(lab.Zone{Name: "ghost.parent.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1"})
		began := time.Now()
		script(w, "parent.", func(in lab.Incoming, m *dns.Msg) bool {
			name := dns.CanonicalName(in.Question().Name)
			if time.Since(began) < time.Minute || !dns.IsSubDomain("ghost.parent.", name) {
				return false
			}
			m.Extra = nil
			denied("parent.")(m)
			m.Authoritative = true
			return true
		})
		outage(w, "ghost.parent.", time.Minute)
	},
	steps: []step{
		good("www.ghost.parent. A", "NOERROR", "www.ghost.parent. A 192.0.2.1"),
		empty("www.ghost.parent. A", "NXDOMAIN").later(time.Hour).checked(only()),
	},
}, {
	name: "a failure that is remembered hides no data",
	seen: "TechnitiumSoftware/DnsServer 965",
	situation: "A short outage: a failure is cached beside the data that were there before, and " +
		"for its time clients get SERVFAIL.",
	why: "RFC 8767, section 5: the failure recheck timer is what stale data are served under.",
	world: func(w *lab.World) {
		unsigned(w, "short.example.", "www A 192.0.2.1")
		outage(w, "short.example.", time.Minute)
	},
	steps: []step{
		good("www.short.example. A", "NOERROR", "www.short.example. A 192.0.2.1"),
		good("www.short.example. A", "NOERROR", "www.short.example. A 192.0.2.1").
			later(time.Hour).checked(only(3, 23)),
		good("www.short.example. A", "NOERROR", "www.short.example. A 192.0.2.1").
			later(time.Second).sparing("short.example. www.short.example. A").
			checked(only(3, 23)),
		fails("www.short.example. TXT", cause.ServerFailed),
		good("www.short.example. A", "NOERROR", "www.short.example. A 192.0.2.1").
			packets(noPackets).checked(only(3, 23)),
	},
}, {
	name: "after a bogus verdict nothing stale is served",
	seen: "NLnetLabs/unbound 994 and 1143",
	situation: "The data in the cache were secure and have ended. The zone's servers answer with " +
		"data whose signatures do not verify.",
	why: "Unbound keeps the old data and serves them. The new ones were had, and a validator has " +
		"refused them: older data must not hide that (RFC 4035, section 5.5), and an attacker " +
		"who can forge could keep a name at its old address for a day.",
	world: func(w *lab.World) {
		signed(w, "turned.example.", "www A 192.0.2.1")
		changed(w, "turned.example.", "www.turned.example.", time.Minute, func(m *dns.Msg) {
			for i, r := range m.Answer {
				if sig, ok := r.(*dns.RRSIG); ok {
					bad := *sig
					bad.Signature = "AAAA" + sig.Signature[4:]
					m.Answer[i] = &bad
				}
			}
		})
	},
	steps: []step{
		good("www.turned.example. A", "NOERROR AD", "www.turned.example. A 192.0.2.1"),
		fails("www.turned.example. A", cause.SignatureInvalid).later(time.Hour),
		fails("www.turned.example. A", cause.SignatureInvalid).packets(noPackets),
	},
}}
