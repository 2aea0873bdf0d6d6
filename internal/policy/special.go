// Special names: they are answered here, and never asked for on the Internet.

package policy

import (
	"fmt"
	"slices"

	"bailiwick/wire"
)

// specialZones are zones that every resolver serves itself: RFC 6761 (localhost, test, invalid),
// RFC 6762 (local), RFC 7686 (onion), RFC 9476 (alt), ICANN's internal, RFC 8375 (home.arpa), RFC
// 8880 (ipv4only.arpa and the reverse names of its addresses), RFC 9462 (resolver.arpa), RFC 9665
// (service.arpa), RFC 6303 and RFC 7793 (reverse names of addresses that are not global).
var specialZones = func() map[wire.Name]bool {
	zones := []string{"localhost", "test", "invalid", "local", "onion", "alt", "internal",
		"home.arpa", "ipv4only.arpa", "170.0.0.192.in-addr.arpa",
		"171.0.0.192.in-addr.arpa", "resolver.arpa", "service.arpa",
		"0.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "2.0.192.in-addr.arpa",
		"100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
		"10.in-addr.arpa", "168.192.in-addr.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa",
		"9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa",
		"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"}
	for i := 16; i < 32; i++ {
		zones = append(zones, fmt.Sprintf("%d.172.in-addr.arpa", i))
	}
	for i := 64; i < 128; i++ {
		zones = append(zones, fmt.Sprintf("%d.100.in-addr.arpa", i))
	}
	m := map[wire.Name]bool{}
	for _, z := range zones {
		m[wire.MustParseName(z)] = true
	}
	return m
}()

var (
	localhost = wire.MustParseName("localhost")
	loopback4 = wire.MustParseName("1.0.0.127.in-addr.arpa")
	loopback6 = wire.MustParseName(
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa")
	// resolverService exists whether or not there is anything to designate (RFC 9462, section 4).
	resolverService = wire.MustParseName("_dns.resolver.arpa")
	specialTTL      = uint32(3600) // RFC 6303, section 3 leaves it open
	// RFC 8880, section 7.1: the addresses are the same everywhere, which is what clients that look
	// for NAT64 rely on.
	ipv4only   = wire.MustParseName("ipv4only.arpa")
	reverse170 = wire.MustParseName("170.0.0.192.in-addr.arpa")
	reverse171 = wire.MustParseName("171.0.0.192.in-addr.arpa")
	wellKnown4 = [][]byte{{192, 0, 0, 170}, {192, 0, 0, 171}}
)

// IsSpecial reports whether a name is that of a special zone, which can be made ordinary.
func IsSpecial(name wire.Name) bool { return specialZones[name] }

// Special answers questions about special-use names; it returns nil for all others, and for those
// in ordinary zones. server is the MNAME of the SOA in denials; zero means the zone itself (RFC
// 6303, section 3), as no server is to get its dynamic updates.
func Special(q wire.Question, server wire.Name, ordinary []wire.Name) *Local {
	top := q.Name.Ancestor(1).Label()
	switch top { // all of them are below these
	case "localhost", "test", "invalid", "local", "onion", "alt", "internal", "arpa":
	default:
		return nil
	}
	for zone := q.Name; !zone.IsRoot(); zone = zone.Parent() {
		if !specialZones[zone] {
			continue
		}
		if slices.Contains(ordinary, zone) {
			return nil
		}
		if q.Type == wire.TypeDS && q.Name == zone && top == "arpa" {
			// The parent answers this (RFC 4035, section 3.1.4.1): its proof that the delegation is
			// unsigned lets validators that ask us accept our answers (RFC 6303, section 7; RFC
			// 8375, section 4).
			return nil
		}
		l := specialAnswer(q, zone, server)
		l.From = FromSpecial
		if denied(zone) {
			l.Denied = zone
		}
		return l
	}
	return nil
}

// denied reports whether a special zone does not exist, nor anything below it: the root has neither
// a delegation nor a DS set for it. So its own name has no SOA set either, by which nss-mdns, Avahi
// and systemd-resolved would take local for a zone of this network, and ask no neighbours any more
// (RFC 6762, section 22.1; RFC 6761, sections 6.2 and 6.4; RFC 7686, section 2).
func denied(zone wire.Name) bool { return zone.Parent().IsRoot() && zone != localhost }

// specialAnswer answers a question about a name of a special zone.
func specialAnswer(q wire.Question, zone, server wire.Name) *Local {
	l := &Local{NXDomain: true}
	for _, s := range specialSets(q.Name, zone, server) {
		l.NXDomain = false
		if s.Type == q.Type || q.Type == wire.TypeANY {
			l.Answer = append(l.Answer, s)
		}
	}
	if l.Answer == nil {
		l.SOA = MadeSOA(zone, server)
	}
	if q.Name == resolverService || loopback4.Below(q.Name) { // the latter: RFC 8020, section 2
		l.NXDomain = false
	}
	return l
}

// specialSets returns all records that a name of a special zone has.
func specialSets(name, zone, server wire.Name) (sets []*wire.RRset) {
	add := func(t wire.Type, data ...[]byte) {
		s := made(name, t, data[0])
		for _, more := range data[1:] {
			s.Data = s.Data.Append(more)
		}
		sets = append(sets, s)
	}
	switch {
	case zone == localhost: // RFC 6761, section 6.3: and everything below it
		add(wire.TypeA, []byte{127, 0, 0, 1})
		add(wire.TypeAAAA, []byte{15: 1})
	case name == ipv4only:
		add(wire.TypeA, wellKnown4...)
	case name == reverse170, name == reverse171:
		add(wire.TypePTR, []byte(ipv4only.Wire()))
	case name == loopback4, name == loopback6:
		add(wire.TypePTR, []byte(localhost.Wire()))
	}
	if name == zone && !denied(zone) {
		sets = append(sets, MadeSOA(zone, server))
		add(wire.TypeNS, []byte(zone.Wire()))
	}
	return sets
}

// MadeSOA returns the SOA set of a zone that is served here without one of its own. server is its
// MNAME; zero means the zone itself.
func MadeSOA(zone, server wire.Name) *wire.RRset {
	if server.IsZero() {
		server = zone
	}
	// RFC 6303, section 3: the fields after MNAME tell secondaries not to ask.
	soa := append([]byte(server.Wire()), "\x06nobody\x07invalid\x00"...)
	return made(zone, wire.TypeSOA, append(soa, 0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 0x04, 0xb0, 0,
		0x09, 0x3a, 0x80, 0, 0, 0x2a, 0x30))
}

// made returns a set of one record.
func made(owner wire.Name, t wire.Type, rdata []byte) *wire.RRset {
	s := &wire.RRset{Name: owner, Type: t, Class: wire.ClassIN, TTL: specialTTL,
		Security: wire.Insecure}
	s.Data = s.Data.Append(rdata)
	return s
}
