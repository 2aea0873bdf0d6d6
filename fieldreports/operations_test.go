// What operators, signers and registries do over time: renumbering, roll-overs, refreshes, clocks.

package fieldreports

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

func TestOperations(t *testing.T) { play(t, append(operations, oneKeyRolls())) }

// refreshing has the resolver renew what is asked for shortly before its end.
func refreshing(c *resolver.Config) { c.Prefetch = true }

// resigned makes all signatures of a world around another time.
func resigned(w *lab.World, d time.Duration) {
	own := list(w.OwnKey("example."))
	w.SetKeys("example.", lab.Keys{Published: own, Entry: own, Signing: own, DS: own},
		time.Now().Add(d))
}

var operations = []report{{
	name: "hints of which one address has moved prime the resolver all the same",
	seen: "PowerDNS/pdns 12897, 2970 and 10177; NLnetLabs/unbound 1132; dkorunic/dnstrace 2",
	situation: "A root server got another address. The hints have the old one, where nobody " +
		"answers any more, beside those of others.",
	why: "The root's own set takes the place of the hints (RFC 9609, section 3): after the first " +
		"question the old address is not asked.",
	world: func(w *lab.World) { signed(w, "net.", "www A 192.0.2.1;;web A 192.0.2.2") },
	config: func(c *resolver.Config) {
		c.Prime = true
		old := cache.NameServer{Name: wire.MustParseName("old.root."),
			Addrs: []netip.Addr{netip.MustParseAddr("127.77.0.1")}}
		c.Hints = append([]cache.NameServer{old}, c.Hints...)
	},
	steps: []step{
		good("www.net. A", "NOERROR AD", "www.net. A 192.0.2.1"),
		good("web.net. A", "NOERROR AD", "web.net. A 192.0.2.2").packets(5),
		empty("no. A", "NXDOMAIN AD").later(time.Hour).
			sparing("127.77.0.1 no. A", "127.77.0.1 no. NS"),
	},
}, {
	name: "a top level domain that has moved while its delegation is known is found",
	seen: "PowerDNS/pdns 150; PowerDNS/pdns 1899",
	situation: "A top level domain changes the addresses of its servers, and the old ones go " +
		"silent long before the delegation ends.",
	why: "When all servers of a delegation are silent the parent is asked anew before the name " +
		"fails (RFC 1034, section 5.3.3); old data would be the alternative.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "tld.", TTL: 86400, Servers: []lab.ServerFaults{{}, {}}})
		order := w.Servers()
		old, next := order[len(order)-2], order[len(order)-1]
		signed(w, "a.tld.", "www A 192.0.2.1")
		signed(w, "b.tld.", "www A 192.0.2.2")
		moved := since(time.Minute)
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			gone := next
			if moved() {
				gone = old
			}
			if in.Server == gone {
				return lab.Reply{}, true
			}
			if in.Server != w.AddressOf(".") {
				return lab.Reply{}, false
			}
			m := in.Honest()
			m.Extra = slices.DeleteFunc(m.Extra, func(r dns.RR) bool {
				a, ok := r.(*dns.A)
				return ok && a.A.Equal(gone.AsSlice())
			})
			return lab.Messages(m), true
		}
	},
	steps: []step{
		good("www.a.tld. A", "NOERROR AD", "www.a.tld. A 192.0.2.1"),
		good("www.b.tld. A", "NOERROR AD", "www.b.tld. A 192.0.2.2").later(10 * time.Minute),
	},
}, {
	name: "a refresh that fails takes nothing from what is known",
	seen: "NLnetLabs/unbound 394 and 984; 0xERR0R/blocky 290; coredns/coredns 4028",
	situation: "A name is asked for shortly before its end, and its servers fail for a moment. " +
		"Later they are well again.",
	why: "Data live until their TTL ends, whatever was heard meanwhile but other data; a failure " +
		"of a refresh is nobody's answer (RFC 9520, section 3.2).",
	world: func(w *lab.World) {
		unsigned(w, "flaky.example.", "www A 192.0.2.1")
		from, to := since(280*time.Second), since(350*time.Second)
		script(w, "flaky.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
			return from() && !to()
		})
	},
	config: refreshing,
	steps: []step{
		good("www.flaky.example. A", "NOERROR", "www.flaky.example. A 192.0.2.1"),
		good("www.flaky.example. A", "NOERROR", "www.flaky.example. A 192.0.2.1").
			later(290 * time.Second).asking("flaky.example. www.flaky.example. A"),
		good("www.flaky.example. A", "NOERROR", "www.flaky.example. A 192.0.2.1").
			later(5 * time.Second),
		good("www.flaky.example. A", "NOERROR", "www.flaky.example. A 192.0.2.1").
			later(time.Minute),
	},
}, {
	name:      "a refresh that brings a denial ends what was known",
	seen:      "NLnetLabs/unbound 1192; coredns/coredns 4028",
	situation: "A name is taken away. It is asked for shortly before its end.",
	why:       "The refresh's answer is the latest word of the zone (RFC 2308, section 5).",
	world: func(w *lab.World) {
		unsigned(w, "ended.example.", "www A 192.0.2.1")
		ended := since(time.Minute)
		script(w, "ended.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			m.Ns = []dns.RR{rr("ended.example. 60 SOA a. b. 1 2 3 4 60")}
			return ended()
		})
	},
	config: refreshing,
	steps: []step{
		good("www.ended.example. A", "NOERROR", "www.ended.example. A 192.0.2.1"),
		good("www.ended.example. A", "NOERROR", "www.ended.example. A 192.0.2.1").
			later(285 * time.Second),
		empty("www.ended.example. A", "NXDOMAIN").later(time.Second),
	},
}, {
	name: "a forwarder whose TTLs run down is not asked at each question",
	seen: "folbricht/routedns 47",
	situation: "A forwarder answers from its own memory: near the end of a TTL a refresh brings " +
		"the same data with the seconds that are left.",
	why: "A refresh that gains nothing is not made again and again: one for each second at most.",
	world: func(w *lab.World) {
		unsigned(w, "fwd.example.", "www A 192.0.2.1")
		begun := time.Now()
		script(w, "fwd.example.", func(_ lab.Incoming, m *dns.Msg) bool {
			left := 60 - int(time.Since(begun).Seconds())%60
			for _, r := range m.Answer {
				r.Header().Ttl = uint32(left)
			}
			return true
		})
	},
	config: func(c *resolver.Config) { forward("fwd.example.")(c); c.Prefetch = true },
	steps: []step{
		good("www.fwd.example. A", "NOERROR", "www.fwd.example. A 192.0.2.1"),
		good("www.fwd.example. A", "NOERROR", "www.fwd.example. A 192.0.2.1").
			later(56 * time.Second).packets(1),
		good("www.fwd.example. A", "NOERROR", "www.fwd.example. A 192.0.2.1").packets(noPackets),
		good("www.fwd.example. A", "NOERROR", "www.fwd.example. A 192.0.2.1").packets(noPackets),
	},
}, {
	name: "a zone whose only DS is of an algorithm that is refused is insecure, whatever signs it",
	seen: "semihalev/sdns 495, mailbox.org; NLnetLabs/unbound 983, nvd.nist.gov",
	situation: "The DS of a zone are of RSA/SHA-1, one for the key and some of keys that are not " +
		"there; the zone is signed with that and with RSA/SHA-512.",
	why: "No DS leads to a key by an algorithm that we accept (RFC 9905, section 2; RFC 4035, " +
		"section 5.2), so the zone is unsigned to us.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "box.example.", Algorithm: dns.RSASHA1NSEC3SHA1, Bits: 1024,
			Denial: lab.NSEC3, Records: "www A 192.0.2.1"})
		rolled(w, "box.example.", func(own lab.ZoneKey) lab.Keys {
			gone := w.NewKey("box.example.", dns.RSASHA1NSEC3SHA1, true)
			next := w.NewKey("box.example.", dns.RSASHA512, true)
			return lab.Keys{Published: list(own, next), Entry: list(own, next),
				Signing: list(own, next), DS: list(gone, own)}
		})
	},
	steps: []step{
		good("www.box.example. A", "NOERROR", "www.box.example. A 192.0.2.1"),
		empty("no.box.example. A", "NXDOMAIN TC"), // its proofs are passed on
		empty("www.box.example. AAAA", "NOERROR"),
	},
}, {
	name: "a DS with SHA-1 is no way around one with SHA-256 that does not fit",
	seen: "dnsviz/dnsviz 26, ada.eu.org; desec-io/desec-stack 522",
	situation: "The DS set has two digests of one key: that by SHA-1 fits, that by SHA-256 " +
		"does not.",
	why: "RFC 4509, section 3: SHA-1 is ignored beside SHA-256, or who breaks it has the " +
		"zone.",
	world: func(w *lab.World) {
		signed(w, "weak.example.", "www A 192.0.2.1")
		rolled(w, "weak.example.", func(own lab.ZoneKey) lab.Keys {
			return lab.Keys{Published: list(own), Entry: list(own), Signing: list(own)}
		})
		k := w.OwnKey("weak.example.")
		forged := k.ToDS(dns.SHA256)
		forged.Digest = strings.Repeat("ab", 32)
		w.Put("example.", k.ToDS(dns.SHA1), forged)
	},
	steps: []step{fails("www.weak.example. A", cause.DSMismatch)},
}, {
	name: "an algorithm that we lack beside one that we have makes nothing insecure",
	seen: "razvandimescu/numa 393, valid.mldsa44.dnstest.dev; zonemaster/zonemaster-engine 36",
	situation: "The DS of a zone are of ECDSA and of ML-DSA. Somebody between sends a signature " +
		"by the latter alone.",
	why: "RFC 4035, section 5.2: a zone is insecure only if no DS is of a supported algorithm.",
	world: func(w *lab.World) {
		signed(w, "pq.example.", "www A 192.0.2.1;;good A 192.0.2.2")
		w.Put("example.", rr("pq.example. 300 DS 4711 18 2 "+strings.Repeat("ab", 32)))
		script(w, "pq.example.", func(in lab.Incoming, m *dns.Msg) bool {
			if !is(in, "www.pq.example.", dns.TypeA) {
				return false
			}
			m.Answer[0].(*dns.A).A = netip.MustParseAddr("192.0.2.66").AsSlice()
			for _, r := range m.Answer {
				if sig, ok := r.(*dns.RRSIG); ok {
					sig.Algorithm, sig.KeyTag = 18, 4711
				}
			}
			return true
		})
	},
	steps: []step{
		good("good.pq.example. A", "NOERROR AD", "good.pq.example. A 192.0.2.2"),
		fails("www.pq.example. A", cause.KeyNotFound),
	},
}, {
	name: "signatures that begin in some seconds are believed",
	seen: "TechnitiumSoftware/DnsServer 1118; systemd/systemd 12388",
	situation: "Signers give signatures an inception of now, and this machine's clock is half a " +
		"minute behind.",
	why: "Clocks differ by seconds: RFC 4035, section 5.3.1 wants the time to be in the span, " +
		"and BIND and Unbound allow for a difference.",
	world: func(w *lab.World) {
		signed(w, "new.example.", "www A 192.0.2.1")
		resigned(w, time.Hour+30*time.Second)
	},
	config: func(c *resolver.Config) { c.Validation.Skew = time.Minute },
	steps: []step{
		good("www.new.example. A", "NOERROR AD", "www.new.example. A 192.0.2.1"),
		empty("no.new.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "names of time servers resolve before the clock is set",
	seen: "systemd/systemd 5873, 20235 and 25733; NixOS/nixpkgs 174173; YIO-Remote/remote-os 81; " +
		"pendulum-project/nts-pool 566",
	situation: "A board without a battery starts with the time of last year. The names of its " +
		"time servers are signed, and it cannot set its clock without them.",
	why: "What the operator names as time servers is served while the root's signatures show " +
		"that the clock is wrong, and nothing else (RFC 8767 has no part in it); no AD.",
	world: func(w *lab.World) {
		signed(w, "ntp.example.", "pool A 192.0.2.1")
		signed(w, "bank.example.", "www A 192.0.2.2")
		resigned(w, 365*24*time.Hour)
	},
	config: func(c *resolver.Config) {
		c.TimeServers = []wire.Name{wire.MustParseName("pool.ntp.example.")}
	},
	steps: []step{
		good("pool.ntp.example. A", "NOERROR", "pool.ntp.example. A 192.0.2.1"),
		fails("www.bank.example. A", cause.ClockBehind),
		good("pool.ntp.example. A", "NOERROR", "pool.ntp.example. A 192.0.2.1"),
	},
}}

// oneKeyRolls is a roll-over, whose steps change the world.
func oneKeyRolls() report {
	var roll func(*dns.Msg)
	next := func(m *dns.Msg) { roll(m) }
	return report{
		name: "a single key that is replaced by the book validates at every step",
		seen: "zonemaster/zonemaster 871; handshake-org/hsd 690; NLnetLabs/unbound 983",
		situation: "A zone with one key that signs everything gets another: both are published, " +
			"both have a DS and sign everything, and the old one goes. Names are asked for just " +
			"before each step and just after it.",
		why: "RFC 6781, section 4.1.3: at each step one path from a DS is whole, for old and new " +
			"answers alike.",
		world: func(w *lab.World) {
			var names []string
			for _, n := range "abcdefgh" {
				names = append(names, string(n)+" A 192.0.2.1")
			}
			signed(w, "csk.example.", strings.Join(names, ";;"))
			old, fresh := w.OwnKey("csk.example."), w.NewKey("csk.example.", 0, true)
			both := list(old, fresh)
			stages := []lab.Keys{
				{Published: both, Entry: both, Signing: list(old), DS: list(old)},
				{Published: both, Entry: both, Signing: both, DS: both},
				{Published: list(fresh), Entry: list(fresh), Signing: list(fresh),
					DS: list(fresh)},
			}
			roll = func(*dns.Msg) {
				w.SetKeys("csk.example.", stages[0], time.Now())
				stages = stages[1:]
			}
		},
		steps: []step{
			good("a.csk.example. A", "NOERROR AD", "a.csk.example. A 192.0.2.1"),
			good("b.csk.example. A", "NOERROR AD", "b.csk.example. A 192.0.2.1").
				later(20 * time.Second).with(next),
			good("c.csk.example. A", "NOERROR AD", "c.csk.example. A 192.0.2.1").
				later(10 * time.Minute),
			good("d.csk.example. A", "NOERROR AD", "d.csk.example. A 192.0.2.1").
				later(20 * time.Second).with(next),
			good("e.csk.example. A", "NOERROR AD", "e.csk.example. A 192.0.2.1").
				later(10 * time.Minute),
			good("f.csk.example. A", "NOERROR AD", "f.csk.example. A 192.0.2.1").
				later(20 * time.Second).with(next),
			good("g.csk.example. A", "NOERROR AD", "g.csk.example. A 192.0.2.1").
				later(10 * time.Minute),
			empty("no.csk.example. A", "NXDOMAIN AD"),
		},
	}
}
