// Options of BIND that have one value.

package migrate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// bindTable are options that stand alone.
var bindTable = options{map[string]conversion{
	"max-cache-ttl":          {"cache.max_ttl", formPeriod},
	"min-cache-ttl":          {"cache.min_ttl", formPeriod},
	"max-ncache-ttl":         {"cache.max_negative_ttl", formPeriod},
	"min-ncache-ttl":         {"cache.min_negative_ttl", formPeriod},
	"synth-from-dnssec":      {"cache.aggressive_nsec", formBool},
	"stale-answer-enable":    {"stale.enabled", formBool},
	"max-stale-ttl":          {"stale.max_age", formPeriod},
	"stale-answer-ttl":       {"stale.ttl", formPeriod},
	"stale-refresh-time":     {"stale.retry", formPeriod},
	"edns-udp-size":          {"resolver.udp_size", formNumber},
	"max-udp-size":           {"server.max_udp_size", formNumber},
	"send-cookie":            {"resolver.cookies", formBool},
	"answer-cookie":          {"server.cookies", formBool},
	"cookie-secret":          {"server.cookie_secret", formText},
	"recursive-clients":      {"resolver.max_in_flight", formNumber},
	"tcp-clients":            {"connections.max", formNumber},
	"fetches-per-zone":       {"resolver.zone_quota", formNumber},
	"fetches-per-server":     {"resolver.server_quota", formNumber},
	"trust-anchor-telemetry": {"trust_anchors.signal", formBool},
	"empty-server":           {"policy.special_server", formText},
	"empty-zones-enable":     {"policy.special_names", formBool},
	"max-query-restarts":     {"resolver.max_aliases", formNumber},
	"dnssec-accept-expired":  {"validator.ignore_signature_times", formBool},
}, bindNeedless, map[string]string{
	"all-per-second":          "nearest: limits.queries_per_prefix",
	"deny-answer-aliases":     "nearest: policy.rpz",
	"sortlist":                "not now, because clients sort addresses themselves (RFC 6724)",
	"dnssec-must-be-secure":   "nearest: trust_anchors.records",
	"disable-algorithms":      "nearest: validator.sha1",
	"disable-ds-digests":      "nearest: validator.sha1",
	"require-server-cookie":   "nearest: limits.queries_per_address",
	"dnsrps-enable":           "nearest: policy.rpz",
	"plugin":                  "nearest: policy.rpz, policy.dns64",
	"filter-aaaa-on-v4":       "nearest: policy.dns64.ignore_aaaa",
	"allow-query-on":          "nearest: access of a listener (listen.udp)",
	"allow-recursion-on":      "nearest: access of a listener (listen.udp)",
	"allow-query-cache-on":    "nearest: access of a listener (listen.udp)",
	"allow-proxy":             "nearest: proxy_from of a listener",
	"allow-proxy-on":          "nearest: proxy_from of a listener",
	"root-delegation-only":    "nearest: policy.private_addresses",
	"catalog-zones":           "nearest: zones.catalogs",
	"dlz":                     "not now, because zones are files or copies; nearest: zones.held",
	"dyndb":                   "not now, because zones are files or copies; nearest: zones.held",
	"use-alt-transfer-source": "nearest: resolver.source_addresses",
}, nil, nil}

// bindNeedless are options that need nothing here, with the reason.
var bindNeedless = map[string]string{
	"allow-update":        "not now, because this is a resolver; nearest: zones.held",
	"also-notify":         "zones are not given to others; nearest: zones.held",
	"allow-transfer":      "zones are not given to others; nearest: zones.held",
	"preferred-glue":      "not now, because answers hold what was asked for",
	"attach-cache":        "views share what they resolve alike; nearest: views",
	"statistics-channels": "nearest: admin.listen, with metrics at /metrics",
	"dnstap-version":      "nearest: dnstap.version",
	"dnstap-identity":     "nearest: dnstap.identity",
	"dnstap-output":       "nearest: dnstap.file",
	"dnstap":              "nearest: dnstap.to, dnstap.messages",
	"querylog":            "nearest: query_log.to",
	"directory":           "paths are absolute here", "pid-file": "the service manager knows it",
	"key-directory": "no zones are signed", "managed-keys-directory": "state.directory has them",
	"session-keyfile":          "there are no dynamic updates",
	"dump-file":                "bailiwick ctl dump prints it",
	"statistics-file":          "metrics are at admin.listen",
	"memstatistics-file":       "metrics are at admin.listen",
	"recursing-file":           "bailiwick ctl tells it",
	"secroots-file":            "bailiwick ctl anchors tells it",
	"bindkeys-file":            "the root's keys are built in",
	"geoip-directory":          "nothing uses it",
	"zone-statistics":          "metrics are at admin.listen",
	"logging":                  "it logs to standard error; nearest: log.level, query_log.to",
	"controls":                 "the control socket is there by itself; nearest: control.socket",
	"dnssec-enable":            "it is always so",
	"auth-nxdomain":            "it is never so (RFC 1035, section 4.1.1)",
	"interface-interval":       "listeners are fixed; nearest: listen.absent",
	"automatic-interface-scan": "listeners are fixed; nearest: listen.absent",
	"check-names":              "names are data here",
	"notify":                   "zones are not given to others",
	"clients-per-query":        "clients that wait for the same share one resolution",
	"max-clients-per-query":    "clients that wait for the same share one resolution",
	"max-recursion-depth":      "each resolution has budgets: docs/limits.md",
	"max-recursion-queries":    "each resolution has budgets: docs/limits.md",
	"resolver-query-timeout":   "each resolution has budgets: docs/limits.md",
	"nta-lifetime":             "ctl nta gives each a time",
	"nta-recheck":              "ctl nta gives each a time",
	"tcp-listen-queue":         "the system's limit holds",
	"tcp-keepalive-timeout":    "nearest: connections.idle",
	"tcp-initial-timeout":      "nearest: connections.idle",
	"tcp-advertised-timeout":   "nearest: connections.idle",
	"tcp-idle-timeout":         "nearest: connections.idle",
	"root-key-sentinel":        "it is always so",
	"lame-ttl":                 "servers that fail are asked last",
	"reserved-sockets":         "the system's limit holds",
	"files":                    "the system's limit holds",
	"coresize":                 "the system's limit holds",
	"datasize":                 "the system's limit holds",
	"stacksize":                "the system's limit holds",
	"transfers-in":             "limited by itself",
	"transfers-out":            "zones are not given to others",
	"transfers-per-ns":         "limited by itself",
	"transfer-format":          "zones are not given to others",
	"serial-query-rate":        "limited by itself",
	"heartbeat-interval":       "there is no dial-up",
	"flush-zones-on-shutdown":  "zones are not written",
	"masterfile-format":        "zones are text",
	"match-mapped-addresses":   "it is always so",
	"resolver-retry-interval":  "the time of each server decides",
	"provide-ixfr":             "zones are not given to others",
	"request-ixfr":             "it is always so",
	"ixfr-from-differences":    "zones are not given to others",
	"stale-cache-enable":       "it goes with stale-answer-enable",
	"lock-file":                "the service manager knows it",
}

// bindElsewhere are options that other functions convert.
var bindElsewhere = words("listen-on listen-on-v6 port tls-port https-port http-port " +
	"allow-query allow-recursion allow-query-cache blackhole recursion match-clients " +
	"match-destinations match-recursive-only dnssec-validation trust-anchors managed-keys " +
	"trusted-keys dnssec-keys validate-except disable-empty-zone forwarders forward zone " +
	"response-policy")

// each converts the options for all.
func (n *named) each() {
	for _, s := range n.options.body {
		if slices.Contains(bindElsewhere, s.name) || n.special(s) {
			continue
		}
		bindTable.convert(n.builder, &s.directive, n.path)
	}
	if n.options.last("stale-answer-enable") == nil {
		n.tell(staleServed)
	} else if n.options.last("stale-answer-client-timeout") == nil {
		n.set("stale.client_timeout", "5s", defaultOf("stale-answer-client-timeout", "off"))
	}
	if n.options.last("max-cache-size") == nil {
		n.tell("the cache took up to nine tenths of the memory; here it takes 128 MiB: " +
			"cache.memory")
	}
}

// special converts an option whose value decides what it becomes, and reports whether it is one.
func (n *named) special(s *statement) bool {
	d, first := &s.directive, strings.ToLower(s.arg(0))
	off := first == "no" || first == "false" || first == "0" || first == "none" ||
		first == "disabled"
	switch s.name {
	case "qname-minimization":
		to := map[string]string{"strict": "strict", "relaxed": "relaxed", "disabled": "off",
			"off": "off"}[first]
		n.set("resolver.qname_minimisation", quote(to), d)
	case "minimal-responses":
		n.set("server.minimal_responses", strconv.FormatBool(!off), d)
	case "minimal-any":
		if off {
			n.set("server.any", "full", d)
		} else {
			n.leave(d, "it is so here too: server.any")
		}
	case "prefetch":
		n.set("cache.prefetch", strconv.FormatBool(first != "0"), d)
	case "max-cache-size":
		if b, err := size(first); err == nil && b > 0 {
			n.set("cache.memory", quote(fmt.Sprintf("%dMiB", max(1, b>>20))), d)
		} else {
			n.leave(d, "a part of the machine's memory; nearest: cache.memory, memory.total")
		}
	case "stale-answer-client-timeout":
		if first == "off" || off && first != "0" {
			n.set("stale.client_timeout", "5s", d)
		} else {
			n.one(d, conversion{"stale.client_timeout", formMillis}, n.path)
		}
	case "version", "hostname", "server-id":
		n.identity(d)
	case "rrset-order":
		n.leave(d, "answers come in another order each time; nearest: server.rotate_answers")
	case "query-source", "query-source-v6":
		n.querySource(s)
	case "dual-stack-servers", "notify-source", "transfer-source", "transfer-source-v6":
		n.leave(d, "nearest: resolver.source_addresses")
	case "deny-answer-addresses":
		n.rebinding(s)
	case "rate-limit":
		n.rates(s)
	case "dns64":
		n.translate(s)
	case "dns64-server", "dns64-contact":
		n.leave(d, "translated reverse names are aliases")
	case "sortlist",
		"disable-algorithms", "dnssec-accept-expired":
		if !off && (!s.block || len(s.body) > 0 && s.body[0].name != "none") {
			return false
		}
		n.leave(d, "it is so here too")
	case "fetches-per-zone", "fetches-per-server":
		if first != "0" {
			return false
		}
		n.leave(d, "there is always a limit: resolver.zone_quota, resolver.server_quota")
	default:
		return false
	}
	return true
}

// identity converts what a server says of itself.
func (n *named) identity(d *directive) {
	switch {
	case d.name == "server-id" && d.arg(0) == "hostname":
		n.lose(d, "the machine's name has to be written out; nearest: server.identity, "+
			"server.nsid")
	case d.arg(0) == "none":
		n.leave(d, "it is refused here without server.version and server.identity")
	case d.name == "version":
		n.set("server.version", quote(d.arg(0)), d)
	default:
		n.set("server.identity", quote(d.arg(0)), d)
		if d.name == "server-id" {
			n.set("server.nsid", quote("ascii_"+d.arg(0)), d)
		}
	}
}

// querySource converts the address that servers are asked from.
func (n *named) querySource(s *statement) {
	d := &s.directive
	address := s.arg(0)
	if a := s.word("address"); a != "" {
		address = a
	}
	if p := s.word("port"); p != "" && p != "*" {
		n.lose(d, "one port makes forgery easy; nearest: resolver.source_ports")
	}
	switch address {
	case "*", "port":
	case "none":
		n.set(map[string]string{"query-source": "resolver.ipv4",
			"query-source-v6": "resolver.ipv6"}[d.name], quote("false"), d)
	default:
		n.add("resolver.source_addresses", quote(address), d)
	}
}

// rebinding converts addresses that answers may not have. The names that may have them stand after
// the block.
func (n *named) rebinding(s *statement) {
	for _, e := range s.body {
		p, err := bindNetwork(e.name)
		if err != nil {
			n.lose(&e.directive, "it is not a network; nearest: policy.private_addresses")
			continue
		}
		n.add("policy.private_addresses", quote(p.String()), &e.directive)
	}
	for _, e := range s.second {
		n.add("policy.private_domains", quote(e.name), &e.directive)
	}
	n.tell("answers with such addresses failed (SERVFAIL); here they have no records: " +
		"policy.private_addresses")
}

// bindRates are the rates of responses; those that are not given are as responses-per-second.
var bindRates = []struct{ name, key string }{{"responses-per-second", "limits.responses"},
	{"nxdomains-per-second", "limits.denials"}, {"errors-per-second", "limits.errors"},
	{"referrals-per-second", "limits.referrals"}}

// rates converts limits of responses.
func (n *named) rates(s *statement) {
	for _, r := range bindRates {
		o := cmp.Or(s.last(r.name), s.last("responses-per-second"))
		if o != nil {
			n.one(&o.directive, conversion{r.key, formNumber}, n.path)
		}
	}
	for _, o := range s.body {
		switch o.name {
		case "responses-per-second", "nxdomains-per-second", "errors-per-second",
			"referrals-per-second":
		case "window":
			n.one(&o.directive, conversion{"limits.window", formSeconds}, n.path)
		case "slip":
			n.one(&o.directive, conversion{"limits.slip", formNumber}, n.path)
		case "ipv4-prefix-length":
			n.one(&o.directive, conversion{"limits.ipv4_prefix", formNumber}, n.path)
		case "ipv6-prefix-length":
			n.one(&o.directive, conversion{"limits.ipv6_prefix", formNumber}, n.path)
		case "log-only":
			n.one(&o.directive, conversion{"limits.log_only", formBool}, n.path)
		case "exempt-clients":
			l, _ := n.matchList(o, "limits.exempt")
			networks, decisions := decide(regions(l), "", l.yes)
			for i, p := range networks {
				if decisions[i] == "" {
					n.lose(&o.directive, "%s is excluded; nearest: limits of views", p)
					continue
				}
				n.add("limits.exempt", quote(p.String()), &o.directive)
			}
		case "nodata-per-second":
			n.leave(&o.directive, "it is one with nxdomains-per-second: limits.denials")
		case "max-table-size", "min-table-size":
			n.leave(&o.directive, "the tables have a fixed size")
		default:
			n.lose(&o.directive, "nearest: limits.queries_per_prefix")
		}
	}
}

// yes is the decision of a list that excludes nothing: whether it fits.
func (l matchList) yes(p netip.Prefix) string {
	if positive, fits := l.match(p); fits && positive {
		return "yes"
	}
	return ""
}

// translate converts DNS64.
func (n *named) translate(s *statement) {
	n.set("policy.dns64.enabled", "true", &s.directive)
	n.add("policy.dns64.prefixes", quote(s.arg(0)), &s.directive)
	for _, o := range s.body {
		switch o.name {
		case "clients", "exclude":
			l, _ := n.matchList(o, "policy.dns64."+o.name)
			if o.name == "clients" && slices.ContainsFunc(o.body, func(e *statement) bool {
				return e.name == "any"
			}) {
				continue
			}
			networks, decisions := decide(regions(l), "", l.yes)
			for i, p := range networks {
				if decisions[i] == "" {
					n.lose(&o.directive, "%s is excluded; nearest: views with dns64", p)
				} else if o.name == "clients" {
					n.add("policy.dns64.clients", quote(p.String()), &o.directive)
				} else {
					n.add("policy.dns64.exclude_aaaa", quote(p.String()), &o.directive)
				}
			}
		case "mapped":
			l, _ := n.matchList(o, "policy.dns64.exclude_a")
			networks, decisions := decide(regions(l), "yes", l.yes)
			for i, p := range networks {
				switch {
				case !p.Addr().Is4():
				case decisions[i] == "":
					n.add("policy.dns64.exclude_a", quote(p.String()), &o.directive)
				default:
					n.lose(&o.directive, "%s alone is translated; nearest: "+
						"policy.dns64.exclude_a", p)
				}
			}
		case "suffix":
			n.lose(&o.directive, "the octets after the address are zero; nearest: "+
				"policy.dns64.prefixes")
		default:
			n.leave(&o.directive, "what is secure is translated for all but clients that "+
				"validate (RFC 6147, section 5.5)")
		}
	}
}
