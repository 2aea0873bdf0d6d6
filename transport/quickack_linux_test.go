package transport

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bailiwick/internal/cause"
)

// quick reports whether the kernel acknowledges data on a connection at once.
func quick(t *testing.T, c net.Conn) bool {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	v := 0
	if err := raw.Control(func(fd uintptr) {
		v, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK)
	}); err != nil {
		t.Fatal(err)
	}
	return v != 0
}

// RFC 896: a client with Nagle's algorithm sends no query until the end of its handshake is
// acknowledged, and no second half of a message until the first is. So both are acknowledged at
// once, where the kernel would wait for 40 ms.
func TestAcknowledgedWhereClientsWait(t *testing.T) {
	source, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), TLS: NewTLS(source),
		Gate: NewGate(Default().Gate), Observer: &witness{}}.ready()
	cfg := spec.TLS.config("dot")
	shaken, halved := make(chan bool, 1), make(chan bool, 1)
	l, err := accept(DoT, spec, func(_ Handler, c *conn) {
		tc := c.handshake(cfg)
		shaken <- tc != nil && quick(t, c.socket)
		if tc == nil {
			return
		}
		e := &engine{}
		e.finished, e.overdue = func() bool { return !e.due.IsZero() }, e.slow
		e.consume = func(b []byte) ([]byte, int, cause.Cause) {
			e.began(len(b) > 0)
			slowAck(t, c.socket) // as after many answers
			return b, 100, cause.None
		}
		e.run(c, tc)
		halved <- quick(t, c.socket)
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Start(&echo{})
	t.Cleanup(l.Close)
	c, err := tls.Dial("tcp", l.Addr().String(), insecureTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !<-shaken {
		t.Error("the end of the handshake is not acknowledged at once")
	}
	if _, err := c.Write([]byte{0, 40}); err != nil {
		t.Fatal(err)
	}
	if !<-halved {
		t.Error("half a message is not acknowledged at once")
	}
}

// slowAck makes the kernel delay its acknowledgements.
func slowAck(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
	})
}
