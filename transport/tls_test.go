package transport

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bailiwick/internal/cause"
)

func newSessions() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(8) }

// RFC 9325: TLS 1.2 with forward secrecy, or TLS 1.3; ALPN dot, or none.
func TestRFC9325Versions(t *testing.T) {
	at, _, w := listener(t, DoT, nil)
	for _, c := range []struct {
		name string
		cfg  *tls.Config
		good bool
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"TLS 1.2 without forward secrecy", &tls.Config{MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		{"TLS 1.2 with CBC", &tls.Config{MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"ALPN dot", &tls.Config{NextProtos: []string{"dot"}}, true},
		{"ALPN h2", &tls.Config{NextProtos: []string{"h2"}}, false},
	} {
		c.cfg.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", at.String(), c.cfg)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	w.await(t, cause.Handshake)
}

// Sessions are resumed, also by another server with the same keys, but not with other keys.
func TestTLSResumption(t *testing.T) {
	cfg := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: newSessions(),
		ServerName: "localhost"}
	for i, c := range []struct {
		key     byte
		resumed bool
	}{{1, false}, {1, true}, {1, true}, {2, false}} {
		at, _, _ := listener(t, DoT, func(s *Spec) {
			s.TLS.SetTickets(ticketsOf(c.key), time.Now())
		})
		conn, err := tls.Dial("tcp", at.String(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		// the ticket comes with the answer
		if _, err := conn.Write(appendFrame(nil, query("fast"))); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrame(conn); err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().DidResume; got != c.resumed {
			t.Errorf("connection %d: resumed %v", i, got)
		}
		conn.Close()
	}
}

// Servers with the same secret have the same keys at a time. The keys change on time, and the
// previous ones stay valid for one more rotation.
func TestTickets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewTickets(TicketConfig{file, time.Hour}); err == nil {
		t.Error("a secret of 31 octets is taken")
	}
	if err := os.WriteFile(file, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := NewTickets(TicketConfig{file, time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewTickets(TicketConfig{file, time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC)
	ka, kb := a.keys(now), b.keys(now.Add(30*time.Minute))
	if ka[0] != kb[0] || ka[0] == ka[1] || ka[1] == ka[2] {
		t.Errorf("keys %x and %x", ka, kb)
	}
	if next := a.keys(now.Add(time.Hour)); next[0] != ka[2] || next[1] != ka[0] {
		t.Errorf("an hour later: %x", next)
	}
	if a.Own() != nil || a.Following(make([]byte, 32)) != a {
		t.Error("a fleet's secret gives way to that of one server")
	}
	own, err := NewTickets(TicketConfig{"", time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if own.keys(now)[0] == ka[0] {
		t.Error("a server of its own has the fleet's keys")
	}
}

// writeCertificate writes a certificate with a serial number.
func writeCertificate(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kd, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der},
		key: {Type: "PRIVATE KEY", Bytes: kd}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// New certificates are loaded while connections stay open; broken ones are not.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	writeCertificate(t, cert, key, 1)
	source, err := LoadCertificates([]CertificateFile{{cert, key}})
	if err != nil {
		t.Fatal(err)
	}
	tlsOf := NewTLS(source)
	at, _, _ := listener(t, DoT, func(s *Spec) { s.TLS = tlsOf })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wake, failed := make(chan struct{}), make(chan error, 10)
	go tlsOf.Maintain(ctx, time.Hour, wake, func(err error) {
		if err != nil {
			failed <- err
		}
	})
	dial := func(want int64) *tls.Conn {
		t.Helper()
		c, err := tls.Dial("tcp", at.String(), insecureTLS)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if got := c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("certificate %d, want %d", got, want)
		}
		return c
	}
	old := dial(1)
	writeCertificate(t, cert, key, 2)
	wake <- struct{}{}
	wake <- struct{}{} // the first is done when the second is taken
	dial(2)
	for _, c := range []io.ReadWriter{old} {
		if _, err := c.Write(appendFrame(nil, query("fast"))); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrame(c); err != nil {
			t.Errorf("a connection from before: %v", err)
		}
	}
	if err := os.WriteFile(cert, []byte("rubbish, longer than nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	wake <- struct{}{}
	if err := <-failed; err == nil {
		t.Error("a broken certificate is taken")
	}
	dial(2)
}

// Data that is not TLS ends the connection, and a client that sends nothing is waited for in
// bounded time only.
func TestHandshakeFaults(t *testing.T) {
	at, _, w := listener(t, DoT, nil)
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Log(err) // a reset means the same
	}
	w.await(t, cause.Handshake)
	silent, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_ = silent.SetReadDeadline(time.Now().Add(2 * handshakeTime))
	if n, err := io.Copy(io.Discard, silent); n > 0 {
		t.Errorf("%d octets for silence, %v", n, err)
	}
	w.await(t, cause.HandshakeTime)
}

// ticketsOf returns tickets with a secret that is told by one octet.
func ticketsOf(secret byte) *Tickets {
	return &Tickets{secret: bytes.Repeat([]byte{secret}, minTicketSecret), rotation: time.Hour}
}

// Certificates are seen however they come: a file that is renamed into the place of the one before,
// with an older time, and a link to a folder that is changed to lead to another one. Knot Resolver
// misses files that are replaced by renaming (github.com/CZ-NIC/knot-resolver/issues/149).
func TestCertificatesAreSeenHoweverTheyAreReplaced(t *testing.T) {
	dir := t.TempDir()
	for serial, name := range []string{"one", "two", "three"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeCertificate(t, filepath.Join(dir, name, "cert"), filepath.Join(dir, name, "key"),
			int64(serial+1))
	}
	link := filepath.Join(dir, "now")
	lead := func(to string) {
		t.Helper()
		if err := os.Symlink(to, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	lead("one")
	source, err := LoadCertificates([]CertificateFile{{Certificate: filepath.Join(link, "cert"),
		Key: filepath.Join(link, "key")}})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(serial int64) {
		t.Helper()
		if err := source.Refresh(); err != nil {
			t.Fatal(err)
		}
		if got := source.All()[0].Leaf.SerialNumber.Int64(); got != serial {
			t.Errorf("the certificate is number %d, not %d", got, serial)
		}
	}
	expect(1)
	lead("two")
	expect(2)
	for _, name := range []string{"cert", "key"} {
		from := filepath.Join(dir, "three", name)
		if err := os.Chtimes(from, time.Time{}, time.Unix(1_000_000_000, 0)); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(from, filepath.Join(dir, "two", name)); err != nil {
			t.Fatal(err)
		}
	}
	expect(3)
}
