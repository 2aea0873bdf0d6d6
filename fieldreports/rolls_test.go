// Keys and DS at the steps of a roll-over, and those that serve no purpose yet or any more.

package fieldreports

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
)

func TestRolls(t *testing.T) { play(t, rolls) }

// rolled gives a zone the keys that a step of its roll-over has; own is the one it began with.
func rolled(w *lab.World, zone string, keys func(own lab.ZoneKey) lab.Keys) {
	w.SetKeys(zone, keys(w.OwnKey(zone)), time.Now())
}

func list(keys ...lab.ZoneKey) []lab.ZoneKey { return keys }

// withoutType is a server that fails for questions of a type.
func withoutType(t uint16) func(lab.Incoming, *dns.Msg) bool {
	return func(in lab.Incoming, m *dns.Msg) bool {
		if in.Question().Qtype != t {
			return false
		}
		m.Rcode, m.Answer, m.Ns = dns.RcodeServerFailure, nil, nil
		return true
	}
}

var rolls = []report{{
	name: "a zone between two algorithms validates by either",
	seen: "internetstandards/Internet.nl 163; coredns/coredns 173",
	situation: "A zone moves from RSA to ECDSA: both keys are published and sign everything, and " +
		"the DS is of one of them, then of both, then of the other.",
	why: "One path by a supported algorithm is enough (RFC 6840, section 5.11).",
	world: func(w *lab.World) {
		for _, zone := range []string{"first.example.", "both.example.", "last.example."} {
			w.Add(lab.Zone{Name: zone, Algorithm: dns.RSASHA256, Records: "www A 192.0.2.1"})
		}
		for zone, ds := range map[string]int{"first.example.": 1, "both.example.": 3,
			"last.example.": 2} {
			rolled(w, zone, func(own lab.ZoneKey) lab.Keys {
				next := w.NewKey(zone, dns.ECDSAP256SHA256, true)
				all := list(own, next)
				return lab.Keys{Published: all, Entry: all, Signing: all,
					DS: [][]lab.ZoneKey{1: list(own), 2: list(next), 3: all}[ds]}
			})
		}
	},
	steps: []step{
		good("www.first.example. A", "NOERROR AD", "www.first.example. A 192.0.2.1"),
		good("www.both.example. A", "NOERROR AD", "www.both.example. A 192.0.2.1"),
		good("www.last.example. A", "NOERROR AD", "www.last.example. A 192.0.2.1"),
		empty("no.last.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "a DS of a key that is not published yet does no harm",
	seen: "handshake-org/hsd 690; UnitOneAI/SecuritySkills 665",
	situation: "A zone has the DS of a standby key at its parent, and publishes the key only " +
		"when it is needed; another has one of an algorithm that nobody implements beside it.",
	why: "RFC 4035, section 5.2: one DS that leads to a key which signed the DNSKEY set is enough.",
	world: func(w *lab.World) {
		signed(w, "standby.example.", "www A 192.0.2.1")
		odd := rr("standby.example. 300 DS 4711 200 2 " + strings.Repeat("ab", 32))
		rolled(w, "standby.example.", func(own lab.ZoneKey) lab.Keys {
			var waiting []lab.ZoneKey
			for range 5 {
				waiting = append(waiting, w.NewKey("standby.example.", 0, true))
			}
			return lab.Keys{Published: list(own), Entry: list(own), Signing: list(own),
				DS: append(waiting, own)}
		})
		w.Put("example.", odd)
	},
	steps: []step{good("www.standby.example. A", "NOERROR AD",
		"www.standby.example. A 192.0.2.1")},
}, {
	name: "a key without the SEP bit may be the one that the DS names",
	seen: "dfinity/internet-identity 4072; zonemaster/zonemaster 871",
	situation: "A zone has one key with flags 256, which signs everything, and the DS is of it. " +
		"A tool said that there was no key-signing key.",
	why: "Validators do not look at the SEP bit (RFC 4034, section 2.1.1).",
	world: func(w *lab.World) {
		signed(w, "single.example.", "www A 192.0.2.1")
		rolled(w, "single.example.", func(lab.ZoneKey) lab.Keys {
			k := list(w.NewKey("single.example.", 0, false))
			return lab.Keys{Published: k, Entry: k, Signing: k, DS: k}
		})
	},
	steps: []step{good("www.single.example. A", "NOERROR AD", "www.single.example. A 192.0.2.1")},
}, {
	name: "records that ask for the removal of the DS are data",
	seen: "hickory-dns/hickory-dns 2734; zonemaster/zonemaster-engine 964, joinly.se; " +
		"PowerDNS/pdns 10608",
	situation: "A zone that wants to become unsigned has CDS 0 0 0 00 and CDNSKEY 0 3 0 AA==. " +
		"Parsers refused the digest of one octet and the key of algorithm 0.",
	why: "RFC 8078, section 4; to a resolver they are sets like others, and change no trust.",
	world: func(w *lab.World) {
		signed(w, "leaving.example.", "@ CDS 0 0 0 00;;@ CDNSKEY 0 3 0 AA==;;www A 192.0.2.1")
	},
	steps: []step{
		good("leaving.example. CDS", "NOERROR AD", "leaving.example. CDS 0 0 0 00"),
		good("leaving.example. CDNSKEY", "NOERROR AD", "leaving.example. CDNSKEY 0 3 0 AA=="),
		good("www.leaving.example. A", "NOERROR AD", "www.leaving.example. A 192.0.2.1"),
	},
}, {
	name: "a DS of algorithm 0 alone makes no zone bogus",
	seen: "zonemaster/zonemaster 1412; desec-io/desec-stack 568",
	situation: "A parent took the request for the removal of a DS for a DS, and published " +
		"0 0 0 00 for a zone that has no signatures any more.",
	why: "No DS has an algorithm and a digest that are supported, so that the zone is unsigned " +
		"(RFC 4035, section 5.2).",
	world: func(w *lab.World) {
		unsigned(w, "left.example.", "www A 192.0.2.1")
		w.Put("example.", rr("left.example. 300 DS 0 0 0 00"))
	},
	steps: []step{
		good("www.left.example. A", "NOERROR", "www.left.example. A 192.0.2.1"),
		good("left.example. DS", "NOERROR AD", "left.example. DS 0 0 0 00"),
	},
}, {
	name: "keys and CDS of a zone without DS are served as they are",
	seen: "dnsviz/dnsviz 157, synclayer.co.jp; oskar456/cds-updates 20",
	situation: "A zone is signed and asks its parent for its first DS. Tools that read its CDS " +
		"through a resolver need it.",
	why: "RFC 9615, section 1: the zone is unsigned until the parent has the DS; its data resolve.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "fresh.example.", NoDS: true, Records: "www A 192.0.2.1;;@ CDS " +
			"1 13 2 " + strings.Repeat("AB", 32)})
		w.Add(lab.Zone{Name: "op.example.", Records: "_dsboot.fresh.example._signal.ns1 CDS " +
			"1 13 2 " + strings.Repeat("AB", 32)})
	},
	steps: []step{
		good("fresh.example. CDS", "NOERROR",
			"fresh.example. CDS 1 13 2 "+strings.Repeat("AB", 32)),
		good("_dsboot.fresh.example._signal.ns1.op.example. CDS", "NOERROR AD",
			"_dsboot.fresh.example._signal.ns1.op.example. CDS 1 13 2 "+strings.Repeat("AB", 32)),
	},
}, {
	name: "keys that cannot be had are no proof that a zone is bogus",
	seen: "hickory-dns/hickory-dns 3932 and 3964",
	situation: "The servers of a signed zone answer SERVFAIL to questions for DNSKEY for some " +
		"time. The zone was called bogus, and for as long as bogus zones are.",
	why: "RFC 4035, section 4.3: nothing is known about such data, so that they are not served. " +
		"The failure is that of the question for the keys, and as short (RFC 9520, section 3.2).",
	world: func(w *lab.World) {
		signed(w, "mute.example.", "www A 192.0.2.1")
		began := time.Now()
		keys := withoutType(dns.TypeDNSKEY)
		script(w, "mute.example.", func(in lab.Incoming, m *dns.Msg) bool {
			return time.Since(began) < 20*time.Second && keys(in, m)
		})
	},
	steps: []step{
		fails("www.mute.example. A", cause.KeyMissing),
		good("www.mute.example. A", "NOERROR AD", "www.mute.example. A 192.0.2.1").
			later(40 * time.Second),
	},
}, {
	name: "names and digests are computed in lower case",
	seen: "hickory-dns/hickory-dns 2685 and 27",
	situation: "The DS of a zone, and the denials of one with NSEC3, are asked for with capital " +
		"letters in the question.",
	why: "The name is hashed in its canonical form (RFC 4034, section 5.1.4; RFC 5155, section 5).",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "roller.example.", Denial: lab.NSEC3, Records: "www A 192.0.2.1"})
	},
	steps: []step{
		empty("No.RollEr.ExamPle. A", "NXDOMAIN AD"),
		empty("WWW.ROLLER.EXAMPLE. TXT", "NOERROR AD"),
		good("WwW.RollEr.ExamPle. A", "NOERROR AD", "WwW.RollEr.ExamPle. A 192.0.2.1"),
		step{ask: "RollEr.ExamPle. DS", want: "NOERROR AD", nothing: true},
	},
}, {
	name: "the DS set may have several digests of each key, in any order",
	seen: "internetstandards/Internet.nl 163; zonemaster/zonemaster 1412",
	situation: "A registry publishes SHA-1, SHA-256, SHA-384, one that nobody implements, and " +
		"a digest that was cut off, for each key.",
	why: "Digests that are not supported are passed over, and so is one of the wrong length: " +
		"any one that fits is enough (RFC 4035, section 5.2; RFC 4509, section 3).",
	world: func(w *lab.World) {
		signed(w, "digests.example.", "www A 192.0.2.1")
		k := w.OwnKey("digests.example.")
		odd, cut := k.ToDS(dns.SHA256), k.ToDS(dns.SHA256)
		odd.DigestType, cut.Digest = 77, cut.Digest[:20]
		w.Put("example.", k.ToDS(dns.SHA1), k.ToDS(dns.SHA384), odd, cut)
	},
	steps: []step{good("www.digests.example. A", "NOERROR AD", "www.digests.example. A 192.0.2.1")},
}, {
	name: "a key that is revoked validates nothing, and one beside it does",
	seen: "razvandimescu/numa 258; ferrous-networking/ferrous-dns 186",
	situation: "A zone revokes one of its keys while DS of both are at the parent. Later only " +
		"the revoked one is left.",
	why: "RFC 5011, section 2.1: a revoked key is not used for validation.",
	world: func(w *lab.World) {
		signed(w, "revoking.example.", "www A 192.0.2.1")
		own, old := w.OwnKey("revoking.example."), w.NewKey("revoking.example.", 0, true)
		old.Flags |= dns.REVOKE
		w.SetKeys("revoking.example.", lab.Keys{Published: list(own, old), Entry: list(own, old),
			Signing: list(own), DS: list(old, own)}, time.Now())
	},
	steps: []step{good("www.revoking.example. A", "NOERROR AD",
		"www.revoking.example. A 192.0.2.1")},
}, {
	name: "many keys and signatures of a roll-over are no attack",
	seen: "UnitOneAI/SecuritySkills 701; kweonminsung/bindizr 160",
	situation: "A zone publishes four keys that sign its keys and four that sign its data, while " +
		"the algorithms change: each set has up to eight signatures.",
	why: "Good signatures are not what KeyTrap (CVE-2023-50387) consists of; the limits leave " +
		"room for real zones.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "busy.example.", Denial: lab.NSEC3, Records: "www A 192.0.2.1"})
		rolled(w, "busy.example.", func(own lab.ZoneKey) lab.Keys {
			entry, data := list(own), []lab.ZoneKey(nil)
			for range 3 {
				entry = append(entry, w.NewKey("busy.example.", dns.ED25519, true))
			}
			for _, a := range []uint8{dns.ED25519, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384,
				dns.ED25519} {
				data = append(data, w.NewKey("busy.example.", a, false))
			}
			all := slices.Concat(entry, data)
			return lab.Keys{Published: all, Entry: all, Signing: data, DS: entry}
		})
	},
	steps: []step{
		good("www.busy.example. A", "NOERROR AD", "www.busy.example. A 192.0.2.1"),
		empty("no.busy.example. A", "NXDOMAIN AD"),
	},
}}
