// The keys of resolution: how servers are asked, and which.

package config

import (
	"fmt"
	"net/netip"

	"bailiwick/cache"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// resolverKeys are the rows of resolution.
var resolverKeys = []key{
	{key: "resolver.qname_minimisation", kind: kindChoice,
		choices: []string{"relaxed", "strict", "off"},
		help: "tell servers on the way no more of the name than they need (RFC 9156); relaxed " +
			"asks the full name where that fails",
		binding: bindChoice(func(c *Config) *resolver.Minimise { return &c.Resolver.Minimise },
			resolver.MinimiseRelaxed, resolver.MinimiseStrict, resolver.MinimiseOff)},
	{key: "resolver.hide_type", kind: kindBool,
		help: "with QNAME minimisation, ask for type A at the whole name before the type that " +
			"was asked for: servers of a parent zone never hear the type (RFC 9156, section 2.1)" +
			", and a name that is not in the cache costs one question more",
		binding: bind(func(c *Config) *bool { return &c.Resolver.HideType })},
	{key: "resolver.priming", kind: kindBool,
		help:    "ask the hints who the root's servers are (RFC 8109)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Prime })},
	{key: "resolver.ipv4", kind: kindChoice,
		choices: []string{"auto", "true", "false"},
		help: "ask servers over IPv4; auto: while this machine has a route, or has none for IPv6 " +
			"either",
		binding: bindChoice(func(c *Config) *resolver.Family { return &c.Resolver.IPv4 },
			resolver.FamilyAuto, resolver.FamilyOn, resolver.FamilyOff)},
	{key: "resolver.private_servers", kind: kindChoice,
		choices: []string{"auto", "allow", "refuse"},
		help: "ask private and unroutable addresses that public delegations give (10.0.0.0/8, " +
			"fc00::/7 and others); auto: where a route other than the default one leads there",
		binding: bindChoice(
			func(c *Config) *resolver.Private { return &c.Resolver.PrivateServers },
			resolver.PrivateAuto, resolver.PrivateAllow, resolver.PrivateRefuse)},
	{key: "resolver.ipv6", kind: kindChoice,
		choices: []string{"auto", "true", "false"},
		help:    "ask servers over IPv6; auto: while this machine has a route",
		binding: bindChoice(func(c *Config) *resolver.Family { return &c.Resolver.IPv6 },
			resolver.FamilyAuto, resolver.FamilyOn, resolver.FamilyOff)},
	{key: "resolver.nat64_prefix", kind: kindString,
		help: "prefix of a translator (NAT64) that servers with IPv4 alone are asked through " +
			"while IPv4 is not in use, such as 64:ff9b::/96; empty: they are not asked then",
		binding: binding{set: setNAT64, get: func(c *Config) (v value) {
			if !c.Resolver.NAT64.IsZero() {
				v.text = c.Resolver.NAT64.String()
			}
			return v
		}}},
	{key: "resolver.do_not_query_localhost", kind: kindBool,
		help:    "never ask loopback addresses",
		binding: bind(func(c *Config) *bool { return &c.Resolver.DoNotQueryLocalhost })},
	{key: "resolver.do_not_query", kind: kindList, help: "networks never to ask",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Resolver.DoNotQuery },
			prefixes)},
	{key: "resolver.case_randomisation", kind: kindBool,
		help:    "random letter case in questions, against forgery (0x20)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.CaseRandomisation })},
	{key: "resolver.opportunistic", kind: kindList,
		help: "encrypted transports that authorities are probed for, dot and doq, the preferred " +
			"first (RFC 9539)",
		binding: bindList(
			func(c *Config) *[]transport.Protocol { return &c.Resolver.Opportunistic },
			opportunistic)},
	{key: "resolver.cookies", kind: kindBool,
		help:    "DNS cookies towards servers (RFC 7873)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Cookies })},
	{key: "resolver.ecs.zones", kind: kindList,
		help: "zones whose servers, with those of the zones below, learn their clients' networks " +
			"(RFC 7871); none by default",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Resolver.ECS.Zones },
			domainNames)},
	{key: "resolver.ecs.types", kind: kindList,
		help: "types of record that are asked for with networks; with TXT a name that tells what " +
			"a server was sent can be tried",
		binding: bindList(func(c *Config) *[]wire.Type { return &c.Resolver.ECS.Types },
			tailoredTypes)},
	{key: "resolver.ecs.ipv4_bits", kind: kindInt, min: 0, max: 32,
		help:    "bits of an IPv4 address that are sent at most; 0: nothing of any",
		binding: bind(func(c *Config) *int { return &c.Resolver.ECS.IPv4 })},
	{key: "resolver.ecs.ipv6_bits", kind: kindInt, min: 0, max: 128,
		help:    "bits of an IPv6 address that are sent at most; 0: nothing of any",
		binding: bind(func(c *Config) *int { return &c.Resolver.ECS.IPv6 })},
	{key: "resolver.ecs.never", kind: kindList,
		help: "networks that nothing is sent of: by default those that are not routed, which say " +
			"nothing of where a client is; add clients that do not want it",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Resolver.ECS.Never },
			prefixes)},
	{key: "resolver.ecs.forwarders", kind: kindList,
		help: "clients that ask for others, and whose own option is sent in place of their " +
			"address; none by default",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Resolver.ECS.Forwarders },
			prefixes)},
	{key: "resolver.ecs.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help:    "memory for answers that are for some networks alone, beside cache.memory",
		binding: bind(func(c *Config) *int64 { return &c.Resolver.ECS.Memory })},
	{key: "resolver.error_reporting", kind: kindBool,
		help: "tell the monitoring agent that a zone's servers name when names of the zone do " +
			"not validate or resolve (RFC 9567)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.ErrorReporting })},
	{key: "resolver.revalidate_ns", kind: kindBool,
		help: "ask zones for their own NS sets, and their servers before those that only the " +
			"parent names (draft-ietf-dnsop-ns-revalidation); it costs a question for each zone",
		binding: bind(func(c *Config) *bool { return &c.Resolver.RevalidateNS })},
	{key: "resolver.harden_below_nxdomain", kind: kindBool,
		help:    "names below one that is proven not to exist do not exist (RFC 8020)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.HardenBelowNXDomain })},
	{key: "resolver.harden_glue", kind: kindBool,
		help:    "believe addresses in a referral only for names in the zone that gives it",
		binding: bind(func(c *Config) *bool { return &c.Resolver.HardenGlue })},
	{key: "resolver.port", kind: kindInt, min: 1, max: 65535,
		help:    "port of authoritative servers",
		binding: bind(func(c *Config) *uint16 { return &c.Resolver.Port })},
	{key: "resolver.udp_size", kind: kindInt, min: transport.MinEDNSSize,
		max: transport.MaxEDNSSize,
		help: "most octets of a reply over UDP; above 1,232 replies may come in fragments, which " +
			"can be lost or forged",
		binding: bind(func(c *Config) *uint16 { return &c.Resolver.UDPSize })},
	{key: "resolver.source_addresses", kind: kindList,
		help: "addresses of this machine that servers are asked from, each question from one of " +
			"the server's family at random; empty: the system's choice",
		binding: bindList(func(c *Config) *[]netip.Addr { return &c.Transport.Source.Addrs },
			addrs)},
	{key: "resolver.source_interface", kind: kindString,
		help: "network interface or VRF that servers are asked by, except at loopback addresses; " +
			"empty: as the routes say; Linux only",
		binding: bindText(func(c *Config) *string { return &c.Transport.Source.Interface },
			interfaceName)},
	{key: "resolver.source_ports", kind: kindString,
		help: "ports that servers are asked from, such as 20000-60999; empty: those of the " +
			"system (net.ipv4.ip_local_port_range), at less cost for each question",
		binding: binding{
			set: func(c *Config, v value) (err error) {
				c.Transport.Source.Ports, err = transport.ParsePortRange(v.text)
				return err
			},
			get: func(c *Config) value { return value{text: c.Transport.Source.Ports.String()} },
		}},
	{key: "resolver.max_aliases", kind: kindInt, min: 1, max: 32,
		help:    "links of an alias chain that are followed",
		binding: bind(func(c *Config) *int { return &c.Resolver.MaxAliases })},
	{key: "resolver.max_in_flight", kind: kindInt, min: 16, max: 1 << 20,
		help:    "resolutions at once; beyond it the oldest give way",
		binding: bind(func(c *Config) *int { return &c.Resolver.MaxFlights })},
	{key: "resolver.zone_quota", kind: kindInt, min: 1, max: 1 << 20,
		help: "questions at once to a zone whose servers do not answer; one that answers may " +
			"have two thirds of max_in_flight",
		binding: bind(func(c *Config) *int { return &c.Resolver.ZoneQuota })},
	{key: "resolver.server_quota", kind: kindInt, min: 1, max: 1 << 20,
		help:    "questions at once to a server that does not answer, of all zones together",
		binding: bind(func(c *Config) *int { return &c.Resolver.ServerQuota })},
	{key: "resolver.root_hints", kind: kindRecords, fields: []string{"name", "address"},
		help: "root servers, in place of the built-in ones", binding: binding{set: setHints}},
	{key: "resolver.root_hints_file", kind: kindPath,
		help:    "file with root servers in zone-file form, in place of the built-in ones",
		binding: bind(func(c *Config) *string { return &c.RootHintsFile })},
	{key: "resolver.stub_zones", kind: kindRecords, fields: zoneFields,
		help: "zones with authoritative servers of your own; fields as in forward_zones",
		binding: binding{set: func(c *Config, v value) error {
			return c.addZones(stubZones, v,
				false)
		}}},
	{key: "resolver.forward_zones", kind: kindRecords, fields: zoneFields,
		help: "zones that other resolvers are asked for; transport is udp, tcp, dot, doh, " +
			"doh3 or doq, and what encrypts needs tls_name (which the certificate has to " +
			"have) or tls_pins (SHA-256 of the public key, in base64), with tls_ca (PEM " +
			"file) for certificates of your own, tls_certificate and tls_key (PEM files) " +
			"to show one to the servers (all three are read again when they change), path " +
			"for DoH, and fallback to go on in plain DNS where it fails; preset is the " +
			"name of a public resolver (bailiwick presets), in place of these, and " +
			"transports are those of its own that are used, the later ones where the " +
			"earlier ones fail; insecure is for private zones below a signed one: their " +
			"answers are not validated",
		binding: binding{set: func(c *Config, v value) error {
			return c.addZones(forwardZones, v,
				true)
		}}},
}

func setHints(c *Config, v value) error {
	c.RootHints = nil
	return v.each(func(_ int, r record) error {
		n, err := wire.ParseName(r.text("name"))
		if err != nil {
			return inField("name", fmt.Errorf("name %q: %w", r.text("name"), err))
		}
		a, err := netip.ParseAddr(r.text("address"))
		if err != nil {
			return inField("address", fmt.Errorf("%q is not an IP address", r.text("address")))
		}
		c.RootHints = append(c.RootHints, cache.NameServer{Name: n, Addrs: []netip.Addr{a}})
		return nil
	})
}
