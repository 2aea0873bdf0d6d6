// Settings of the recursor that have one value.

package migrate

import (
	"fmt"
	"strconv"
	"strings"
)

var pdnsElsewhere = words("local-address local-port allow-from allow-from-file dnssec " +
	"dnssec.trustanchors dnssec.negative_trustanchors forward-zones forward-zones-recurse " +
	"forward-zones-file auth-zones dont-query query-local-address include-dir dot-to-port-853")

// pdnsTable are settings that stand alone.
var pdnsTable = options{map[string]conversion{
	"max-cache-ttl":              {"cache.max_ttl", formSeconds},
	"minimum-ttl-override":       {"cache.min_ttl", formSeconds},
	"max-negative-ttl":           {"cache.max_negative_ttl", formSeconds},
	"edns-outgoing-bufsize":      {"resolver.udp_size", formNumber},
	"udp-truncation-threshold":   {"server.max_udp_size", formNumber},
	"client-tcp-timeout":         {"connections.idle", formSeconds},
	"max-tcp-clients":            {"connections.max", formNumber},
	"max-tcp-per-client":         {"connections.per_client", formNumber},
	"extended-resolution-errors": {"server.ede", formBool},
	"nsec3-max-iterations":       {"validator.nsec3_iterations", formNumber},
	"signature-inception-skew":   {"validator.skew", formSeconds},
	"trustanchorfile":            {"trust_anchors.file", formPath},
	"version-string":             {"server.version", formText},
	"server-id":                  {"server.identity", formText},
}, map[string]string{
	"config-dir":                           "paths are absolute here",
	"config-name":                          "there is one name",
	"threads":                              "threads follow the processors",
	"distributor-threads":                  "it is always so",
	"pdns-distributes-queries":             "it is always so",
	"processes":                            "there is one",
	"reuseport":                            "it is always so",
	"cpu-map":                              "the system places threads",
	"stack-size":                           "stacks grow",
	"max-mthreads":                         "nearest: resolver.max_in_flight",
	"distribution-load-factor":             "it is always so",
	"distribution-pipe-buffer-size":        "there are no pipes",
	"max-cache-entries":                    "bounded by octets; nearest: cache.memory",
	"max-packetcache-entries":              "bounded by octets; nearest: cache.memory",
	"packetcache-ttl":                      "an answer lives as long as its records",
	"packetcache-servfail-ttl":             "failures are remembered for some seconds",
	"disable-packetcache":                  "prepared answers are part of the cache",
	"max-cache-bogus-ttl":                  "bogus data are never kept, only the fact",
	"record-cache-shards":                  "the cache has its own",
	"record-cache-locked-ttl-perc":         "data of a rank displace no better ones",
	"limit-qtype-any":                      "it is always so; nearest: server.any",
	"any-to-tcp":                           "nearest: server.any",
	"quiet":                                "nearest: query_log.to",
	"trace":                                "bailiwick explain NAME tells it",
	"loglevel":                             "nearest: log.level",
	"log-common-errors":                    "nearest: log.level",
	"logging-facility":                     "it logs to standard error",
	"disable-syslog":                       "it logs to standard error",
	"log-timestamp":                        "nearest: log.format",
	"log-rpz-changes":                      "nearest: log of policy.rpz",
	"structured-logging":                   "nearest: log.format",
	"structured-logging-backend":           "nearest: log.format",
	"dnssec-log-bogus":                     "each failure has a cause: bailiwick ctl failures list",
	"x-dnssec-names":                       "metrics are at admin.listen",
	"daemon":                               "it stays in the foreground",
	"setuid":                               "the unit of the service says it",
	"setgid":                               "the unit of the service says it",
	"chroot":                               "the unit of the service confines it",
	"write-pid":                            "the service manager knows it",
	"socket-dir":                           "nearest: control.socket",
	"socket-owner":                         "nearest: control.socket_group",
	"socket-group":                         "nearest: control.socket_group",
	"socket-mode":                          "nearest: control.socket_mode",
	"api-config-dir":                       "nearest: api.token_file",
	"api-key":                              "nearest: api.token_file",
	"webserver":                            "metrics and the API are at admin.listen",
	"webserver-port":                       "nearest: admin.listen",
	"webserver-address":                    "nearest: admin.listen",
	"webserver-allow-from":                 "nearest: admin.listen",
	"webserver-password":                   "nearest: api.token_file",
	"webserver-hash-plaintext-credentials": "nearest: api.token_file",
	"webserver-loglevel":                   "nearest: log.level",
	"section webservice":                   "nearest: admin.listen, api.token_file",
	"section logging":                      "nearest: log.level, log.format, query_log.to",
	"section carbon":                       "metrics are at admin.listen",
	"section snmp":                         "metrics are at admin.listen",
	"section nod":                          "not now, because it says nothing of answers",
	"carbon-server":                        "metrics are at admin.listen",
	"carbon-interval":                      "metrics are at admin.listen",
	"carbon-ourname":                       "metrics are at admin.listen",
	"carbon-instance":                      "metrics are at admin.listen",
	"snmp-agent":                           "metrics are at admin.listen",
	"statistics-interval":                  "metrics are at admin.listen",
	"stats-ringbuffer-entries":             "nearest: query_log.to",
	"latency-statistic-size":               "metrics are at admin.listen",
	"event-trace-enabled":                  "nearest: tracing.endpoint",
	"security-poll-suffix":                 "it asks nobody for its own version",
	"public-suffix-list-file":              "nothing uses it",
	"network-timeout":                      "the time of each server decides",
	"max-total-msec":                       "each resolution has budgets: docs/limits.md",
	"max-qperq":                            "each resolution has budgets: docs/limits.md",
	"max-ns-address-qperq":                 "each resolution has budgets: docs/limits.md",
	"max-ns-per-resolve":                   "each resolution has budgets: docs/limits.md",
	"max-recursion-depth":                  "each resolution has budgets: docs/limits.md",
	"max-include-depth":                    "each resolution has budgets: docs/limits.md",
	"spoof-nearmiss-max":                   "forged replies are counted by themselves",
	"server-down-max-fails":                "servers that fail are asked last",
	"server-down-throttle-time":            "servers that fail are asked last",
	"non-resolving-ns-max-fails":           "servers that fail are asked last",
	"non-resolving-ns-throttle-time":       "servers that fail are asked last",
	"dont-throttle-names":                  "servers that fail are asked last",
	"dont-throttle-netmasks":               "servers that fail are asked last",
	"lowercase-outgoing":                   "nearest: resolver.case_randomisation",
	"tcp-fast-open":                        "connections are kept",
	"tcp-fast-open-connect":                "connections are kept",
	"tcp-out-max-idle-ms":                  "limited by itself",
	"tcp-out-max-idle-per-auth":            "limited by itself",
	"tcp-out-max-idle-per-thread":          "limited by itself",
	"tcp-out-max-queries":                  "limited by itself",
	"max-tcp-queries-per-connection":       "nearest: connections.queries",
	"max-udp-queries-per-round":            "it is always so",
	"max-concurrent-requests-per-tcp-connection": "limited by itself",
	"udp-source-port-min":                        "nearest: resolver.source_ports",
	"udp-source-port-max":                        "nearest: resolver.source_ports",
	"udp-source-port-avoid":                      "nearest: resolver.source_ports",
	"single-socket":                              "it is never so",
	"entropy-source":                             "the system's",
	"rng":                                        "the system's",
	"edns-padding-from":                          "it is always so (RFC 8467)",
	"edns-padding-mode":                          "it is always so (RFC 8467)",
	"edns-padding-out":                           "it is always so (RFC 8467)",
	"edns-padding-tag":                           "there are no tags",
	"gettag-needs-edns-options":                  "there is no Lua",
	"allow-trust-anchor-query":                   "bailiwick ctl anchors tells it",
	"ignore-unknown-settings":                    "none are ignored",
	"save-parent-ns-set":                         "nearest: resolver.revalidate_ns",
	"no-shuffle":                                 "nearest: server.rotate_answers",
	"soa-minimum-ttl":                            "denials have the time that they say (RFC 2308)",
	"lua-maintenance-interval":                   "there is no Lua",
	"allow-notify-from":                          "nearest: notify_from of zones.held",
	"allow-notify-for":                           "nearest: notify_from of zones.held",
	"allow-notify-from-file":                     "nearest: notify_from of zones.held",
	"allow-notify-for-file":                      "nearest: notify_from of zones.held",
	"max-busy-dot-probes":                        "nearest: resolver.opportunistic",
	"non-local-bind":                             "nearest: listen.absent: wait",
	"aggressive-cache-max-nsec3-hash-cost":       "nearest: validator.nsec3_iterations",
}, map[string]string{
	"lua-config-file": "Lua is not read; nearest: trust_anchors.insecure (addNTA), " +
		"trust_anchors.records (addTA), policy.rpz (rpzFile, rpzPrimary), dnstap.to (protobuf)",
	"lua-dns-script": "Lua is not read; nearest: policy.local_records, policy.rpz, " +
		"policy.block_lists",
	"edns-subnet-allow-list":     "nearest: resolver.ecs.zones",
	"edns-subnet-whitelist":      "nearest: resolver.ecs.zones",
	"use-incoming-edns-subnet":   "nearest: resolver.ecs.zones",
	"ecs-add-for":                "nearest: resolver.ecs.zones",
	"section ecs":                "nearest: resolver.ecs.zones",
	"dot-to-auth-names":          "nearest: resolver.forward_zones with tls_name",
	"proxy-protocol-from":        "nearest: proxy_from of a listener",
	"dnssec-disabled-algorithms": "nearest: validator.sha1",
	"rpzs":                       "nearest: policy.rpz",
	"forwarding-catalog-zones":   "nearest: zones.catalogs",
	"proxymappings":              "nearest: views",
	"export-etc-hosts-search-suffix": "names stand in the file as they are asked for; nearest: " +
		"policy.hosts_files",
}, pdnsAlike, nil}

// special converts a setting whose value decides what it becomes, and reports whether it is one.
func (r *recursor) special(d *directive) bool {
	v := strings.TrimSpace(d.arg(0))
	on := r.yes(d.name, "no")
	switch d.name {
	case "hint-file":
		if v == "" || v == "no" || v == "no-refresh" {
			r.leave(d, "the root's servers are built in; nearest: resolver.root_hints_file")
		} else {
			r.set("resolver.root_hints_file", quote(r.path(v)), d)
		}
	case "export-etc-hosts":
		if on {
			r.add("policy.hosts_files", quote(r.path(r.setting("etc-hosts-file",
				"/etc/hosts").arg(0))), d)
		}
	case "etc-hosts-file":
	case "serve-rfc1918":
		if !on {
			r.add("policy.ordinary_names", quote("10.in-addr.arpa"), d)
			r.add("policy.ordinary_names", quote("168.192.in-addr.arpa"), d)
			for i := 16; i < 32; i++ {
				r.add("policy.ordinary_names", quote(fmt.Sprintf("%d.172.in-addr.arpa", i)), d)
			}
		}
	case "qname-minimization":
		to := "off"
		if on {
			to = "relaxed"
		}
		r.set("resolver.qname_minimisation", quote(to), d)
	case "root-nx-trust", "nothing-below-nxdomain":
		r.set("resolver.harden_below_nxdomain", strconv.FormatBool(on || v == "dnssec"), d)
	case "aggressive-nsec-cache-size":
		r.set("cache.aggressive_nsec", strconv.FormatBool(v != "0"), d)
	case "refresh-on-ttl-perc":
		r.set("cache.prefetch", strconv.FormatBool(v != "0"), d)
	case "serve-stale-extensions":
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			r.lose(d, "nearest: stale.max_age")
			break
		}
		r.set("stale.enabled", strconv.FormatBool(n > 0), d)
		if n > 0 { // each extension is of 30 seconds
			r.set("stale.max_age", fmt.Sprintf("%ds", n*30), d)
		}
	case "dns64-prefix":
		if v != "" {
			r.set("policy.dns64.enabled", "true", d)
			r.add("policy.dns64.prefixes", quote(v), d)
		}
	case "lua-config-file":
		return r.harmless(d)
	case "lua-dns-script", "edns-subnet-allow-list", "edns-subnet-whitelist",
		"use-incoming-edns-subnet", "dot-to-auth-names", "proxy-protocol-from", "server-id",
		"version-string", "export-etc-hosts-search-suffix", "trustanchorfile", "ecs-add-for",
		"dnssec-disabled-algorithms", "max-tcp-per-client":
		if v != "" && v != "no" && v != "false" && v != "disabled" && v != "0" {
			return false
		}
		r.leave(d, "it is off here too")
	default:
		return false
	}
	return true
}

// harmless reports whether a Lua file does nothing that is needed here: that of Debian has nothing
// but the root's keys.
func (r *recursor) harmless(d *directive) bool {
	text, err := readFile(r.path(d.arg(0)), maxTotal)
	if err != nil || d.arg(0) == "" {
		return d.arg(0) == ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		line, _, _ = strings.Cut(line, "--")
		if line = strings.TrimSpace(line); line != "" &&
			!(strings.HasPrefix(line, "dofile(") && strings.Contains(line, "rootkeys.lua")) {
			return false
		}
	}
	r.leave(d, "it has the root's keys alone, which are built in")
	return true
}
