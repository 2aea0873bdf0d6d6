// Package nat64 has the addresses by which IPv6 hosts reach IPv4 hosts through a translator (RFC
// 6052).
package nat64

import (
	"fmt"
	"net/netip"
	"slices"
)

// WellKnown is the prefix of RFC 6052, section 2.1.
var WellKnown = Prefix{netip.MustParsePrefix("64:ff9b::/96")}

// Prefix is the prefix of a translator. The zero value is none.
type Prefix struct{ net netip.Prefix }

// lengths are those that RFC 6052, section 2.2 allows.
var lengths = []int{32, 40, 48, 56, 64, 96}

// reserved is the octet that has to be zero in every translated address: bits 64 to 71 (RFC 6052,
// section 2.2).
const reserved = 8

// ParsePrefix reads a prefix.
func ParsePrefix(s string) (Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !p.Addr().Is6() || p.Addr().Is4In6():
		return Prefix{}, fmt.Errorf("%q is not an IPv6 network such as %s", s, WellKnown)
	case !slices.Contains(lengths, p.Bits()):
		return Prefix{}, fmt.Errorf("%q: the prefix of a translator has a length of 32, 40, 48, "+
			"56, 64 or 96 (RFC 6052, section 2.2)", s)
	case p.Addr().As16()[reserved] != 0:
		return Prefix{}, fmt.Errorf("%q: bits 64 to 71 have to be zero (RFC 6052, section 2.2)", s)
	case p.Masked() != p:
		return Prefix{}, fmt.Errorf("%q has bits behind its length: write %s", s, p.Masked())
	}
	return Prefix{p}, nil
}

// String returns the prefix as it is read.
func (p Prefix) String() string { return p.net.String() }

// IsZero reports whether there is no prefix.
func (p Prefix) IsZero() bool { return !p.net.IsValid() }

// Embed returns the IPv6 address of an IPv4 host. Octets of the address go around the reserved one.
func (p Prefix) Embed(a netip.Addr) netip.Addr {
	out, i := p.net.Addr().As16(), p.net.Bits()/8
	for _, b := range a.Unmap().As4() {
		if i == reserved {
			i++
		}
		out[i] = b
		i++
	}
	return netip.AddrFrom16(out)
}

// Extract returns the IPv4 host that an IPv6 address leads to; false if the address does not have
// the prefix. The octets that should be zero are not looked at, as a translator may not do so
// either (RFC 6052, section 2.3).
func (p Prefix) Extract(a netip.Addr) (netip.Addr, bool) {
	if p.IsZero() || !p.net.Contains(a) {
		return netip.Addr{}, false
	}
	var out [4]byte
	in, i := a.As16(), p.net.Bits()/8
	for n := range out {
		if i == reserved {
			i++
		}
		out[n] = in[i]
		i++
	}
	return netip.AddrFrom4(out), true
}

// Exact is Extract for an address as Embed makes it; it returns false for all others.
func (p Prefix) Exact(a netip.Addr) (netip.Addr, bool) {
	v4, ok := p.Extract(a)
	return v4, ok && p.Embed(v4) == a
}

// MayEmbed reports whether the prefix may stand before an IPv4 address: the well-known one may not
// stand before addresses that are not global (RFC 6052, section 3.1).
func (p Prefix) MayEmbed(a netip.Addr) bool { return p != WellKnown || global(a) }

// local are the IPv4 networks that are not global: RFC 5735, section 3, as RFC 6052, section 3.1
// has it, and what was registered later (RFC 6890).
var local = func() (ps []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
		"169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
		"240.0.0.0/4"} {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}()

// global reports whether an IPv4 address is one of the public Internet.
func global(a netip.Addr) bool {
	return !slices.ContainsFunc(local, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}
