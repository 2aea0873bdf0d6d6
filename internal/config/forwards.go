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

// The keys of zones.
const (
	forwardZones = "resolver.forward_zones"
	stubZones    = "resolver.stub_zones"
)

// WithForward returns the configuration with other servers for a forward zone, or without the zone
// if there are none: for the clients of a view, or if that is "" for all that have none of their
// own. A zone that is there keeps what else it has; a new one is asked over UDP and TCP, and
// validated. A view without forward zones of its own gets those of all others with the change.
func (c *Config) WithForward(view, zone string, servers []string) (*Config, error) {
	name, err := wire.ParseName(zone)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", zone, err)
	}
	n := *c
	n.text = maps.Clone(c.text)
	key := forwardZones
	if view == "" {
		n.Zones, err = withForward(c.Zones, forwardZones, name, servers)
	} else {
		key = "views"
		n.Views, err = c.viewsWithForward(view, name, servers)
	}
	if err != nil {
		return nil, err
	}
	n.text[key] += fmt.Sprintf(" with %s at %s", name, strings.Join(servers, ", "))
	p := &reader{c: &n}
	p.contradictions()
	return &n, p.findings.Errors().Err()
}

// viewsWithForward returns the views, one of which has other servers for a forward zone.
func (c *Config) viewsWithForward(view string, name wire.Name, servers []string) ([]View, error) {
	views := slices.Clone(c.Views)
	i := slices.IndexFunc(views, func(v View) bool { return v.Name == view })
	if i < 0 {
		return nil, fmt.Errorf("there is no view %.64q", view)
	}
	v := &views[i]
	v.given = maps.Clone(v.given)
	own := slices.DeleteFunc(slices.Clone(v.resolving(c.Policies()[0].Resolving).Zones),
		func(z Zone) bool { return z.Network != "" }) // it would outlive its network
	if v.given["forward_zones"] = true; !v.given["stub_zones"] { // those stay as for all
		for _, z := range own {
			if z.Name == name && !z.Forward {
				return nil, fmt.Errorf("zone %s is in %s", name, stubZones)
			}
		}
		own = slices.DeleteFunc(own, func(z Zone) bool { return !z.Forward })
	}
	var err error
	v.own.Zones, err = withForward(own, v.Key+".forward_zones", name, servers)
	return views, err
}

// withForward returns zones with other servers for a forward zone, or without it.
func withForward(zones []Zone, key string, name wire.Name, servers []string) ([]Zone, error) {
	zones = slices.DeleteFunc(slices.Clone(zones), func(z Zone) bool {
		return z.Name == name && z.Network != "" // the operator's own takes its place
	})
	i := slices.IndexFunc(zones, func(z Zone) bool { return z.Name == name })
	switch {
	case i >= 0 && !zones[i].Forward:
		return nil, fmt.Errorf("zone %s is in %s", name, stubZones)
	case i < 0 && len(servers) == 0:
		return nil, fmt.Errorf("there is no forward zone %s", name)
	case len(servers) == 0:
		return slices.Delete(zones, i, i+1), nil
	}
	if i < 0 {
		z, err := newZone(record{"name": {name.String()}, "addresses": servers}, true)
		if err != nil {
			return nil, err
		}
		z.Forward, z.Key = true, key
		zones, i = append(zones, z), len(zones)
	}
	z := &zones[i]
	var err error
	z.Addrs, z.Weights, err = weighedAddrs(servers, z.Via.Port())
	z.Hosts = nil
	return zones, err
}
