package transport

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"bailiwick/internal/guard"
	"bailiwick/internal/xdp"
)

// The ends of the cable of [layCable].
var (
	xdpServer = netip.MustParseAddrPort("192.0.2.1:53")
	xdpNear   = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	xdpFar    = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

// The main thread is that of the tests' own main. A test that had it, and changed its network
// namespace, would leave it there: it does not end, and /proc/net is its.
func init() { runtime.LockOSThread() }

// layCable lays a veth between two network namespaces, and returns a socket of raw frames at its
// far end. The thread of the test is in that of the near end.
func layCable(t *testing.T) int {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may make network namespaces, and load programs into the kernel")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	far, err := netns.New()
	must(err)
	near, err := netns.New()
	must(err)
	must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near",
		HardwareAddr: xdpNear}, PeerName: "far", PeerHardwareAddr: xdpFar,
		PeerNamespace: netlink.NsFd(far)}))
	l, err := netlink.LinkByName("near")
	must(err)
	a, err := netlink.ParseAddr("192.0.2.1/24")
	must(err)
	must(netlink.AddrAdd(l, a))
	must(netlink.LinkSetUp(l))
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: net.IPv4(192, 0, 2, 7),
		HardwareAddr: xdpFar, State: netlink.NUD_PERMANENT}))
	must(netns.Set(far))
	l, err = netlink.LinkByName("far")
	must(err)
	must(netlink.LinkSetUp(l))
	all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	must(err)
	must(unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Attrs().Index}))
	must(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 60}))
	must(netns.Set(near))
	t.Cleanup(func() { unix.Close(fd); far.Close(); near.Close() })
	return fd
}

// frameOf is the frame of a query from 192.0.2.7: an answer to one from the server.
func frameOf(query []byte) []byte {
	head := append(append(bytes.Clone(xdpFar), xdpNear...), 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17,
		0, 0, 192, 0, 2, 1, 192, 0, 2, 7, 0, 53, 0x12, 0x34, 0, 0, 0, 0)
	return xdp.Build(append(bytes.Clone(head), query...), head)
}

// answeredAt waits for the next answer at the far end.
func answeredAt(t *testing.T, fd int) xdp.Packet {
	t.Helper()
	for {
		b := make([]byte, 4096)
		n, from, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			t.Fatal("no answer: ", err)
		}
		if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		p, v := xdp.Parse(b[:n])
		if v == xdp.BadFrame || p.From != xdpServer {
			continue
		}
		if v != xdp.Good && v != xdp.BadUDPChecksum {
			t.Error(v)
		}
		return p
	}
}

// onCable serves the near end.
func onCable(t *testing.T, h Handler, g *guard.Guard) (*XDP, Listener) {
	t.Helper()
	l, err := Listen(UDP, Spec{Addr: xdpServer, Sockets: 1, Observer: &witness{}, Guard: g})
	if err != nil {
		t.Fatal(err)
	}
	x := NewXDP(XDPParts{Log: slog.New(slog.DiscardHandler), Guard: g})
	if err := x.Open(xdp.Spec{Interface: "near", Addresses: []netip.AddrPort{xdpServer},
		VLANs: []uint16{0}}); err != nil {
		t.Fatal(err)
	}
	x.Use([]XDPTarget{{l, h}})
	t.Cleanup(func() { x.Close(); l.Close() })
	return x, l
}

// roomy answers later, and records the room that clients have.
type roomy struct {
	reply chan func([]byte)
	room  chan uint16
}

func (r *roomy) Handle(_ []byte, from Client, _ []byte) ([]byte, Pending) {
	r.room <- from.Room
	return nil, r
}

func (r *roomy) Resolve(_ context.Context, reply func([]byte)) { r.reply <- reply }

// Clients are answered at once or later, a panic ends one packet alone, and each is a client of UDP
// with its own address.
func TestXDP(t *testing.T) {
	fd := layCable(t)
	panics := make(chan guard.Place, 10)
	g := guard.New(slog.New(slog.DiscardHandler), func(at guard.Place) { panics <- at }, func() {})
	h := &broken{}
	x, _ := onCable(t, h, g)
	x.Start()
	for _, name := range []string{"panic", "fast", "slow", "fast"} {
		if _, err := unix.Write(fd, frameOf(query(name))); err != nil {
			t.Fatal(err)
		}
		if name == "panic" {
			continue
		}
		if p := answeredAt(t, fd); label(p.Payload) != name {
			t.Errorf("%s: %q", name, p.Payload)
		}
	}
	if len(panics) != 1 {
		t.Errorf("%d panics", len(panics))
	}
	for _, c := range h.from() {
		if c.Addr != netip.MustParseAddrPort("192.0.2.7:4660") || c.Protocol != UDP ||
			c.Room != 1472 {
			t.Errorf("%+v", c)
		}
	}
	s := x.States()
	if len(s) != 1 || s[0].Err != nil || s[0].Received != 4 || s[0].Sent != 3 {
		t.Errorf("%+v", s)
	}
}

// What nothing listens for any more is dropped, and counted.
func TestXDPWithoutListener(t *testing.T) {
	fd := layCable(t)
	x, l := onCable(t, &echo{}, nil)
	x.Start()
	x.Use(nil)
	if _, err := unix.Write(fd, frameOf(query("fast"))); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(5 * time.Second); x.States()[0].Dropped[xdp.NoListener] == 0; {
		if time.Now().After(until) {
			t.Fatalf("%+v", x.States())
		}
		runtime.Gosched()
	}
	x.Use([]XDPTarget{{l, &echo{}}})
	if _, err := unix.Write(fd, frameOf(query("fast"))); err != nil {
		t.Fatal(err)
	}
	answeredAt(t, fd)
}

// An answer that comes when another process has the interface leaves by the listener's socket, and
// one that does not fit a packet is dropped, never fragmented.
func TestXDPLateAnswers(t *testing.T) {
	fd := layCable(t)
	h := &roomy{make(chan func([]byte), 1), make(chan uint16, 1)}
	x, _ := onCable(t, h, nil)
	x.Start()
	ask := func() func([]byte) {
		if _, err := unix.Write(fd, frameOf(query("any"))); err != nil {
			t.Fatal(err)
		}
		<-h.room
		return <-h.reply
	}
	reply := ask()
	reply(make([]byte, 1473))
	if n := x.States()[0].Dropped[xdp.AnswerTooLarge]; n != 1 {
		t.Errorf("%d answers were too large", n)
	}
	reply(make([]byte, 1472))
	if p := answeredAt(t, fd); len(p.Payload) != 1472 {
		t.Errorf("%d octets", len(p.Payload))
	}
	reply = ask()
	x.Detach() // as a successor would have it
	x.Stop()
	reply(append(query("late"), 0))
	if p := answeredAt(t, fd); label(p.Payload) != "late" || p.To.String() != "192.0.2.7:4660" {
		t.Errorf("%v: %q", p.To, p.Payload)
	}
}

// A hit costs no allocation.
func TestXDPAllocatesNothing(t *testing.T) {
	fd := layCable(t)
	answer := query("answer")
	x, _ := onCable(t, constant(answer), nil)
	r := newXDPReader(x.all()[0], x.all()[0].Queues[0])
	f := frameOf(query("fast"))
	round := func() {
		if _, err := unix.Write(fd, f); err != nil {
			t.Fatal(err)
		}
		for r.batch() == 0 {
			runtime.Gosched()
		}
		r.queue.Kick()
	}
	if n := testing.AllocsPerRun(300, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if p := answeredAt(t, fd); !bytes.Equal(p.Payload, answer) {
		t.Errorf("%q", p.Payload)
	}
}

// constant answers everything in the same way.
type constant []byte

func (c constant) Handle(_ []byte, _ Client, buf []byte) ([]byte, Pending) {
	return append(buf, c...), nil
}
