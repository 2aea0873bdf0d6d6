// Options of dnsmasq that have one value.

package migrate

import (
	"net/netip"
	"strconv"
	"strings"
)

var dnsmasqElsewhere = words("port listen-address interface local-service dnssec trust-anchor " +
	"server local rev-server resolv-file no-resolv no-hosts addn-hosts hostsdir address")

// dnsmasqTable are options that stand alone.
var dnsmasqTable = options{map[string]conversion{
	"max-cache-ttl":   {"cache.max_ttl", formSeconds},
	"min-cache-ttl":   {"cache.min_ttl", formSeconds},
	"dns-forward-max": {"resolver.max_in_flight", formNumber},
}, map[string]string{
	"cache-size":            "a number of names; nearest: cache.memory",
	"no-poll":               "files are read again when they change, or on SIGHUP",
	"user":                  "the unit of the service says it",
	"group":                 "the unit of the service says it",
	"pid-file":              "the service manager knows it",
	"keep-in-foreground":    "it is always so",
	"no-daemon":             "it is always so",
	"log-queries":           "nearest: query_log.to",
	"log-facility":          "it logs to standard error; nearest: query_log.file",
	"log-async":             "no query waits for a log",
	"log-debug":             "nearest: log.level",
	"quiet-dhcp":            "out of scope: DHCP",
	"bind-interfaces":       "it listens at the addresses that are given",
	"bind-dynamic":          "nearest: listen.absent: wait",
	"bogus-priv":            "it is so here too: policy.special_names",
	"domain-needed":         "nearest: policy.local_zones for the names",
	"all-servers":           "a second server is asked when the first is slow",
	"no-ident":              "it is so here too: server.version, server.identity",
	"dns-loop-detect":       "each resolution has budgets: docs/limits.md",
	"fast-dns-retry":        "the time of each server decides",
	"min-port":              "nearest: resolver.source_ports",
	"max-port":              "nearest: resolver.source_ports",
	"port-limit":            "nearest: resolver.source_ports",
	"dnssec-no-timecheck":   "nearest: clock.time_servers",
	"dnssec-timestamp":      "nearest: clock.earliest",
	"dnssec-check-unsigned": "it is always so",
	"enable-dbus":           "nearest: ctl forwards set",
	"enable-ubus":           "nearest: ctl forwards set",
	"clear-on-reload":       "nearest: ctl flush",
	"conntrack":             "it says nothing of answers",
	"dumpfile":              "nearest: dnstap.to",
	"dumpmask":              "nearest: dnstap.messages",
	"tftp-root":             "out of scope: TFTP",
	"enable-tftp":           "out of scope: TFTP",
	"domain":                "out of scope: DHCP; nearest: policy.local_zones",
	"read-ethers":           "out of scope: DHCP",
	"enable-ra":             "out of scope: router advertisements",
	"ra-param":              "out of scope: router advertisements",
}, map[string]string{
	"strict-order":     "servers are asked by their speed; nearest: a weight in addresses",
	"no-negcache":      "nearest: cache.max_negative_ttl",
	"query-port":       "one port makes forgery easy; nearest: resolver.source_ports",
	"bogus-nxdomain":   "nearest: policy.rpz",
	"ignore-address":   "nearest: policy.rpz",
	"alias":            "nearest: policy.rpz",
	"filterwin2k":      "nearest: policy.block_lists",
	"filter-A":         "nearest: policy.rpz",
	"filter-AAAA":      "nearest: policy.rpz",
	"filter-rr":        "nearest: policy.rpz",
	"ipset":            "not now, because answers set no firewall rules",
	"nftset":           "not now, because answers set no firewall rules",
	"add-subnet":       "nearest: resolver.ecs.zones",
	"add-mac":          "not now, because it tells servers who asks",
	"add-cpe-id":       "not now, because it tells servers who asks",
	"umbrella":         "not now, because it tells servers who asks",
	"localise-queries": "nearest: local_records of views",
	"expand-hosts":     "nearest: policy.hosts_files with whole names",
	"interface-name":   "nearest: policy.local_records",
	"dynamic-host":     "nearest: policy.local_records",
	"synth-domain":     "nearest: policy.local_records",
	"naptr-record":     "nearest: policy.local_records",
	"dns-rr":           "nearest: policy.local_records",
	"localmx":          "nearest: policy.local_records",
	"selfmx":           "nearest: policy.local_records",
	"auth-server":      "nearest: zones.held",
	"auth-zone":        "nearest: zones.held",
	"auth-soa":         "nearest: zones.held",
	"proxy-dnssec":     "AD is set for what is validated here; nearest: validator.validation",
	"max-ttl":          "nearest: cache.max_ttl",
	"local-ttl":        "nearest: local_records with a TTL",
	"neg-ttl":          "denials have the time that they say (RFC 2308)",
	"except-interface": "an interface is named by its addresses here; nearest: listen.udp",
	"dhcp-range": "out of scope: DHCP; names of leases are not known here; nearest: " +
		"policy.hosts_files",
	"dhcp-host": "out of scope: DHCP; its names are not known here; nearest: " +
		"policy.local_records",
}, dnsmasqAlike, dnsmasqUnlike}

// special converts an option whose value decides what it becomes, and reports whether it is one.
func (m *dnsmasq) special(d *directive) bool {
	parts := strings.Split(d.arg(0), ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	switch d.name {
	case "cache-size":
		if parts[0] != "0" {
			return false
		}
		m.lose(d, "nothing was kept; nearest: cache.max_ttl, no_cache of resolver.forward_zones")
	case "edns-packet-max":
		m.one(d, conversion{"resolver.udp_size", formNumber}, m.path)
		m.one(d, conversion{"server.max_udp_size", formNumber}, m.path)
	case "use-stale-cache":
		m.set("stale.enabled", "true", d)
		m.set("stale.client_timeout", "0s", d)
		if parts[0] == "0" {
			m.lose(d, "0 is without an end; nearest: stale.max_age")
		} else if parts[0] != "" {
			m.one(d, conversion{"stale.max_age", formSeconds}, m.path)
		}
	case "no-round-robin":
		m.set("server.rotate_answers", "false", d)
	case "stop-dns-rebind":
		for _, n := range privateNetworks {
			if !m.has("rebind-localhost-ok") || n != "127.0.0.0/8" && n != "::1/128" {
				m.add("policy.private_addresses", quote(n), d)
			}
		}
		m.tell("zones with servers of their own may have private addresses here without " +
			"rebind-domain-ok")
	case "rebind-localhost-ok":
	case "rebind-domain-ok":
		names, rest := domains(d.arg(0))
		for _, name := range append(names, rest) {
			if name != "" && name != "." {
				m.add("policy.private_domains", quote(name), d)
			}
		}
	case "host-record":
		m.hostRecord(d, parts)
	case "cname":
		m.cname(d, parts)
	case "ptr-record", "txt-record", "mx-host", "srv-host", "caa-record":
		m.otherRecord(d, parts)
	default:
		if (strings.HasPrefix(d.name, "dhcp-") || strings.HasPrefix(d.name, "pxe-") ||
			strings.HasPrefix(d.name, "tftp-") || d.name == "log-dhcp") &&
			dnsmasqTable.lost[d.name] == "" {
			m.leave(d, "out of scope: DHCP")
			return true
		}
		return false
	}
	return true
}

// hostRecord converts names with their addresses, and the addresses with the first name. A last
// number is the TTL.
func (m *dnsmasq) hostRecord(d *directive, parts []string) {
	ttl := ""
	if n, err := strconv.ParseUint(parts[len(parts)-1], 10, 31); err == nil {
		ttl, parts = strconv.FormatUint(n, 10)+" ", parts[:len(parts)-1]
	}
	var names []string
	for _, p := range parts {
		a, err := netip.ParseAddr(strings.Trim(p, "[]"))
		if err != nil {
			names = append(names, p)
			continue
		}
		for _, name := range names {
			m.record(d, name, ttl+addressType(a), a.String())
		}
		if len(names) > 0 {
			m.record(d, reverse(a), ttl+"PTR", zoneName(names[0])+".")
		}
	}
}

// cname converts aliases: the last name is what they stand for, and a number after it the TTL.
func (m *dnsmasq) cname(d *directive, parts []string) {
	ttl := ""
	if n, err := strconv.ParseUint(parts[len(parts)-1], 10, 31); err == nil && len(parts) > 2 {
		ttl, parts = strconv.FormatUint(n, 10)+" ", parts[:len(parts)-1]
	}
	for _, name := range parts[:len(parts)-1] {
		m.record(d, name, ttl+"CNAME", zoneName(parts[len(parts)-1])+".")
	}
}

// otherRecord converts records of other types.
func (m *dnsmasq) otherRecord(d *directive, parts []string) {
	part := func(i int, otherwise string) string {
		if i < len(parts) && parts[i] != "" {
			return parts[i]
		}
		return otherwise
	}
	target := func(i int) string { return zoneName(part(i, ".")) + "." }
	switch d.name {
	case "ptr-record":
		m.record(d, parts[0], "PTR", target(1))
	case "txt-record":
		text := ""
		for _, p := range parts[1:] {
			text += " " + strconv.Quote(p)
		}
		m.record(d, parts[0], "TXT", strings.TrimSpace(text))
	case "mx-host":
		m.record(d, parts[0], "MX", part(2, "1")+" "+target(1))
	case "srv-host":
		m.record(d, parts[0], "SRV", part(3, "0")+" "+part(4, "0")+" "+part(2, "1")+" "+target(1))
	case "caa-record":
		m.record(d, parts[0], "CAA", part(1, "0")+" "+part(2, "issue")+" "+
			strconv.Quote(part(3, ";")))
	}
}
