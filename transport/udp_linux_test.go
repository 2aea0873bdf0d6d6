package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// A reader goes from one way to wait to the other by how much comes, and answers either way.
func TestUDPReaderWaits(t *testing.T) {
	opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 1, Observer: &witness{}})
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
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		for i, buf := 0, make([]byte, 4096); i < n; i++ {
			if _, err := c.Read(buf); err != nil {
				t.Fatalf("%s: %d of %d answers: %v", when, i, n, err)
			}
		}
	}
	// Its turn began long ago, so each batch ends one.
	s := &udpSocket{end: l.ends[0], handler: &echo{}, spec: &l.spec, closed: &l.closed}
	r := &udpReader{udpSocket: *s, in: newBatch(false), out: newBatch(false)}
	err = s.end.raw.Control(func(fd uintptr) {
		ask(much)
		r.sparse(fd) // comes to its end, since much came
		answered(much, "sparse")
		ask(little)
		r.dense(fd) // comes to its end, since then nothing came
		answered(little, "dense")
	})
	if err != nil {
		t.Fatal(err)
	}
	// Closing ends the wait by the poller.
	l.wg.Go(s.run)
	ask(1)
	answered(1, "run")
}

func TestProcessors(t *testing.T) {
	for _, c := range []struct{ cores, sockets, want int }{{2, 0, 2}, {2, 2, 4}, {2, 4, 6}, {2, 10, 8}, {1, 1, 2}} {
		if got := Processors(c.cores, c.sockets); got != c.want {
			t.Errorf("%d cores, %d sockets: got %d, want %d", c.cores, c.sockets, got, c.want)
		}
	}
}
