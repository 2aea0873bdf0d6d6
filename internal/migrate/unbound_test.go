package migrate_test

import (
	"strings"
	"testing"
)

// TestUnboundOptions converts options one by one: each has its value, or is listed.
func TestUnboundOptions(t *testing.T) {
	for _, test := range []struct {
		line string // of the clause server
		want string // in the output
		lost bool
	}{
		{"cache-max-ttl: 60", "max_ttl: 60s # source.conf:2", false},
		{"cache-max-ttl: soon", "cache-max-ttl soon: its value cannot be read; nearest: " +
			"cache.max_ttl", true},
		{"access-control: 10.0.0.0/8 allow", `"10.0.0.0/8 allow" # source.conf:2`, false},
		{"access-control: 10.0.0.0/8 deny", `"10.0.0.0/8 drop"`, false},
		{"access-control: 10.0.0.0/8 allow_snoop", `"10.0.0.0/8 snoop"`, false},
		{"access-control: 10.0.0.0/8 allow_cookie", `"10.0.0.0/8 refuse"`, true},
		{"access-control: 10.0.0.0/8 allow_setrd", `"10.0.0.0/8 allow"`, true},
		{"access-control: 10.0.0.0/8 refuse_non_local", `"10.0.0.0/8 refuse"`, true},
		{"access-control: 127.0.0.0/8 refuse", `"127.0.0.0/8 refuse"`, false},
		{"port: 53", `"[::1]:53" # by default`, false},
		// There is no certificate for it.
		{"interface: 192.0.2.1@853", "interface 192.0.2.1@853: listen.dot: ", true},
		{"interface: eth0", "interface eth0: an interface is named by its addresses", true},
		{"do-tcp: no", "tcp: []", false},
		{"msg-cache-size: 100m", `memory: "104MiB"`, false},
		{"serve-expired-ttl: 0", "0 is without an end", true},
		{"serve-expired: no", "enabled: false", false},
		{"module-config: \"iterator\"", "validation: false", false},
		{"module-config: \"dns64 validator iterator\"", `"64:ff9b::/96" # by default`, false},
		{"dns64-prefix: 64:ff9b::/96", "module-config has no dns64", false},
		{"domain-insecure: \"corp.example\"", `insecure:` + "\n    - \"corp.example\"", false},
		{"trusted-keys-file: keys", "BIND's form", true},
		{"local-zone: \"a.example\" always_nodata", "this type has no counterpart", true},
		{"local-zone: \"a.example\" inform", `{name: "a.example", type: inform}`, false},
		{"local-zone: \"example\" nodefault", "policy.ordinary_names: ", true},
		{"local-data: \"a.example A x\"", "local-data a.example A x: policy.local_records", true},
		{"local-data: 'a.example TXT \"${HOME}\"'", `TXT \"$${HOME}\"`, false},
		{"local-data-ptr: \"2001:db8::1 60 a.example\"", "ip6.arpa. 60 PTR a.example.", false},
		{"ip-ratelimit: 0", "it is off here too", false},
		{"ip-ratelimit: 10", "nearest: limits.queries_per_address", true},
		{"deny-any: yes", "nearest: server.any", true},
		{"qname-minimisation: no", `qname_minimisation: "off"`, false},
		{"identity: a\nhide-identity: yes", "hide-identity: it is refused", false},
		{"identity: a", "identity: \"a\" #", false},
		{"harden-algo-downgrade: yes", "nearest: validator.all_algorithms", true},
		{"do-ip6: no", "ipv6: \"false\" # source.conf:2", false},
		{"private-address: 10.0.0.0/8", "refused whole", false},
		{"hide-version: no", "it is refused without server.version", true},
		{"made-up: yes", "made-up yes: this option is not known", true},
	} {
		r := convert(t, "unbound", "server:\n"+test.line+"\n")
		if test.lost != r.Lost || !strings.Contains(r.Text, test.want) {
			t.Errorf("%s: lost %v, want %v with %q:\n%s", test.line, r.Lost, test.lost, test.want,
				r.Text)
		}
	}
}

// TestUnboundLastAccessHolds: of two entries for a network Unbound has the second.
func TestUnboundLastAccessHolds(t *testing.T) {
	r := convert(t, "unbound", "server:\naccess-control: 10.0.0.0/8 allow\n"+
		"access-control: 10.1.2.3/8 refuse\n")
	if strings.Contains(r.Text, "10.0.0.0/8 allow") ||
		!strings.Contains(r.Text, "10.0.0.0/8 refuse") {
		t.Error(r.Text)
	}
}

// TestUnboundAccessReplaces: private networks may not ask Unbound by default.
func TestUnboundAccessReplaces(t *testing.T) {
	if r := convert(t, "unbound", "server:\n"); !strings.Contains(r.Text, "replace: true") {
		t.Error(r.Text)
	}
}

// TestUnboundForwards converts servers, over TLS with the one name that they have to have.
func TestUnboundForwards(t *testing.T) {
	for _, test := range []struct {
		text, want string
		lost       bool
	}{
		{"forward-addr: 192.0.2.1", `addresses: ["192.0.2.1:53"]}`, false},
		{"forward-addr: 192.0.2.1@5353\nforward-first: yes",
			`["192.0.2.1:5353"], first: true}`, false},
		{"forward-tls-upstream: yes\nforward-addr: 192.0.2.1#a.example",
			`["192.0.2.1:853"], transport: dot, tls_name: "a.example"}`, false},
		{"forward-tls-upstream: yes\nforward-addr: 192.0.2.1", "anybody on the way", true},
		{"forward-tls-upstream: yes\nforward-addr: 192.0.2.1#a.example\n" +
			"forward-addr: 192.0.2.2#b.example", "the first is a.example", true},
		{"forward-host: ns.example", `hosts: ["ns.example"]`, false},
		{"", "zone corp.example has no servers", true},
		{"forward-addr: fe80::1%eth0", "without an interface", true},
	} {
		r := convert(t, "unbound", "forward-zone:\nname: corp.example\n"+test.text+"\n")
		if r.Lost != test.lost || !strings.Contains(r.Text, test.want) {
			t.Errorf("%s: lost %v, want %q:\n%s", test.text, r.Lost, test.want, r.Text)
		}
	}
}

func FuzzUnbound(f *testing.F) {
	f.Add("server:\nidentity: \"${x} # \\\\ \u2028\"\nport:x\n")
	fuzzConvert(f, "unbound", "home-router.unbound.conf", "enterprise.unbound.conf",
		"laptop.unbound.conf")
}
