package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bailiwick/internal/counter"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleettest"
	"bailiwick/internal/pemfile"
)

// Settings that name other files of certificates are those of another store, whatever is in them.
// Files of the same paths are not: the store is connected to again by Renew.
func TestOtherCertificatesAreAnotherStore(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := errors.Join(os.WriteFile(a, text, 0o600), os.WriteFile(b, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	settings := func(roots, own string) fleet.Settings {
		t.Helper()
		s := fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
			Secrets: []fleet.Secret{secret}}
		var err error
		if s.Roots, err = pemfile.OpenTrusted(roots); err != nil {
			t.Fatal(err)
		}
		if s.Certificate, err = pemfile.OpenOwn(own, own); err != nil {
			t.Fatal(err)
		}
		return s
	}
	opened := 0
	f := fleet.New(fleet.Parts{Log: slog.New(slog.DiscardHandler), Writes: &counter.Outcomes{},
		Open: func(fleet.Settings) fleet.Store {
			opened++
			return fleettest.New()
		}})
	t.Cleanup(f.Close)
	f.Renew() // there is none
	for i, s := range []struct {
		roots, own string
		want       int
	}{{a, a, 1}, {a, a, 1}, {b, a, 2}, {b, b, 3}, {b, b, 3}} {
		if f.Use(settings(s.roots, s.own)); opened != s.want {
			t.Errorf("settings %d: %d stores were opened, want %d", i, opened, s.want)
		}
	}
	if f.Renew(); opened != 4 || !f.Active() {
		t.Errorf("renewed: %d stores were opened, want 4", opened)
	}
}
