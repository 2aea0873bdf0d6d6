package migrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/migrate"
)

// conversion is a text with what has to be in its conversion.
type conversion struct {
	text, want string
	lost       bool
}

// checkConversions converts each text by itself.
func checkConversions(t *testing.T, from, before, after string, tests []conversion) {
	t.Helper()
	for _, test := range tests {
		r := convert(t, from, before+test.text+after)
		if test.lost != r.Lost || !strings.Contains(r.Text, test.want) {
			t.Errorf("%s: lost %v, want %v with %q:\n%s", test.text, r.Lost, test.lost, test.want,
				r.Text)
		}
	}
}

// TestBINDOptions converts options one by one: each has its value, or is listed.
func TestBINDOptions(t *testing.T) {
	checkConversions(t, "bind", "options {\n", "\nallow-query { 127.0.0.1; };\n};", []conversion{
		{"max-cache-ttl 90m;", "max_ttl: 5400s # source.conf:2", false},
		{"max-cache-ttl P1DT1S;", "max_ttl: 86401s", false},
		{"max-cache-ttl soon;", "its value cannot be read; nearest: cache.max_ttl", true},
		{"max-cache-size 100M;", `memory: "100MiB"`, false},
		{"max-cache-size 90%;", "nearest: cache.memory", false},
		{"forwarders { 192.0.2.1; };", `{name: ".", addresses: ["192.0.2.1:53"], first: true}`,
			false},
		{"forward only; forwarders port 5353 { 192.0.2.1; 192.0.2.2 port 54; };",
			`{name: ".", addresses: ["192.0.2.1:5353", "192.0.2.2:54"]}`, false},
		{"forwarders { 192.0.2.1 tls made-up; };", "anybody on the way", true},
		{"dnssec-validation no;", "validation: false", false},
		{"dnssec-validation yes;", "BIND had no trust anchor", false},
		{"validate-except { \"corp.example\"; };", "insecure:\n    - \"corp.example\"", false},
		{"listen-on { 192.0.2.1; };", `"192.0.2.1:53" # source.conf:2`, false},
		{"listen-on { any; };", `"[::]:53" # by default`, false},
		{"listen-on { none; }; listen-on-v6 { none; };", "nobody could ask", true},
		{"listen-on { 192.0.2.0/24; };", "a listener has an address here", true},
		{"listen-on port 853 tls ephemeral { any; };", "no certificate in a file", true},
		{"blackhole { 192.0.2.0/24; };", `"192.0.2.0/24 drop"`, false},
		{"recursion no;", "a server without recursion", true},
		{"minimal-responses no-auth;", "minimal_responses: true", false},
		{"stale-answer-enable yes;", "client_timeout: 5s # by default", false},
		{"stale-answer-client-timeout 1800;", "client_timeout: 1800ms", false},
		{"qname-minimization disabled;", `qname_minimisation: "off"`, false},
		{"version \"none of your business\";", `version: "none of your business"`, false},
		{"query-source address 192.0.2.9 port 53;", "one port makes forgery easy", true},
		{"rate-limit { responses-per-second 5; };", "denials: 5", false},
		{"rate-limit { exempt-clients { !10.1/16; 10/8; }; };", "10.1.0.0/16 is excluded", true},
		{"rate-limit { exempt-clients { 10/8; }; qps-scale 5; };", "qps-scale 5", true},
		{"deny-answer-addresses { 10/8; } except-from { \"corp.example\"; };",
			"private_domains:\n    - \"corp.example\"", false},
		{"dns64 64:ff9b::/96 { mapped { 198.51.100.0/24; }; };",
			"198.51.100.0/24 alone is translated", true},
		{"querylog yes;", "nearest: query_log.to", false},
		{"plugin query \"filter-aaaa.so\" { filter-aaaa-on-v4 yes; };", "plugin query", true},
		{"made-up { yes; };", "this option is not known", true},
		{"stale-answer-ttl 30; // a comment; max-stale-ttl 1;\n/* ; } */ # }\n", "ttl: 30s", false},
	})
}

// TestBINDAccess: of the elements of a list the first one that fits decides, and what a list within
// excludes does not fit (named's dns_acl_match); here the longest network decides.
func TestBINDAccess(t *testing.T) {
	const within = "allow-recursion { !{ !10.1/16; 10/8; }; any; };"
	for _, test := range []struct{ lists, want, not string }{
		{"allow-recursion { 10/8; };", "10.0.0.0/8 allow", "127"},
		{"allow-recursion { !10.1/16; 10/8; };", "10.1.0.0/16 refuse", "localnets"},
		{"allow-recursion { 10/8; !10.1/16; };", "10.0.0.0/8 allow", "10.1.0.0"},
		{within, "10.0.0.0/8 refuse", "10.1.0.0/16 ref"},
		{within, "10.1.0.0/16 allow", "drop"},
		{"allow-recursion { none; };", "0.0.0.0/0 refuse", "allow\""},
		{"allow-recursion { 10/8; }; allow-query { 10.1/16; };", "10.1.0.0/16 allow", "10.0.0.0/8"},
		{"allow-recursion { a; }; allow-query-cache { 10.2/16; };", "10.2.0.0/16 allow",
			"10.0.0.0"},
		{"allow-query { 10.2/16; };", "10.2.0.0/16 allow", "127.0.0.1"},
		{"allow-recursion { loop; 10/8; };", "10.0.0.0/8 allow", "any allow"},
		{"", "127.0.0.1/32 allow", "10.0.0.0"},
	} {
		r := convert(t, "bind", "acl loop { loop; };\nacl a { 10/8; };\noptions {\n"+test.lists+
			"\n};")
		_, rules, _ := strings.Cut(r.Text, "rules:")
		if !strings.Contains(rules, test.want) || strings.Contains(rules, test.not) {
			t.Errorf("%s: want %s and not %s in\n%s", test.lists, test.want, test.not, r.Text)
		}
	}
}

// TestBINDZones converts zones of all types.
func TestBINDZones(t *testing.T) {
	checkConversions(t, "bind", "options { allow-query { 127.0.0.1; }; };\n", "", []conversion{
		{`zone "a.example" { type forward; forward only; forwarders { 192.0.2.1; }; };`,
			`{name: "a.example", addresses: ["192.0.2.1:53"]}`, false},
		{`zone "a.example" { type forward; forwarders { 192.0.2.1; }; };`, "first: true", false},
		{`zone "a.example" { type static-stub; server-names { "ns.b.example"; }; };`,
			`hosts: ["ns.b.example"]`, false},
		{`masters m { 192.0.2.1 key k; m; }; key k { algorithm hmac-sha256; secret "c2VjcmV0"; };` +
			` zone "a.example" { type slave; masters { m; }; };`,
			`{name: "a.example", primaries: ["192.0.2.1"], tsig: "k", fallback: false}`, false},
		// What this server had itself was not validated.
		{`zone "a.example" { type slave; masters { 192.0.2.1; }; };`,
			"insecure:\n    - \"a.example\"", false},
		{`zone "a.example" { type master; file "absent"; };`, "no such file", true},
		{`zone "." { type mirror; };`, "local_root: true", false},
		{`zone "a.example" { type forward; forwarders { }; };`, "no name is forwarded", false},
		{`zone "." { type redirect; file "x"; };`, "in place of NXDOMAIN", true},
		{`zone "localhost" { type master; file "db.local"; };`, "answered here anyway", false},
		{`zone "1.168.192.in-addr.arpa" { type master; file "db.empty"; };`,
			"answered here anyway", false},
	})
}

// TestBINDQueryWithoutRecursion: a server that is authoritative for some and a resolver for others
// is the resolver alone here, which is said.
func TestBINDQueryWithoutRecursion(t *testing.T) {
	r := convert(t, "bind", `options { allow-query { any; }; allow-recursion { 10/8; }; };
		zone "a.example" { type slave; masters { 192.0.2.1; }; };`)
	if !r.Lost || !strings.Contains(r.Text, "clients that may not recurse had answers") {
		t.Error(r.Text)
	}
}

// TestBINDViews: a view that is for everybody and the last one is what all others have, and a view
// has nothing of the others'.
func TestBINDViews(t *testing.T) {
	const head = "options { allow-recursion { any; }; };\n"
	const corp = `zone "corp.example" { type forward; forwarders { 192.0.2.1; }; };`
	checkConversions(t, "bind", head, "", []conversion{
		{`view a { match-clients { 10/8; }; }; view b { ` + corp + ` };`,
			`{name: "a", clients: ["10.0.0.0/8"], forward_zones: []}`, false},
		{`view a { match-clients { !10.1/16; 10/8; }; ` + corp + ` }; view b { };`,
			`{name: "b", clients: ["10.1.0.0/16"], forward_zones: []}`, false},
		{`view a { match-clients { 10/8; }; };`, `"10.0.0.0/8 allow"`, false},
		{`view a { match-clients { 10/8; }; recursion no; };`, "0.0.0.0/0 refuse", true},
		{`view a { match-clients { key k; }; }; key k { algorithm hmac-sha256; ` +
			`secret "c2VjcmV0"; };`, `{name: "a", tsig_keys: ["k"]}`, false},
		{`view a { match-clients { 10/8; }; max-cache-ttl 5; };`, "would be for all clients", true},
		{`view a { match-clients { localnets; }; };`, "have to be written out", true},
		{`view a { match-clients { 10/8; }; match-destinations { 192.0.2.1; }; };`,
			"nearest: listeners of views", true},
		{`view a { match-clients { 10/8; }; dnssec-validation no; };`, `validation: "off"`, false},
		{`view a { match-clients { 10/8; }; response-policy { zone "x"; }; };`,
			"policy zones are for all clients", true},
	})
}

// TestBINDErrors has texts refused that are no statements.
func TestBINDErrors(t *testing.T) {
	for text, want := range map[string]string{
		"options { ":                 "this block has no end",
		"options { }; }":             "this } ends nothing",
		"options {};\n/* ":           "source.conf:2: this comment has no end",
		"options { version \"a; };":  "this text has no end",
		"options":                    "this statement has no end",
		strings.Repeat("a { ", 1000): "more than 32 blocks in each other",
	} {
		path := filepath.Join(t.TempDir(), "source.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := migrate.Convert(path, "bind", check); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

// fuzzConvert converts any text as a program's: what comes of it has no errors.
func fuzzConvert(f *testing.F, from string, seeds ...string) {
	for _, name := range seeds {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "source.conf")
		if strings.Contains(text, "/dev") || os.WriteFile(path, []byte(text), 0o600) != nil {
			return
		}
		r, err := migrate.Convert(path, from, check)
		if err != nil {
			return
		}
		if err := check([]byte(r.Text)).Errors().Err(); err != nil {
			t.Fatalf("%v in\n%s", err, r.Text)
		}
	})
}

func FuzzBIND(f *testing.F) {
	f.Add("acl a { !b; b; }; acl b { a; }; options { allow-query { a; }; };")
	fuzzConvert(f, "bind", "office.named.conf", "split.named.conf", "isp.named.conf",
		"tls-forwarder.named.conf")
}
