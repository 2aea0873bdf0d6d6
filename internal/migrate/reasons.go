// Options of which many have one reason.

package migrate

import "slices"

// reasons are names of options, with spaces between them, by the reason that holds for all of them.
type reasons map[string]string

// of returns the reason for an option, "" if there is none.
func (r reasons) of(name string) string {
	for why, names := range r {
		if slices.Contains(words(names), name) {
			return why
		}
	}
	return ""
}

var (
	// unboundAlike need nothing here.
	unboundAlike = reasons{
		"metrics are at admin.listen": "shm-enable shm-key statistics-inhibit-zero " +
			"statistics-interval",
		"who is asked is decided by the time of each server; nearest: resolver.ipv4, " +
			"resolver.ipv6": "prefer-ip4 prefer-ip6 low-rtt low-rtt-permil fast-server-permil " +
			"fast-server-num target-fetch-policy infra-host-ttl infra-lame-ttl " +
			"infra-cache-min-rtt infra-cache-max-rtt infra-keep-probing " +
			"udp-upstream-without-downstream unknown-server-time-limit",
		"its limit is fixed": "outbound-msg-retry max-sent-count max-query-restarts " +
			"max-global-quota iter-scrub-ns iter-scrub-cname val-max-restart " +
			"val-nsec3-keysize-iterations http-max-streams max-reuse-tcp-queries " +
			"tcp-reuse-timeout tcp-auth-query-timeout",
		"bounded by octets; nearest: memory.total": "stream-wait-size msg-buffer-size " +
			"http-query-buffer-size http-response-buffer-size quic-size ratelimit-size " +
			"ratelimit-slabs ip-ratelimit-size ip-ratelimit-slabs",
		"nearest: resolver.zone_quota": "ratelimit-factor ratelimit-backoff",
		"nearest: limits.queries_per_address": "ip-ratelimit-factor ip-ratelimit-backoff " +
			"ip-ratelimit-cookie",
		"nearest: resolver.max_in_flight": "discard-timeout wait-limit wait-limit-netblock " +
			"wait-limit-cookie wait-limit-cookie-netblock sock-queue-timeout",
		"the system decides": "ip-dscp tcp-mss outgoing-tcp-mss delay-close udp-connect " +
			"http-nodelay tls-win-cert tls-system-cert",
		"nearest: resolver.source_ports": "outgoing-port-permit outgoing-port-avoid",
		"nearest: connections.idle":      "edns-tcp-keepalive-timeout",
		"nearest: log.format, query_log.to": "log-identity log-tag-queryreply log-destaddr " +
			"log-thread-id log-time-iso",
		"nearest: policy.block_lists":              "hide-http-user-agent http-user-agent",
		"nearest: resolver.case_randomisation":     "caps-exempt caps-whitelist",
		"bogus data are never kept, only the fact": "val-bogus-ttl",
		"nearest: validator.skew":                  "val-sig-skew-min",
		"nearest: stale.max_age":                   "serve-expired-ttl-reset",
		"the times are those of RFC 5011": "add-holddown del-holddown keep-missing " +
			"permit-small-holddown",
		"TLS has the settings of Go": "tls-use-sni",
		"nearest: server.ede":        "ede-serve-expired",
		"answers over encrypted transports are padded (RFC 8467)": "pad-responses " +
			"pad-responses-block-size",
		"nearest: transport of resolver.forward_zones": "pad-queries pad-queries-block-size",
		"it is of the kind that all answers are checked for": "iter-scrub-promiscuous " +
			"harden-unknown-additional disable-dnssec-lame-check",
		"nearest: resolver.harden_glue": "harden-unverified-glue",
		"nearest: resolver.ecs.zones": "client-subnet-always-forward max-client-subnet-ipv4 " +
			"max-client-subnet-ipv6",
		"nearest: fleet.store": "cachedb-no-store cachedb-check-when-serve-expired",
		"DLV has ended":        "dlv-anchor dlv-anchor-file",
	}
	// unboundUnlike change answers, or who may ask.
	unboundUnlike = reasons{
		"tags are views here; nearest: views": "interface-tag interface-tag-action " +
			"interface-tag-data",
		"nearest: listen.udp":          "interface-automatic-ports",
		"nearest: listen.dot":          "tls-additional-port tls-additional-ports",
		"nearest: listen.doh_plain":    "http-notls-downstream",
		"nearest: connections":         "tcp-connection-limit",
		"nearest: resolver.zone_quota": "ratelimit-for-domain ratelimit-below-domain",
		"nearest: cache.max_ttl":       "serve-original-ttl",
		"nearest: zones.held":          "zonemd-permissive-mode",
		"nearest: resolver.nat64":      "nat64-prefix",
		"nearest: hooks": "ipsecmod-enabled ipsecmod-hook ipsecmod-strict ipsecmod-max-ttl " +
			"ipsecmod-ignore-bogus ipsecmod-allow ipsecmod-whitelist",
		"not now, because it tells servers who asks": "edns-client-string " +
			"edns-client-string-opcode",
		"TLS has the settings of Go":       "tls-ciphers tls-ciphersuites tls-protocols",
		"nearest: tls.ticket_secret":       "tls-session-ticket-keys",
		"not now, because it is for tests": "fake-dsa fake-sha1 disable-edns-do",
	}

	// pdnsAlike need nothing here.
	pdnsAlike = reasons{
		"metrics are at admin.listen": "carbon-namespace snmp-daemon-socket snmp-master-socket " +
			"stats-api-blacklist stats-api-disabled-list stats-carbon-blacklist " +
			"stats-carbon-disabled-list stats-rec-control-blacklist " +
			"stats-rec-control-disabled-list stats-snmp-blacklist stats-snmp-disabled-list",
		"of use with ECS alone; nearest: resolver.ecs.zones": "ecs-cache-limit-ttl " +
			"ecs-ipv4-bits ecs-ipv4-cache-bits ecs-ipv4-never-cache ecs-ipv6-bits " +
			"ecs-ipv6-cache-bits ecs-ipv6-never-cache ecs-minimum-ttl-override " +
			"ecs-scope-zero-address",
		"its limit is fixed": "max-dnskeys max-ds-per-zone max-generate-steps " +
			"max-nsec3-hash-computations-per-query max-nsec3s-per-record max-rrset-size " +
			"max-rrsigs-per-record max-signature-validations-per-query " +
			"proxy-protocol-maximum-size",
		"nearest: dnstap.to": "protobuf-use-kernel-timestamp",
	}

	// dnsmasqAlike need nothing here.
	dnsmasqAlike = reasons{
		"out of scope: DHCP": "bootp-dynamic bridge-interface leasefile-ro no-dhcp-interface " +
			"no-dhcpv4-interface no-dhcpv6-interface no-ping quiet-dhcp quiet-dhcp6 quiet-ra " +
			"quiet-tftp script-arp script-on-renewal shared-network tag-if",
		"of use with auth-zone alone; nearest: zones.held": "auth-peer auth-sec-servers auth-ttl",
		"all types are kept":       "cache-rr",
		"its limit is fixed":       "dnssec-limits",
		"nearest: log.level":       "dnssec-debug",
		"nearest: connections.max": "max-tcp-connections",
		"it is always so":          "strip-mac strip-subnet",
	}
	// dnsmasqUnlike change answers.
	dnsmasqUnlike = reasons{
		"not now, because answers set no firewall rules": "connmark-allowlist " +
			"connmark-allowlist-enable",
		"nearest: policy.local_records": "mx-target",
	}
)
