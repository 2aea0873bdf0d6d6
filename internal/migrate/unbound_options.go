// Options of Unbound's clause server that have one value.

package migrate

import (
	"slices"
	"strings"
)

// unboundOptions are options that have a key of ours.
var unboundOptions = map[string]conversion{
	"cache-max-ttl":                {"cache.max_ttl", formSeconds},
	"cache-min-ttl":                {"cache.min_ttl", formSeconds},
	"cache-max-negative-ttl":       {"cache.max_negative_ttl", formSeconds},
	"cache-min-negative-ttl":       {"cache.min_negative_ttl", formSeconds},
	"aggressive-nsec":              {"cache.aggressive_nsec", formBool},
	"prefetch":                     {"cache.prefetch", formBool},
	"serve-expired":                {"stale.enabled", formBool},
	"serve-expired-ttl":            {"stale.max_age", formSeconds},
	"serve-expired-reply-ttl":      {"stale.ttl", formSeconds},
	"serve-expired-client-timeout": {"stale.client_timeout", formMillis},
	"minimal-responses":            {"server.minimal_responses", formBool},
	"rrset-roundrobin":             {"server.rotate_answers", formBool},
	"max-udp-size":                 {"server.max_udp_size", formNumber},
	"edns-buffer-size":             {"resolver.udp_size", formNumber},
	"identity":                     {"server.identity", formText},
	"version":                      {"server.version", formText},
	"nsid":                         {"server.nsid", formText},
	"answer-cookie":                {"server.cookies", formBool},
	"cookie-secret":                {"server.cookie_secret", formText},
	"cookie-secret-file":           {"server.cookie_secret_file", formPath},
	"ede":                          {"server.ede", formBool},
	"http-endpoint":                {"doh.path", formText},
	"private-address":              {"policy.private_addresses", formTexts},
	"private-domain":               {"policy.private_domains", formTexts},
	"root-hints":                   {"resolver.root_hints_file", formPath},
	"do-not-query-localhost":       {"resolver.do_not_query_localhost", formBool},
	"do-not-query-address":         {"resolver.do_not_query", formTexts},
	"outgoing-interface":           {"resolver.source_addresses", formTexts},
	"use-caps-for-id":              {"resolver.case_randomisation", formBool},
	"harden-below-nxdomain":        {"resolver.harden_below_nxdomain", formBool},
	"harden-glue":                  {"resolver.harden_glue", formBool},
	"val-sig-skew-max":             {"validator.skew", formSeconds},
}

// unboundElsewhere are options that other functions convert.
var unboundElsewhere = words("interface ip-address port tls-port https-port quic-port do-ip4 " +
	"do-ip6 do-udp do-tcp tls-service-pem tls-service-key access-control access-control-view " +
	"trust-anchor trust-anchor-file auto-trust-anchor-file trusted-keys-file module-config " +
	"domain-insecure msg-cache-size rrset-cache-size local-zone local-data local-data-ptr " +
	"directory dns64-prefix dns64-ignore-aaaa tls-upstream ssl-upstream tls-cert-bundle " +
	"tcp-upstream")

// unboundNeedless are options that need nothing here, with the reason.
var unboundNeedless = map[string]string{
	"num-threads": "threads follow the processors", "so-reuseport": "it is always so",
	"msg-cache-slabs": "the cache has no slabs", "rrset-cache-slabs": "the cache has no slabs",
	"infra-cache-slabs": "there are no slabs", "key-cache-slabs": "there are no slabs",
	"key-cache-size": "part of cache.memory", "neg-cache-size": "part of cache.memory",
	"infra-cache-numhosts":      "limited by itself",
	"outgoing-range":            "nearest: resolver.max_in_flight",
	"outgoing-num-tcp":          "limited by itself",
	"incoming-num-tcp":          "nearest: connections.max",
	"num-queries-per-thread":    "nearest: resolver.max_in_flight",
	"jostle-timeout":            "the oldest resolution gives way",
	"so-rcvbuf":                 "the system's limit holds",
	"so-sndbuf":                 "the system's limit holds",
	"username":                  "the unit of the service says it",
	"chroot":                    "the unit of the service confines it",
	"pidfile":                   "the service manager knows it",
	"do-daemonize":              "it stays in the foreground",
	"use-systemd":               "it is always so",
	"verbosity":                 "nearest: log.level",
	"logfile":                   "it logs to standard error; nearest: query_log.file",
	"use-syslog":                "it logs to standard error, for the journal",
	"log-time-ascii":            "the form of log lines is log.format",
	"log-queries":               "nearest: query_log.to, which has replies too",
	"log-replies":               "nearest: query_log.to",
	"log-servfail":              "each failure has a cause: bailiwick ctl failures list",
	"val-log-level":             "each failure has a cause: bailiwick ctl failures list",
	"log-local-actions":         "nearest: policy.local_zones of the type inform",
	"statistics-interval":       "metrics are at admin.listen",
	"statistics-cumulative":     "metrics are at admin.listen",
	"extended-statistics":       "metrics are at admin.listen",
	"prefetch-key":              "keys are kept fresh with cache.prefetch",
	"harden-dnssec-stripped":    "it is always so",
	"harden-short-bufsize":      "it is always so",
	"harden-large-queries":      "it is always so",
	"harden-referral-path":      "nearest: resolver.revalidate_ns",
	"qname-minimisation-strict": "nearest: resolver.qname_minimisation",
	"hide-trustanchor":          "it is always so",
	"unwanted-reply-threshold":  "forged replies are counted by themselves",
	"val-clean-additional":      "it is always so",
	"interface-automatic":       "answers leave from the address that was asked",
	"ip-freebind":               "nearest: listen.absent: wait",
	"ip-transparent":            "nearest: listen.absent: wait",
	"tcp-idle-timeout":          "nearest: connections.idle",
	"edns-tcp-keepalive":        "it is always so",
	"root-key-sentinel":         "it is always so",
	"trust-anchor-signaling":    "nearest: trust_anchors.signal",
}

// unboundLost are options that change answers and have no conversion, with the nearest key.
var unboundLost = map[string]string{
	"harden-algo-downgrade":     "nearest: validator.all_algorithms",
	"ratelimit":                 "nearest: resolver.zone_quota",
	"ip-ratelimit":              "nearest: limits.queries_per_address",
	"val-permissive-mode":       "nearest: validator.zones with mode: permissive",
	"ignore-cd-flag":            "not now, because a client that validates has to get the data",
	"access-control-tag":        "tags are views here; nearest: views",
	"access-control-tag-action": "tags are views here; nearest: views",
	"access-control-tag-data":   "tags are views here; nearest: views",
	"define-tag":                "tags are views here; nearest: views",
	"local-zone-tag":            "tags are views here; nearest: views",
	"local-zone-override":       "nearest: views",
	"interface-action":          "nearest: access of a listener (listen.udp)",
	"interface-view":            "nearest: listeners of views",
	"send-client-subnet":        "nearest: resolver.ecs.zones",
	"client-subnet-zone":        "nearest: resolver.ecs.zones",
	"dns64-synthall":            "nearest: policy.dns64.ignore_aaaa",
	"unblock-lan-zones":         "nearest: policy.special_names, policy.ordinary_names",
	"insecure-lan-zones":        "nearest: trust_anchors.insecure",
	"proxy-protocol-port":       "nearest: proxy_from of a listener",
	"val-override-date":         "nearest: validator.time",
	"do-nat64":                  "nearest: resolver.nat64",
}

var unboundTable = options{unboundOptions, unboundNeedless, unboundLost, unboundAlike,
	unboundUnlike}

// each converts the options of the clause server that stand alone.
func (u *unbound) each() {
	for _, d := range u.server.options {
		if !u.special(d) && !slices.Contains(unboundElsewhere, d.name) {
			unboundTable.convert(u.builder, d, u.path)
		}
	}
	if u.server.last("serve-expired") == nil {
		u.tell(staleServed)
	}
	if u.server.last("private-address") != nil {
		u.tell("answers with private addresses are refused whole, and not only these taken out: " +
			"policy.private_addresses")
	}
	u.translate()
}

// special converts an option whose value decides what it becomes, and reports whether it is one.
func (u *unbound) special(d *directive) bool {
	yes := d.arg(0) == "yes"
	switch d.name {
	case "qname-minimisation":
		to := "off"
		if yes {
			to = "relaxed"
		}
		if u.server.yes("qname-minimisation-strict") && yes {
			to = "strict"
		}
		u.set("resolver.qname_minimisation", quote(to), d)
	case "hide-identity", "hide-version":
		key := "server." + strings.TrimPrefix(d.name, "hide-")
		if yes {
			u.leave(d, "it is refused without %s", key)
		} else {
			u.lose(d, "it is refused without %s", key)
		}
	case "deny-any":
		if yes {
			u.lose(d, "ANY over UDP is answered with one RRset; nearest: server.any")
		} else {
			u.set("server.any", "full", d)
		}
	case "serve-expired-ttl":
		if d.arg(0) != "0" {
			return false
		}
		u.lose(d, "0 is without an end; nearest: stale.max_age")
	case "identity", "version":
		if !u.server.yes("hide-" + d.name) {
			return false
		}
		u.leave(d, "hide-%s: it is refused", d.name)
	case "ip-ratelimit", "ratelimit", "harden-algo-downgrade", "val-permissive-mode",
		"ignore-cd-flag", "dns64-synthall", "unblock-lan-zones", "insecure-lan-zones", "do-nat64",
		"http-notls-downstream", "serve-original-ttl", "zonemd-permissive-mode", "ipsecmod-enabled",
		"fake-dsa", "fake-sha1", "disable-edns-do":
		if d.arg(0) != "0" && d.arg(0) != "no" {
			return false
		}
		u.leave(d, "it is off here too")
	default:
		return false
	}
	return true
}

// translate converts DNS64, which is on with its module alone.
func (u *unbound) translate() {
	modules := u.server.last("module-config")
	if modules == nil || !strings.Contains(strings.Join(modules.args, " "), "dns64") {
		for _, d := range u.options("dns64-prefix", "dns64-ignore-aaaa") {
			u.leave(d, "module-config has no dns64: it was off; nearest: policy.dns64.enabled")
		}
		return
	}
	u.set("policy.dns64.enabled", "true", modules)
	prefix := u.server.last("dns64-prefix")
	if prefix == nil {
		prefix = defaultOf("dns64-prefix", "64:ff9b::/96")
	}
	u.add("policy.dns64.prefixes", quote(prefix.arg(0)), prefix)
	for _, d := range u.server.all("dns64-ignore-aaaa") {
		u.add("policy.dns64.ignore_aaaa", quote(d.arg(0)), d)
	}
}
