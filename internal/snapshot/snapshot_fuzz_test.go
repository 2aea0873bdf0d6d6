package snapshot

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bailiwick/internal/config"
)

// snapshotSeeds are configurations, right and wrong, with every kind of value.
var snapshotSeeds = []string{
	"", "{}", "---\n", "listen:\n  udp: [127.0.0.1:53, \"[::1]:53\"]\n  dot: []\n",
	"listen: {udp: [{address: 127.0.0.1:5300, access: [10.0.0.0/8 snoop], " +
		"proxy_from: [192.0.2.0/24]}]}\n",
	"resolver: {root_hints_file: hints, port: 5353, ipv6: 'false', root_hints: " +
		"[{name: a.test, address: 192.0.2.1}]}\n",
	"resolver: {forward_zones: [{name: lab.example, addresses: [192.0.2.1], transport: dot, " +
		"tls_name: a, tls_ca: ca.pem, insecure: true}]}\n",
	"resolver:\n  stub_zones:\n    - {name: a, addresses: [10.0.0.1], hosts: [ns.b], tcp: yes}\n",
	"trust_anchors: {builtin: no, file: anchors, insecure: [a.b], records: ['. DS 20326 8 2 " +
		"e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d']}\n",
	"cache: {memory: 1GB, max_ttl: 2h30m, min_ttl: 3h}\n",
	"cache: {memory: 64MiB, prefetch: off}\nvalidator: {time: 2024-01-01T00:00:00Z, sha1: NO}\n",
	"tls: {certificates: [{certificate: ca.pem, key: ca.pem}], ticket_secret: hints}\n",
	"policy:\n  access: [{net: 0.0.0.0/0, action: allow}]\n  private_addresses: [fc00::/7]\n",
	"policy: {access: {replace: yes, rules: [10.0.0.0/8 allow]}}\nlimits: {slip: 1}\n",
	"views:\n  - {name: a, clients: [10.0.0.0/8], local_zones: [{name: b.c, type: static}], " +
		"block_lists: [hints drop], limits: {responses: 5}, special_names: no}\n",
	"server: {nsid: ascii_here, cookie_secret: 00112233445566778899aabbccddeeff, any: all}\n",
	"control: {socket: ctl}\nadmin: {listen: ''}\nlog: {level: debug, format: json}\n",
	"server: &a {ede: true}\npolicy: *a\n", "no_such: {a: b}\nlisten: {udpp: 1}\n", "a: [\n",
	"server:\n  identity: \"it's \\u0041 \\x00\"\n", "? [complex]\n: key\n", "listen: {udp: [\n",
}

// FuzzSnapshot loads any configuration as serve and `config check` do. What is wrong with it is
// said with its place; what is in order is printed as a configuration that is the same.
func FuzzSnapshot(f *testing.F) {
	dir := f.TempDir()
	for name, text := range map[string]string{
		"hints":   "h.test. 3600 A 192.0.2.53\nh.test. 3600 AAAA 2001:db8::53\n",
		"anchors": ". 3600 IN DS 20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d0845\n",
		"ca.pem":  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	for _, s := range snapshotSeeds {
		f.Add([]byte(s))
	}
	file := filepath.Join(dir, "bailiwick.yaml")
	read := func(t *testing.T, text []byte) (*Snapshot, config.Findings) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, found := config.Read(file)
		lines := 1 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r"))
		for _, e := range found.Errors() {
			if e.Line < 1 || e.Line > lines || e.File != file ||
				strings.TrimSpace(e.Text) == "" {
				t.Fatalf("%q: the finding %q has no place", text, e)
			}
		}
		s, more := Load(cfg)
		return s, append(found, more...)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, outside := range []string{"/dev", "/proc", "/sys", "..", "~"} {
			if bytes.Contains(text, []byte(outside)) {
				return // nothing but the folder is read
			}
		}
		s, found := read(t, text)
		if len(found.Errors()) > 0 {
			return
		}
		var shown, again bytes.Buffer
		if err := s.Config.Show(&shown); err != nil {
			t.Fatal(err)
		}
		other, found := read(t, shown.Bytes())
		if err := found.Errors().Err(); err != nil {
			t.Fatalf("%q is shown as\n%s\nwhich is refused: %v", text, shown.String(), err)
		}
		if err := other.Config.Show(&again); err != nil {
			t.Fatal(err)
		}
		if again.String() != shown.String() || !reflect.DeepEqual(s.Resolver, other.Resolver) ||
			!reflect.DeepEqual(s.Anchors, other.Anchors) {
			t.Fatalf("%q is shown as\n%s\nand that as\n%s", text, shown.String(), again.String())
		}
	})
}
