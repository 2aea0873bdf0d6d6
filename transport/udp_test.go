package transport

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A flood without pauses does not keep a listener from closing.
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
	for buf := make([]byte, 4096); !served; { // the flood may displace a query
		_, _ = c.Write(query("fast"))
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, _ := c.Read(buf)
		served = n > 0
	}
	l.Close()
}

// A listener that is stopped reads nothing more, and still sends answers to queries that it has
// read.
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
	l.Stop()
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

// Queries that have arrived when a listener is stopped are answered even if nobody has read them:
// the only reader of the socket is busy with another query.
func TestUDPStopAnswersWhatHasArrived(t *testing.T) {
	h := &occupied{entered: make(chan struct{}), leave: make(chan struct{})}
	l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 1,
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
	const waiting = 3 * 32 // more than is read at once
	for i := range 1 + waiting {
		if _, err := c.Write(query("fast")); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-h.entered
		}
	}
	stopped := make(chan struct{})
	go func() {
		l.Stop()
		close(stopped)
	}()
	<-l.(*udpListener).closing
	close(h.leave)
	<-stopped
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for i, buf := 0, make([]byte, 4096); i < 1+waiting; i++ {
		if _, err := c.Read(buf); err != nil {
			t.Fatalf("after %d answers: %v", i, err)
		}
	}
}

// occupied is an echo whose first query keeps the reader busy until the test releases it.
type occupied struct {
	echo
	first          sync.Once
	entered, leave chan struct{}
}

func (o *occupied) Handle(packet []byte, c Client, into []byte) ([]byte, Pending) {
	o.first.Do(func() {
		close(o.entered)
		<-o.leave
	})
	return o.echo.Handle(packet, c, into)
}
