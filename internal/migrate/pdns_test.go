package migrate_test

import (
	"strings"
	"testing"
)

// TestPDNSSettings converts settings one by one: each has its value, or is listed.
func TestPDNSSettings(t *testing.T) {
	checkConversions(t, "pdns-recursor", "", "\nquiet=yes\n", []conversion{
		{"max-cache-ttl=60", "max_ttl: 60s # source.conf:1", false},
		{"max-cache-ttl=soon", "its value cannot be read; nearest: cache.max_ttl", true},
		{"local-address=127.0.0.1, [::1]:5353", `"[::1]:5353" # source.conf:1`, false},
		{"local-address=eth0", `"eth0" is not an address`, true},
		{"local-port=5353", `"127.0.0.1:5353" # by default`, false},
		{"allow-from=10.0.0.0/8", `"::/0 drop" # by default`, false},
		{"allow-from=10.0.0.0/8\nallow-from+=!10.1.0.0/16", `"10.1.0.0/16 drop"`, false},
		{"allow-from=\nlocal-port=53", `"0.0.0.0/0 allow" # by default`, false},
		{"allow-from-file=absent", "no such file", true},
		{"dnssec=off", "validation: false", false},
		{"dnssec=process-no-validate", "validation: false", false},
		{"dnssec=log-fail", "and not only those that set DO or AD", false},
		// An authority is expected to answer with AA (PowerDNS/pdns 8513): it is a stub zone.
		{"forward-zones=a.example.=192.0.2.1:5353", "stub_zones:\n    - " +
			`{name: "a.example", addresses: ["192.0.2.1:5353"]}`, false},
		{"forward-zones-recurse=.=192.0.2.1;2001:db8::1, b=[2001:db8::2]:54",
			`addresses: ["192.0.2.1:53", "[2001:db8::1]:53"]}`, false},
		{"forward-zones-recurse=.=192.0.2.1;2001:db8::1, b=[2001:db8::2]:54",
			`{name: "b", addresses: ["[2001:db8::2]:54"]}`, false},
		{"forward-zones-recurse=.=192.0.2.1:853;192.0.2.2", `addresses: ["192.0.2.2:53"]}`, true},
		{"forward-zones-recurse=.=192.0.2.1:853\ndot-to-port-853=no", `["192.0.2.1:853"]`, false},
		{"forward-zones=a.example=127.0.0.1:5353", "do_not_query_localhost: false", false},
		{"auth-zones=a.example=absent.zone", "no such file", true},
		{"dont-query=", `private_servers: "allow"`, false},
		{"dont-query=127.0.0.0/8, 10.0.0.0/8, 203.0.113.7", `do_not_query:` + "\n    - " +
			`"203.0.113.7"`, false},
		{"dont-query=10.0.0.0/8, 127.0.0.0/8, !10.1.0.0/16", "an exception from private", true},
		{"query-local-address=192.0.2.1", `ipv6: "false" # source.conf:1`, false},
		{"query-local-address=192.0.2.1 2001:db8::9", `- "2001:db8::9"`, false},
		{"serve-rfc1918=no", `"31.172.in-addr.arpa"`, false},
		{"serve-stale-extensions=120", "max_age: 3600s", false},
		{"serve-stale-extensions=0", "enabled: false", false},
		{"root-nx-trust=no", "harden_below_nxdomain: false", false},
		{"aggressive-nsec-cache-size=0", "aggressive_nsec: false", false},
		{"hint-file=no", "the root's servers are built in", false},
		{"export-etc-hosts=no\netc-hosts-file=/absent", "replace: true", false},
		{"lua-config-file=/absent.lua", "nearest: trust_anchors.insecure (addNTA)", true},
		{"lua-dns-script=", "it is off here too", false},
		{"dns64-prefix=64:ff9b::/96", "enabled: true", false},
		{"api-key=quiet", "source.conf:1: api-key …: nearest", false},
		{"made-up=1", "this option is not known", true},
	})
}

// TestPDNSYAML converts settings in YAML by those that they are.
func TestPDNSYAML(t *testing.T) {
	checkConversions(t, "pdns-recursor", "", "\n", []conversion{
		{"incoming: {listen: ['192.0.2.1:54']}", `"192.0.2.1:54" # source.conf:1`, false},
		{"incoming:\n  allow_from: !override\n  - 10.0.0.0/8", `"10.0.0.0/8 allow"`, false},
		{"recursor:\n  forward_zones:\n  - {zone: a.example, forwarders: [192.0.2.1]}",
			"stub_zones:", false},
		{"dnssec: {validation: off}\nrecursor: {}", "validation: false", false},
		{"recursor: {made_up: 1}", "made-up 1: this option is not known", true},
		{"logging: {quiet: true}\nrecursor: {}", "nearest: log.level", false},
	})
}

// TestPDNSDropsOthers: whoever is not in allow-from gets no response, and a longer network with !
// is an exception.
func TestPDNSDropsOthers(t *testing.T) {
	r := convert(t, "pdns-recursor", "quiet=yes\n")
	for _, rule := range []string{"0.0.0.0/0 drop", "fe80::/10 allow", "100.64.0.0/10 allow"} {
		if !strings.Contains(r.Text, rule) {
			t.Errorf("%s is not in\n%s", rule, r.Text)
		}
	}
}

func FuzzPDNS(f *testing.F) {
	f.Add("allow-from=\\\n1\\\n\ninclude-dir=.\n")
	fuzzConvert(f, "pdns-recursor", "edge.recursor.conf", "datacentre.recursor.yml")
}
