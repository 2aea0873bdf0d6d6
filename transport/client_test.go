package transport

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"time"
)

// testConn is a client's TCP connection.
type testConn struct{ net.Conn }

func dialTCP(t *testing.T, at netip.AddrPort) *testConn {
	t.Helper()
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &testConn{c}
}

// answers reports whether a query is answered.
func (c *testConn) answers(label string) bool {
	if _, err := c.Write(appendFrame(nil, query(label))); err != nil {
		return false
	}
	_, err := ReadFrame(c)
	return err == nil
}

func (c *testConn) ask(t *testing.T, label string) {
	t.Helper()
	if !c.answers(label) {
		t.Error("no answer")
	}
}

func tlsClient(c net.Conn) net.Conn {
	return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"dot"}})
}
