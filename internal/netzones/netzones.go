// Package netzones judges the zones that a network announces by DHCP. A network may have names of
// its own forwarded to its servers only if they do not exist publicly, or the user wants it: a
// hostile network must not take over a name of the Internet.
package netzones

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"bailiwick/wire"
)

// Network is what a network has announced to an interface.
type Network struct {
	Interface string
	Name      string // of the network, as the user knows it; "" if nobody told
	Servers   []netip.Addr
	Zones     []wire.Name
	Prefixes  []netip.Prefix // addresses of the interface, with the bits of their networks
	LeftOut   int            // zones and servers beyond the limits
}

// Policy is what networks may have forwarded.
type Policy uint8

// The policies.
const (
	Off     Policy = iota // nothing
	Private               // names that are never public, and what the user has approved
	Proven                // these, and names that are proven not to exist publicly
)

// Config is what the operator has decided.
type Config struct{ Zones Policy }

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Zones: Proven} }

// Verdict is what becomes of a zone.
type Verdict uint8

// The verdicts.
const (
	Refused  Verdict = iota
	Unproven         // it may be forwarded if it is proven not to exist publicly
	Forwarded
)

func (v Verdict) String() string { return [...]string{"refused", "unproven", "forwarded"}[v] }

// Judgement is a verdict with its reason.
type Judgement struct {
	Verdict Verdict
	Reason  string
}

// Make returns what a network has announced, as far as that can be read and within the limits. Only
// the name of the interface and its prefixes are not the network's own words.
func Make(link, name string, servers, zones []string, prefixes []netip.Prefix) (*Network, error) {
	n := &Network{Interface: link, Name: name, Prefixes: prefixes}
	if link == "" || len(link) > maxText || len(name) > maxText {
		return nil, errors.New("a network needs the name of its interface")
	}
	if !n.Remains(prefixes) {
		return nil, fmt.Errorf("this machine has no interface %s with an address in a network",
			link)
	}
	if strings.ContainsFunc(strings.ToValidUTF8(name, "\x00"), func(r rune) bool {
		return !unicode.IsPrint(r)
	}) {
		n.Name = "" // an SSID can be any octets, and terminals do what some of them say
	}
	for _, s := range servers {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%.64q is not an address", s)
		case a.IsLoopback(), a.IsUnspecified(), a.IsMulticast(), n.own(a),
			a.Zone() != "" && a.Zone() != link:
			return nil, fmt.Errorf("%v cannot be a server of a network", a)
		}
		if a.Is6() && !a.Is4In6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(link) // DHCPv6 names it without
		}
		switch {
		case slices.Contains(n.Servers, a.Unmap()):
		case len(n.Servers) == MaxServers:
			n.LeftOut++
		default:
			n.Servers = append(n.Servers, a.Unmap())
		}
	}
	for _, s := range zones {
		if len(n.Zones) == MaxZones {
			n.LeftOut++
			continue
		}
		z, err := wire.ParseName(s)
		if err != nil || s == "" {
			n.LeftOut++ // it is no name: what else the network says may be right
		} else if !slices.Contains(n.Zones, z) {
			n.Zones = append(n.Zones, z)
		}
	}
	return n, nil
}

// Join returns what a network has announced by several ways, such as DHCPv4 and DHCPv6, within the
// same limits. There is at least one.
func Join(parts ...*Network) *Network {
	all := *parts[0]
	all.Servers, all.Zones, all.Prefixes = nil, nil, nil
	all.LeftOut = 0
	for _, p := range parts {
		all.Name = cmp.Or(all.Name, p.Name)
		all.LeftOut += p.LeftOut + add(&all.Servers, p.Servers, MaxServers) +
			add(&all.Zones, p.Zones, MaxZones)
		add(&all.Prefixes, p.Prefixes, len(all.Prefixes)+len(p.Prefixes))
	}
	return &all
}

// add adds what a list lacks, and returns how much was beyond a limit.
func add[T comparable](to *[]T, more []T, limit int) (leftOut int) {
	for _, v := range more {
		switch {
		case slices.Contains(*to, v):
		case len(*to) >= limit:
			leftOut++
		default:
			*to = append(*to, v)
		}
	}
	return leftOut
}

// own reports whether an address is the interface's: the server would ask itself.
func (n *Network) own(a netip.Addr) bool {
	return slices.ContainsFunc(n.Prefixes, func(p netip.Prefix) bool {
		return p.Addr() == a.Unmap().WithZone("")
	})
}

// Remains reports whether an interface with these addresses is still in the network: it has lost
// none of its IPv4 addresses, and there is one at all. Another network may well have the same
// prefix, and every one has the same link-local addresses, which say nothing. Temporary IPv6
// addresses come and go (RFC 8981).
func (n *Network) Remains(addrs []netip.Prefix) (remains bool) {
	for _, p := range n.Prefixes {
		there := slices.Contains(addrs, p)
		switch {
		case p.Addr().IsLinkLocalUnicast():
		case p.Addr().Is4() && !there:
			return false
		default:
			remains = remains || there
		}
	}
	return remains
}

// Judge decides about a zone that a network has announced: by what it is called, by what the user
// has approved, and by the operator's policy.
func Judge(n *Network, zone wire.Name, approved bool, p Policy) Judgement {
	special, private := kindOf(zone)
	reverse, isReverse := reversePrefix(zone)
	switch {
	case p == Off:
		return Judgement{Refused, "network.zones is off"}
	case zone.IsRoot():
		return Judgement{Refused, "it is all names"}
	case len(n.Servers) == 0:
		return Judgement{Refused, "the network has announced no server"}
	case isReverse && !private:
		return Judgement{Refused, "these addresses are public"}
	case isReverse:
		if slices.ContainsFunc(n.Prefixes, func(own netip.Prefix) bool {
			return own.Bits() <= reverse.Bits() && own.Contains(reverse.Addr())
		}) {
			return Judgement{Forwarded, "the addresses are those of the interface"}
		}
		return Judgement{Refused, "the interface has other addresses"}
	case private:
		return Judgement{Forwarded, "such names are never public"}
	case special:
		return Judgement{Refused, "the name has a meaning of its own, that no network can give it"}
	case zone.Labels() < 2:
		return Judgement{Refused, "it is a top level domain"}
	case approved:
		return Judgement{Forwarded, "approved"}
	case p == Private:
		return Judgement{Refused, "it may exist publicly"}
	}
	return Judgement{Unproven, "nobody has proven yet that it does not exist publicly"}
}
