package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/lab/testtime"
)

// A reader changes its mode with the rate of packets, and answers in each mode.
func TestUDPReaderWaits(t *testing.T) {
	opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 2,
		Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l := opened.(*udpListener)
	defer l.Close()
	c, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(n int) {
		for i := range n {
			if _, err := c.Write(query([]string{"fast", "serve"}[i%2])); err != nil {
				t.Fatal(err)
			}
		}
	}
	answered := func(n int, when string) {
		t.Helper()
		_ = c.SetReadDeadline(time.Now().Add(testtime.Patience))
		for i, buf := 0, make([]byte, 4096); i < n; i++ {
			if _, err := c.Read(buf); err != nil {
				t.Fatalf("%s: %d of %d answers: %v", when, i, n, err)
			}
		}
	}
	// Its interval began long ago, so the first batch ends it.
	r := l.teams[0].newReader(0)
	r.handler = &echo{}
	r.began = time.Now().Add(-time.Hour)
	ask(raiseAt)
	r.poll() // returns because many packets came
	answered(raiseAt, "poll")
	if r.sample.packets < raiseAt || r.sample.noPoller {
		t.Errorf("polled, measured %+v", r.sample)
	}
	r.sample = sample{}
	ask(lowerAt)
	for !r.sample.silent { // until no more packets come
		r.block()
	}
	answered(lowerAt, "block")
	if r.sample.packets < lowerAt {
		t.Errorf("blocked, measured %+v", r.sample)
	}
	// Close ends a wait in the poller.
	l.Start(r.handler)
	ask(1)
	answered(1, "run")
}

// Clients of every socket are answered, whichever team reads it. There are enough clients for the
// kernel to use every socket.
func TestUDPTeams(t *testing.T) {
	const sockets, clients = 2*teamSize + 1, 64
	opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: sockets,
		Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l := opened.(*udpListener)
	defer l.Close()
	if len(l.ends) != sockets || len(l.teams) != 3 {
		t.Fatalf("%d sockets, %d teams", len(l.ends), len(l.teams))
	}
	l.Start(&echo{})
	for range clients {
		c, err := net.Dial("udp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, kind := range []string{"fast", "serve"} {
			_, _ = c.Write(query(kind))
			_ = c.SetReadDeadline(time.Now().Add(testtime.Patience))
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A listener that was never started can be closed.
func TestUDPClosesUnstarted(t *testing.T) {
	l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: teamSize + 1,
		Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
