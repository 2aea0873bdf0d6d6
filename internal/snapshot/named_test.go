package snapshot_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/config"
	"bailiwick/internal/snapshot"
)

// certified writes certificates that end in so many days into a file, a single one with its key.
func certified(t *testing.T, path string, days ...int) {
	t.Helper()
	var text []byte
	for _, d := range days {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1),
			Subject:   pkix.Name{CommonName: filepath.Base(path)},
			NotBefore: time.Now().AddDate(0, 0, -60), NotAfter: time.Now().AddDate(0, 0, d)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		if len(days) == 1 {
			text = append(text, pem.EncodeToMemory(
				&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// namesAll names a certificate in each key and field that takes one.
const namesAll = `
listen: {dot: ["127.0.0.1:853"]}
tls:
  certificates: [{certificate: own.pem, key: own.pem}]
  acme: {directory: "https://acme.example/", names: [dns.example], ca: ca.pem, agree: true}
admin: {listen: "127.0.0.1:5380", tls_certificate: own.pem, tls_key: own.pem, client_ca: ca.pem}
tracing:
  {endpoint: "https://192.0.2.1/", tls_certificate: own.pem, tls_key: own.pem, tls_ca: ca.pem}
fleet: {store: "192.0.2.1:6379", secret_file: secret, tls_name: store.example, tls_ca: ca.pem,
  tls_certificate: own.pem, tls_key: own.pem}
trust_anchors: {ca: ca.pem}
state: {directory: .}
resolver:
  forward_zones:
    - {name: a.example, addresses: [192.0.2.1], transport: dot, tls_name: a.example,
       tls_ca: ca.pem, tls_certificate: own.pem}
  stub_zones:
    - {name: b.example, addresses: [192.0.2.1], transport: dot, tls_name: b.example,
       tls_ca: ca.pem, tls_certificate: own.pem}
policy:
  rpz: [{name: rpz.example, primaries: [192.0.2.1], tls_name: p.example, tls_ca: ca.pem}]
zones:
  held: [{name: c.example, primaries: [192.0.2.1], tls_name: p.example, tls_ca: ca.pem}]
  catalogs:
    - {name: cat.example, primaries: [192.0.2.1], tls_name: p.example, tls_ca: ca.pem,
       within: [d.example]}
  catalog_groups:
    - {catalog: cat.example, group: g, primaries: [192.0.2.2], tls_name: p.example, tls_ca: ca.pem}
views:
  - name: v
    clients: [10.0.0.0/8]
    forward_zones:
      - {name: a.example, addresses: [192.0.2.2], transport: dot, tls_name: a.example,
         tls_ca: ca.pem, tls_certificate: own.pem}
    stub_zones:
      - {name: b.example, addresses: [192.0.2.2], transport: dot, tls_name: b.example,
         tls_ca: ca.pem, tls_certificate: own.pem}
`

// TestEveryCertificateIsWatched names a certificate by every key and field of the configuration
// that takes one: each is among those whose end is told. The schema says which there are, so that a
// new one is missed here.
func TestEveryCertificateIsWatched(t *testing.T) {
	dir := t.TempDir()
	certified(t, filepath.Join(dir, "own.pem"), 30)
	certified(t, filepath.Join(dir, "ca.pem"), -3, 60, 1) // of an earlier and a later change
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", strings.Repeat("ab", 32)+"\n")
	write("bailiwick.yaml", namesAll)
	cfg, found := config.Read(filepath.Join(dir, "bailiwick.yaml"))
	s, more := snapshot.Load(cfg)
	for _, f := range append(found, more...).Errors() {
		t.Error(f)
	}
	got, series := map[string]bool{}, map[string]bool{}
	for _, c := range s.InForce(s.Certificates, nil) {
		one := fmt.Sprint(c.Key, c.Index)
		if series[one] {
			t.Errorf("two certificates are %s: no metric could have both", one)
		}
		key := c.Key
		series[one] = true
		for _, digit := range []string{"[0]", "[1]"} {
			key = strings.ReplaceAll(key, digit, "")
		}
		got[key] = true
		days := int(time.Until(c.Leaf.NotAfter).Hours()/24 + 0.5)
		if want := map[string]int{"own.pem": 30, "ca.pem": 60}[c.Name()]; days != want {
			t.Errorf("%s: %s ends in %d days, want %d", c.Key, c.Name(), days, want)
		}
	}
	want := takers(t)
	if len(want) < 10 {
		t.Fatalf("the schema has %v", want)
	}
	for _, key := range want {
		if !got[key] {
			t.Errorf("%s is not watched; watched are %q", key, slices.Sorted(maps.Keys(got)))
		}
	}
}

// takers returns the keys and fields of the schema that take files of certificates.
func takers(t *testing.T) (all []string) {
	var text bytes.Buffer
	if err := config.Schema(&text); err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text.Bytes(), &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(at any, path string)
	walk = func(at any, path string) {
		switch v := at.(type) {
		case []any:
			for _, e := range v {
				walk(e, path)
			}
		case map[string]any:
			for k, e := range v {
				properties, _ := e.(map[string]any)
				if k != "properties" {
					walk(e, path)
					continue
				}
				for name, p := range properties {
					below := strings.TrimPrefix(path+"."+name, ".")
					if slices.Contains([]string{"ca", "tls_ca", "client_ca", "tls_certificate"},
						name) || below == "tls.certificates" {
						all = append(all, below)
						continue
					}
					walk(p, below)
				}
			}
		}
	}
	walk(schema, "")
	slices.Sort(all)
	return slices.Compact(all)
}

// An authority that has expired is told of before a server uses it, and so is a certificate for
// traces, of which nobody else would tell.
func TestExpiredAuthorityIsFound(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bailiwick.yaml")
	if err := os.WriteFile(path, []byte(namesAll[:strings.Index(namesAll, "fleet:")]),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{-1, 3, 30} {
		certified(t, filepath.Join(dir, "own.pem"), days)
		certified(t, filepath.Join(dir, "ca.pem"), days-1, days)
		cfg, found := config.Read(path)
		_, more := snapshot.Load(cfg)
		told, texts := 0, ""
		for _, f := range append(found, more...) {
			texts += f.Error() + "\n"
			if strings.Contains(f.Text, " expire") && strings.Contains(f.Text, ".pem") {
				told++
			}
		}
		// Those of the listeners, of the admin listener, of traces, and of acme.
		if want := map[bool]int{true: 6}[days < 7]; told != want {
			t.Errorf("in %d days: %d are told of, want %d:\n%s", days, told, want, texts)
		}
	}
}

// Certificates of the listeners and of the admin listener whose files are broken are told of as
// those from before, until the files are whole.
func TestStaleCertificatesAreToldOf(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"dot.pem", "admin.pem", "ca.pem"} {
		certified(t, path(name), 30)
	}
	if err := os.WriteFile(path("bailiwick.yaml"), []byte(`
listen: {dot: ["127.0.0.1:853"]}
tls: {certificates: [{certificate: dot.pem, key: dot.pem}]}
admin: {listen: "127.0.0.1:5380", tls_certificate: admin.pem, tls_key: admin.pem, client_ca: ca.pem}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, found := config.Read(path("bailiwick.yaml"))
	s, more := snapshot.Load(cfg)
	for _, f := range append(found, more...).Errors() {
		t.Fatal(f)
	}
	expect := func(when string, stale ...string) {
		t.Helper()
		var got []string
		all := s.InForce(s.Certificates, nil)
		for _, c := range all {
			if c.Stale {
				got = append(got, c.Key)
			}
		}
		if len(all) != 3 || !slices.Equal(got, stale) {
			t.Errorf("%s: stale of %d are %q, want %q", when, len(all), got, stale)
		}
	}
	expect("whole files")
	for name, stale := range map[string][]string{
		"dot.pem":   {"tls.certificates"},
		"admin.pem": {"admin.tls_certificate", "admin.client_ca"},
		"ca.pem":    {"admin.tls_certificate", "admin.client_ca"},
	} {
		if err := os.WriteFile(path(name), []byte("half a fi"), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(name+" is broken", stale...)
		certified(t, path(name), 30)
		expect(name + " is whole again")
	}
}
