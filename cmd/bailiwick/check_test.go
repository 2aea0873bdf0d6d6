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

	"bailiwick/internal/snapshot"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// pair writes a certificate that ends in so long, and its key.
func pair(t *testing.T, dir, name string, lives time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		DNSNames:  []string{name},
		NotBefore: time.Now().Add(-100 * time.Hour), NotAfter: time.Now().Add(lives)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der},
		name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// `config check` says whatever serve refuses, at its line and column, all at once; what is lawful
// and dangerous is a warning. DIR stands for the folder of the file in testdata/check.
func TestCheckFindsWhatServeRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"short": "too short", "empty": "", "nonsense.pem": "nonsense",
		"ds": ". IN DS 20326 8 2 " +
			"E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
		"baddd": "a. IN DNSKEY 257 3 13 AAAA\nb. IN A 192.0.2.1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair(t, dir, "good", 90*24*time.Hour)
	pair(t, dir, "ended", -24*time.Hour)
	pair(t, dir, "other", 90*24*time.Hour)
	file, yesterday := filepath.Join(dir, "b.yaml"),
		time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly)
	table, err := os.ReadFile("testdata/check")
	if err != nil {
		t.Fatal(err)
	}
	for entry := range strings.SplitSeq(strings.TrimPrefix(string(table), "== "), "\n== ") {
		name, entry, _ := strings.Cut(entry, "\n")
		text, want, ok := strings.Cut("\n"+entry+"\n", "\n--\n")
		if !ok {
			t.Fatalf("no line -- in %q", name)
		}
		if err := os.WriteFile(file, []byte(strings.TrimPrefix(text+"\n", "\n")),
			0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call("config", "check", file)
		want = strings.TrimSpace(strings.ReplaceAll(want, "DIR", dir))
		want = strings.ReplaceAll(want, "YESTERDAY", yesterday)
		if out = strings.TrimSpace(out); out != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, out, want)
		}
		if good := strings.Contains(want, ": good"); good != (err == nil) {
			t.Errorf("%s: %v", name, err)
		} else if !good {
			out, err := call("serve", "--config", file)
			var exit *exitError
			if !errors.As(err, &exit) || exit.code != 1 {
				t.Errorf("%s: serve goes on: %v", name, err)
			}
			for _, line := range strings.Split(want, "\n") {
				if !strings.Contains(line, "warning") && !strings.Contains(out, line) {
					t.Errorf("%s: serve does not say %s, but\n%s", name, line, out)
				}
			}
		}
	}
}

// A server without any trust anchor validates nothing: check and serve refuse it alike, unless it
// is said that it is meant.
func TestServeWantsATrustAnchor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	for _, c := range []struct {
		text, at, want string
		good           bool
	}{
		{"trust_anchors: {builtin: no}\n", ":1:26", "there is no trust anchor", false},
		{"trust_anchors:\n  builtin: false\n  records: []\n", ":2:12",
			"there is no trust anchor", false},
		{"trust_anchors: {builtin: no, insecure: [example.com]}\n", ":1:26",
			"there is no trust anchor", false},
		{"trust_anchors: {builtin: no, insecure: [\".\"]}\n", ":1:41",
			"validation is off for all names", true},
		{"trust_anchors: {builtin: no}\nvalidator: {validation: off}\n", ":2:25",
			"nothing is validated", true},
		{"validator: {validation: off}\n", ":1:25", "nothing is validated", true},
		{"validator: {validation: off}\ntrust_anchors: {records: [nonsense]}\n", ":2:27",
			"trust anchor \"nonsense\"", false},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := call("config", "check", file); (err == nil) != c.good ||
			!strings.Contains(out, c.at+": ") || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want %s and %q in\n%s", c.text, err, c.at, c.want, out)
		}
		cfg, found := readConfig(file)
		_, more := snapshot.Load(cfg)
		var log strings.Builder
		err := logFindings(testLog(&log), &log, cfg, append(found, more...))
		var exit *exitError
		if c.good != (err == nil) || !c.good && (!errors.As(err, &exit) || exit.code != 1) ||
			!strings.Contains(log.String(), c.want) {
			t.Errorf("%s: serve: %v, and logs %s", c.text, err, log.String())
		}
	}
}

// An anchor whose digest has not the length of its type matches no key (RFC 4034, section 5.1.4).
// That is an error for check; serve goes on, for people depend on it for all other zones, and says
// so in its log. What is wrong in another way ends serve even beside it.
func TestCheckRefusesAnAnchorThatMatchesNoKeyAndServeGoesOn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "b.yaml")
	const zoneFile = "a. IN DS 1 13 2 ABCDEF\nb. IN DS 2 13 1 ABCDEF\n"
	if err := os.WriteFile(filepath.Join(dir, "two"), []byte(zoneFile), 0o600); err != nil {
		t.Fatal(err)
	}
	const never = "it can match no key: a digest of type "
	for _, c := range []struct {
		text  string
		want  []string
		serve bool
	}{
		{"trust_anchors:\n  records:\n    - . IN DS 20326 8 2 ABCDEF\n", []string{
			":3:7: trust anchor for .: DS 20326: " + never + "2 has 32 octets, this one 3"}, true},
		{"trust_anchors:\n  records: [a. IN DS 1 13 1 AB, a. IN DS 1 13 4 AB]\n", []string{
			":2:13: trust anchor for a.: DS 1: " + never + "1 has 20 octets, this one 1",
			":2:33: trust anchor for a.: DS 1: " + never + "4 has 48 octets, this one 1"}, true},
		{"trust_anchors: {file: two}\n", []string{
			":1:23: " + dir + "/two: trust anchor for a.: DS 1: " + never + "2 has 32 octets",
			":1:23: " + dir + "/two: trust anchor for b.: DS 2: " + never + "1 has 20 octets"},
			true},
		{"trust_anchors: {records: [. IN DS 1 8 2 AB, nonsense]}\n",
			[]string{never, "nonsense"}, false},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call("config", "check", file)
		for _, want := range c.want {
			if err == nil || !strings.Contains(out, want) {
				t.Errorf("%s: check: %v, want %q in\n%s", c.text, err, want, out)
			}
		}
		cfg, found := readConfig(file)
		_, more := snapshot.Load(cfg)
		var log strings.Builder
		err = logFindings(testLog(&log), &log, cfg, append(found, more...))
		if (err == nil) != c.serve {
			t.Errorf("%s: serve: %v", c.text, err)
		}
		if !strings.Contains(log.String(), `level=ERROR msg="a trust anchor can match no key"`) {
			t.Errorf("%s: logged %s", c.text, log.String())
		}
	}
}

// insecure: true on a configured zone switches validation off there, and nowhere else.
func TestInsecureZonesAreExceptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	const text = "resolver: {forward_zones: [{name: private.example, addresses: [10.0.0.1], " +
		"insecure: true}], " +
		"stub_zones: [{name: other.example, addresses: [10.0.0.1]}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, found := readConfig(file)
	p, more := snapshot.Load(cfg)
	if len(found)+len(more) > 0 {
		t.Fatal(found, more)
	}
	for name, want := range map[string]trustanchor.Exception{
		"www.private.example": trustanchor.Insecure, "www.other.example": trustanchor.None,
		"example": trustanchor.None} {
		if _, got := p.Anchors.Exception(wire.MustParseName(name)); got != want {
			t.Errorf("%s: exception %v, want %v", name, got, want)
		}
	}
}

// The configuration in the README is one, but for the certificate that it names.
func TestConfigurationOfTheReadmeIsGood(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(readme), "every key is optional:\n\n")
	if !ok {
		t.Fatal("the README has no configuration")
	}
	text, _, _ = strings.Cut(text, "\n\n")
	dir := t.TempDir()
	pair(t, dir, "readme", 90*24*time.Hour)
	text = strings.NewReplacer("chain.pem", "readme.pem", "key.pem", "readme.key").Replace(text)
	file := filepath.Join(dir, "readme.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := call("config", "check", file); err != nil ||
		!strings.Contains(out, ": good\n") {
		t.Errorf("%v:\n%s", err, out)
	}
}
