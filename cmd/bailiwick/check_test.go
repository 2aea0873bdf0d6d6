package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/wire"
)

// pair writes a certificate that ends in so long, and its key.
func pair(t *testing.T, dir, name string, lives time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-100 * time.Hour), NotAfter: time.Now().Add(lives)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// `config check` says whatever serve refuses, at its line and column, all at once; what is lawful
// and dangerous is a warning. D stands for the folder of the file.
func TestCheckFindsWhatServeRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"short": "too short", "empty": "", "nonsense.pem": "nonsense",
		"ds":    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
		"baddd": "a. IN DS 1 13 2 ABCDEF\nb. IN DS 2 13 1 ABCDEF\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair(t, dir, "good", 90*24*time.Hour)
	pair(t, dir, "ended", -time.Hour)
	pair(t, dir, "other", 90*24*time.Hour)
	file := filepath.Join(dir, "b.yaml")
	const dot = "listen: {dot: [\"127.0.0.1:0\"]}\n"
	for _, c := range []struct {
		name, text string
		want       []string // what is said, in this order; the last of a good file is "good"
	}{
		{"nothing", "", []string{"D/b.yaml: good"}},
		{"a short digest", "trust_anchors:\n  records:\n    - . IN DS 20326 8 2 ABCDEF\n", []string{
			"D/b.yaml:3:7: trust anchor for .: DS 20326: a digest of type 2 has 32 octets, this one 3"}},
		{"short digests of all types", "trust_anchors:\n  records: [\"a. IN DS 1 13 1 AB\", \"a. IN DS 1 13 4 AB\"]\n", []string{
			"D/b.yaml:2:13: trust anchor for a.: DS 1: a digest of type 1 has 20 octets, this one 1",
			"D/b.yaml:2:35: trust anchor for a.: DS 1: a digest of type 4 has 48 octets, this one 1"}},
		{"a short key", "trust_anchors: {records: [\". IN DNSKEY 257 3 13 AAAA\"]}\n", []string{
			"D/b.yaml:1:27: trust anchor for .: DNSKEY 1038: a key of algorithm 13 has 64 octets, this one 3"}},
		{"a revoked key", "trust_anchors: {records: [\". IN DNSKEY 385 3 8 AwEAAagAIKlVZrpC\"]}\n", []string{
			"D/b.yaml:1:27: trust anchor for .: DNSKEY 57309 is revoked (RFC 5011, section 2.1)"}},
		{"no anchor that can be used", "trust_anchors: {builtin: no, records: [\"a. IN DS 1 99 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\"]}\n", []string{
			"D/b.yaml:1:1: warning: no trust anchor of zone a. can be used: its names are not validated (the delegation is signed with unsupported algorithms only)",
			"D/b.yaml: good, with 1 warning"}},
		{"no anchor file", "trust_anchors: {file: none}\n", []string{"D/b.yaml:1:23: trust anchor file: open D/none: no such file or directory"}},
		{"an empty anchor file", "trust_anchors: {file: empty}\n", []string{"D/b.yaml:1:23: trust anchor file D/empty holds no record"}},
		{"an anchor file with two faults", "trust_anchors: {file: baddd}\n", []string{
			"D/b.yaml:1:23: D/baddd: trust anchor for a.: DS 1: a digest of type 2 has 32 octets, this one 3",
			"D/b.yaml:1:23: D/baddd: trust anchor for b.: DS 2: a digest of type 1 has 20 octets, this one 3"}},
		{"an anchor file beside the configuration", "trust_anchors: {builtin: no, file: ds}\n", []string{"D/b.yaml: good"}},
		{"no hints file", "resolver: {root_hints_file: none}\n", []string{"D/b.yaml:1:29: root hints: open D/none: no such file or directory"}},
		{"a hints file without an address", "resolver: {root_hints_file: ds}\n", []string{"D/b.yaml:1:29: root hints D/ds hold no address"}},
		{"a folder for a file", "resolver: {root_hints_file: .}\n", []string{"D/b.yaml:1:29: root hints: read D: is a directory"}},
		{"no certificate", dot, []string{
			"D/b.yaml:1:16: listen.dot, listen.doh, listen.doh3 and listen.doq need tls.certificates"}},
		{"no certificate file", dot + "tls: {certificates: [none.pem]}\n", []string{"D/b.yaml:2:22: certificate: stat D/none.pem: no such file or directory"}},
		{"files that fail, each", dot + "tls:\n  certificates:\n    - nonsense.pem\n    - {certificate: good.pem, key: other.key}\n", []string{
			"D/b.yaml:4:7: certificate D/nonsense.pem: tls: failed to find any PEM data in certificate input",
			"D/b.yaml:5:7: certificate D/good.pem: tls: private key does not match public key"}},
		{"a certificate that has ended", "listen: {dot: [\"127.0.0.1:853\"]}\ntls: {certificates: [{certificate: ended.pem, key: ended.key}]}\n", []string{
			"D/b.yaml:2:22: warning: certificate D/ended.pem has expired on " + time.Now().Add(-time.Hour).UTC().Format(time.DateOnly) + ": clients will not trust it",
			"D/b.yaml: good, with 1 warning"}},
		{"a good certificate", "listen: {dot: [\"127.0.0.1:853\"]}\ntls: {certificates: [{certificate: good.pem, key: good.key}]}\n", []string{"D/b.yaml: good"}},
		{"no ticket file", dot + "tls: {certificates: [{certificate: good.pem, key: good.key}], ticket_secret: none}\n", []string{"D/b.yaml:2:78: secret of session tickets: open D/none: no such file or directory"}},
		{"a short ticket file", dot + "tls: {certificates: [{certificate: good.pem, key: good.key}], ticket_secret: short}\n", []string{"D/b.yaml:2:78: secret of session tickets: D/short holds 9 octets, at least 32 are needed"}},
		{"no file of roots", "resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, tls_name: b, tls_ca: none}]}\n", []string{
			"D/b.yaml:1:99: tls_ca of zone a.: open D/none: no such file or directory"}},
		{"a clock that stands by itself", "clock: {start: 2026-01-31T00:00:00Z}\n", []string{"D/b.yaml:1:16: clock.start is for builds with the tag testclock"}},
		{"a socket in no folder", "control: {socket: none/ctl}\n", []string{"D/b.yaml:1:19: control socket D/none/ctl: stat D/none: no such file or directory"}},
		{"a socket where a file is", "control: {socket: ds}\n", []string{"D/b.yaml:1:19: control socket D/ds: there is something else than a socket"}},
		{"all at once, from the file and from loading", "cache: {memory: plenty}\ntrust_anchors: {insecure: [com], file: none}\nresolver: {root_hints_file: none}\n", []string{
			`D/b.yaml:1:17: cache.memory: "plenty" is not a size such as 256MiB, of at least 1MiB`,
			"D/b.yaml:2:28: warning: validation is off for the whole of com.: that is a top level domain",
			"D/b.yaml:2:40: trust anchor file: open D/none: no such file or directory",
			"D/b.yaml:3:29: root hints: open D/none: no such file or directory"}},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call("config", "check", file)
		want := strings.ReplaceAll(strings.Join(c.want, "\n"), "D/", dir+"/")
		want = strings.ReplaceAll(want, "read D:", "read "+dir+":")
		if strings.TrimSuffix(out, "\n") != want && !strings.Contains(c.text, ":0\"") {
			t.Errorf("%s:\n got %s\nwant %s", c.name, out, want)
		}
		if strings.Contains(c.text, ":0\"") && !strings.Contains(out, want) {
			t.Errorf("%s:\n got %s\nwant among them %s", c.name, out, want)
		}
		if good := strings.Contains(want, ": good"); good != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		} else if !good {
			out, err := call("serve", "--config", file)
			var exit *exitError
			if !errors.As(err, &exit) || exit.code != 1 {
				t.Errorf("%s: serve goes on: %v", c.name, err)
			}
			for _, line := range strings.Split(want, "\n") {
				if !strings.Contains(line, "warning") && !strings.Contains(out, line) {
					t.Errorf("%s: serve does not say %s, but\n%s", c.name, line, out)
				}
			}
		}
	}
}

// A server without any trust anchor validates nothing. That is an error for check, unless it is said
// that it is meant; serve goes on, for people depend on it, and says so in its log.
func TestCheckWantsATrustAnchor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	for _, c := range []struct {
		text, want string
		good       bool
	}{
		{"trust_anchors: {builtin: no}\n", ":1:26: there is no trust anchor: nothing is validated", false},
		{"trust_anchors:\n  builtin: false\n  records: []\n", ":2:12: there is no trust anchor: nothing is validated", false},
		{"trust_anchors: {builtin: no, insecure: [example.com]}\n", "there is no trust anchor", false},
		{"trust_anchors: {builtin: no, insecure: [\".\"]}\n", "warning: validation is off for all names", true},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := call("config", "check", file); (err == nil) != c.good || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want %q in\n%s", c.text, err, c.want, out)
		}
		cfg, found := readConfig(file)
		_, more := prepare(cfg)
		var log strings.Builder
		if err := logFindings(testLog(&log), &log, cfg, append(found, more...)); err != nil {
			t.Errorf("%s: serve ends: %v", c.text, err)
		}
		if loud := strings.Contains(log.String(), `level=ERROR msg="nothing is validated"`); loud == c.good {
			t.Errorf("%s: logged %s", c.text, log.String())
		}
	}
}

// insecure: true on a configured zone switches validation off there, and nowhere else.
func TestInsecureZonesAreNegativeAnchors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	const text = "resolver: {forward_zones: [{name: private.example, addresses: [10.0.0.1], insecure: true}], " +
		"stub_zones: [{name: other.example, addresses: [10.0.0.1]}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, found := readConfig(file)
	p, more := prepare(cfg)
	if len(found)+len(more) > 0 {
		t.Fatal(found, more)
	}
	for name, want := range map[string]bool{"www.private.example": true, "www.other.example": false, "example": false} {
		if _, got := p.anchors.Negative(wire.MustParseName(name)); got != want {
			t.Errorf("%s: negative %v, want %v", name, got, want)
		}
	}
}
