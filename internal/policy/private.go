// Private addresses, which names of the public tree may not have (DNS rebinding).

package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"bailiwick/internal/nat64"
	"bailiwick/wire"
)

// PrivateAddresses keeps addresses of the operator's networks out of answers about other people's
// names. If the name of a web page gets such an address after the page was loaded, the page can
// reach into the network of its reader (DNS rebinding). The zero value keeps nothing out.
type PrivateAddresses struct {
	Networks []netip.Prefix
	Domains  []wire.Name // at and below these names all addresses are allowed
	// Translators are prefixes, beside the well-known one, through which IPv4 addresses can be
	// reached.
	Translators []nat64.Prefix
}

// Allowed reports whether a name may have any address: it is at or below one of the domains.
func (p *PrivateAddresses) Allowed(name wire.Name) bool {
	return slices.ContainsFunc(p.Domains, name.Within)
}

// Count returns how many records of the sets hold a private address: the address of an A or AAAA
// record, or a hint of an SVCB or HTTPS record (RFC 9460, section 7.3), as browsers connect to
// hints. allowed reports which owners may have any address.
func (p *PrivateAddresses) Count(sets []*wire.RRset, allowed func(wire.Name) bool) (n int) {
	for _, s := range sets {
		if s.Class != wire.ClassIN || !holdsAddresses(s.Type) || allowed(s.Name) {
			continue
		}
		for d := range s.Data.All() {
			if p.private(s.Type, d) {
				n++
			}
		}
	}
	return n
}

// Without returns the sets that have no such record. The sets themselves are not changed, as they
// may be signed; the argument is returned if nothing is left out.
func (p *PrivateAddresses) Without(sets []*wire.RRset, allowed func(wire.Name) bool) []*wire.RRset {
	holds := func(s *wire.RRset) bool { return p.Count([]*wire.RRset{s}, allowed) > 0 }
	if !slices.ContainsFunc(sets, holds) {
		return sets
	}
	return slices.DeleteFunc(slices.Clone(sets), holds)
}

func holdsAddresses(t wire.Type) bool {
	return t == wire.TypeA || t == wire.TypeAAAA || t == wire.TypeSVCB || t == wire.TypeHTTPS
}

// private reports whether RDATA of a type hold a private address.
func (p *PrivateAddresses) private(t wire.Type, rdata []byte) bool {
	if t == wire.TypeA || t == wire.TypeAAAA {
		a, ok := netip.AddrFromSlice(rdata)
		return ok && p.holds(a)
	}
	return slices.ContainsFunc(hints(rdata), p.holds)
}

// holds reports whether an address is in one of the networks, or leads to one that is: IPv4-mapped
// addresses do so on every host; IPv4-compatible ones (RFC 4291, section 2.5.5.1) and those of 6to4
// (RFC 3056, section 2) on some; and those of a translator through one that ignores RFC 6052,
// section 3.1, or that is there to reach private networks.
func (p *PrivateAddresses) holds(a netip.Addr) bool {
	leads := embedded(a)
	for _, t := range append(p.Translators[:len(p.Translators):len(p.Translators)],
		nat64.WellKnown) {
		if v4, ok := t.Extract(a); ok {
			leads = v4
		}
	}
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool {
		return n.Contains(a) || n.Contains(leads)
	})
}

// compatible and sixToFour are of addresses that have one of IPv4 in them, at an octet.
var (
	compatible = netip.MustParsePrefix("::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// embedded returns the address of IPv4 in one of IPv6 that leads to it without a translator; else
// the address itself.
func embedded(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case a.Is4In6():
		return a.Unmap()
	case compatible.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// The SvcParamKeys of address hints (RFC 9460, section 14.3.2).
const (
	ipv4hint = 4
	ipv6hint = 6
)

// hints returns the addresses in RDATA of an SVCB or HTTPS record (RFC 9460, section 2.2):
// priority, target, then parameters of key, length and value. Of truncated RDATA it returns those
// before the end.
func hints(rdata []byte) (addrs []netip.Addr) {
	if len(rdata) < 2 {
		return nil
	}
	rest := rdata[2:]
	for len(rest) > 0 && rest[0] != 0 { // the target is not compressed
		rest = rest[min(len(rest), 1+int(rest[0])):]
	}
	if len(rest) == 0 {
		return nil
	}
	for rest = rest[1:]; len(rest) >= 4; {
		key, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if rest = rest[4:]; n > len(rest) {
			return addrs
		}
		size := map[uint16]int{ipv4hint: 4, ipv6hint: 16}[key]
		for v := rest[:n]; size > 0 && len(v) >= size; v = v[size:] {
			a, _ := netip.AddrFromSlice(v[:size])
			addrs = append(addrs, a)
		}
		rest = rest[n:]
	}
	return addrs
}
