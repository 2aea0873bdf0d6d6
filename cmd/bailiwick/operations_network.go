// The operations about zones that networks announce.

package main

import "bailiwick/internal/console"

// networkOperations are the rows of these.
func networkOperations() []operation {
	link := console.Param{Name: "interface", Required: true, Positional: true,
		Help: "the network interface"}
	family := console.Param{Name: "family", Help: "4 or 6: by DHCPv4 or DHCPv6 alone; what it " +
		"has announced by the other stays"}
	zones := []console.Field{{Name: "interface"}, {Name: "network"}, {Name: "zone"},
		{Name: "verdict", Help: "forwarded, refused or unproven"}, {Name: "reason"},
		{Name: "servers"}}
	approved := []console.Param{{Name: "zone", Required: true, Positional: true,
		Help: "the zone, with all below it"}, {Name: "network",
		Help: "of networks of this name alone; others can take the same name"},
		{Name: "interface", Help: "of the network of this interface alone"}}
	result := []console.Field{{Name: "zone"}, {Name: "approved", Kind: console.Boolean},
		{Name: "not_saved", Optional: true, Help: "why a restart would forget it"}}
	return []operation{{console.Operation{Name: "network list",
		Short: "Show the zones that networks have announced, and what becomes of them",
		Rows:  zones,
	}, (*running).listNetworks}, {console.Operation{Name: "network set", Changes: true,
		Short: "Tell what the network of an interface announces, in place of what it did before",
		Long: "Tell what the network of an interface announces, as DHCP clients do for " +
			"themselves: its servers, and the zones that they are to be asked for. Zones are " +
			"forwarded only if they cannot be names of the Internet, or are approved " +
			"(network.zones). No other name is asked for there.",
		Example: "ctl network set wlan0 --servers 192.168.1.1 --zones home.arpa",
		Params: []console.Param{link, {Name: "name", Help: "of the network, such as its SSID"},
			{Name: "servers", Kind: console.List, Help: "addresses of its servers"},
			{Name: "zones", Kind: console.List, Help: "the zones that it announces"}, family,
			{Name: "lease", Help: "how long the address of the interface is valid, in seconds: " +
				"what is announced ends then, and is kept over a restart until then; without " +
				"it a restart forgets it"}},
		Fields: []console.Field{{Name: "left_out", Kind: console.Integer,
			Help: "servers and zones that are too many, or no names"}},
		Rows: zones,
	}, (*running).setNetwork}, {console.Operation{Name: "network remove", Changes: true,
		Short:  "Forget what the network of an interface has announced, with all answers of it",
		Params: []console.Param{link, family},
		Fields: []console.Field{{Name: "interface"}, {Name: "removed", Kind: console.Boolean}},
	}, (*running).removeNetwork}, {console.Operation{Name: "network approve", Changes: true,
		Short: "Have a zone forwarded to networks that announce it, though it may exist publicly",
		Long: "Have a zone, with all below it, forwarded to the servers of networks that " +
			"announce it, or of one network alone, though it may exist publicly. Answers are " +
			"not validated. It is kept over restarts.",
		Example: "ctl network approve corp.example --network office",
		Params:  approved, Fields: result,
	}, (*running).approveZone}, {console.Operation{Name: "network disapprove", Changes: true,
		Short:  "Take an approval back",
		Params: approved, Fields: result,
	}, (*running).approveZone}, {console.Operation{Name: "network approvals",
		Short: "Show the zones that are approved",
		Rows: []console.Field{{Name: "zone"}, {Name: "network"}, {Name: "interface"},
			{Name: "by"}},
	}, (*running).listApprovals}}
}
