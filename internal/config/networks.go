// Zones that networks announce.

package config

import (
	"net/netip"
	"slices"

	"bailiwick/internal/netzones"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// networkKeys are the rows of what networks may announce.
var networkKeys = []key{
	{key: "network.zones", kind: kindChoice, choices: []string{"off", "private", "proven"},
		help: "which zones that a network announces by DHCP are forwarded to its servers, " +
			"without validation: off: none; private: home.arpa, internal and reverse names of " +
			"the interface's own private addresses, and those that ctl network approve has " +
			"named; proven: these, and zones that a signed denial proves not to exist publicly",
		binding: bindChoice(func(c *Config) *netzones.Policy { return &c.Networks.Zones },
			netzones.Off, netzones.Private, netzones.Proven)},
}

// NetworkZone is a zone that is forwarded to the servers of a network.
type NetworkZone struct {
	Name    wire.Name
	Network string // the interface
	Servers []netip.Addr
}

// WithNetworkZones returns the configuration with these zones in place of all that networks have
// announced before. What is in a zone of the operator's own is left out, and so is a zone without a
// server that can be asked.
func (c *Config) WithNetworkZones(zones []NetworkZone) *Config {
	n := *c
	n.Zones = slices.DeleteFunc(slices.Clone(c.Zones), func(z Zone) bool { return z.Network != "" })
	for _, a := range zones {
		if n.Configured(a.Name) {
			continue
		}
		z := Zone{Zone: resolver.Zone{Name: a.Name, Forward: true, Peer: &transport.Peer{}},
			Key: "network " + a.Network + " " + a.Name.String(), Network: a.Network, Insecure: true}
		for _, s := range a.Servers {
			at := netip.AddrPortFrom(s, transport.UDP.Port())
			ours := func(l bound) bool { return meets(l.Addr, at) }
			if !slices.ContainsFunc(n.listeners(), ours) { // it would ask itself without end
				z.Addrs = append(z.Addrs, at)
			}
		}
		if len(z.Addrs) > 0 {
			n.Zones = append(n.Zones, z)
		}
	}
	return &n
}

// Configured reports whether a name is in a zone of the operator's, of whatever kind and for
// whichever clients. That of the root does not count: it is for all names that have no other.
func (c *Config) Configured(name wire.Name) bool {
	has := func(zone wire.Name) bool { return !zone.IsRoot() && name.Within(zone) }
	for _, p := range c.Policies() {
		if slices.ContainsFunc(p.Zones, func(z Zone) bool {
			return z.Network == "" && has(z.Name)
		}) {
			return true
		}
	}
	return slices.ContainsFunc(c.Held, func(z HeldZone) bool { return has(z.Name) })
}
