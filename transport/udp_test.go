package transport

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A flood that never pauses does not keep a listener from closing.
func TestUDPClosesUnderFlood(t *testing.T) {
	l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 2,
		Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l.Start(&echo{})
	stop := make(chan struct{})
	var flood sync.WaitGroup
	defer flood.Wait()
	defer close(stop)
	for range 2 {
		c, err := net.Dial("udp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		flood.Go(func() {
			for q := query("silent"); ; {
				select {
				case <-stop:
					return
				default:
					_, _ = c.Write(q)
				}
			}
		})
	}
	c, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	served := false
	for buf := make([]byte, 4096); !served; { // the flood may crowd a query out
		_, _ = c.Write(query("fast"))
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, _ := c.Read(buf)
		served = n > 0
	}
	l.Close()
}

// A listener that is stopped takes nothing more, and answers to what it has taken still leave.
func TestUDPAnswersLeaveAfterStop(t *testing.T) {
	h := &echo{held: make(chan func(), 1)}
	l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 2,
		Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Start(h)
	c, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(query("held")); err != nil {
		t.Fatal(err)
	}
	answer := <-h.held
	l.(Stopper).Stop()
	_, _ = c.Write(query("fast"))
	answer()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil || label(buf[:n]) != "held" {
		t.Errorf("%x, %v", buf[:n], err)
	}
	if n := len(h.from()); n != 1 {
		t.Errorf("%d queries were taken", n)
	}
}
