package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A certificate that promises an OCSP response is refused, with what to do, instead of being served
// to clients that end the connection; with other features, or none, it is used. Authorities have
// ended OCSP, and certificates with the promise outlive that
// (github.com/letsencrypt/website/issues/88, github.com/fszlin/certes/issues/328).
func TestRFC7633MustStaple(t *testing.T) {
	for _, c := range []struct {
		name     string
		value    []byte // of the extension; nil: there is none
		features []int
		refused  bool
	}{
		{"no extension", nil, nil, false},
		{"status_request", nil, []int{5}, true},
		{"status_request_v2", nil, []int{17}, true},
		{"among others", nil, []int{22, 5}, true},
		{"others", nil, []int{22, 23}, false},
		{"no list", []byte{1, 2, 3}, nil, false},
	} {
		value := c.value
		if c.features != nil {
			value, _ = asn1.Marshal(c.features)
		}
		template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"dns.example"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		if value != nil {
			template.ExtraExtensions = []pkix.Extension{{Id: tlsFeature, Value: value}}
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := CertificateFile{filepath.Join(t.TempDir(), "chain.pem"),
			filepath.Join(t.TempDir(), "key.pem")}
		for path, b := range map[string]pem.Block{
			file.Certificate: {Type: "CERTIFICATE", Bytes: der},
			file.Key:         {Type: "PRIVATE KEY", Bytes: keyDER},
		} {
			if err := os.WriteFile(path, pem.EncodeToMemory(&b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err = LoadCertificates([]CertificateFile{file})
		if (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "must-staple") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
