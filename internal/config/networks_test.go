package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"bailiwick/wire"
)

// announcing returns a configuration with zones of a network.
func announcing(t *testing.T, text string, zones ...string) *Config {
	t.Helper()
	c, err := parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c.WithNetworkZones(networkZones(zones...))
}

func networkZones(names ...string) (list []NetworkZone) {
	for _, z := range names {
		list = append(list, NetworkZone{Name: wire.MustParseName(z), Network: "wlan0",
			Servers: []netip.Addr{netip.MustParseAddr("192.168.7.1")}})
	}
	return list
}

// ofNetworks lists the zones of networks among some.
func ofNetworks(zones []Zone) string {
	var names []string
	for _, z := range zones {
		if z.Network != "" {
			names = append(names, z.Name.String())
		}
	}
	return strings.Join(names, " ")
}

// TestZonesOfNetworksComeLast: a network gets nothing in a zone of the operator's own, for
// whichever clients, and the forwarder for all names is no such zone.
func TestZonesOfNetworksComeLast(t *testing.T) {
	c := announcing(t, `
resolver:
  forward_zones: [{name: ., addresses: [192.0.2.1]}, {name: vpn.internal, addresses: [192.0.2.2]}]
  stub_zones: [{name: corp.example, addresses: [192.0.2.3]}]
views:
  - name: kids
    clients: [192.0.2.0/24]
    stub_zones: [{name: school.internal, addresses: [192.0.2.4]}]
`, "vpn.internal", "a.vpn.internal", "corp.example", "x.y.corp.example", "school.internal",
		"a.school.internal", "internal", "home.arpa", "example")
	if got := ofNetworks(c.Zones); got != "internal. home.arpa. example." {
		t.Error(got)
	}
	keys := map[string]bool{}
	for _, z := range c.Zones { // views find zones by it
		if keys[z.Key] {
			t.Errorf("two zones have the key %s", z.Key)
		}
		keys[z.Key] = true
	}
	if got := ofNetworks(c.WithNetworkZones(nil).Zones); got != "" {
		t.Errorf("%s is left of a network that has gone", got)
	}
}

// TestForwardZonesBesideThoseOfNetworks: a forward zone that is set at run time is the operator's
// own, though a network has one of the same name, and a view takes over none of a network.
func TestForwardZonesBesideThoseOfNetworks(t *testing.T) {
	c := announcing(t, "views: [{name: kids, clients: [192.0.2.0/24]}]\n", "home.arpa", "internal")
	n, err := c.WithForward("", "home.arpa", []string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(n.Zones, func(z Zone) bool { return z.Name.String() == "home.arpa." })
	if z := n.Zones[i]; z.Network != "" || z.Insecure || len(n.Zones) != 2 {
		t.Errorf("%+v", n.Zones)
	}
	if _, err := c.WithForward("", "home.arpa", nil); err == nil {
		t.Error("a zone of a network can be removed as a forward zone")
	}
	if n, err = c.WithForward("kids", "corp.example", []string{"192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	if got := ofNetworks(n.WithNetworkZones(nil).Policies()[1].Zones); got != "" {
		t.Errorf("a view keeps %s", got)
	}
	if got := c.Runtime().Forwards; len(got) != 0 {
		t.Errorf("%v can be changed at run time", got)
	}
}
