package transport

import (
	"crypto/tls"
	"testing"
)

// TestKeyExchangeIsHybrid has clients that can agree on a key that a quantum computer does not find
// later (X25519MLKEM768), as docs/not-now.md says, and others on what they have.
func TestKeyExchangeIsHybrid(t *testing.T) {
	at, _, _ := listener(t, DoT, nil)
	for _, c := range []struct {
		offered []tls.CurveID
		want    tls.CurveID
	}{{nil, tls.X25519MLKEM768}, {[]tls.CurveID{tls.X25519}, tls.X25519}} {
		conn, err := tls.Dial("tcp", at.String(), &tls.Config{InsecureSkipVerify: true,
			CurvePreferences: c.offered})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().CurveID; got != c.want {
			t.Errorf("of %v it is %v", c.offered, got)
		}
		_ = conn.Close()
	}
	at, _, _ = listener(t, DoQ, nil)
	if got := dialDoQ(t, at).ConnectionState().TLS.CurveID; got != tls.X25519MLKEM768 {
		t.Errorf("over QUIC it is %v", got)
	}
}
