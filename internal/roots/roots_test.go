package roots

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority returns the PEM block of an authority that ends in so many days.
func authority(t *testing.T, name string, days int) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Now().AddDate(0, 0, days), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// All authorities of a file are in the pool, and the last one is that which ends last, wherever it
// stands. What is no certificate is passed over, and a file without any is an error.
func TestRead(t *testing.T) {
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1, 2}})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1, 2}})
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	for what, c := range map[string]struct {
		text []byte
		n    int
		last string
	}{
		"one":              {authority(t, "a", 1), 1, "a"},
		"the second":       {join(authority(t, "a", -1), authority(t, "b", 2)), 2, "b"},
		"the first":        {join(authority(t, "a", 3), authority(t, "b", 2)), 2, "a"},
		"among other text": {join([]byte("# ours\n"), key, broken, authority(t, "a", 1)), 1, "a"},
		"a key":            {key, 0, ""},
		"broken":           {broken, 0, ""},
		"empty":            {nil, 0, ""},
	} {
		if err := os.WriteFile(path, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Read(path)
		if (err == nil) != (c.n > 0) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil || c.n == 0 {
			continue
		}
		want := x509.NewCertPool()
		want.AppendCertsFromPEM(c.text) // as net/http and others read such a file
		if r.Last.Subject.CommonName != c.last || !r.Pool.Equal(want) {
			t.Errorf("%s: the last is %s, want %s", what, r.Last.Subject.CommonName, c.last)
		}
	}
	if _, err := Read(path + ".none"); err == nil {
		t.Error("a file that is not there is read")
	}
}
