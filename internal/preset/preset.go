// Package preset has public resolvers by name: where they are, who they have to be, and what they
// say of themselves. Their addresses are part of the program, so that nothing has to be resolved
// before a name can be.
package preset

import (
	"net/netip"
	"slices"

	"bailiwick/transport"
)

// Preset is a public resolver. What it does with questions is what its operator publishes; nobody
// here has tried it.
type Preset struct {
	Name     string // what configurations call it
	Operator string
	Addrs    []netip.Addr
	Ways     []Way // the usual one first
	Filters  string
	DNSSEC   string
	ECS      string // whether it tells servers the networks of clients (RFC 7871)
	Logging  string
	Sources  []string // public documents
	Checked  string   // when these were read, a date
}

// Way is an encrypted transport of a preset, at its usual port.
type Way struct {
	Via  transport.Protocol
	Name string // that the certificate has to have
	Path string // of HTTPS
}

// All returns all presets, in the order of their names.
func All() []Preset { return slices.Clone(all) }

// Names returns their names.
func Names() (names []string) {
	for i := range all {
		names = append(names, all[i].Name)
	}
	return names
}

// Find returns the preset of a name.
func Find(name string) (Preset, bool) {
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// addrs reads addresses.
func addrs(texts ...string) (list []netip.Addr) {
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}

// dnsQuery is the path that all of them have.
const dnsQuery = "/dns-query"

// named returns DoT and DoH with one name, and further transports.
func named(name string, more ...transport.Protocol) []Way {
	ways := []Way{{transport.DoT, name, ""}, {transport.DoH, name, dnsQuery}}
	for _, p := range more {
		w := Way{Via: p, Name: name}
		if p.HTTP() {
			w.Path = dnsQuery
		}
		ways = append(ways, w)
	}
	return ways
}
