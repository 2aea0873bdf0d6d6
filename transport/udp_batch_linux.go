// Batches of UDP packets on Linux: one system call receives or sends up to batchSize of them
// (recvmmsg(2), sendmmsg(2)).

package transport

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many packets one system call receives or sends.
const batchSize = 32

// message is the kernel's struct mmsghdr.
type message struct {
	head   unix.Msghdr
	length uint32
}

// batch is the buffers of up to batchSize packets in one direction. The kernel accesses it by
// address, so it must not move.
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

// The calls do not block, so they bypass the scheduler. Otherwise the scheduler could take the
// processor away from a call that lasts longer than 20 µs, as a full batch does.

// receive reads packets that have arrived and returns their number.
func (b *batch) receive(fd int) int {
	for i := range b.messages {
		h := &b.messages[i].head
		b.vectors[i].SetLen(packetSize)
		h.Namelen = unix.SizeofSockaddrInet6
		if h.Control != nil {
			h.SetControllen(len(b.controls[i]))
		}
	}
	for {
		n, _, err := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&b.messages[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch err {
		case 0:
			return int(n)
		case unix.EAGAIN:
			return 0
		} // interrupted, or an ICMP error after an earlier answer
	}
}

// from returns the sender of packet i.
func (b *batch) from(i int) netip.AddrPort {
	n := &b.names[i]
	port := (*[2]byte)(unsafe.Pointer(&n.Port))
	p := binary.BigEndian.Uint16(port[:])
	if n.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(n)).Addr),
			p)
	}
	a := netip.AddrFrom16(n.Addr)
	if n.Scope_id != 0 {
		a = a.WithZone(strconv.FormatUint(uint64(n.Scope_id), 10))
	}
	return netip.AddrPortFrom(a, p)
}

// control returns the control message of packet i: the local address that it was sent to.
func (b *batch) control(i int) []byte {
	h := &b.messages[i].head
	if h.Control == nil {
		return nil
	}
	return b.controls[i][:h.Controllen]
}

// put places a reply to packet i of in at index to. The reply is sent from the address that the
// packet was sent to: the kernel accepts its own control message (ip(7), ipv6(7)).
func (b *batch) put(to int, in *batch, i int, reply []byte) {
	if len(reply) > 0 && &reply[0] != &b.buffers[to][0] {
		if len(reply) > packetSize {
			return
		}
		copy(b.buffers[to][:packetSize], reply)
	}
	b.vectors[to].SetLen(len(reply))
	b.names[to] = in.names[i]
	h := &b.messages[to].head
	h.Namelen = in.messages[i].head.Namelen
	if h.Control != nil {
		copy(b.controls[to][:], in.control(i))
		h.Controllen = in.messages[i].head.Controllen
	}
}

// send sends the packets from first to before last. A packet that cannot be sent is lost, as on the
// network.
func (b *batch) send(fd, first, last int) {
	for first < last {
		k, err := sendMessages(fd, b.messages[first:last])
		switch {
		case err == 0:
			first += k
		case !again(fd, err):
			first++ // skip it; the next may be sendable
		}
	}
}

// sendMessages sends messages, and returns how many of them it has sent.
func sendMessages(fd int, messages []message) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), err
}

// roomTime is how long an answer waits for room in a full send buffer.
const roomTime = 10 * time.Millisecond

// again reports whether to send again after an error. If the send buffer is full it waits for room.
func again(fd int, err syscall.Errno) bool {
	if err != unix.EAGAIN {
		return err == unix.EINTR
	}
	n, failed := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}},
		int(roomTime.Milliseconds()))
	return n > 0 || failed == unix.EINTR
}

// wayBack is the destination and source address of an answer that has to be resolved.
type wayBack struct {
	name    unix.RawSockaddrInet6 // large enough for IPv4
	namelen uint32
	control []byte
}

// back returns the addresses for an answer to packet i.
func (b *batch) back(i int) *wayBack {
	return &wayBack{name: b.names[i], namelen: b.messages[i].head.Namelen,
		control: slices.Clone(b.control(i))}
}

// send sends the answer. If it cannot be sent it is lost, as on the network.
func (w *wayBack) send(e *endpoint, reply []byte) {
	if len(reply) == 0 {
		return
	}
	v := unix.Iovec{Base: &reply[0]}
	v.SetLen(len(reply))
	m := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&w.name)), Namelen: w.namelen, Iov: &v}
	m.SetIovlen(1)
	if len(w.control) > 0 {
		m.Control = &w.control[0]
		m.SetControllen(len(w.control))
	}
	_ = e.raw.Control(func(fd uintptr) {
		for {
			_, _, err := syscall.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m)),
				unix.MSG_DONTWAIT)
			if err == 0 || !again(int(fd), err) {
				return
			}
		}
	})
}
