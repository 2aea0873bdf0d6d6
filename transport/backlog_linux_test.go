package transport

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// A client that connects while the listener stops is not refused: its SYN is dropped, so that it
// tries again and meets the successor.
func TestDrainDropsNewHandshakes(t *testing.T) {
	l, err := accept(TCP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refuseHandshakes(l.l)
	c, err := net.DialTimeout("tcp4", l.Addr().String(), 300*time.Millisecond)
	var ne net.Error
	if err == nil {
		c.Close()
	}
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("connecting ends with %v", err)
	}
}
