package xdp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// cable is two ends of a veth: ours in the network namespace of this goroutine's thread, and the
// client's in another one.
type cable struct {
	far    int // a socket of raw frames at the client's end
	farNS  netns.NsHandle
	nearNS netns.NsHandle
}

// lay lays a cable with so many queues. The thread of the test is in the near namespace then.
func lay(t *testing.T, queues int) *cable {
	t.Helper()
	asRoot(t)
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	var c cable
	var err error
	if c.farNS, err = netns.New(); err != nil {
		t.Fatal(err)
	}
	if c.nearNS, err = netns.New(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.farNS.Close(); c.nearNS.Close() })
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near", HardwareAddr: mine[:],
		NumRxQueues: queues, NumTxQueues: queues}, PeerName: "far",
		PeerHardwareAddr: neighbour[:], PeerNamespace: netlink.NsFd(c.farNS)}
	must(t, netlink.LinkAdd(veth))
	must(t, netlink.LinkSetUp(veth))
	c.in(t, c.farNS, func() {
		l, err := netlink.LinkByName("far")
		must(t, err)
		must(t, netlink.LinkSetUp(l))
		if c.far, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC,
			int(htons(unix.ETH_P_ALL))); err != nil {
			t.Fatal(err)
		}
		must(t, unix.Bind(c.far, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL),
			Ifindex: l.Attrs().Index}))
		must(t, unix.SetsockoptTimeval(c.far, unix.SOL_SOCKET, unix.SO_RCVTIMEO,
			&unix.Timeval{Sec: 5}))
		must(t, unix.SetsockoptInt(c.far, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
	})
	t.Cleanup(func() { unix.Close(c.far) })
	return &c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func htons(n uint16) uint16 { return n<<8 | n>>8 }

// in does something in a namespace.
func (c *cable) in(t *testing.T, ns netns.NsHandle, do func()) {
	t.Helper()
	must(t, netns.Set(ns))
	do()
	must(t, netns.Set(c.nearNS))
}

// send sends a frame from the client.
func (c *cable) send(t *testing.T, f []byte) {
	t.Helper()
	if _, err := unix.Write(c.far, f); err != nil {
		t.Fatal(err)
	}
}

// next returns the next frame of UDP that the client receives. The kernel takes the tag of a VLAN
// off, and says so beside.
func (c *cable) next(t *testing.T) []byte {
	t.Helper()
	for {
		b, aux := make([]byte, 4096), make([]byte, 256)
		n, m, _, from, err := unix.Recvmsg(c.far, b, aux, 0)
		if err != nil {
			t.Fatal("no answer: ", err)
		}
		if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		f := tagged(t, b[:n], aux[:m])
		if _, v := Parse(f); v != BadFrame {
			return f
		}
	}
}

// tagged puts a tag back into a frame.
func tagged(t *testing.T, f, aux []byte) []byte {
	t.Helper()
	all, err := unix.ParseSocketControlMessage(aux)
	must(t, err)
	for _, m := range all {
		const tci, has = 16, unix.TP_STATUS_VLAN_VALID // struct tpacket_auxdata
		if m.Header.Type == unix.PACKET_AUXDATA && m.Data[0]&has != 0 {
			tag := []byte{0x81, 0, m.Data[tci+1], m.Data[tci]}
			return append(append(append([]byte{}, f[:12]...), tag...), f[12:]...)
		}
	}
	return f
}

// wanted is what tests open.
func wanted() Spec {
	return Spec{Interface: "near", Addresses: []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort(v6to)},
		VLANs: []uint16{0, 10}}
}

// opened opens the near end.
func opened(t *testing.T) *Port {
	t.Helper()
	p, err := Open(wanted())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// echo answers so many packets of all queues with their own payload and a mark.
func echo(t *testing.T, p *Port, many int) {
	t.Helper()
	var in [16]Received
	var out [16]Outgoing
	for until := time.Now().Add(5 * time.Second); many > 0 && time.Now().Before(until); {
		for _, q := range p.Queues {
			n := q.Receive(in[:])
			had, used := q.Take(out[:n]), 0
			for i := range n {
				k, v := Parse(in[i].Data)
				if v != Good {
					q.Drop(v)
					continue
				}
				f := &out[used]
				size := copy(f.Data[len(k.Head):], append(bytes.Clone(k.Payload), '!'))
				f.Data = Build(f.Data[:len(k.Head)+size], k.Head)
				used++
			}
			q.Exchange(in[:n], out[:used], out[used:had])
			q.Kick()
			many -= n
		}
		runtime.Gosched()
	}
	if many > 0 {
		t.Errorf("%d packets have not come", many)
	}
}

// Queries of each kind come to the socket, and the answers to the client, on the same way and with
// right checksums, which Parse checks here as a stranger.
func TestPort(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	for _, k := range []parts{{}, {from: v6from, to: v6to}, {tags: []uint16{10}},
		{from: v6from, to: v6to, tags: []uint16{10}}, {sum: "partial"}} {
		f := k.frame()
		c.send(t, f)
		echo(t, p, 1)
		asked, _ := Parse(f)
		answer := c.next(t)
		got, v := Parse(answer)
		if v != Good || got.To != asked.From || got.From != asked.To ||
			string(got.Payload) != string(asked.Payload)+"!" || len(got.Head) != len(asked.Head) {
			t.Errorf("%v in %v: %v, %v to %v, %q", k.to, k.tags, v, got.From, got.To, got.Payload)
		}
	}
	n := p.Counts()
	if n.Received != 5 || n.Sent != 5 {
		t.Errorf("%+v", n)
	}
	if s := p.State(); s.Mode != "native, copied" || s.Queues != 1 || s.MTU != 1500 {
		t.Errorf("%+v", s)
	}
}

// Many more packets than there are frames come through: frames are used again, and none is lost to
// the process.
func TestFramesAreUsedAgain(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	f := parts{}.frame()
	for range 3 * frames / 64 {
		for range 64 {
			c.send(t, f)
		}
		echo(t, p, 64)
		for range 64 {
			c.next(t)
		}
	}
	q := p.Queues[0]
	if q.reap(); len(q.free)+int(q.fill.filled()) != frames {
		t.Errorf("%d frames are free, and %d wait for packets", len(q.free), q.fill.filled())
	}
}

// An answer as large as its frame leaves whole: the kernel would drop a place and a length that do
// not fit together (PowerDNS/pdns#16242).
func TestLargestAnswer(t *testing.T) {
	c := lay(t, 1)
	l, err := netlink.LinkByName("near")
	must(t, err)
	c.in(t, c.farNS, func() {
		far, err := netlink.LinkByName("far")
		must(t, err)
		must(t, netlink.LinkSetMTU(far, 3000))
	})
	must(t, netlink.LinkSetMTU(l, 3000))
	p := opened(t)
	for _, k := range []parts{{}, {from: v6from, to: v6to, tags: []uint16{10}}} {
		asked, _ := Parse(k.frame())
		answer := bytes.Repeat([]byte("x"), p.Room(&asked))
		if len(answer)+len(asked.Head) != frameSize {
			t.Fatalf("room for %d octets", len(answer))
		}
		if !p.Queues[0].Send(func(frame []byte) []byte {
			copy(frame[len(asked.Head):], answer)
			return Build(frame, asked.Head)
		}) {
			t.Fatal("not sent")
		}
		if got, v := Parse(c.next(t)); v != Good || !bytes.Equal(got.Payload, answer) {
			t.Errorf("%v: %d octets", v, len(got.Payload))
		}
	}
}

// What the process does not read in time is lost and counted, and later packets come through.
func TestRingIsFull(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	f := parts{}.frame()
	// The cable has a short ring of its own, and loses what a busy machine does not take from it.
	n := p.Counts()
	for until := time.Now().Add(20 * time.Second); n.Full+n.NoFill < 400; n = p.Counts() {
		if time.Now().After(until) {
			t.Fatalf("%+v", n)
		}
		for range 64 {
			c.send(t, f)
		}
		runtime.Gosched()
	}
	for until := time.Now().Add(5 * time.Second); n.Received-n.Full-n.NoFill != ringSize; {
		if time.Now().After(until) { // each lost frame counts once
			t.Fatalf("%+v", n)
		}
		runtime.Gosched()
		n = p.Counts()
	}
	echo(t, p, ringSize)
	c.send(t, f)
	echo(t, p, 1)
}

// A queue that had no frame left for packets has some again, though no packet tells its reader: all
// its frames were answers on their way, and those that had been received.
func TestQueueWithoutFramesGoesOn(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	q := p.Queues[0]
	out := make([]Outgoing, frames)
	had := q.Take(out)
	in := make([]Received, ringSize)
	n := 0
	for until := time.Now().Add(20 * time.Second); q.fill.filled() > 0; {
		if time.Now().After(until) {
			t.Fatalf("%d frames wait for packets", q.fill.filled())
		}
		c.send(t, parts{}.frame())
		n += q.Receive(in[n:])
	}
	for n < ringSize {
		n += q.Receive(in[n:])
	}
	k, _ := Parse(in[0].Data)
	for i := range out[:had] {
		out[i].Data = Build(out[i].Data[:len(k.Head)+len(query)], k.Head)
	}
	q.Exchange(nil, out[:had], nil)
	for until := time.Now().Add(5 * time.Second); q.Unsent() && time.Now().Before(until); {
		q.Kick()
	}
	if n := q.fill.filled(); n != 0 {
		t.Fatalf("%d frames wait for packets", n)
	}
	q.Refill()
	c.send(t, parts{}.frame())
	echo(t, p, 1)
	q.Exchange(in, nil, nil)
	if q.reap(); len(q.free)+int(q.fill.filled()) != frames {
		t.Errorf("%d frames are free, and %d wait for packets", len(q.free), q.fill.filled())
	}
}

// A place outside of the frames is taken for none, whatever a ring says.
func TestPlacesOutsideAreNoFrames(t *testing.T) {
	asRoot(t)
	q, err := newQueue()
	if err != nil {
		t.Fatal(err)
	}
	defer q.release()
	at := *q.received.producer
	for i, d := range []unix.XDPDesc{{Addr: framesSize, Len: 60}, {Addr: 1 << 63, Len: 60},
		{Addr: framesSize - 10, Len: 60}, {Addr: frameSize + headroom, Len: 1<<32 - 1},
		{Addr: 1<<64 - 1, Len: 1}} {
		*q.received.place(at + uint32(i)) = d
		*q.received.producer++
	}
	var in [8]Received
	before, n := len(q.free), q.Receive(in[:])
	for i := range in[:n] {
		if in[i].Data != nil {
			t.Errorf("%d octets of descriptor %d", len(in[i].Data), i)
		}
	}
	q.fill.put(make([]uint64, ringSize)) // full: nothing is moved to it
	q.Exchange(in[:n], nil, nil)
	if n != 5 || len(q.free) != before+2 {
		t.Errorf("%d received, %d and %d frames are free", n, before, len(q.free))
	}
	for _, place := range q.free {
		if place >= framesSize || place%frameSize != 0 {
			t.Errorf("place %#x is free", place)
		}
	}
}

// Answers that the ring has no place for are lost and counted, and their frames are used again.
func TestRingOfAnswersIsFull(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	q := p.Queues[0]
	c.send(t, parts{}.frame())
	var in [1]Received
	for q.Receive(in[:]) == 0 {
		runtime.Gosched()
	}
	k, _ := Parse(in[0].Data)
	out := make([]Outgoing, ringSize)
	if n := q.Take(out); n != ringSize {
		t.Fatalf("%d frames are free", n)
	}
	for i := range out {
		out[i].Data = Build(out[i].Data[:len(k.Head)+len(query)], k.Head)
	}
	q.Exchange(nil, out, nil)
	q.Exchange(nil, []Outgoing{{Data: in[0].Data, place: in[0].place}}, nil)
	if n := p.Counts(); n.Dropped[RingFull] != 1 || n.Sent != ringSize || len(q.free) != 1 {
		t.Errorf("%d frames are free: %+v", len(q.free), n)
	}
	for until := time.Now().Add(5 * time.Second); q.Unsent() && time.Now().Before(until); {
		q.Kick()
	}
	if q.reap(); q.Unsent() || len(q.free)+int(q.fill.filled()) != frames {
		t.Errorf("%d frames are free, %d wait for packets", len(q.free), q.fill.filled())
	}
}

// A queue that another socket has is waited for: the kernel gives it up a little after its process
// has ended (xdp-project/xdp-tutorial#458).
func TestBindWaits(t *testing.T) {
	lay(t, 1)
	d, err := findDevice("near")
	must(t, err)
	var qs [2]*Queue
	for i := range qs {
		if qs[i], err = newQueue(); err != nil {
			t.Fatal(err)
		}
	}
	must(t, qs[0].bind(d.index, 0, true))
	time.AfterFunc(3*bindPause, qs[0].release)
	if err := qs[1].bind(d.index, 0, true); err != nil {
		t.Error(err)
	}
	qs[1].release()
}

// Each queue has a socket, and whatever queue a packet comes by it is answered.
func TestQueues(t *testing.T) {
	c := lay(t, 4)
	p := opened(t)
	if len(p.Queues) != 4 {
		t.Fatalf("%d queues", len(p.Queues))
	}
	for i := range 40 {
		f := parts{from: fmt.Sprintf("192.0.2.%d:%d", i+10, 1000+7*i), to: "192.0.2.1:53"}.frame()
		c.send(t, f)
		echo(t, p, 1)
		c.next(t)
	}
}

// Another program at the interface is left alone, and the error says what to do; the same for a
// second server.
func TestAnotherProgram(t *testing.T) {
	lay(t, 1)
	p := opened(t)
	_, err := Open(wanted())
	if err == nil || !strings.Contains(err.Error(), "another XDP program (ID ") {
		t.Errorf("%v", err)
	}
	p.Close()
	if id := attached("near"); id != 0 {
		t.Errorf("program %d is still there", id)
	}
	q, err := Open(wanted())
	if err != nil {
		t.Fatal(err)
	}
	q.Close()
}

// What cannot be had has a reason.
func TestOpenFails(t *testing.T) {
	lay(t, 1)
	s := wanted()
	s.Interface = "absent"
	if _, err := Open(s); err == nil || !strings.Contains(err.Error(), "interface absent: ") {
		t.Errorf("%v", err)
	}
	for _, e := range []error{unix.EPERM, unix.ENOBUFS, unix.EAFNOSUPPORT, unix.EBUSY} {
		if got := explain(wanted(), e); !errors.Is(got, e) || len(got.Error()) < 60 {
			t.Errorf("%v: %v", e, got)
		}
	}
}

// The MTU is that of the moment, and an interface that goes is noticed, even where another one has
// its name.
func TestCheck(t *testing.T) {
	lay(t, 1)
	p := opened(t)
	k, _ := Parse(parts{}.frame())
	six, _ := Parse(parts{from: v6from, to: v6to}.frame())
	if p.Room(&k) != 1472 || p.Room(&six) != 1452 {
		t.Errorf("room for %d and %d octets", p.Room(&k), p.Room(&six))
	}
	l, err := netlink.LinkByName("near")
	must(t, err)
	must(t, netlink.LinkSetMTU(l, 1280))
	if err := p.Check(); err != nil || p.Room(&six) != 1232 || p.Room(&k) != 1252 {
		t.Errorf("room for %d and %d octets: %v", p.Room(&k), p.Room(&six), err)
	}
	must(t, netlink.LinkSetMTU(l, 3000))
	if err := p.Check(); err != nil || p.Room(&six) != frameSize-len(six.Head) {
		t.Errorf("room for %d octets: %v", p.Room(&six), err)
	}
	must(t, netlink.LinkDel(l))
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near"},
		PeerName: "far2"}))
	if err := p.Check(); !errors.Is(err, errGone) {
		t.Errorf("%v", err)
	}
}

// An interface that is taken down and up again is served as before.
func TestDownAndUp(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	l, err := netlink.LinkByName("near")
	must(t, err)
	must(t, netlink.LinkSetDown(l))
	must(t, netlink.LinkSetUp(l))
	c.send(t, parts{}.frame())
	echo(t, p, 1)
	c.next(t)
}

// Another owner of the descriptors goes on where the first one has stopped, with all frames; what
// came in between is there. Nothing is taken over of one that has ended without a word.
func TestAdopt(t *testing.T) {
	c := lay(t, 1)
	p := opened(t)
	c.send(t, parts{}.frame())
	echo(t, p, 1)
	c.next(t)
	handedOver := func() func(string) *os.File {
		files := map[string]*os.File{}
		must(t, p.Each(func(name string, fd uintptr) error {
			f, err := reopen(int(fd), name)
			files[name] = f
			return err
		}))
		return func(name string) *os.File { return files[name] }
	}
	early, err := Adopt(wanted(), handedOver())
	if err != nil {
		t.Fatal(err)
	}
	if err := early.Resume(); !errors.Is(err, errNoState) {
		t.Errorf("%v", err)
	}
	other := wanted()
	other.VLANs = []uint16{0}
	if _, err := Adopt(other, handedOver()); !errors.Is(err, errOtherSpec) {
		t.Errorf("%v", err)
	}
	if _, err := Adopt(wanted(), func(string) *os.File { return nil }); !errors.Is(err,
		errNothingHanded) {
		t.Errorf("%v", err)
	}
	next, err := Adopt(wanted(), handedOver())
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	p.Stop()
	if p.Queues[0].Send(func([]byte) []byte { return nil }) {
		t.Error("an answer leaves by a queue that another one has")
	}
	for range 3 {
		c.send(t, parts{}.frame())
	}
	p.Close()
	must(t, next.Resume())
	echo(t, next, 3)
	for range 3 {
		c.next(t)
	}
	q := next.Queues[0]
	if q.reap(); len(q.free)+int(q.fill.filled()) != frames {
		t.Errorf("%d frames are free, and %d wait for packets", len(q.free), q.fill.filled())
	}
}
