package netzones

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// networks are the special names at and below which a network may have names: ICANN's internal, and
// home.arpa (RFC 8375).
var networks = []wire.Name{wire.MustParseName("internal"), wire.MustParseName("home.arpa")}

// kindOf reports whether a name is at or below a special one, and whether that one is for networks:
// private names, and reverse names of addresses that are not global (RFC 6303). All of arpa and
// what is above a special name are special too.
func kindOf(name wire.Name) (special, private bool) {
	if slices.ContainsFunc(networks, name.Within) {
		return true, true
	}
	own, reverse := reversePrefix(name) // not so for other names below those of addresses
	for zone := name; !zone.IsRoot(); zone = zone.Parent() {
		if policy.IsSpecial(zone) {
			a := own.Addr()
			return true, reverse && (a.IsPrivate() || a.IsLinkLocalUnicast() || carrier.Contains(a))
		}
	}
	return name.Ancestor(1).Label() == "arpa", false
}

// carrier has the addresses between carriers and their customers (RFC 6598, RFC 7793).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// reversePrefix returns the addresses whose reverse names are at or below a name.
func reversePrefix(name wire.Name) (p netip.Prefix, ok bool) {
	labels := strings.Split(strings.TrimSuffix(name.String(), "."), ".")
	n := len(labels) - 2
	if n < 1 || labels[n+1] != "arpa" {
		return p, false
	}
	switch labels[n] {
	case "in-addr":
		var a [4]byte
		for i := range min(n, 5) {
			v, err := strconv.ParseUint(labels[n-1-i], 10, 8)
			if err != nil || i == 4 {
				return p, false
			}
			a[i] = byte(v)
		}
		return netip.PrefixFrom(netip.AddrFrom4(a), 8*n), true
	case "ip6":
		var a [16]byte
		for i := range min(n, 33) {
			v, err := strconv.ParseUint(labels[n-1-i], 16, 4)
			if err != nil || i == 32 || len(labels[n-1-i]) != 1 {
				return p, false
			}
			a[i/2] |= byte(v) << (4 * (1 - i%2))
		}
		return netip.PrefixFrom(netip.AddrFrom16(a), 4*n), true
	}
	return p, false
}
