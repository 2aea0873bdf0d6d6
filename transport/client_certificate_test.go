package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
)

// A server that asks for a certificate gets the one of its Peer, over every connection: sessions
// that began with another certificate are not resumed. Without one it ends the handshake.
func TestClientCertificateIsShownToServers(t *testing.T) {
	own := map[string]*tls.Certificate{}
	for _, name := range []string{"a.example", "b.example"} {
		s, err := SelfSigned(time.Now(), []string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		own[name] = s.All()[0]
	}
	server, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 10)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{
		*server.All()[0]}, ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(s tls.ConnectionState) error {
			seen <- s.PeerCertificates[0].DNSNames[0]
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
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
	at := l.Addr().(*net.TCPAddr).AddrPort()
	n := exchanger(t)
	for _, name := range []string{"a.example", "b.example", "a.example"} {
		peer := peerOf(server.All()[0].Leaf, true)
		peer.Certificate = own[name]
		if _, err := n.Exchange(t.Context(), Request{Server: at, Via: DoT, Peer: peer,
			Query: query("fast"), Timeout: 10 * time.Second}); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := <-seen; got != name {
			t.Errorf("%s: the server saw %s", name, got)
		}
	}
	_, err = n.Exchange(t.Context(), Request{Server: at, Via: DoT,
		Peer: peerOf(server.All()[0].Leaf, true), Query: query("fast"), Timeout: 10 * time.Second})
	if err == nil || errors.Is(err, ErrTimeout) {
		t.Errorf("without a certificate: %v", err)
	}
	a, b := &Peer{Certificate: own["a.example"]}, &Peer{Certificate: own["b.example"]}
	if a.Equal(b) || a.Equal(&Peer{}) || !a.Equal(&Peer{Certificate: own["a.example"]}) {
		t.Error("peers are compared without their certificates")
	}
}
