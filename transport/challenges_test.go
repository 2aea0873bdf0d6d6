package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"bailiwick/internal/cause"
)

// empty is a source whose first certificate is still to come.
type empty struct{}

func (empty) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return nil, ErrNoCertificate
}
func (empty) All() []*tls.Certificate { return nil }
func (empty) Refresh() error          { return nil }

// listenTLS opens a listener of a protocol on loopback, whose faults a witness has.
func listenTLS(t *testing.T, p Protocol, by *TLS) (netip.AddrPort, *witness) {
	t.Helper()
	w := &witness{}
	l, err := Listen(p, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), TLS: by,
		Path: "/dns-query", Gate: NewGate(Default().Gate), Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	l.Start(&echo{})
	t.Cleanup(l.Close)
	return l.Addr(), w
}

// selfSigned is a source with a certificate for a name.
func selfSigned(t *testing.T, name string) CertificateSource {
	t.Helper()
	s, err := SelfSigned(time.Now(), []string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// connect shakes hands as a client that offers protocols, and returns what it was shown.
func connect(at netip.AddrPort, name string, protocols ...string) (*tls.ConnectionState, error) {
	d := tls.Dialer{Config: &tls.Config{ServerName: name, NextProtos: protocols,
		InsecureSkipVerify: true}}
	c, err := d.DialContext(context.Background(), "tcp", at.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := c.(*tls.Conn).ConnectionState()
	return &s, nil
}

// An authority that offers acme-tls/1 and nothing else is shown what it wants proven of a name, at
// DoT and at DoH, with a certificate and without; and nothing else follows on the connection.
// Others are never shown it: not who offers another protocol beside, nor for another name. All
// listeners over TLS answer, as something else may lead from port 443 to any (nginx/nginx-acme 27).
func TestRFC8737Challenges(t *testing.T) {
	proof := selfSigned(t, "proof.example").All()[0]
	var mu sync.Mutex
	var names []string
	answer := func(name string) *tls.Certificate {
		mu.Lock()
		defer mu.Unlock()
		if names = append(names, name); name != "dns.example" {
			return nil
		}
		return proof
	}
	for what, source := range map[string]CertificateSource{"with a certificate": selfSigned(t,
		"own.example"), "without": empty{}} {
		by := NewTLS(source)
		for _, p := range []Protocol{DoT, DoH} {
			at, _ := listenTLS(t, p, by)
			if _, err := connect(at, "dns.example", challengeProtocol); err == nil {
				t.Errorf("%v, %s: before there is anything to prove", p, what)
			}
			by.AnswerChallenges(answer)
			s, err := connect(at, "dns.example", challengeProtocol)
			if err != nil || s.NegotiatedProtocol != challengeProtocol ||
				!s.PeerCertificates[0].Equal(proof.Leaf) {
				t.Errorf("%v, %s: %+v, %v", p, what, s, err)
			}
			if _, err := connect(at, "other.example", challengeProtocol); err == nil {
				t.Errorf("%v, %s: an authority was told something of another name", p, what)
			}
			s, err = connect(at, "dns.example", challengeProtocol, p.ALPN())
			if err == nil && s.PeerCertificates[0].Equal(proof.Leaf) {
				t.Errorf("%v, %s: a client was shown the proof", p, what)
			}
			by.challenges.Store(nil)
		}
	}
}

// Without a certificate a handshake fails, with a cause of its own, over TCP and over QUIC.
func TestNoCertificate(t *testing.T) {
	at, w := listenTLS(t, DoT, NewTLS(empty{}))
	if _, err := connect(at, "dns.example", "dot"); err == nil {
		t.Error("a handshake")
	}
	for end := time.Now().Add(10 * time.Second); w.seen()[cause.NoCertificate] == 0; {
		if time.Now().After(end) {
			t.Fatalf("no cause: %v", w.seen())
		}
		time.Sleep(time.Millisecond)
	}
	if n := w.seen()[cause.Handshake]; n != 0 {
		t.Errorf("the client is blamed %d times", n)
	}
}

// Two sources are as one: the name that a client asks for decides between all certificates, and
// the first is for those that ask for none of them.
func TestTogether(t *testing.T) {
	a, b := selfSigned(t, "a.example"), selfSigned(t, "b.example")
	hello := func(name string) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{ServerName: name,
			SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
	}
	for _, c := range []struct {
		of   CertificateSource
		name string
		want CertificateSource
	}{
		{Together(a, b), "a.example", a}, {Together(a, b), "b.example", b},
		{Together(a, b), "c.example", a}, {Together(empty{}, b), "a.example", b},
		{Together(a, empty{}), "", a}, {Together(empty{}, empty{}), "a.example", nil},
	} {
		k, err := c.of.Certificate(hello(c.name))
		switch {
		case c.want == nil && !errors.Is(err, ErrNoCertificate):
			t.Errorf("%s: %v, %v", c.name, k, err)
		case c.want != nil && (err != nil || k != c.want.All()[0]):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := len(Together(a, b).All()); n != 2 {
		t.Errorf("%d certificates", n)
	}
	if Together(a, b).Refresh() != nil {
		t.Error("they cannot be refreshed")
	}
}

// No file is no certificate, and no error.
func TestNoCertificateFiles(t *testing.T) {
	s, err := LoadCertificates(nil)
	if err != nil || len(s.All()) != 0 {
		t.Errorf("%v, %v", s, err)
	}
}
