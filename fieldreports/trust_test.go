// Trust anchors, negative ones, and cookies that change.

package fieldreports

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/trustanchor"
)

func TestTrust(t *testing.T) { play(t, trust) }

// retired are anchors of the root whose keys it does not have, or not any more.
func retired(s *trustanchor.Set) {
	for _, a := range []string{
		". DS 19036 8 2 49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5",
		". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
		". DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
	} {
		if err := s.Add(a); err != nil {
			panic(err)
		}
	}
}

// plain wants a response without an Extended DNS Error.
func plain(t *testing.T, m *dns.Msg) {
	if codes := errorsOf(m); len(codes) > 0 {
		t.Errorf("Extended DNS Errors %v", codes)
	}
}

var trust = []report{{
	name: "below a negative trust anchor a positive one validates",
	seen: "PowerDNS/pdns 3910; iijlab/dnsext 163",
	situation: "A zone is broken, and has a negative trust anchor. A zone below it has an anchor " +
		"of its own.",
	why: "RFC 7646, section 1.1: validation goes on at an anchor below. Nothing else below the " +
		"negative one is validated.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "broken.example.", Records: "www A 192.0.2.1",
			Faults: lab.Faults{lab.Expired}})
		signed(w, "island.broken.example.", "www A 192.0.2.2")
		w.Add(lab.Zone{Name: "sunk.broken.example.", Records: "www A 192.0.2.3",
			Faults: lab.Faults{lab.CorruptSignatures}})
		w.Add(lab.Zone{Name: "other.broken.example.", Records: "www A 192.0.2.4",
			Faults: lab.Faults{lab.CorruptSignatures}})
	},
	trusting: except("broken.example.", trustanchor.Negative),
	anchored: []string{"island.broken.example.", "sunk.broken.example."},
	steps: []step{
		good("www.broken.example. A", "NOERROR", "www.broken.example. A 192.0.2.1").
			checked(told(33)),
		good("www.island.broken.example. A", "NOERROR AD",
			"www.island.broken.example. A 192.0.2.2").checked(plain),
		empty("no.island.broken.example. A", "NXDOMAIN AD").checked(plain),
		fails("www.sunk.broken.example. A", cause.SignatureInvalid),
		good("www.other.broken.example. A", "NOERROR", "www.other.broken.example. A 192.0.2.4").
			checked(told(33)),
	},
}, {
	name: "an alias that leads below a negative trust anchor is not secure, and clients are told",
	seen: "PowerDNS/pdns 17737; CZ-NIC/knot 45",
	situation: "A name of a signed zone is an alias of one in a zone with a negative trust " +
		"anchor.",
	why: "The answer is as secure as its weakest part (RFC 4035, section 3.2.3), and EDE 33 is " +
		"for an alias's target too.",
	world: func(w *lab.World) {
		signed(w, "shop.example.", "www CNAME cdn.broken.test.;;own A 192.0.2.1")
		w.Add(lab.Zone{Name: "test."})
		w.Add(lab.Zone{Name: "broken.test.", Records: "cdn A 192.0.2.2",
			Faults: lab.Faults{lab.DSMismatch}})
	},
	trusting: except("broken.test.", trustanchor.Negative),
	steps: []step{
		good("www.shop.example. A", "NOERROR", "www.shop.example. CNAME cdn.broken.test.",
			"cdn.broken.test. A 192.0.2.2").checked(told(33)),
		good("www.shop.example. A", "NOERROR", "www.shop.example. CNAME cdn.broken.test.",
			"cdn.broken.test. A 192.0.2.2").checked(told(33)).packets(noPackets),
		good("own.shop.example. A", "NOERROR AD", "own.shop.example. A 192.0.2.1").checked(plain),
	},
}, {
	name: "a negative trust anchor at a top level domain concerns no other",
	seen: "NLnetLabs/unbound 539; PowerDNS/pdns 6799",
	situation: "The keys of a top level domain do not match its DS set, and everything below it " +
		"fails. It gets a negative trust anchor. Elsewhere, names of zones without signatures " +
		"were bogus then.",
	why: "RFC 7646, section 2: nothing at and below it is validated, and everything else is as " +
		"before.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "sx.", Faults: lab.Faults{lab.DSMismatch}})
		signed(w, "whois.sx.", "www A 192.0.2.1")
		unsigned(w, "registry.sx.", "www A 192.0.2.2")
		signed(w, "near.example.", "www A 192.0.2.3")
		unsigned(w, "plain.example.", "www A 192.0.2.4")
		w.Add(lab.Zone{Name: "bad.example.", Records: "www A 192.0.2.5",
			Faults: lab.Faults{lab.CorruptSignatures}})
	},
	trusting: except("sx.", trustanchor.Negative),
	steps: []step{
		good("www.whois.sx. A", "NOERROR", "www.whois.sx. A 192.0.2.1").checked(told(33)),
		good("www.registry.sx. A", "NOERROR", "www.registry.sx. A 192.0.2.2").checked(told(33)),
		empty("no.sx. A", "NXDOMAIN").checked(told(33)),
		good("www.near.example. A", "NOERROR AD", "www.near.example. A 192.0.2.3").checked(plain),
		good("www.plain.example. A", "NOERROR", "www.plain.example. A 192.0.2.4").checked(plain),
		fails("www.bad.example. A", cause.SignatureInvalid),
		empty("nosuchtld. A", "NXDOMAIN AD").checked(plain),
	},
}, {
	name:      "without a negative trust anchor the same top level domain fails whole",
	seen:      "NLnetLabs/unbound 539",
	situation: "The keys of a top level domain do not match its DS set.",
	why: "RFC 4035, section 5.2: nobody knows whether a zone below it is delegated as its " +
		"servers say.",
	world: func(w *lab.World) {
		w.Add(lab.Zone{Name: "sx.", Faults: lab.Faults{lab.DSMismatch}})
		unsigned(w, "registry.sx.", "www A 192.0.2.2")
	},
	steps: []step{fails("www.registry.sx. A", cause.DSMismatch)},
}, {
	name: "the DS set of a zone with an anchor is its parent's",
	seen: "PowerDNS/pdns 10166",
	situation: "A zone has an anchor beside its delegation, and a client, such as a validating " +
		"forwarder behind this resolver, asks for the zone's DS set.",
	why: "The DS set is data of the parent (RFC 4034, section 5), whose signatures the client " +
		"can check. An anchor is not a record.",
	world: func(w *lab.World) {
		signed(w, "own.example.", "www A 192.0.2.1")
		unsigned(w, "cut.example.", "www A 192.0.2.2")
	},
	anchored: []string{"own.example."},
	steps: []step{
		good("own.example. DS", "NOERROR AD", "own.example. DS *").checked(plain),
		good("www.own.example. A", "NOERROR AD", "www.own.example. A 192.0.2.1"),
		empty("cut.example. DS", "NOERROR AD"),
	},
}, {
	name: "anchors whose keys the root does not have do no harm",
	seen: "razvandimescu/numa 235; ferrous-networking/ferrous-dns 186; Q-Con/qcacher 32; " +
		"openwrt/packages 30254; ibauersachs/dnssecjava 11",
	situation: "Around a roll of the root's key, software has the old key, the new one, or both. " +
		"Some compared the keys with the first anchor alone, and lost all validation on the day.",
	why: "One anchor that matches a key which has signed the set is enough (RFC 4035, section 5; " +
		"RFC 6840, section 5.11); others are keys that have gone, or are yet to come.",
	world:    func(w *lab.World) { signed(w, "day.example.", "www A 192.0.2.1") },
	trusting: retired,
	steps: []step{
		good("www.day.example. A", "NOERROR AD", "www.day.example. A 192.0.2.1").checked(plain),
		empty("no.day.example. A", "NXDOMAIN AD"),
	},
}, {
	name: "every answer has a cookie, wherever it comes from",
	seen: "0xERR0R/blocky 2201 and 2252; c-ares/c-ares 1081; home-assistant/core 145708",
	situation: "A forwarder passes on the cookies of its servers: answers from its cache and of " +
		"its own have none. A client that has seen one drops answers without for two minutes.",
	why: "RFC 7873, section 5.2: a server that has cookies returns one with every response to a " +
		"client that sent one.",
	world: func(w *lab.World) {
		signed(w, "c.example.", "www A 192.0.2.1")
		w.Add(lab.Zone{Name: "bad.example.", Records: "www A 192.0.2.5",
			Faults: lab.Faults{lab.CorruptSignatures}})
	},
	steps: everyCookie(
		good("www.c.example. A", "NOERROR AD", "www.c.example. A 192.0.2.1"),
		good("www.c.example. A", "NOERROR AD", "www.c.example. A 192.0.2.1"),
		good("www.c.example. A", "NOERROR AD", "www.c.example. A 192.0.2.1"),
		empty("no.c.example. A", "NXDOMAIN AD"), empty("no.c.example. A", "NXDOMAIN AD"),
		empty("nn.c.example. A", "NXDOMAIN AD"),
		fails("www.bad.example. A", cause.SignatureInvalid),
		fails("www.bad.example. A", cause.SignatureInvalid),
		good("localhost. A", "NOERROR", "localhost. A 127.0.0.1"),
		empty("www.invalid. A", "NXDOMAIN AD"),
	),
}, {
	name: "servers behind one address need not share the secret of their cookies",
	seen: "NLnetLabs/unbound 762 and 1088; gdnsd/gdnsd 125; PowerDNS/pdns 10289",
	situation: "The servers behind an anycast address each have a secret of their own, and each " +
		"reply comes from another one: the cookie of one is bad for the next.",
	why: "RFC 7873, section 5.3: BADCOOKIE is answered with the new cookie, and then over TCP, " +
		"where cookies are not needed.",
	world: func(w *lab.World) {
		unsigned(w, "any.example.", "* A 192.0.2.1")
		instance := 0
		secretive(w, "any.example.", func(string) string {
			instance = (instance + 1) % 3
			return "abc"[instance : instance+1]
		})
	},
	steps: []step{
		good("a.any.example. A", "NOERROR", "a.any.example. A 192.0.2.1"),
		good("b.any.example. A", "NOERROR", "b.any.example. A 192.0.2.1").packets(4),
		good("c.any.example. A", "NOERROR", "c.any.example. A 192.0.2.1").packets(4),
		good("d.any.example. A", "NOERROR", "d.any.example. A 192.0.2.1").packets(4),
	},
}, {
	name: "a server whose secret has changed is asked once more",
	seen: "NLnetLabs/unbound 1088",
	situation: "A server takes another secret without accepting cookies of the one before: the " +
		"cookie that was good yesterday is bad today.",
	why: "RFC 7873, section 5.3: the reply with BADCOOKIE has the new cookie, which is used from " +
		"then on.",
	world: func(w *lab.World) {
		unsigned(w, "turn.example.", "* A 192.0.2.1")
		secretive(w, "turn.example.", func(name string) string {
			if name < "c" {
				return "a"
			}
			return "b"
		})
	},
	steps: []step{
		good("a.turn.example. A", "NOERROR", "a.turn.example. A 192.0.2.1"),
		good("b.turn.example. A", "NOERROR", "b.turn.example. A 192.0.2.1").packets(1),
		good("c.turn.example. A", "NOERROR", "c.turn.example. A 192.0.2.1").packets(2),
		good("d.turn.example. A", "NOERROR", "d.turn.example. A 192.0.2.1").packets(1),
	},
}}

// everyCookie has each step ask with a cookie, and want one.
func everyCookie(steps ...step) []step {
	for i := range steps {
		steps[i] = steps[i].with(cookie("f2d220ad3ab296e9")).checked(hasCookie("f2d220ad3ab296e9"))
	}
	return steps
}

// secretive gives a zone's server cookies that it demands over UDP, made with the secret for a name
// that is asked for.
func secretive(w *lab.World, zone string, secret func(name string) string) {
	script(w, zone, func(in lab.Incoming, m *dns.Msg) bool {
		asked := sentCookie(in.Query)
		if in.TCP || asked == "" || m.IsEdns0() == nil {
			return false
		}
		own := hex.EncodeToString([]byte(strings.Repeat(
			secret(strings.ToLower(in.Query.Question[0].Name)), 8)))
		m.IsEdns0().Option = append(m.IsEdns0().Option,
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: asked[:16] + own})
		if asked[16:] != own {
			m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeBadCookie
		}
		return true
	})
}

// sentCookie returns the cookie of a query in hexadecimal digits, "" if it has none.
func sentCookie(q *dns.Msg) string {
	if opt := q.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
	}
	return ""
}
