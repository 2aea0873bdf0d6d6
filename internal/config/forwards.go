// Weights of servers, and forward zones that are set while the server runs.

package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bailiwick/resolver"
	"bailiwick/wire"
)

// weighedAddrs reads addresses of servers, each alone or with a weight: "192.0.2.1 weight 3". If
// one has a weight, the others have 1; if none has, weights is nil.
func weighedAddrs(list []string, port uint16) (addrs []netip.AddrPort, weights []int, err error) {
	var errs []error
	plain, weighed := make([]string, len(list)), false
	weights = make([]int, len(list))
	for i, s := range list {
		f := strings.Fields(s)
		plain[i], weights[i] = s, 1
		if len(f) != 3 || f[1] != "weight" {
			continue
		}
		n, err := strconv.Atoi(f[2])
		if err != nil || n < 0 || n > resolver.MaxWeight {
			errs = append(errs, inItem(i, fmt.Errorf("%q: a weight is a number from 0, for a "+
				"server that is asked if no other can be, to %d", s, resolver.MaxWeight)))
		}
		plain[i], weights[i], weighed = f[0], n, true
	}
	addrs, err = addrPorts(plain, port)
	if !weighed {
		weights = nil
	}
	return addrs, weights, errors.Join(errors.Join(errs...), err)
}

const forwardZones = "resolver.forward_zones"

// WithForward returns the configuration with other servers for a forward zone, or without the zone
// if there are none. A zone that is there keeps what else it has; a new one is asked over UDP and
// TCP, and validated.
func (c *Config) WithForward(zone string, servers []string) (*Config, error) {
	name, err := wire.ParseName(zone)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", zone, err)
	}
	n := *c
	n.text, n.Zones = maps.Clone(c.text), slices.Clone(c.Zones)
	i := slices.IndexFunc(n.Zones, func(z Zone) bool { return z.Name == name })
	switch {
	case i >= 0 && !n.Zones[i].Forward:
		return nil, fmt.Errorf("zone %s is in resolver.stub_zones", name)
	case i < 0 && len(servers) == 0:
		return nil, fmt.Errorf("there is no forward zone %s", name)
	case len(servers) == 0:
		n.Zones = slices.Delete(n.Zones, i, i+1)
	default:
		if i < 0 {
			z, err := newZone(record{"name": {zone}, "addresses": servers})
			if err != nil {
				return nil, err
			}
			z.Forward, z.Key = true, forwardZones
			n.Zones, i = append(n.Zones, z), len(n.Zones)
		}
		z := &n.Zones[i]
		if z.Addrs, z.Weights, err = weighedAddrs(servers, z.Via.Port()); err != nil {
			return nil, err
		}
		z.Hosts = nil
	}
	n.text[forwardZones] += fmt.Sprintf(" with %s at %s", name, strings.Join(servers, ", "))
	p := &reader{c: &n}
	p.contradictions()
	return &n, p.findings.Errors().Err()
}
