package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"bailiwick/internal/lab/testtime"
)

// answersTo makes a batch of answers, one for each port and length.
func answersTo(list [][2]int, control bool) *batch {
	b := newBatch(control)
	for i, a := range list {
		b.names[i].Family, b.names[i].Port = unix.AF_INET, uint16(a[0])
		b.vectors[i].SetLen(a[1])
		if control {
			b.messages[i].head.SetControllen(8)
		}
	}
	return b
}

// Only answers of one length, from one address to one client, share a packet.
func TestSegmentsAreOfOneClientAndLength(t *testing.T) {
	for name, c := range map[string]struct {
		answers [][2]int
		packets int
	}{
		"one client":     {[][2]int{{1, 90}, {1, 90}, {1, 90}}, 1},
		"in turns":       {[][2]int{{1, 90}, {2, 90}, {1, 90}, {2, 90}}, 2},
		"other lengths":  {[][2]int{{1, 90}, {1, 91}, {1, 89}}, 3},
		"too long":       {[][2]int{{1, maxSegment + 1}, {1, maxSegment + 1}}, 2},
		"the longest":    {[][2]int{{1, maxSegment}, {1, maxSegment}}, 1},
		"one answer":     {[][2]int{{1, 90}}, 1},
		"other clients":  {[][2]int{{1, 90}, {2, 90}, {3, 90}}, 3},
		"no answer":      {nil, 0},
		"empty messages": {[][2]int{{1, 0}, {1, 0}}, 2},
	} {
		got := new(segments).join(answersTo(c.answers, false), len(c.answers))
		if got != c.packets {
			t.Errorf("%s: %d packets, want %d", name, got, c.packets)
		}
	}
	if answersTo([][2]int{{1, 90}, {1, 91}}, false).alike(0, 1) { // whatever slots they have
		t.Error("answers of two lengths are alike")
	}
	b := answersTo([][2]int{{1, 90}, {1, 90}}, true)
	b.controls[1][0] = 1
	if got := new(segments).join(b, 2); got != 2 {
		t.Errorf("other local addresses: %d packets", got)
	}
	b = answersTo([][2]int{{1, 90}, {1, 90}}, false)
	b.names[1].Addr[3] = 1
	if got := new(segments).join(b, 2); got != 2 {
		t.Errorf("other addresses of clients: %d packets", got)
	}
}

// asksAtOnce sends queries of several lengths from two sockets before the readers begin, and
// returns what they get: the answers by socket and ID.
func asksAtOnce(t *testing.T, at string, l *udpListener, n int) (got [2]map[uint16]int) {
	t.Helper()
	var clients [2]net.Conn
	for i := range clients {
		c, err := net.Dial("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients[i], got[i] = c, map[uint16]int{}
	}
	for i := range n {
		q := query("fast")
		binary.BigEndian.PutUint16(q, uint16(i))
		for range i % 3 {
			q = append(q, 0) // the handler echoes it
		}
		if _, err := clients[i%2].Write(q); err != nil {
			t.Fatal(err)
		}
	}
	l.Start(&echo{})
	for i, c := range clients {
		_ = c.SetReadDeadline(time.Now().Add(testtime.Patience))
		for buf := make([]byte, 4096); len(got[i]) < n/2; {
			k, err := c.Read(buf)
			if err != nil {
				t.Fatalf("client %d got %d answers: %v", i, len(got[i]), err)
			}
			got[i][binary.BigEndian.Uint16(buf)] = k
		}
	}
	return got
}

// Each client gets its own answers whole, over both families, and where the listener has all
// addresses; and so where the kernel refuses packets of several answers.
func TestSegmentsArriveAsAnswers(t *testing.T) {
	const queries = 60
	plain := len(query("fast"))
	for _, refused := range []bool{false, true} {
		for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
			opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort(addr), Sockets: 1,
				Observer: &witness{}})
			if err != nil {
				t.Fatal(err)
			}
			l := opened.(*udpListener)
			if !l.ends[0].divides {
				t.Fatal("the kernel does not know UDP_SEGMENT")
			}
			if refused { // the kernel refuses them to a socket without checksums: EINVAL
				if err := unix.SetsockoptInt(l.ends[0].fd, unix.SOL_SOCKET, unix.SO_NO_CHECK,
					1); err != nil {
					t.Fatal(err)
				}
			}
			host := "127.0.0.1"
			if netip.MustParseAddrPort(addr).Addr().Is6() {
				host = "::1"
			}
			to := netip.AddrPortFrom(netip.MustParseAddr(host), l.Addr().Port()).String()
			got := asksAtOnce(t, to, l, queries)
			for i := range queries {
				if n := got[i%2][uint16(i)]; n != plain+i%3 {
					t.Errorf("%s, refused %v: the answer to query %d has %d octets, want %d", addr,
						refused, i, n, plain+i%3)
				}
			}
			l.Close()
		}
	}
}

// What the kernel has refused is not tried with each batch again.
func TestSegmentsPauseAfterRefusal(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, s := newBatch(false), &segments{}
	to := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	port := uint16(c.LocalAddr().(*net.UDPAddr).Port)
	to.Port = port<<8 | port>>8
	for i := range 3 {
		putName4(b, i, to)
		b.vectors[i].SetLen(20)
		b.buffers[i][0] = byte(i)
	}
	for round := range 2 {
		s.send(b, fd, 3)
		for i := range 3 {
			_ = c.SetReadDeadline(time.Now().Add(testtime.Patience))
			buf := make([]byte, 100)
			if n, err := c.Read(buf); n != 20 || buf[0] != byte(i) {
				t.Fatalf("round %d, answer %d: %d octets, first %d, %v", round, i, n, buf[0], err)
			}
		}
		if s.pause != segmentPause-round {
			t.Errorf("round %d: %d batches are sent without", round, s.pause)
		}
	}
}

// Answers that cannot be sent to one client, whatever way, change nothing for others: packets to an
// address that may not be sent to (EACCES) say nothing of those with several answers.
func TestSegmentsDoNotPauseForAnAddress(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b, s := newBatch(false), &segments{}
	for i := range 2 { // the socket lacks SO_BROADCAST
		putName4(b, i, unix.RawSockaddrInet4{Family: unix.AF_INET, Port: 1000,
			Addr: [4]byte{255, 255, 255, 255}})
		b.vectors[i].SetLen(20)
	}
	if s.send(b, fd, 2); s.pause != 0 {
		t.Errorf("%d batches are sent without", s.pause)
	}
	if _, err := sendMessages(fd, b.messages[:1]); err != unix.EACCES {
		t.Errorf("the packet should not be sent: %v", err)
	}
}

// putName4 sets where answer i goes.
func putName4(b *batch, i int, to unix.RawSockaddrInet4) {
	*(*unix.RawSockaddrInet4)(unsafe.Pointer(&b.names[i])) = to
	b.messages[i].head.Namelen = unix.SizeofSockaddrInet4
}
