package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bailiwick/internal/pemfile"
)

// put gives a file other contents by renaming.
func put(t *testing.T, path, of string, octets []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: of, Bytes: octets})
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate of a number and its key.
func issue(t *testing.T, certificate, key string, serial int64) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	put(t, certificate, "CERTIFICATE", der)
	put(t, key, "PRIVATE KEY", own)
}

// What has changed in the files of certificates holds for the next request: the server sees the
// renewed one, and is not believed any more when its authority was taken out of the file. Requests
// in between share a connection.
func TestRenewedByTheFiles(t *testing.T) {
	var seen []int64
	connections := map[string]bool{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter,
		q *http.Request) {
		seen = append(seen, q.TLS.PeerCertificates[0].SerialNumber.Int64())
		connections[q.RemoteAddr] = true
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	ca, certificate, key := filepath.Join(dir, "ca"), filepath.Join(dir, "cert"),
		filepath.Join(dir, "key")
	put(t, ca, "CERTIFICATE", s.Certificate().Raw)
	issue(t, certificate, key, 1)
	roots, err := pemfile.OpenTrusted(ca)
	if err != nil {
		t.Fatal(err)
	}
	own, err := pemfile.OpenOwn(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	like := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	r := NewRenewed(like, roots, own)
	client := http.Client{Transport: r}
	defer client.CloseIdleConnections()
	get := func() error {
		res, err := client.Get(s.URL)
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	for i, serial := range []int64{1, 1, 2, 2} {
		if i == 2 {
			issue(t, certificate, key, serial)
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		if got := seen[len(seen)-1]; got != serial {
			t.Errorf("request %d: the server saw %d", i, got)
		}
	}
	if len(connections) != 2 {
		t.Errorf("%d connections", len(connections))
	}
	issue(t, ca, filepath.Join(dir, "other"), 3)
	if err := get(); err == nil {
		t.Error("the server is believed without its authority")
	}
}
