package trustanchor

import (
	"bytes"
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
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"bailiwick/wire"
)

// read returns a file of testdata.
func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signed2024 is a time at which the certificate that signed IANA's files in testdata was valid.
var signed2024 = time.Date(2024, 11, 1, 0, 0, 0, 0, time.UTC)

// RFC 9718: IANA's own files, under ICANN's own certificate. The anchors of each year are those
// that are valid in it.
func TestRFC9718IANAsFilesAreVerified(t *testing.T) {
	document, signature := read(t, "root-anchors.xml"), read(t, "root-anchors.p7s")
	if err := verifyPublished(document, signature, ICANN(), signed2024); err != nil {
		t.Fatal(err)
	}
	all, err := ReadPublished(document)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d anchors, %v", len(all), err)
	}
	for year, want := range map[int]string{2012: "[19036]", 2018: "[19036 20326]",
		2020: "[20326]", 2026: "[20326 38696]", 2005: "[]"} {
		set, err := InUse(all, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		tags := []uint16{}
		if err == nil {
			for _, d := range set.anchors[wire.Root] {
				tags = append(tags, d.KeyTag)
			}
		}
		if got := fmt.Sprint(tags); got != want || (err == nil) != (want != "[]") {
			t.Errorf("%d: %s, %v, want %s", year, got, err, want)
		}
	}
	set, _ := InUse(all, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if names := Changed(set, Builtin()); len(names) > 0 {
		t.Errorf("the built-in anchors are others: %v", names)
	}
}

// A document or a signature of which one octet is another one is refused; so is one whose
// certificate has expired.
func TestRFC9718SignatureHasToBeValid(t *testing.T) {
	document, signature := read(t, "root-anchors.xml"), read(t, "root-anchors.p7s")
	for i := 0; i < len(document); i += 97 {
		forged := bytes.Clone(document)
		forged[i] ^= 1
		if verifyPublished(forged, signature, ICANN(), signed2024) == nil {
			t.Fatalf("octet %d of the document is another one", i)
		}
	}
	for _, at := range []time.Time{signed2024.AddDate(-10, 0, 0), signed2024.AddDate(3, 0, 0)} {
		if verifyPublished(document, signature, ICANN(), at) == nil {
			t.Errorf("a certificate that is not valid on %v", at)
		}
	}
	for _, bad := range [][]byte{nil, {0x30}, signature[:len(signature)/2], document} {
		if verifyPublished(document, bad, ICANN(), signed2024) == nil {
			t.Errorf("a signature of %d octets", len(bad))
		}
	}
}

// Signatures are expected to be under ICANN's second certificate from 2028 on
// (iana-org/get-trust-anchor, issue 29): both are built in, and long enough valid.
func TestRFC9718BothOfICANNsCertificatesAreTrusted(t *testing.T) {
	for name, years := range map[string]int{"icann-root-ca.pem": 2029,
		"icann-root-ca-v2.pem": 2045} {
		text, err := os.ReadFile("iana/" + name)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || c.NotAfter.Year() != years || !c.IsCA {
			t.Errorf("%s: %v, until %v", name, err, c.NotAfter)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: ICANN(), CurrentTime: signed2024.AddDate(1,
			0, 0), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// authority is a certificate authority of our own.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// now is when all that our own authority issues is valid: signatures bear the time of day.
var now = time.Now().UTC().Truncate(time.Second)

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{SerialNumber: big.NewInt(1),
		Subject: pkix.Name{CommonName: "our own root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue returns a certificate, and its key; the first one is the authority's own.
func (a *authority) issue(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// signer returns a certificate for an address.
func (a *authority) signer(address string, usage x509.KeyUsage) (*x509.Certificate,
	*ecdsa.PrivateKey) {
	a.t.Helper()
	return a.issue(&x509.Certificate{SerialNumber: big.NewInt(2), KeyUsage: usage,
		Subject: pkix.Name{CommonName: "signer", ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier(emailAddress), Value: address}}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}})
}

// sign signs a document, beside it unless whole.
func (a *authority) sign(document []byte, c *x509.Certificate, k *ecdsa.PrivateKey,
	whole bool) []byte {
	a.t.Helper()
	s, err := pkcs7.NewSignedData(document)
	if err != nil {
		a.t.Fatal(err)
	}
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := s.AddSigner(c, k, pkcs7.SignerInfoConfig{}); err != nil {
		a.t.Fatal(err)
	}
	if !whole {
		s.Detach()
	}
	der, err := s.Finish()
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Not everybody who has a certificate under the authority's publishes trust anchors.
func TestRFC9718SignerIsTheOneOfTheAnchors(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	document := read(t, "root-anchors.xml")
	const usual = x509.KeyUsageDigitalSignature
	for _, c := range []struct {
		name    string
		by      *authority
		address string
		usage   x509.KeyUsage
		whole   bool
		good    bool
	}{
		{"as it should be", a, signerAddress, usual, false, true},
		{"another authority", other, signerAddress, usual, false, false},
		{"another address", a, "www@iana.org", usual, false, false},
		{"an address that begins the same", a, signerAddress + ".example", usual, false, false},
		{"for encryption only", a, signerAddress, x509.KeyUsageKeyEncipherment, false, false},
		{"with a document of its own", a, signerAddress, usual, true, false},
	} {
		cert, key := c.by.signer(c.address, c.usage)
		err := verifyPublished(document, c.by.sign(document, cert, key, c.whole), a.pool(), now)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// anchorXML is a document with an anchor; with is put in place of its parts.
func anchorXML(with ...string) string {
	return strings.NewReplacer(with...).Replace(`<?xml version="1.0"?>
<TrustAnchor id="x" source="y"><Zone>.</Zone>
<KeyDigest id="k" validFrom="2017-02-02T00:00:00+00:00">
<KeyTag>20326</KeyTag><Algorithm>8</Algorithm><DigestType>2</DigestType>
<Digest>E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D</Digest>
</KeyDigest></TrustAnchor>`)
}

// What the document has is read strictly. What it may have one day is ignored.
func TestRFC9718DocumentIsReadStrictly(t *testing.T) {
	const key = "<PublicKey>AwEAAQ==</PublicKey><Flags>257</Flags></KeyDigest>"
	for _, c := range []struct {
		name string
		with []string
		good bool
	}{
		{"as it is", nil, true},
		{"an element of the future", []string{"</KeyDigest>", "<Hint>x</Hint></KeyDigest>"}, true},
		{"another zone", []string{"<Zone>.", "<Zone>com."}, false},
		{"two zones", []string{"<Zone>.", "<Zone>.</Zone><Zone>."}, false},
		{"another document", []string{"TrustAnchor", "Anchors"}, false},
		{"no key tag", []string{"<KeyTag>20326</KeyTag>", ""}, false},
		{"two key tags", []string{"<KeyTag>", "<KeyTag>1</KeyTag><KeyTag>"}, false},
		{"a key tag of 17 bits", []string{"20326", "120326"}, false},
		{"a negative algorithm", []string{"<Algorithm>8", "<Algorithm>-8"}, false},
		{"a short digest", []string{"EC8D<", "EC<"}, false},
		{"no digest", []string{"<Digest>", "<Digit>", "</Digest>", "</Digit>"}, false},
		{"no beginning", []string{"validFrom", "valid"}, false},
		{"a beginning that is not a time", []string{"2017-02-02T00", "2017-02-30T00"}, false},
		{"an end that is not a time",
			[]string{"+00:00\">", "+00:00\" validUntil=\"never\">"}, false},
		{"another key beside the digest", []string{"</KeyDigest>", key}, false},
		{"an entity", []string{"20326", "&tag;"}, false},
		{"cut short", []string{"</TrustAnchor>", ""}, false},
		{"two documents", []string{"</TrustAnchor>", "</TrustAnchor><a/>"}, false},
		{"many anchors", []string{"</TrustAnchor>",
			strings.Repeat("<KeyDigest/>", maxPublished) + "</TrustAnchor>"}, false},
		{"a long one", []string{"</TrustAnchor>",
			strings.Repeat(" ", maxDocument) + "</TrustAnchor>"}, false},
	} {
		if all, err := ReadPublished([]byte(anchorXML(c.with...))); (err == nil) != c.good {
			t.Errorf("%s: %v, %v", c.name, all, err)
		}
	}
}

// published serves documents as IANA does, signed by an authority of our own.
func (a *authority) serve(files map[string][]byte) *httptest.Server {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	a.t.Cleanup(s.Close)
	return s
}

// The download takes the document with its signature, or nothing.
func TestRFC9718DownloadIsVerified(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.signer(signerAddress, x509.KeyUsageDigitalSignature)
	good := []byte(anchorXML())
	ended := []byte(anchorXML("+00:00\">", "+00:00\" validUntil=\"2020-01-01T00:00:00Z\">"))
	long := bytes.Repeat([]byte("x"), maxDocument+1)
	s := a.serve(map[string][]byte{
		"/good.xml": good, "/good.p7s": a.sign(good, cert, key, false),
		"/ended.xml": ended, "/ended.p7s": a.sign(ended, cert, key, false),
		"/other.xml": ended, "/other.p7s": a.sign(good, cert, key, false),
		"/alone.xml": good, "/long.xml": long, "/long.p7s": a.sign(long, cert, key, false),
	})
	for name, want := range map[string]string{"good": "", "ended": "none of 1 anchors is valid",
		"other": "signature is not valid", "alone": "404", "long": "has more than", "none": "404"} {
		got, err := Download(context.Background(), s.Client(), s.URL+"/"+name+".xml", a.pool(), now)
		if want == "" && (err != nil || !bytes.Equal(got, good)) ||
			want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := Download(context.Background(), s.Client(), s.URL+"/good.xml", ICANN(),
		now); err == nil {
		t.Error("signed by somebody else than ICANN")
	}
	if _, err := Download(context.Background(), http.DefaultClient, s.URL+"/good.xml", a.pool(),
		now); err == nil {
		t.Error("from a server whose certificate nobody knows")
	}
}

// FuzzPublished reads any document. What is accepted can be used.
func FuzzPublished(f *testing.F) {
	f.Add(read(f, "root-anchors.xml"))
	f.Add([]byte(anchorXML()))
	f.Fuzz(func(t *testing.T, document []byte) {
		all, err := ReadPublished(document)
		if err != nil {
			return
		}
		set, err := InUse(all, now)
		if err != nil {
			return
		}
		for _, d := range set.anchors[wire.Root] {
			if want, known := digestLengths[d.Digest]; known && len(d.Hash) != want {
				t.Fatalf("%q: a digest of %d octets", document, len(d.Hash))
			}
		}
	})
}

// FuzzSignature reads any octets as the signature of a document: none but IANA's is valid.
func FuzzSignature(f *testing.F) {
	document, signature := read(f, "root-anchors.xml"), read(f, "root-anchors.p7s")
	f.Add(signature)
	f.Add([]byte{0x30, 0x80})
	roots := ICANN()
	forged := bytes.Replace(document, []byte("20326"), []byte("20327"), 1)
	f.Fuzz(func(t *testing.T, signature []byte) {
		if verifyPublished(forged, signature, roots, signed2024) == nil {
			t.Fatal("a document that ICANN has not signed is accepted")
		}
	})
}
