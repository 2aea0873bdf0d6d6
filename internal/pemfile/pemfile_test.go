package pemfile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority returns a certificate in PEM form, and its key.
func authority(t testing.TB) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	form := func(of string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: of, Bytes: b}))
	}
	return form("CERTIFICATE", der), form("PRIVATE KEY", own)
}

// One certificate among good ones is damaged, in each way that the standard library passes over.
// The error has its line.
func TestDamagedCertificateAmongGoodOnesIsRefused(t *testing.T) {
	good, key := authority(t)
	middle := strings.Index(good, "\n") + 70
	for what, damaged := range map[string]string{
		"a letter":          good[:middle] + "*" + good[middle+1:],
		"a missing letter":  good[:middle] + good[middle+1:],
		"another letter":    good[:40] + string(good[40]^1) + good[41:],
		"its end":           good[:middle] + "\n",
		"the END line":      strings.Replace(good, "-----END", "----END", 1),
		"the BEGIN line":    strings.Replace(good, "-----BEGIN", "----BEGIN", 1),
		"another type":      strings.ReplaceAll(good, "CERTIFICATE", "TRUSTED CERTIFICATE"),
		"types that differ": strings.Replace(good, "END CERTIFICATE", "END X509 CRL", 1),
		"nothing in it":     "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
	} {
		for i, text := range []string{damaged + good + good, good + damaged + good,
			good + good + damaged} {
			list, err := certificates([]byte("# authorities\n" + text))
			if err == nil || !strings.Contains(err.Error(), "line ") {
				t.Errorf("%s, place %d: %d certificates, %v", what, i, len(list), err)
			}
		}
	}
	for what, text := range map[string]string{"none": "", "a key": key, "DER": "\x30\x82\x01"} {
		if _, err := certificates([]byte(text)); err == nil {
			t.Errorf("%s: read", what)
		}
	}
}

// What stands around the certificates in files of real life is not a reason to refuse them.
func TestCertificatesWithCommentsAndKeys(t *testing.T) {
	good, key := authority(t)
	for what, text := range map[string]string{
		"plain": good + good, "with a key": good + key + good, "no line at the end": good +
			strings.TrimSpace(good), "comments": "Subject: one\n" + good + "\n\n# ----\n" + good,
		"of Windows": strings.ReplaceAll(good+good, "\n", "\r\n"),
	} {
		if list, err := certificates([]byte(text)); err != nil || len(list) != 2 {
			t.Errorf("%s: %d certificates, %v", what, len(list), err)
		}
	}
}

// The chain behind a certificate is read as well, for clients verify it.
func TestDamagedChainIsRefused(t *testing.T) {
	good, key := authority(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile := write("key", key)
	if _, err := KeyPair(write("good", good+good), keyFile); err != nil {
		t.Error(err)
	}
	damaged := good[:60] + "*" + good[61:]
	if _, err := KeyPair(write("damaged", good+damaged), keyFile); err == nil {
		t.Error("read")
	}
	if _, err := Roots(write("roots", damaged+good)); err == nil {
		t.Error("read")
	}
}

// No text makes the reader fail otherwise than by an error, and what it returns is all that is
// there: as many certificates as lines that begin one.
func FuzzCertificates(f *testing.F) {
	good, key := authority(f)
	for _, text := range []string{good, good + key, "-----BEGIN ", "-----END CERTIFICATE-----\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := certificates(text)
		n := bytes.Count(text, []byte("\n-----BEGIN CERTIFICATE-----"))
		if err == nil && len(list) < n {
			t.Errorf("%d certificates of %d", len(list), n)
		}
	})
}

// The authority that ends last is found wherever it stands.
func TestReadAuthorities(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ends := func(days int) string {
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(days + 10)),
			NotAfter: time.Now().AddDate(0, 0, days)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	for _, c := range []struct {
		days []int
		last int64
	}{{[]int{1}, 1}, {[]int{-1, 2}, 2}, {[]int{3, 2}, 3}, {[]int{1, 5, 2}, 5},
		{[]int{-3, -2}, -2}} {
		var text strings.Builder
		for _, d := range c.days {
			text.WriteString(ends(d))
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := readAuthorities(path)
		if err != nil || a.Last.SerialNumber.Int64() != c.last+10 {
			t.Errorf("%v: %v, %v", c.days, a.Last, err)
		}
		want := x509.NewCertPool()
		if want.AppendCertsFromPEM([]byte(text.String())); err == nil && !a.Pool.Equal(want) {
			t.Errorf("%v: other authorities", c.days)
		}
	}
}
