// The table of keys: a row declares a key's name, kind, default, range and help.

package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/console"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/internal/querylog"
	"bailiwick/internal/recorder"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// kind is what values a key takes.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt
	kindDuration // 30s, 5m, 1h, 1d; a number alone is seconds
	kindSize     // 256MiB
	kindTime     // RFC 3339
	kindChoice
	kindList    // of strings
	kindRecords // of maps with the fields named
	kindPath    // of a file
	kindRules   // of networks with actions; or a map, see readAccess
)

// key is a row.
type key struct {
	key      string
	kind     kind
	choices  []string
	min, max int64 // of kindInt and kindSize, both 0: any; of kindDuration in seconds
	// those that end in [] take lists, in / paths; a record may be written as the value of its
	// first field alone
	fields []string
	help   string
	binding
}

// keys is the table: a row for the listeners of each transport, and then the rest.
var keys = slices.Concat(listenKeys(), []key{
	{key: "listen.absent", kind: kindChoice, choices: []string{"refuse", "wait"},
		help: "an address that this machine does not have: refuse is an error at the start; wait " +
			"listens there, and clients are served as soon as the address is there (IP_FREEBIND; " +
			"Linux only)",
		binding: bindChoice(func(c *Config) *bool { return &c.Transport.Absent }, false, true)},
	{key: "tls.certificates", kind: kindRecords,
		fields: []string{"certificate/", "key/"},
		help: "PEM files with a certificate chain and its key, for DoT, DoH and DoQ; read again " +
			"when they change and on SIGHUP",
		binding: binding{set: setCertificates}},
	{key: "tls.ticket_secret", kind: kindPath,
		help: "file of at least 32 octets that a fleet shares, so that each server resumes the " +
			"others' sessions; empty: every server for itself",
		binding: bind(func(c *Config) *string { return &c.Transport.Tickets.Secret })},
	{key: "tls.ticket_rotation", kind: kindDuration, min: 60, max: 604800,
		help:    "how often the keys of session tickets change; a ticket lives up to twice as long",
		binding: bind(func(c *Config) *time.Duration { return &c.Transport.Tickets.Rotation })},
	{key: "doh.path", kind: kindString, help: "path of DNS over HTTPS",
		binding: bindText(func(c *Config) *string { return &c.Transport.Path }, path)},
	{key: "connections.max", kind: kindInt, min: 1, max: 1 << 20,
		help: "client connections at once, all transports but UDP together; new ones displace " +
			"idle ones",
		binding: bind(func(c *Config) *int { return &c.Transport.Gate.Max })},
	{key: "connections.per_client", kind: kindInt, min: 0, max: 1 << 20,
		help:    "connections of one client network (/24 or /56); 0: a fifth of connections.max",
		binding: bind(func(c *Config) *int { return &c.Transport.Gate.PerClient })},
	{key: "connections.queries", kind: kindInt, min: 1, max: 1 << 40,
		help:    "queries on one connection; then it is closed in an orderly way",
		binding: bind(func(c *Config) *int64 { return &c.Transport.Gate.Queries })},
	{key: "connections.idle", kind: kindDuration, min: 1, max: 3600,
		help:    "how long a connection may be silent; less when half of all are in use",
		binding: bind(func(c *Config) *time.Duration { return &c.Transport.Gate.Idle })},
	{key: "connections.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help: "bytes of unfinished messages and unsent answers, of all connections; the largest" +
			" holder is cut",
		binding: bind(func(c *Config) *int64 { return &c.Transport.Gate.Memory })},
	{key: "discovery.enabled", kind: kindBool,
		help: "tell clients of the encrypted transports (RFC 9462) and of this resolver (RFC " +
			"9606)",
		binding: bind(func(c *Config) *bool { return &c.Discovery.Enabled })},
	{key: "discovery.name", kind: kindString,
		help:    "name that clients authenticate this resolver by; empty: the certificate's first",
		binding: binding{set: setADN}},
	{key: "discovery.addresses", kind: kindList,
		help: "addresses that clients reach this resolver at; empty: those of the listeners, or " +
			"of the certificate where they listen at all",
		binding: bindList(func(c *Config) *[]netip.Addr { return &c.Discovery.Addrs }, addrs)},
	{key: "discovery.info_url", kind: kindString,
		help:    "https URL with information on this resolver for people (RFC 9606)",
		binding: bindText(func(c *Config) *string { return &c.Discovery.URL }, infoURL)},

	{key: "admin.listen", kind: kindString,
		help:    "address of the admin listener (/metrics, /healthz, /readyz); empty for none",
		binding: bindText(func(c *Config) *string { return &c.Console.Listen }, adminAddress)},
	{key: "control.socket", kind: kindPath, choices: []string{"auto"},
		help: "path of the control socket for `bailiwick ctl`; auto: where ctl looks by itself, " +
			"/run/bailiwick/control.sock for root; empty for none; its owner may use it, and " +
			"its group if control.socket_mode says so",
		binding: bind(func(c *Config) *string { return &c.Console.Socket })},
	{key: "control.socket_group", kind: kindString,
		help: "group that the control socket belongs to, by name or number; empty for the " +
			"server's own",
		binding: bindText(func(c *Config) *string { return &c.Console.Group }, group)},
	{key: "control.socket_mode", kind: kindChoice, choices: []string{"600", "660"},
		help: "who may use the control socket: 600 its owner, 660 also its group; whoever may " +
			"use it can do all that ctl can",
		binding: bindChoice(func(c *Config) *fs.FileMode { return &c.Console.Mode },
			console.OwnerOnly, console.WithGroup)},
	{key: "api.token_file", kind: kindPath,
		help: "file with the tokens of the API at /api/v1 of admin.listen: a line each with a " +
			"name, a role (read or operate) and the token; only the server's user and group may " +
			"read it; empty: there is no API",
		binding: bind(func(c *Config) *string { return &c.Console.TokenFile })},
	{key: "api.hosts", kind: kindList,
		help: "names that the API is used by, besides localhost and addresses: others are " +
			"refused, against pages that give their own name an address of this machine",
		binding: bindList(func(c *Config) *[]string { return &c.Console.Hosts }, hosts)},
	{key: "state.directory", kind: kindPath, choices: []string{"auto"},
		help: "directory for what is learnt and has to outlive a restart; it belongs to the " +
			"server's user, and nobody else may write to it; auto: that of systemd " +
			"(StateDirectory=), else none; empty for none",
		binding: bind(func(c *Config) *string { return &c.State.Directory })},
	{key: "shutdown.wait", kind: kindDuration, min: 0, max: 3600,
		help: "how long the server goes on after SIGTERM or `bailiwick ctl drain` with /readyz " +
			"turned off, so that load balancers send their clients elsewhere",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.Wait })},
	{key: "shutdown.answers", kind: kindDuration, min: 0, max: 60,
		help: "how long queries in work may take then; afterwards they are answered with " +
			"SERVFAIL and the cause stopping",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.Answers })},
	{key: "log.level", kind: kindChoice, choices: []string{"debug", "info", "warn", "error"},
		help: "least severity that is logged",
		binding: bindChoice(func(c *Config) *slog.Level { return &c.Log.Level }, slog.LevelDebug,
			slog.LevelInfo, slog.LevelWarn, slog.LevelError)},
	{key: "log.format", kind: kindChoice, choices: []string{"text", "json"},
		help:    "form of log lines",
		binding: bindChoice(func(c *Config) *bool { return &c.Log.JSON }, false, true)},
	{key: "failures.keep", kind: kindInt, min: 0, max: recorder.MaxKept,
		help: "how many failed resolutions are kept with all of their steps, for ctl failures " +
			"list; 0: none is recorded",
		binding: bind(func(c *Config) *int { return &c.Recorder.Keep })},
	{key: "incidents.queries", kind: kindInt, min: 1, max: 1 << 20,
		help: "how many queries have to fail for one zone and cause, within an hour of each " +
			"other, before there is an incident",
		binding: bind(func(c *Config) *int { return &c.Incidents.Queries })},
	{key: "incidents.settle", kind: kindDuration, min: 1, max: 86400,
		help:    "how long names of the zone have to be resolved again before its incident ends",
		binding: bind(func(c *Config) *time.Duration { return &c.Incidents.Settle })},
	{key: "incidents.test_zones", kind: kindList,
		help: "zones that are broken on purpose, for tests of resolvers: failures at and below " +
			"them are counted apart, and are no incidents",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Incidents.TestZones },
			domainNames)},
	{key: "clock.start", kind: kindTime,
		help:    "time that the clock starts at; only in builds with the tag testclock",
		binding: bind(func(c *Config) *time.Time { return &c.ClockStart })},
	{key: "clock.earliest", kind: kindString,
		help: "signatures are judged at this time if the clock shows an earlier one, as on a " +
			"machine that starts without a clock: a time, none, or build, when this program was " +
			"built (but for clock.start)",
		binding: bindText(func(c *Config) *string { return &c.ClockEarliest }, earliest)},
	{key: "clock.time_servers", kind: kindList,
		help: "names at and below which answers that do not verify are served while the clock is " +
			"known to be wrong: those of time servers, without which it could not be set",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Resolver.TimeServers },
			domainNames)},

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
		help: "zones that other resolvers are asked for; transport is udp, tcp, dot, doh, doh3 " +
			"or doq, and what encrypts needs tls_name (which the certificate has to have) or " +
			"tls_pins (SHA-256 of the public key, in base64), with tls_ca (PEM file) for " +
			"certificates of your own, tls_certificate and tls_key (PEM files) to show one to " +
			"the servers, path for DoH, and fallback to go on in plain DNS where it " +
			"fails; insecure is for private zones below a signed one: their answers are not " +
			"validated",
		binding: binding{set: func(c *Config, v value) error {
			return c.addZones(forwardZones, v,
				true)
		}}},

	{key: "zones.local_root", kind: kindBool,
		help: "keep a copy of the root zone and ask it in place of the root's servers (RFC " +
			"8806); it is transferred from those that give it away, or from ICANN's web server, " +
			"and has to have the right digest (RFC 8976)",
		binding: bind(func(c *Config) *bool { return &c.LocalRoot })},
	{key: "zones.held", kind: kindRecords, fields: heldFields,
		help: "zones that a copy is kept of, which is asked in place of their servers; sources " +
			"in this order: primaries (addresses or names, with @ before a port), url (https), " +
			"file; tsig names a key of zones.tsig_keys; tls_name, with tls_ca for certificates " +
			"of your own, transfers over TLS (RFC 9103); zonemd is if_present, required or off " +
			"(RFC 8976); notify_from are networks that may send NOTIFY beside the primaries; " +
			"fallback: false is for private zones: without a usable copy their names fail, and " +
			"nobody is asked",
		binding: binding{set: setHeld}},
	{key: "zones.catalogs", kind: kindRecords, fields: catalogFields,
		help: "catalog zones (RFC 9432), from sources as those of zones.held: their members are " +
			"transferred from the same primaries, or from member_primaries, and used as use " +
			"says: copies (for iteration, with fallback), policy (response policy zones, with " +
			"action and the other fields of policy.rpz) or nothing; a member has to be at or " +
			"below a name of within",
		binding: binding{set: setCatalogs}},
	{key: "zones.catalog_groups", kind: kindRecords, fields: groupFields,
		help: "what is done with the members of a catalog that are in a group, in place of what " +
			"the catalog says; the first one that fits decides",
		binding: binding{set: setCatalogGroups}},
	{key: "zones.tsig_keys", kind: kindRecords,
		fields: []string{"name", "algorithm", "secret", "secret_file/"},
		help: "keys that transfers are signed with (RFC 8945); algorithm is hmac-sha256 without " +
			"another; the secret, or the file with it, in base64",
		binding: binding{set: setTSIGKeys}},
	{key: "zones.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help: "bytes that all copies of zones may take; the root's takes 3 MB; a 32nd of " +
			"memory.total without another figure",
		binding: bind(func(c *Config) *int64 { return &c.Secondary.Octets })},

	{key: "trust_anchors.builtin", kind: kindBool,
		help:    "trust the root's keys as IANA publishes them",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Builtin })},
	{key: "trust_anchors.records", kind: kindList, help: "DS or DNSKEY records to trust",
		binding: bindList(func(c *Config) *[]string { return &c.Anchors.Records }, asIs)},
	{key: "trust_anchors.file", kind: kindPath,
		help:    "file with DS or DNSKEY records to trust, in zone-file form",
		binding: bind(func(c *Config) *string { return &c.Anchors.File })},
	{key: "trust_anchors.follow", kind: kindBool,
		help: "follow the keys of zones with trust anchors as they roll (RFC 5011): a new key is " +
			"trusted when it has been in the zone for 30 days, one that its owner revokes is not " +
			"any more; off, the configured anchors alone are trusted, for ever",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Follow })},
	{key: "trust_anchors.fetch", kind: kindDuration, min: 0, max: 30 * 86400,
		help: "how often the root's anchors are downloaded from IANA and trusted beside the " +
			"others (RFC 9718), at least 1h; 0: never",
		binding: bind(func(c *Config) *time.Duration { return &c.Anchors.Fetch })},
	{key: "trust_anchors.url", kind: kindString,
		help:    "where they are, as XML; the signature is beside it, with .p7s in place of .xml",
		binding: bindText(func(c *Config) *string { return &c.Anchors.URL }, anchorURL)},
	{key: "trust_anchors.ca", kind: kindPath,
		help:    "PEM file with the certificates that sign them; empty: ICANN's",
		binding: bind(func(c *Config) *string { return &c.Anchors.CA })},
	{key: "trust_anchors.signal", kind: kindBool,
		help: "tell zones with trust anchors which keys are trusted, once a day (RFC 8145), so " +
			"that they know whom a roll would break",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Signal })},
	{key: "trust_anchors.insecure", kind: kindRecords,
		fields: insecureFields,
		help: "negative trust anchors: names at and below which validation is off (RFC 7646), as " +
			"names, or with the reason, who wants it, and the time at which it ends; `ctl nta` " +
			"adds others for a while",
		binding: binding{set: setInsecure}},

	{key: "validator.validation", kind: kindBool,
		help: "validate; off: no trust anchor is used, no answer is secure, and none is refused " +
			"for its signatures; a server that has no trust anchor does not start without it",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Validate })},
	{key: "validator.zones", kind: kindRecords, fields: modeFields,
		help: "how zones are validated, with the names below them; validate; permissive: answers " +
			"that do not verify are served unvalidated, counted and logged, and no answer is " +
			"secure; insecure: not at all; the longest name decides, and a trust anchor below it",
		binding: binding{set: setModes}},
	{key: "validator.time", kind: kindTime,
		help:    "judge signatures at this time instead of now; for tests",
		binding: bind(func(c *Config) *time.Time { return &c.Resolver.ValidationTime })},
	{key: "validator.ignore_signature_times", kind: kindBool,
		help:    "do not judge signature times at all; for tests",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Validation.IgnoreTimes })},
	{key: "validator.skew", kind: kindDuration, min: 0, max: 86400,
		help:    "how far this machine's clock may be off",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Validation.Skew })},
	{key: "validator.sha1", kind: kindBool,
		help: "validate RSA/SHA-1 signatures (algorithms 5 and 7); otherwise zones that have no " +
			"others are insecure (RFC 9905)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Validation.SHA1 })},
	{key: "validator.p256", kind: kindChoice, choices: []string{"auto", "standard"},
		help: "who verifies ECDSA P-256 signatures: auto, our own code where the processor can " +
			"and its known answers are right; standard, Go's library, two to five times slower",
		binding: bindChoice(func(c *Config) *bool { return &c.Resolver.Validation.StandardP256 },
			false, true)},
	{key: "validator.nsec3_iterations", kind: kindInt, min: 0, max: 150,
		help:    "NSEC3 iterations that are computed; above it zones are insecure (RFC 9276)",
		binding: bind(func(c *Config) *int { return &c.Resolver.Validation.MaxIterations })},
	{key: "validator.all_algorithms", kind: kindBool,
		help: "demand a valid signature by each supported algorithm that a zone's DS records or " +
			"anchors name, against a forger who has broken one of them; otherwise any one will " +
			"do (RFC 6840, section 5.11)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Validation.AllAlgorithms })},
	{key: "validator.missing_keys", kind: kindChoice, choices: []string{"bogus", "insecure"},
		help: "what a zone with a DS or an anchor is whose servers give no DNSKEY: bogus (RFC " +
			"4035, section 5.2); insecure lets whoever can keep the keys from this server turn " +
			"its validation off",
		binding: bindChoice(
			func(c *Config) *bool { return &c.Resolver.Validation.MissingKeysInsecure },
			false, true)},
	{key: "validator.signature_cache", kind: kindInt, min: 1, max: 1 << 24,
		help:    "signature checks whose result is remembered",
		binding: bind(func(c *Config) *int { return &c.Resolver.Validation.SignatureCache })},

	{key: "memory.total", kind: kindSize, min: 0, max: 1 << 40,
		help: "bytes that the process takes at most; what is not set of cache.memory and " +
			"connections.memory gets a part of it; 0: as much as all other limits allow together",
		binding: bind(func(c *Config) *int64 { return &c.Total })},
	{key: "cache.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help:    "bytes for everything that is remembered",
		binding: bind(func(c *Config) *int { return &c.Cache.Memory })},
	{key: "cache.save_interval", kind: kindDuration, min: 0, max: 86400,
		help: "how often the caches are saved in state.directory, and at the end, so that a " +
			"restart or an upgrade begins with them; 0: never, and nothing is loaded",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.SaveInterval })},
	{key: "cache.min_ttl", kind: kindDuration, min: 0, max: 86400,
		help:    "least time that data are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.Min })},
	{key: "cache.max_ttl", kind: kindDuration, min: 0, max: 604800,
		help:    "most time that data are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.Max })},
	{key: "cache.min_negative_ttl", kind: kindDuration, min: 0, max: 86400,
		help:    "least time that denials are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.MinNegative })},
	{key: "cache.max_negative_ttl", kind: kindDuration, min: 0, max: 604800,
		help:    "most time that denials are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.MaxNegative })},
	{key: "cache.aggressive_nsec", kind: kindBool,
		help:    "answer from proven denials (RFC 8198)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.AggressiveNSEC })},

	{key: "cache.prefetch", kind: kindBool,
		help:    "resolve again what is asked for in the last tenth of its time",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Prefetch })},

	{key: "stale.enabled", kind: kindBool,
		help: "answer with data that have ended while fresh ones cannot be had (RFC 8767): " +
			"never with bogus ones, nor with DS and DNSKEY",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Stale.Enabled })},
	{key: "stale.max_age", kind: kindDuration, min: 1, max: 604800,
		help:    "how long after their end data may be served",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.MaxStale })},
	{key: "stale.ttl", kind: kindDuration, min: 1, max: 3600,
		help:    "TTL of stale data in answers",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Stale.TTL })},
	{key: "stale.client_timeout", kind: kindDuration, min: 0, max: 5,
		help: "how long a client waits for fresh data before it gets stale ones; 0: it gets " +
			"stale ones at once, and fresh ones are fetched meanwhile; 5s: it gets them only " +
			"when fresh ones cannot be had",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Stale.ClientTimeout })},
	{key: "stale.retry", kind: kindDuration, min: 1, max: 3600,
		help: "least time between attempts to get fresh data that fail; meanwhile clients get " +
			"stale ones at once",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Stale.Retry })},

	{key: "warm.names", kind: kindList,
		help: "names that are always fresh in the cache, each with the types that are, A and " +
			"AAAA where none stands: \"www.example\" or \"example MX TXT\"",
		binding: bindList(func(c *Config) *[]resolver.WarmName { return &c.Resolver.WarmNames },
			warmNames)},
	{key: "warm.zones", kind: kindList,
		help: "zones whose NS, SOA, DS and DNSKEY sets are always fresh in the cache",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Resolver.WarmZones },
			domainNames)},

	{key: "server.max_udp_size", kind: kindInt, min: 512, max: server.MaxUDPSize,
		help:    "most octets of an answer over UDP",
		binding: bind(func(c *Config) *uint16 { return &c.Server.UDPSize })},
	{key: "server.nsid", kind: kindString,
		help:    "name server identifier (RFC 5001): hexadecimal, or ascii_ and text",
		binding: binding{set: setNSID}},
	{key: "server.identity", kind: kindString,
		help:    "answer to id.server CH TXT; empty refuses",
		binding: bind(func(c *Config) *string { return &c.Server.Identity })},
	{key: "server.version", kind: kindString,
		help:    "answer to version.server CH TXT; empty refuses",
		binding: bind(func(c *Config) *string { return &c.Server.Version })},
	{key: "server.cookies", kind: kindBool,
		help:    "DNS cookies towards clients (RFC 7873)",
		binding: bind(func(c *Config) *bool { return &c.Server.Cookies })},
	{key: "server.cookie_secret", kind: kindString,
		help:    "32 hexadecimal digits, to share cookies among servers (RFC 9018); empty: random",
		binding: binding{set: setSecret}},
	{key: "server.cookie_secret_file", kind: kindPath,
		help: "file of secrets for cookies, 32 hexadecimal digits a line: the first makes " +
			"cookies, all are accepted (RFC 9018, section 5); in place of cookie_secret",
		binding: bind(func(c *Config) *string { return &c.CookieSecretFile })},
	{key: "server.cookie_rotation", kind: kindDuration, min: 0, max: 2592000,
		help: "how often cookies get another secret, which is derived from cookie_secret and the " +
			"time, so that servers that share both share cookies; an hour or more; 0: never",
		binding: bind(func(c *Config) *time.Duration { return &c.Server.CookieRotation })},
	{key: "server.any", kind: kindChoice, choices: []string{"minimal", "full"},
		help:    "answers to ANY over UDP: one RRset (RFC 8482) or all",
		binding: bindChoice(func(c *Config) *bool { return &c.Server.AnyFull }, false, true)},
	{key: "server.minimal_responses", kind: kindChoice, choices: []string{"true", "false"},
		help: "leave out of answers what was not asked for; otherwise the zone's NS set stands " +
			"beside data, as far as it is known, and beside answers that policy has left " +
			"nothing in, and the addresses in the cache beside the MX, SRV, SVCB and HTTPS " +
			"records of their hosts",
		binding: bindChoice(func(c *Config) *bool { return &c.Server.NSBeside }, false, true)},
	{key: "server.rotate_answers", kind: kindBool,
		help:    "the records of a set come in another order each time (RFC 1794)",
		binding: bind(func(c *Config) *bool { return &c.Server.Rotate })},
	{key: "server.ede", kind: kindBool, help: "tell clients why (RFC 8914)",
		binding: bind(func(c *Config) *bool { return &c.Server.EDE })},

	{key: "policy.special_names", kind: kindBool,
		help: "answer localhost, reverse names of private addresses and other special-use names " +
			"here (RFC 6761, RFC 6303), but for stub and forward zones",
		binding: bind(func(c *Config) *bool { return &c.Server.Special })},
	{key: "policy.ordinary_names", kind: kindList,
		help: "special-use names that are resolved as any other, such as local or home.arpa",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Server.Ordinary },
			specialNames)},
	{key: "policy.special_server", kind: kindString,
		help: "name that denials of special names give as the primary server of their zone " +
			"(MNAME); empty: the zone itself (RFC 6303)",
		binding: binding{set: setSpecialServer}},
	{key: "policy.local_zones", kind: kindRecords, fields: []string{"name", "type"},
		help: "zones of this server's own, by what is said of names in them without records in " +
			"policy.local_records: " + strings.Join(localdata.TypeNames(), ", "),
		binding: binding{set: setLocalZones}},
	{key: "policy.local_records", kind: kindList,
		help: "records that are served here, in the syntax of zone files with complete names, " +
			"such as \"printer.corp.example 300 A 192.0.2.7\"",
		binding: bindList(func(c *Config) *[]string { return &c.LocalRecords }, asIs)},
	{key: "policy.hosts_files", kind: kindRecords, fields: []string{"file/"},
		help:    "files in the form of /etc/hosts whose names and addresses are served here",
		binding: binding{set: setHostsFiles}},
	{key: "policy.block_lists", kind: kindRecords, fields: listFields,
		help: "lists of names that are not resolved, nor those below them, each a file or what a " +
			"url (https) has, which is fetched again after refresh (1d): a name in each line or " +
			"the form of /etc/hosts; action is " +
			strings.Join(localdata.ActionNames(), ", ") + "; the longest name decides, and of " +
			"equal ones the first list",
		binding: binding{set: setBlockLists}},
	{key: "policy.rpz", kind: kindRecords, fields: policyFields,
		help: "response policy zones, the first one first, from sources as those of zones.held; " +
			"action is done in place of what their rules say: " +
			strings.Join(policyActions(), ", ") + " (with target); break_dnssec: true rewrites " +
			"secure answers also for clients that validate; wait_recurse: true resolves a " +
			"question before a rule about its name is applied; log: true logs each use; reason " +
			"is what clients are told of blocked names (EDE 15 to 17): " +
			strings.Join(reasons, ", "),
		binding: binding{set: setPolicyZones}},
	{key: "policy.private_addresses", kind: kindList,
		help: "networks whose addresses have an answer refused, against DNS rebinding, but for " +
			"names at or below policy.private_domains and in stub and forward zones",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Policy.Private.Networks },
			prefixes)},
	{key: "policy.private_domains", kind: kindList,
		help: "names at and below which answers may hold private addresses",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Policy.Private.Domains },
			domainNames)},
}, dns64Keys, []key{
	{key: "policy.access", kind: kindRules,
		help: "who may ask besides this machine and private networks, or who of these may not: " +
			"networks with allow, snoop (also without RD, from the cache), refuse or drop, as " +
			"\"192.0.2.0/24 allow\" or {net: 192.0.2.0/24, action: allow}; the longest decides; " +
			"all others are refused; {replace: true, rules: [...]} in place of the list lets " +
			"nobody else ask",
		binding: bindAccess()},
	{key: "policy.refusals", kind: kindChoice, choices: []string{"full", "bare"},
		help: "what clients that may not ask get: full, REFUSED with their question and a reason" +
			"; bare, the header alone, which is of no use to amplify an attack; clients that " +
			"check the question (RFC 5452, section 9.1) take it for no answer",
		binding: bindChoice(func(c *Config) *bool { return &c.Server.BareRefusals },
			false, true)},
}, queryLogKeys, limitKeys, []key{viewsKey})

// address reads an address and a port: 192.0.2.1:53, [2001:db8::1]:53, with @ for the colon as
// Unbound writes it, or either alone.
func address(s string, port uint16) (netip.AddrPort, error) {
	host, number, wanted := s, "", false
	switch i := strings.LastIndexByte(s, ':'); {
	case strings.Contains(s, "@"):
		host, number, wanted = strings.Cut(s, "@")
	case strings.HasPrefix(s, "["):
		host, number, wanted = strings.Cut(s, "]:")
	case strings.Count(s, ":") == 1:
		host, number, wanted = strings.Cut(s, ":")
	case i >= 0 && isPort(s[i+1:]):
		// ::1:53 is an address. Whoever writes it means an address and a port.
		if a, err := netip.ParseAddr(s[:i]); err == nil {
			return netip.AddrPort{}, fmt.Errorf("%q may be an address or an address and a port: "+
				"write "+
				"[%s]:%s or [%s]", s, a, s[i+1:], s)
		}
	}
	host = strings.Trim(host, "[]")
	a, err := netip.ParseAddr(host)
	switch {
	case host == "*" || host == "" && wanted:
		return netip.AddrPort{}, fmt.Errorf("%q is no address; all of this machine are 0.0.0.0 "+
			"and [::]",
			s)
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%q is no address such as 192.0.2.1:53 or "+
			"[2001:db8::1]:53",
			s)
	case !wanted:
		return netip.AddrPortFrom(a, port), nil
	case !isPort(number):
		return netip.AddrPort{}, fmt.Errorf("%q: %q is no port from 0 to 65535", s, number)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return netip.AddrPortFrom(a, uint16(n)), err
}

// interfaceName reads the name of a network interface, as Linux allows it.
func interfaceName(s string) (string, error) {
	if len(s) > 15 || strings.ContainsAny(s, "/ \t\n") || s == "." || s == ".." {
		return "", fmt.Errorf("%q is no name of a network interface", s)
	}
	return s, nil
}

// isPort reports whether a text is a number that a port can have.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// addrPorts reads addresses of servers: port 0 is none that a server could be asked at.
func addrPorts(list []string, port uint16) (out []netip.AddrPort, err error) {
	var errs []error
	for i, s := range list {
		ap, err := address(s, port)
		if err == nil && ap.Port() == 0 {
			err = fmt.Errorf("%q: no server can be asked at port 0", s)
		}
		out, errs = append(out, ap), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// adminPort is the admin listener's own.
const adminPort = 5380

// adminAddress reads the address of the admin listener, "" for none.
func adminAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	a, err := address(s, adminPort)
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// group reads a group of this machine, "" for none.
func group(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if _, err := console.GroupID(s); err != nil {
		return "", fmt.Errorf("%q is no group of this machine", s)
	}
	return s, nil
}

// logAddress reads the address of a socket for log lines, "" for none.
func logAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	_, _, err := querylog.ParseAddress(s)
	return s, err
}

// hosts reads names of this machine, as a Host field has them.
func hosts(list []string) (out []string, err error) {
	var errs []error
	for i, s := range list {
		n, err := wire.ParseName(s)
		if err != nil {
			errs = append(errs, inItem(i, fmt.Errorf("%q is no name: %w", s, err)))
			continue
		}
		out = append(out, strings.TrimSuffix(strings.ToLower(n.String()), "."))
	}
	return out, errors.Join(errs...)
}

func setNSID(c *Config, v value) (err error) {
	if c.Server.NSID = nil; v.text == "" {
		return nil
	}
	if c.Server.NSID, err = server.HexOrText(v.text); err != nil {
		return fmt.Errorf("%q is not hexadecimal; for text write ascii_%s", v.text, v.text)
	}
	return nil
}

// anchorURL reads the URL of an XML document.
func anchorURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" ||
		!strings.HasSuffix(u.Path, ".xml") {
		return "", fmt.Errorf("%q is no URL such as https://data.iana.org/root-anchors/"+
			"root-anchors.xml", s)
	}
	return s, nil
}

func setSpecialServer(c *Config, v value) (err error) {
	if c.Server.SpecialServer = (wire.Name{}); v.text == "" {
		return nil
	}
	if c.Server.SpecialServer, err = wire.ParseName(v.text); err != nil {
		return fmt.Errorf("%q is no name: %w", v.text, err)
	}
	return nil
}

// specialNames reads names of special zones.
func specialNames(list []string) ([]wire.Name, error) {
	names, err := domainNames(list)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, n := range names {
		if !policy.IsSpecial(n) {
			errs = append(errs, inItem(i, fmt.Errorf("%s is no special-use name: it is resolved "+
				"as any other", n)))
		}
	}
	return names, errors.Join(errs...)
}

// domainNames reads domain names.
func domainNames(list []string) (out []wire.Name, err error) {
	var errs []error
	for i, s := range list {
		n, err := wire.ParseName(strings.TrimSpace(s))
		if strings.TrimSpace(s) == "" {
			err = fmt.Errorf("an entry has no name; the root is %q", ".")
		} else if err != nil {
			err = fmt.Errorf("%q is no name: %w", s, err)
		}
		if err != nil {
			errs = append(errs, inItem(i, err))
			continue
		}
		out = append(out, n)
	}
	return out, errors.Join(errs...)
}

// warmNames reads names with types.
func warmNames(list []string) (out []resolver.WarmName, err error) {
	var errs []error
	for i, s := range list {
		n, err := warmName(s)
		if err != nil {
			errs = append(errs, inItem(i, err))
			continue
		}
		out = append(out, n)
	}
	return out, errors.Join(errs...)
}

func warmName(s string) (n resolver.WarmName, err error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return n, errors.New("an entry has no name")
	}
	if n.Name, err = wire.ParseName(words[0]); err != nil {
		return n, fmt.Errorf("%q is no name: %w", words[0], err)
	}
	for _, w := range words[1:] {
		t, ok := wire.ParseType(w)
		if !ok || t == wire.TypeNone || t.IsMeta() {
			return n, fmt.Errorf("%q is no type of data such as AAAA", w)
		}
		n.Types = append(n.Types, t)
	}
	if len(n.Types) == 0 {
		n.Types = []wire.Type{wire.TypeA, wire.TypeAAAA}
	}
	return n, nil
}

func prefixes(list []string) (out []netip.Prefix, err error) {
	var errs []error
	for i, s := range list {
		p, err := parsePrefix(s)
		out, errs = append(out, p), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 { // clients at such addresses are seen as IPv4
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network such as 192.0.2.0/24", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// each reads records, all of them, and says in which something is wrong. Those that could not be
// read before are left out.
func (v value) each(read func(i int, r record) error) error {
	var errs []error
	for i, r := range v.records {
		if r != nil {
			errs = append(errs, inItem(i, read(i, r)))
		}
	}
	return errors.Join(errs...)
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
			return inField("address", fmt.Errorf("address %q is no IP address", r.text("address")))
		}
		c.RootHints = append(c.RootHints, cache.NameServer{Name: n, Addrs: []netip.Addr{a}})
		return nil
	})
}

func setSecret(c *Config, v value) error {
	if v.text == "" {
		c.Server.Secret = nil
		return nil
	}
	b, err := hex.DecodeString(v.text)
	if err != nil || len(b) != len(c.Server.Secret) {
		return fmt.Errorf("the secret takes 32 hexadecimal digits")
	}
	c.Server.Secret = (*[16]byte)(b)
	return nil
}
