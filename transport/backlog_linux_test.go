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

// A socket that another process has opened is left as it was: the service manager keeps it, and
// hands it to the next process.
func TestDrainLeavesInheritedSocketsAsTheyAre(t *testing.T) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // as the service manager
	manager, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	f, err := manager.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inherited, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(TCP, Spec{Addr: manager.Addr().(*net.TCPAddr).AddrPort(),
		Inherited: Sockets{Stream: inherited.(*net.TCPListener)},
		Gate:      NewGate(Default().Gate), Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l.Start(&echo{})
	l.Close()
	c, err := net.DialTimeout("tcp4", manager.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatalf("the next process has no clients: %v", err)
	}
	c.Close()
}
