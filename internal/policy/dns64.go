// DNS64: IPv6 addresses for names that have none, for clients behind a translator (RFC 6147).

package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bailiwick/internal/nat64"
	"bailiwick/wire"
)

// DNS64 is how AAAA records are made of A records. It is immutable.
type DNS64 struct {
	// Prefixes are those of translators: a client gets an address of each (RFC 6147, section 5.2).
	Prefixes []nat64.Prefix
	// ExcludeAAAA are networks whose addresses count as none (section 5.1.4).
	ExcludeAAAA []netip.Prefix
	// ExcludeA are networks whose addresses are not translated.
	ExcludeA []netip.Prefix
	// NonGlobal has the well-known prefix stand before addresses that are not global too.
	NonGlobal bool
	// ExcludeNames are names at and below which nothing is made.
	ExcludeNames []wire.Name
	// IgnoreAAAA are names at and below which every AAAA record counts as none.
	IgnoreAAAA []wire.Name
}

// DNS64Config is what the operator decides about DNS64.
type DNS64Config struct {
	On      bool
	Clients []netip.Prefix // for whom it is on; none: for all
	DNS64
}

// defaultDNS64 is what is used once DNS64 is on.
func defaultDNS64() DNS64Config {
	return DNS64Config{DNS64: DNS64{Prefixes: []nat64.Prefix{nat64.WellKnown},
		ExcludeAAAA: []netip.Prefix{netip.MustParsePrefix("::ffff:0:0/96")}}}
}

// noSOATTL is the most that a record made of others lives if no SOA says how long there is no AAAA
// record (RFC 6147, section 5.1.7).
const noSOATTL = 600

// Excluded reports whether nothing is made for a name.
func (d *DNS64) Excluded(name wire.Name) bool {
	return slices.ContainsFunc(d.ExcludeNames, name.Within)
}

// Real returns an AAAA set without the addresses that count as none; nil if all do, and the set
// itself if none does. A set that has lost an address is not signed any more.
func (d *DNS64) Real(s *wire.RRset) *wire.RRset {
	if slices.ContainsFunc(d.IgnoreAAAA, s.Name.Within) {
		return nil
	}
	var kept wire.RDataList
	for rdata := range s.Data.All() {
		a, ok := netip.AddrFromSlice(rdata)
		if !ok || !containing(d.ExcludeAAAA, a) {
			kept = kept.Append(rdata)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case len(s.Data):
		return s
	}
	c := *s
	c.Data, c.Sigs, c.Security = kept, nil, min(s.Security, wire.Insecure)
	return &c
}

// Translate returns the AAAA set that is made of an A set, nil if none of its addresses is
// translated. denial is the authority section of the answer that denied the AAAA set.
func (d *DNS64) Translate(s *wire.RRset, denial []*wire.RRset) *wire.RRset {
	c := &wire.RRset{Name: s.Name, Type: wire.TypeAAAA, Class: s.Class, TTL: min(s.TTL, noSOATTL),
		Security: s.Security, Until: wire.EarliestEnd(s.Until, denial...)}
	for _, p := range denial {
		if p.Type == wire.TypeSOA {
			c.TTL = min(s.TTL, p.TTL)
		}
	}
	for _, prefix := range d.Prefixes {
		for rdata := range s.Data.All() {
			a, ok := netip.AddrFromSlice(rdata)
			if ok && a.Is4() && d.translates(prefix, a, s.Name) {
				v6 := prefix.Embed(a).As16()
				c.Data = c.Data.Append(v6[:])
			}
		}
	}
	if len(c.Data) == 0 {
		return nil
	}
	return c
}

// translates reports whether an address of a name is translated. The addresses of ipv4only.arpa
// always are: by them clients find the prefixes (RFC 7050, section 3; RFC 8880, section 7.1).
func (d *DNS64) translates(p nat64.Prefix, a netip.Addr, name wire.Name) bool {
	return name == ipv4only || !containing(d.ExcludeA, a) && (d.NonGlobal || p.MayEmbed(a))
}

// containing reports whether one of the networks contains an address.
func containing(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Reverse answers a question for the name of a translated address: it is an alias of the IPv4
// host's (RFC 6147, section 5.3.1). The other way that the RFC has, names of the operator's own, is
// there in local records. An alias says whose name the answer is, and is what BIND and PowerDNS
// have too. It returns nil for all other questions.
func (d *DNS64) Reverse(q wire.Question) *Local {
	if q.Type != wire.TypePTR {
		return nil
	}
	a, ok := reverseAddr(q.Name)
	if !ok {
		return nil
	}
	for _, p := range d.Prefixes {
		v4, ok := p.Exact(a)
		if !ok || !d.translates(p, v4, wire.Name{}) && !slices.ContainsFunc(wellKnown4,
			func(b []byte) bool { return netip.AddrFrom4([4]byte(b)) == v4 }) {
			continue
		}
		b := v4.As4()
		target := wire.MustParseName(strconv.Itoa(int(b[3])) + "." + strconv.Itoa(int(b[2])) + "." +
			strconv.Itoa(int(b[1])) + "." + strconv.Itoa(int(b[0])) + ".in-addr.arpa")
		alias := made(q.Name, wire.TypeCNAME, []byte(target.Wire()))
		alias.TTL = noSOATTL
		return &Local{Answer: []*wire.RRset{alias}, Target: target, From: FromDNS64}
	}
	return nil
}

var ip6arpa = wire.MustParseName("ip6.arpa")

// reverseAddr returns the IPv6 address whose name it is (RFC 3596, section 2.5); false for names of
// networks and all others.
func reverseAddr(name wire.Name) (netip.Addr, bool) {
	const nibbles = 32
	if !name.Below(ip6arpa) || name.Len() != 2*nibbles+ip6arpa.Len() {
		return netip.Addr{}, false
	}
	var a [16]byte
	for i := range nibbles {
		digit, err := strconv.ParseUint(name.Label(), 16, 4)
		if err != nil || len(name.Label()) != 1 || strings.Contains("+-_", name.Label()) {
			return netip.Addr{}, false
		}
		a[15-i/2] |= byte(digit) << (4 * (i % 2))
		name = name.Parent()
	}
	return netip.AddrFrom16(a), true
}
