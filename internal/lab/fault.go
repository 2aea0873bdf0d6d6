// The faults of zones and of servers.

package lab

import (
	"slices"

	"github.com/miekg/dns"
)

// Fault is the name of something wrong with a zone or a server.
type Fault string

// Faults of zones.
const (
	Expired           Fault = "expired"            // signatures of last month
	Future            Fault = "future"             // signatures of next month
	Reversed          Fault = "reversed"           // signatures that expire before they begin
	MissingSignatures Fault = "missing-signatures" // none but over the keys
	CorruptSignatures Fault = "corrupt-signatures" // a bit is wrong
	WrongKeys         Fault = "wrong-keys"         // signed with a key that is not published
	DSMismatch        Fault = "ds-mismatch"        // the parent's DS is of no key
	// The parent's DS is of the key before, as its registrar has not passed on the new one.
	StuckRegistrar Fault = "stuck-registrar"
	// The keys are signed by one of them, but by none that a DS is of.
	MissingKSKSignature Fault = "missing-ksk-signature"
	// The last server has the zone as it was before its key was replaced.
	PartialRollout  Fault = "partial-key-rollout"
	NoKeys          Fault = "no-keys"           // DS, but no DNSKEY
	NoDenial        Fault = "no-denial"         // negative answers without NSEC or NSEC3
	WrongDenial     Fault = "wrong-denial"      // the NSEC of another name
	NoWildcardProof Fault = "no-wildcard-proof" // expanded without the proof
	WrongSynthesis  Fault = "wrong-synthesis"   // a CNAME that does not follow from its DNAME
	ReferralBomb    Fault = "referral-bomb"     // delegated to many servers without an address
)

// Faults of the root that all zones have with it.
const (
	ClockBehind Fault = "clock-behind" // signatures begin in months: the resolver's is slow
	ClockAhead  Fault = "clock-ahead"  // signatures ended months ago: the resolver's is fast
)

// Faults of servers.
const (
	Dead         Fault = "dead"          // silence
	Slow         Fault = "slow"          // answers after SlowBy
	LoseFirst    Fault = "lose"          // the first packet of each question is lost
	Refusing     Fault = "refusing"      // REFUSED
	Failing      Fault = "failing"       // SERVFAIL
	Lame         Fault = "lame"          // refers to the root
	NoAA         Fault = "no-aa"         // answers without AA
	Stripping    Fault = "stripping"     // no RRSIG, NSEC, NSEC3
	Forging      Fault = "forging"       // wrong addresses
	SplitHorizon Fault = "split-horizon" // the inside's version: unsigned, private addresses
	Truncate     Fault = "truncate"      // TC over UDP
	NoTCP        Fault = "no-tcp"        // TC over UDP, and nothing over TCP
	AlwaysTC     Fault = "always-tc"     // TC over TCP too
	NoEDNS       Fault = "no-edns"       // FORMERR to EDNS
	Spoofed      Fault = "spoofed"       // wrong packets before the right one
	Garbage      Fault = "garbage"       // malformed messages
	Cookies      Fault = "cookies"       // BADCOOKIE without its server cookie
	HatesCookies Fault = "hates-cookies" // FORMERR to an option that it does not know
	LowerCase    Fault = "lower-case"    // does not keep the question's letter case
)

// Faults is a list of faults.
type Faults []Fault

func (f Faults) has(x Fault) bool { return slices.Contains(f, x) }

// ServerFaults are the faults of one server.
type ServerFaults = Faults

// strip removes all DNSSEC records.
func strip(m *dns.Msg) {
	drop := func(rr dns.RR) bool {
		switch rr.Header().Rrtype {
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
			return true
		}
		return false
	}
	m.Answer, m.Ns = slices.DeleteFunc(m.Answer, drop), slices.DeleteFunc(m.Ns, drop)
}

// forge puts a false address into every answer.
func forge(m *dns.Msg) {
	for i, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			c := dns.Copy(a).(*dns.A)
			c.A = []byte{203, 0, 113, 66}
			m.Answer[i] = c
		}
	}
}

// hideOutside makes an answer that of a zone of the inside: without signatures and keys, and with
// private addresses.
func hideOutside(m *dns.Msg) {
	strip(m)
	m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeDNSKEY
	})
	for i, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			c := dns.Copy(a).(*dns.A)
			c.A = []byte{10, 0, 0, 66}
			m.Answer[i] = c
		}
	}
}
