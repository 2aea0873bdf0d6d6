package transport

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bailiwick/internal/pemfile"
)

// put gives a file other contents by renaming, as what renews certificates does.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// own returns a certificate of a number from files, that of its key, and a function that renews
// both.
func own(t *testing.T, serial int64) (certificate *pemfile.Own, key string,
	renew func(int64)) {
	t.Helper()
	dir := t.TempDir()
	cert := filepath.Join(dir, "cert")
	key = filepath.Join(dir, "key")
	renew = func(serial int64) {
		t.Helper()
		writeCertificate(t, cert+".new", key+".new", serial)
		for _, path := range []string{cert, key} {
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}
	}
	renew(serial)
	certificate, err := pemfile.OpenOwn(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key, renew
}

// demanding is a server over TLS that demands a certificate, tells of those that it sees, and
// answers one question on each connection.
func demanding(t *testing.T) (at Request, seen chan int64, certificate string) {
	t.Helper()
	server, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen = make(chan int64, 10)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{
		*server.All()[0]}, ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(s tls.ConnectionState) error {
			seen <- s.PeerCertificates[0].SerialNumber.Int64()
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if q, err := ReadFrame(c); err == nil {
					_, _ = c.Write(appendFrame(nil, answerTo(q, nil)))
				}
			}()
		}
	}()
	leaf := server.All()[0].Leaf
	return Request{Server: l.Addr().(*net.TCPAddr).AddrPort(), Via: DoT, Peer: peerOf(leaf, true),
			Query: query("fast"), Timeout: 10 * time.Second}, seen,
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
}

// A server that asks for a certificate gets the one of its Peer, over every connection: sessions
// that began with another certificate are not resumed. Without one it ends the handshake.
func TestClientCertificateIsShownToServers(t *testing.T) {
	ask, seen, _ := demanding(t)
	known := *ask.Peer
	a, _, _ := own(t, 1)
	b, _, _ := own(t, 2)
	n := exchanger(t)
	for serial, of := range map[int64]*pemfile.Own{1: a, 2: b} {
		peer := known
		peer.Certificate, ask.Peer = of, &peer
		for range 2 {
			if _, err := n.Exchange(t.Context(), ask); err != nil {
				t.Errorf("%d: %v", serial, err)
			} else if got := <-seen; got != serial {
				t.Errorf("%d: the server saw %d", serial, got)
			}
		}
	}
	ask.Peer = &known
	if _, err := n.Exchange(t.Context(), ask); err == nil || errors.Is(err, ErrTimeout) {
		t.Errorf("without a certificate: %v", err)
	}
	one, two := &Peer{Certificate: a}, &Peer{Certificate: b}
	if one.Equal(two) || one.Equal(&Peer{}) || !one.Equal(&Peer{Certificate: a}) {
		t.Error("peers are compared without their certificates")
	}
}

// A certificate that is renewed in its files is shown from the next handshake on, and a session
// that began with the one before is not resumed. While the files are broken the last good one is.
func TestClientCertificateIsRenewed(t *testing.T) {
	ask, seen, _ := demanding(t)
	certificate, key, renew := own(t, 1)
	ask.Peer.Certificate = certificate
	n := exchanger(t)
	shows := func(serial int64) {
		t.Helper()
		if _, err := n.Exchange(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != serial {
			t.Errorf("the server saw %d, not %d", got, serial)
		}
	}
	shows(1)
	shows(1)
	renew(2)
	shows(2)
	put(t, key, "damaged")
	shows(2)
	if certificate.Refresh() == nil {
		t.Error("nobody is told that the files are broken")
	}
	renew(3)
	shows(3)
}

// Authorities that are changed in their file are those of the next handshake, over each transport.
// A server whose authority was taken out is asked nothing more, on no resumed session either, and a
// file that is broken changes nothing.
func TestAuthoritiesAreRenewed(t *testing.T) {
	for _, p := range upstreamProtocols[1:] {
		at, _, _, leaf := upstreamListener(t, p)
		path := filepath.Join(t.TempDir(), "ca")
		right := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
		_, _, wrong := demanding(t)
		put(t, path, wrong)
		roots, err := pemfile.OpenTrusted(path)
		if err != nil {
			t.Fatal(err)
		}
		n := exchanger(t)
		ask := Request{Server: at, Via: p, Peer: &Peer{Name: "localhost", Roots: roots,
			Path: "/dns-query"}, Query: query("fast"), Timeout: 10 * time.Second}
		if _, err := n.Exchange(t.Context(), ask); !errors.Is(err, ErrIdentity) {
			t.Errorf("%v, before: %v", p, err)
		}
		put(t, path, right)
		if _, err := n.Exchange(t.Context(), ask); err != nil {
			t.Errorf("%v, with its authority: %v", p, err)
		}
		put(t, path, "damaged")
		n.named.drop()
		if _, err := n.Exchange(t.Context(), ask); err != nil {
			t.Errorf("%v, with a broken file: %v", p, err)
		}
		put(t, path, wrong)
		n.named.drop()
		if _, err := n.Exchange(t.Context(), ask); !errors.Is(err, ErrIdentity) {
			t.Errorf("%v, without its authority: %v", p, err)
		}
	}
	ask, _, right := demanding(t)
	path := filepath.Join(t.TempDir(), "ca")
	put(t, path, right)
	var err error
	if ask.Peer.Roots, err = pemfile.OpenTrusted(path); err != nil {
		t.Fatal(err)
	}
	ask.Peer.Certificate, _, _ = own(t, 1)
	n := exchanger(t)
	for range 2 { // the second time the session is resumed
		if _, err := n.Exchange(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
	}
	_, _, wrong := demanding(t)
	put(t, path, wrong)
	if _, err := n.Exchange(t.Context(), ask); !errors.Is(err, ErrIdentity) {
		t.Errorf("a session of before: %v", err)
	}
}
