package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/smallstep/pkcs7"

	"bailiwick/internal/console"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// publisher publishes trust anchors as IANA does, under an authority of its own.
type publisher struct {
	*httptest.Server
	ca    string // path of the authority's certificate
	files atomic.Pointer[map[string][]byte]
	sign  func(document []byte) []byte
}

// newPublisher serves nothing so far.
func newPublisher(t *testing.T) *publisher {
	t.Helper()
	var chain [2]*x509.Certificate
	var keys [2]*ecdsa.PrivateKey
	for i, c := range []*x509.Certificate{
		{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true,
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign},
		{SerialNumber: big.NewInt(2), KeyUsage: x509.KeyUsageDigitalSignature,
			Subject: pkix.Name{CommonName: "signer", ExtraNames: []pkix.AttributeTypeAndValue{
				{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1},
					Value: "dnssec@iana.org"}}}},
	} {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		parent := c
		if i > 0 {
			parent = chain[0]
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, keys[i].Public(), keys[0])
		if err != nil {
			t.Fatal(err)
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
	}
	p := &publisher{ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(p.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
		Bytes: chain[0].Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p.sign = func(document []byte) []byte {
		s, err := pkcs7.NewSignedData(document)
		if err != nil {
			t.Fatal(err)
		}
		s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
		if err := s.AddSigner(chain[1], keys[1], pkcs7.SignerInfoConfig{}); err != nil {
			t.Fatal(err)
		}
		s.Detach()
		der, err := s.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p.files.Store(&map[string][]byte{})
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, ok := (*p.files.Load())[r.URL.Path]; ok {
			_, _ = w.Write(b)
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// publish publishes keys as the anchors of the root.
func (p *publisher) publish(keys ...lab.EntryKey) {
	var b strings.Builder
	b.WriteString("<TrustAnchor><Zone>.</Zone>\n")
	for _, k := range keys {
		ds := k.ToDS(dns.SHA256)
		fmt.Fprintf(&b, "<KeyDigest id=\"k\" validFrom=\"2017-02-02T00:00:00+00:00\"><KeyTag>%d"+
			"</KeyTag><Algorithm>%d</Algorithm><DigestType>%d</DigestType><Digest>%s</Digest>"+
			"</KeyDigest>\n", ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	b.WriteString("</TrustAnchor>\n")
	document := []byte(b.String())
	p.files.Store(&map[string][]byte{"/root.xml": document, "/root.p7s": p.sign(document)})
}

// The root's anchors are downloaded, verified, and printed or written to a file that a
// configuration can name. What is not signed as it should be is not even written.
func TestRFC9718AnchorFetch(t *testing.T) {
	p, w := newPublisher(t), lab.New(time.Now())
	key, other := w.NewEntryKey("."), w.NewEntryKey(".")
	p.publish(key)
	source := []string{"--url", p.URL + "/root.xml", "--ca", p.ca}
	want := fmt.Sprintf(". IN DS %d ", key.Tag())
	out, err := call(append([]string{"anchor", "fetch"}, source...)...)
	if err != nil || !strings.Contains(out, want) {
		t.Errorf("%v, %s", err, out)
	}
	file := filepath.Join(t.TempDir(), "root.ds")
	if out, err = call(append([]string{"anchor", "fetch", "-o", file}, source...)...); err != nil {
		t.Fatal(err, out)
	}
	cfg := filepath.Join(filepath.Dir(file), "b.yaml")
	if err := os.WriteFile(cfg, []byte("trust_anchors: {builtin: no, file: root.ds}\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = call("anchor", "show", "-c", cfg); err != nil ||
		!strings.Contains(out, fmt.Sprint(key.Tag())) ||
		!strings.Contains(out, "trust_anchors.file") {
		t.Errorf("%v, %s", err, out)
	}
	check := append([]string{"anchor", "check", "-c", cfg, "--fetch"}, source...)
	if out, err = call(check...); err != nil {
		t.Errorf("%v, %s", err, out)
	}
	p.publish(key, other)
	if out, err = call(check...); err == nil || !strings.Contains(out, fmt.Sprintf(
		"key %d of zone .: IANA has it, trust_anchors.file has not", other.Tag())) {
		t.Errorf("%v, %s", err, out)
	}

	files := *p.files.Load()
	files["/root.xml"] = []byte(strings.Replace(string(files["/root.xml"]), "<KeyTag>", "<KeyTag>1",
		1))
	before, _ := os.ReadFile(file)
	if out, err = call(append([]string{"anchor", "fetch", "-o", file}, source...)...); err == nil {
		t.Error("a document that was changed is accepted: " + out)
	}
	if after, _ := os.ReadFile(file); string(after) != string(before) {
		t.Error("and written")
	}
	if out, err = call("anchor", "fetch", "--url", p.URL+"/root.xml"); err == nil {
		t.Error("what ICANN has not signed is accepted: " + out)
	}
}

// A server that was switched off for a whole roll knows none of the root's keys. With downloads it
// gets the new anchor by itself, by names that it cannot validate, and keeps it over a restart.
func TestRFC9718ServerDownloadsAnchors(t *testing.T) {
	p := newPublisher(t)
	s := newRolling(t)
	fresh := s.world.NewEntryKey(".")
	s.close()
	s.world.Publish(".", lab.EntryKeys{Published: []lab.EntryKey{fresh},
		Signing: []lab.EntryKey{fresh}}, time.Now())
	p.publish(fresh)
	s.source = p
	s.start()
	s.list(fmt.Sprint(fresh.Tag()), "valid")
	if got := s.status().String(); got != "secure" {
		t.Errorf("answers are %s", got)
	}
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(p.ca, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authority, err := os.ReadFile(p.ca)
	if err != nil {
		t.Fatal(err)
	}
	put([]byte("half a fi"))
	if err := s.fetchNow(t.Context()); err != nil {
		t.Errorf("by the authorities that a broken file held before: %v", err)
	}
	s.close()
	put(authority)
	p.files.Store(&map[string][]byte{})
	s.start()
	s.list(fmt.Sprint(fresh.Tag()), "valid")
}

// The sources of trust are compared: what one of them does not know is in the log, in a metric and
// beside the result of /readyz, which stays as it is.
func TestSourcesThatDisagreeAreSeen(t *testing.T) {
	p := newPublisher(t)
	s := newRolling(t)
	s.close()
	fresh := s.world.NewEntryKey(".")
	p.publish(s.keys[0], s.keys[1], fresh)
	s.source, s.admin = p, true
	s.start()
	want := fmt.Sprintf("warning: trust anchors: key %d of zone .: trust_anchors.fetch has it, "+
		"trust_anchors.records has not", fresh.Tag())
	get := func(path string) string {
		res, err := http.Get("http://" + s.console.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b strings.Builder
		_ = res.Write(&b)
		return b.String()
	}
	var got string
	until(t, "/readyz does not say "+want, func() bool {
		got = get("/readyz")
		return strings.Contains(got, want)
	})
	if !strings.Contains(got, want) || !strings.Contains(got, "200 OK") {
		t.Errorf("%s, want %s", got, want)
	}
	if m := get("/metrics"); !strings.Contains(m, "bailiwick_trust_anchor_disagreements 1") ||
		!strings.Contains(m, `bailiwick_trust_anchor_fetches_total{outcome="used"} 1`) {
		t.Error("the metrics do not tell")
	}
	if _, err := s.anchors(console.Request{}); err != nil {
		t.Error(err)
	}
}

// The name of the publisher is resolved without validation: a server that has missed a roll could
// not validate it, and so never get the new anchors.
func TestRFC9718NameIsResolvedWithoutValidation(t *testing.T) {
	s := newRolling(t)
	other := s.world.NewEntryKey(".")
	s.publish(lab.EntryKeys{Published: []lab.EntryKey{other}, Signing: []lab.EntryKey{other}})
	s.store.Flush(wire.Root, true)
	until(t, "answers are not bogus", func() bool {
		s.now().resolver.Flush(wire.Root, true)
		return s.status() == wire.Bogus
	})
	addrs := s.unvalidated(context.Background(), "www.example")
	if len(addrs) != 1 || addrs[0] != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("addresses %v", addrs)
	}
}
