// What is known of the zones that learn clients' networks.

package main

import (
	"net/netip"
	"strings"
	"time"

	"bailiwick/internal/console"
	"bailiwick/wire"
)

// ecs tells what is known of the zones that learn clients' networks (RFC 7871).
func (r *running) ecs(console.Request) (console.Result, error) {
	now := r.now()
	res := console.Result{Columns: []string{"zone", "answers", "last_tailored",
		"without_networks_for", "servers", "view"}, Rows: [][]any{}}
	if !now.Config.Resolver.ECS.On() {
		res.Fields = map[string]any{
			"note": "no zone learns clients' networks; see resolver.ecs.zones"}
		return res, nil
	}
	for _, z := range now.resolver.SubnetZones() {
		answers, ago, wait := "not known yet", "", ""
		if z.Alike > 0 {
			answers, wait = "for all networks", z.Alike.Round(time.Second).String()
		}
		if z.Tailored > 0 {
			answers, ago = "for some networks", z.Tailored.Round(time.Second).String()
		}
		view := "-"
		if z.Realm != 0 {
			view = now.resolver.RealmName(z.Realm)
		}
		var servers []string
		for _, a := range z.Servers {
			servers = append(servers, a.String())
		}
		res.Rows = append(res.Rows, []any{z.Zone.String(), answers, ago, wait,
			strings.Join(servers, ", "), view})
	}
	return res, nil
}

// parseSubnet reads a network that a question is asked for, as dig's +subnet has it: an address is
// the network of itself, and 0 asks for none.
func parseSubnet(text string) (s wire.Subnet, err error) {
	if text == "0" {
		return s, nil
	}
	n, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return s, wrongUse("--subnet %s: no network such as 192.0.2.0/24 or 2001:db8::/56, "+
				"nor 0", text)
		}
		if a.Zone() == "" {
			n = netip.PrefixFrom(a, a.BitLen())
		}
	}
	if !n.IsValid() || n.Addr().Is4In6() {
		return s, wrongUse("--subnet %s: IPv4 is written as IPv4, and addresses have no zone",
			text)
	}
	return wire.Subnet{Network: n.Masked()}, nil
}
