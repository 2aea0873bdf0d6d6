// UDP on Linux: packets in batches, one system call for up to batchSize of them (recvmmsg(2), sendmmsg(2)).

package transport

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"bailiwick/wire"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1 << 10

// batchSize is how many packets one system call takes or gives.
const batchSize = 32

// setUDPOptions makes room for bursts, lets the sockets share the port, and asks for the destination of packets where it is not
// the socket's own.
func setUDPOptions(fd int, network string, wildcard bool) error {
	for forced, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, udpBuffer) != nil { // only root may exceed the system's limit
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, udpBuffer) // as much as it allows
		}
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	switch {
	case err != nil || !wildcard:
		return err
	case network == "udp6":
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

// message is the kernel's struct mmsghdr.
type message struct {
	head   unix.Msghdr
	length uint32
}

// batch is room for packets of one direction. The kernel reads and writes it by address: it stays where it is.
type batch struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrInet6 // large enough for IPv4
	controls [batchSize][64]byte
	buffers  [batchSize][]byte
}

const packetSize = 4096

func newBatch(control bool) *batch {
	b := &batch{}
	for i := range b.messages {
		b.buffers[i] = make([]byte, packetSize)
		b.vectors[i].Base = &b.buffers[i][0]
		h := &b.messages[i].head
		h.Iov, h.Name = &b.vectors[i], (*byte)(unsafe.Pointer(&b.names[i]))
		h.SetIovlen(1)
		if control {
			h.Control = &b.controls[i][0]
		}
	}
	return b
}

// few is how many packets at once tell that there are likely no more: then waiting is cheaper than to look again.
const few = 2

// udpReader is the reader of one socket.
type udpReader struct {
	udpSocket
	raw     syscall.RawConn
	in, out *batch
	send    func(fd uintptr) bool // made once, so that calling it allocates nothing
	count   int                   // packets in out that are to be sent
	sent    int                   // and of those, that are
}

// run serves the socket until it is closed. It is one call of Read that never comes to its end: when one begins, the runtime forgets what has arrived since it last
// looked, and one would have to look oneself each time.
func (s *udpSocket) run() {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return // closed before it began
	}
	r := &udpReader{udpSocket: *s, raw: raw, in: newBatch(s.wildcard), out: newBatch(s.wildcard)}
	r.send = r.sendmmsg
	_ = raw.Read(r.serve) // that it is closed
}

// serve answers what has arrived, and says that there is more to wait for. More that arrives meanwhile ends the wait.
func (r *udpReader) serve(fd uintptr) bool {
	for !r.closed.Load() {
		n := r.receive(fd)
		answers := 0
		for i := range n {
			answers += r.answer(i, answers)
		}
		r.write(fd, answers)
		if n < few {
			break
		}
	}
	return false
}

// The calls do not block, so the scheduler is not told of them: told, it would take the processor away from each that lasts longer than 20 µs, as a
// batch of answers on loopback does, and give it back at the price of two thread switches.

// receive takes what has arrived and counts it.
func (r *udpReader) receive(fd uintptr) int {
	for i := range r.in.messages {
		h := &r.in.messages[i].head
		r.in.vectors[i].SetLen(packetSize)
		h.Namelen = unix.SizeofSockaddrInet6
		if h.Control != nil {
			h.SetControllen(len(r.in.controls[i]))
		}
	}
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.in.messages[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == 0:
			return int(n)
		case e == unix.EAGAIN || r.closed.Load():
			return 0
		} // interrupted, or an ICMP error of an earlier answer
	}
}

// answer answers packet i, in out's place to if that can be done at once. It returns how many places it took.
func (r *udpReader) answer(i, to int) int {
	m := &r.in.messages[i]
	packet, client, ok := r.introduce(r.in.buffers[i][:m.length], r.in.from(i))
	if !ok || len(packet) < wire.HeaderLen {
		return 0
	}
	reply, drop := r.handler.Fast(packet, client, r.out.buffers[to][:0])
	if drop {
		return 0
	}
	if reply == nil {
		back := r.in.from(i)
		control := r.in.control(i)
		if len(control) > 0 {
			control = append([]byte(nil), control...)
		}
		var now bool
		if reply, now = serve(r.handler, packet, client, func(reply []byte) { r.late(reply, control, back) }); !now || reply == nil {
			return 0
		}
	}
	r.put(to, i, reply)
	return 1
}

// from is the sender of packet i.
func (b *batch) from(i int) netip.AddrPort {
	n := &b.names[i]
	port := (*[2]byte)(unsafe.Pointer(&n.Port))
	p := binary.BigEndian.Uint16(port[:])
	if n.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(n)).Addr), p)
	}
	a := netip.AddrFrom16(n.Addr)
	if n.Scope_id != 0 {
		a = a.WithZone(strconv.FormatUint(uint64(n.Scope_id), 10))
	}
	return netip.AddrPortFrom(a, p)
}

// control is the control message of packet i, which says which of our addresses it came to.
func (b *batch) control(i int) []byte {
	h := &b.messages[i].head
	if h.Control == nil {
		return nil
	}
	return b.controls[i][:h.Controllen]
}

// put has a reply sent to where packet i came from, from the address that it came to: the kernel takes the control message that it gave
// (ip(7), ipv6(7)).
func (r *udpReader) put(to, i int, reply []byte) {
	o, in := r.out, &r.in.messages[i].head
	if len(reply) > 0 && &reply[0] != &o.buffers[to][0] {
		if len(reply) > packetSize {
			return
		}
		copy(o.buffers[to][:packetSize], reply)
	}
	o.vectors[to].SetLen(len(reply))
	o.names[to] = r.in.names[i]
	h := &o.messages[to].head
	h.Namelen = in.Namelen
	if h.Control != nil {
		copy(o.controls[to][:], r.in.control(i))
		h.Controllen = in.Controllen
	}
}

// write sends the first n packets of out. What cannot be sent is lost, as on the network.
func (r *udpReader) write(fd uintptr, n int) {
	for r.sent, r.count = 0, n; r.sent < r.count; {
		if !r.sendmmsg(fd) && r.raw.Write(r.send) != nil { // which waits for room
			return
		}
	}
}

func (r *udpReader) sendmmsg(fd uintptr) bool {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&r.out.messages[r.sent])), uintptr(r.count-r.sent), unix.MSG_DONTWAIT, 0, 0)
	switch e {
	case 0:
		r.sent += int(n)
	case unix.EAGAIN:
		return false
	case unix.EINTR:
	default:
		r.sent++ // this one cannot be sent, perhaps the next can
	}
	return true
}

// late sends an answer that took longer.
func (r *udpReader) late(reply, control []byte, to netip.AddrPort) {
	if reply != nil {
		writeUDP(r.conn, reply, control, to)
	}
}
