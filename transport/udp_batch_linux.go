// Batches of UDP packets on Linux: one system call takes or gives up to batchSize of them (recvmmsg(2), sendmmsg(2)).

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

// batchSize is how many packets one system call takes or gives.
const batchSize = 32

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

// receive takes what has arrived and counts it. The scheduler is told only if it waits: told, it may take the processor away from a call that lasts longer than
// 20 µs, as one that takes or gives a batch does.
func (r *udpReader) receive(fd uintptr, wait bool) int {
	for i := range r.in.messages {
		h := &r.in.messages[i].head
		r.in.vectors[i].SetLen(packetSize)
		h.Namelen = unix.SizeofSockaddrInet6
		if h.Control != nil {
			h.SetControllen(len(r.in.controls[i]))
		}
	}
	for {
		var n uintptr
		var e syscall.Errno
		if wait {
			n, _, e = syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.in.messages[0])), batchSize, unix.MSG_WAITFORONE, 0, 0)
		} else {
			n, _, e = syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.in.messages[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		}
		switch {
		case e == unix.EAGAIN || r.closed.Load():
			return 0
		case e == 0:
			return int(n)
		} // interrupted, or an ICMP error of an earlier answer
	}
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
	for sent := 0; sent < n; {
		k, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&r.out.messages[sent])), uintptr(n-sent), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == 0:
			sent += int(k)
		case !again(fd, e):
			sent++ // this one cannot be sent, perhaps the next can
		}
	}
}

// roomTime is how long an answer waits where too many are to be sent.
const roomTime = 10 * time.Millisecond

// again says whether to send again after an error, and if there was no room waits for some.
func again(fd uintptr, e syscall.Errno) bool {
	if e != unix.EAGAIN {
		return e == unix.EINTR
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(roomTime.Milliseconds()))
	return n > 0 || err == unix.EINTR
}

// wayBack is where an answer that takes longer goes, and from which address.
type wayBack struct {
	name    unix.RawSockaddrInet6 // large enough for IPv4
	namelen uint32
	control []byte
}

// back is the way back of packet i.
func (b *batch) back(i int) *wayBack {
	return &wayBack{name: b.names[i], namelen: b.messages[i].head.Namelen, control: slices.Clone(b.control(i))}
}

// send sends the answer; one that cannot be sent is lost, as on the network.
func (w *wayBack) send(e endpoint, reply []byte) {
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
			_, _, err := syscall.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT)
			if err == 0 || !again(fd, err) {
				return
			}
		}
	})
}
