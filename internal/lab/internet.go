// The internet of `bailiwick serve --lab` and of the test of all faults.

package lab

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Internet returns a world with a zone for every way of signing and denying, under example., and
// one for every fault, under faulty. bank.example., shop.example. and
// post.example. are well, have two servers each and short TTLs: to be broken while they answer.
func Internet(now time.Time) *World {
	w := New(now)
	for _, z := range []Zone{
		{Name: "example.", Denial: NSEC3, Records: "nic A 192.0.2.10"},
		{Name: "optout.", Denial: NSEC3OptOut},
		{Name: "faulty."},
		{Name: "plain.", Algorithm: Unsigned, Records: "www A 192.0.2.11"},
		{Name: "victim.", Records: "@ A 192.0.2.12"},

		{Name: "secure.example.", Records: ordinary},
		{Name: "nsec3.example.", Denial: NSEC3, Records: ordinary},
		{Name: "iterated.example.", Denial: NSEC3, Iterations: 10, Salt: "aabb", Records: ordinary},
		{Name: "compact.example.", Denial: Compact, Records: ordinary},
		{Name: "unsigned.example.", Algorithm: Unsigned, Records: ordinary},
		{Name: "nods.example.", NoDS: true, Records: ordinary},
		{Name: "signed.optout.", Records: ordinary},
		{Name: "unsigned.optout.", Algorithm: Unsigned, Records: ordinary},
		{Name: "rsasha1.example.", Algorithm: dns.RSASHA1, Bits: 1024, Records: ordinary},
		{Name: "rsasha1nsec3.example.", Algorithm: dns.RSASHA1NSEC3SHA1, Bits: 1024, Denial: NSEC3,
			Records: ordinary},
		{Name: "rsasha256.example.", Algorithm: dns.RSASHA256, Records: ordinary},
		{Name: "rsasha512.example.", Algorithm: dns.RSASHA512, Records: ordinary},
		{Name: "ecdsap384.example.", Algorithm: dns.ECDSAP384SHA384, Digest: dns.SHA384,
			Records: ordinary},
		{Name: "ed25519.example.", Algorithm: dns.ED25519, Records: ordinary},
		{Name: "ed448.example.", Algorithm: AlgorithmEd448, Records: ordinary},
		{Name: "sub.secure.example.", On: "secure.example.", Records: ordinary},
		{Name: "plain.secure.example.", On: "secure.example.", Algorithm: Unsigned,
			Records: ordinary},

		{Name: "expired.faulty.", Faults: Faults{Expired}, Records: ordinary},
		{Name: "future.faulty.", Faults: Faults{Future}, Records: ordinary},
		{Name: "missing-signatures.faulty.", Faults: Faults{MissingSignatures}, Records: ordinary},
		{Name: "corrupt-signatures.faulty.", Faults: Faults{CorruptSignatures}, Records: ordinary},
		{Name: "wrong-keys.faulty.", Faults: Faults{WrongKeys}, Records: ordinary},
		{Name: "ds-mismatch.faulty.", Faults: Faults{DSMismatch}, Records: ordinary},
		{Name: "no-keys.faulty.", Faults: Faults{NoKeys}, Records: ordinary},
		{Name: "no-denial.faulty.", Faults: Faults{NoDenial}, Records: ordinary},
		{Name: "wrong-denial.faulty.", Faults: Faults{WrongDenial}, Records: ordinary},
		{Name: "no-wildcard-proof.faulty.", Faults: Faults{NoWildcardProof}, Records: ordinary},
		{Name: "wrong-synthesis.faulty.", Faults: Faults{WrongSynthesis}, Records: ordinary},
		{Name: "iterations.faulty.", Denial: NSEC3, Iterations: 151, Records: ordinary},
		{Name: "algorithm.faulty.", Algorithm: 100, Records: ordinary},
		{Name: "digest.faulty.", Digest: 100, Records: ordinary},

		{Name: "dead.faulty.", Servers: []ServerFaults{{Dead}}, Records: ordinary},
		{Name: "slow.faulty.", Servers: []ServerFaults{{Slow}}, Records: ordinary},
		{Name: "lossy.faulty.", Servers: []ServerFaults{{LoseFirst}}, Records: ordinary},
		{Name: "refusing.faulty.", Servers: []ServerFaults{{Refusing}}, Records: ordinary},
		{Name: "failing.faulty.", Servers: []ServerFaults{{Failing}}, Records: ordinary},
		{Name: "lame.faulty.", Servers: []ServerFaults{{Lame}}, Records: ordinary},
		{Name: "no-aa.faulty.", Servers: []ServerFaults{{NoAA}}, Records: ordinary},
		{Name: "stripping.faulty.", Servers: []ServerFaults{{Stripping}}, Records: ordinary},
		{Name: "forging.faulty.", Servers: []ServerFaults{{Forging}}, Records: ordinary},
		{Name: "truncate.faulty.", Servers: []ServerFaults{{Truncate}}, Records: ordinary},
		{Name: "no-tcp.faulty.", Servers: []ServerFaults{{NoTCP}}, Records: ordinary},
		{Name: "always-tc.faulty.", Servers: []ServerFaults{{AlwaysTC}}, Records: ordinary},
		{Name: "no-edns.faulty.", Algorithm: Unsigned, Servers: []ServerFaults{{NoEDNS}},
			Records: ordinary},
		{Name: "cookies.faulty.", Servers: []ServerFaults{{Cookies}}, Records: ordinary},
		{Name: "hates-cookies.faulty.", Servers: []ServerFaults{{HatesCookies}}, Records: ordinary},
		{Name: "spoofed.faulty.", Servers: []ServerFaults{{Spoofed}}, Records: ordinary},
		{Name: "garbage.faulty.", Servers: []ServerFaults{{Garbage}}, Records: ordinary},
		{Name: "lower-case.faulty.", Servers: []ServerFaults{{LowerCase}}, Records: ordinary},
		{Name: "one-good.faulty.", Servers: []ServerFaults{{Dead}, {Refusing}, {Stripping},
			{Forging}, {Lame}, nil}, Records: ordinary},
		{Name: "referral-bomb.faulty.", Faults: Faults{ReferralBomb}, Records: ordinary},
		{Name: "loop-a.faulty.", Glueless: "loop-b.faulty.", Records: ordinary},
		{Name: "loop-b.faulty.", Glueless: "loop-a.faulty.", Records: ordinary},
		{Name: "aliases.faulty.", Records: "a CNAME b;;b CNAME a;;" + longChain},
		{Name: "reversed.faulty.", Faults: Faults{Reversed}, Records: ordinary},
		{Name: "networks.example.", Records: ordinary, Tailor: byNetwork},

		// Zones to break while the servers answer.
		{Name: "bank.example.", TTL: 5, Minimum: 5, Servers: []ServerFaults{nil, nil},
			Records: ordinary},
		{Name: "shop.example.", TTL: 5, Minimum: 5, Servers: []ServerFaults{nil, nil},
			Records: ordinary},
		{Name: "post.example.", TTL: 5, Minimum: 5, Denial: NSEC3,
			Servers: []ServerFaults{nil, nil}, Records: ordinary},
	} {
		w.Add(z)
	}
	return w
}

// ordinary are the records of the zones of Internet: data, an alias in the zone and one out of it,
// a wildcard, an empty non-terminal, a DNAME.
const ordinary = `www A 192.0.2.1;;www AAAA 2001:db8::1;;@ MX 10 www;;txt TXT "text";;` +
	`alias CNAME www;;away CNAME www.secure.example.;;*.wild A 192.0.2.2;;` +
	`a.b.ent A 192.0.2.3;;dname DNAME www;;tree DNAME deep;;leaf.deep A 192.0.2.4`

// longChain is a chain of aliases, one longer than the resolver follows.
const longChain = "c0 CNAME c1;;c1 CNAME c2;;c2 CNAME c3;;c3 CNAME c4;;c4 CNAME c5;;" +
	"c5 CNAME c6;;c6 CNAME c7;;c7 CNAME c8;;c8 CNAME c9;;c9 CNAME c10;;c10 CNAME c11;;" +
	"c11 CNAME c12;;c12 CNAME c13;;c13 CNAME c14;;c14 A 192.0.2.5"

// byNetwork has the first octet of the client's network in the third one of the address, which is
// 198.51.N.1, and a scope of 24 bits.
func byNetwork(_ string, n netip.Prefix) (netip.Addr, int) {
	at := byte(0)
	if n.IsValid() {
		at = n.Addr().AsSlice()[0]
	}
	return netip.AddrFrom4([4]byte{198, 51, at, 1}), 24
}
