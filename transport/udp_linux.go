// UDP on Linux: sockets, and how their readers wait for packets.

package transport

import (
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bailiwick/wire"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1 << 10

// setUDPOptions makes room for bursts, lets the sockets share the port, and asks for the destination of packets where it is not
// the socket's own.
func setUDPOptions(fd int, network string, wildcard bool) error {
	for forced, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, udpBuffer) != nil { // only root may exceed the system's limit
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, udpBuffer) // as much as it allows
		}
	}
	wait := unix.NsecToTimeval(int64(maxWait))
	err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	switch {
	case err != nil || !wildcard:
		return err
	case network == "udp6":
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

// maxProcessors bounds the scheduler's processors, as a multiple of the cores.
const maxProcessors = 4

// Processors is how many of them the Go scheduler should have for so many cores and UDP sockets: a reader that waits in the kernel keeps its own for some
// milliseconds, and what else there is to do has the cores' own.
func Processors(cores, sockets int) int { return min(cores+sockets, maxProcessors*cores) }

// endpoint is a socket. Its file is not known to the runtime's poller: there it is through another descriptor, and only while little comes.
type endpoint struct {
	file *os.File // counts who uses the descriptor
	raw  syscall.RawConn
}

// newEndpoint takes over a socket.
func newEndpoint(c *net.UDPConn) (e endpoint, err error) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return e, err
	}
	var dup error
	if err = raw.Control(func(fd uintptr) { e.file, dup = duplicate(fd, false) }); err == nil {
		err = dup
	}
	if err == nil {
		e.raw, err = e.file.SyscallConn()
	}
	return e, err
}

// duplicate makes another descriptor of a socket, which the poller is told of or not. Then no descriptor of the socket blocks, or all do.
func duplicate(fd uintptr, polled bool) (*os.File, error) {
	if err := unix.SetNonblock(int(fd), polled); err != nil { // by which os.NewFile decides
		return nil, os.NewSyscallError("fcntl", err)
	}
	d, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(d), "udp"), nil
}

// close ends the wait of the reader too. Shutting a socket down that is not connected is an error (shutdown(2)), but wakes who waits.
func (e endpoint) close() {
	_ = e.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) })
	_ = e.file.Close() // it is gone either way
}

// A reader waits for packets by the runtime's poller while little comes, and in the kernel while much does. The poller is gentle when there is not much to do, but takes
// twice the time for each packet: it wakes a thread, and that another to take its place. Waiting in the kernel keeps one of the scheduler's processors, so it goes on at
// once; if that takes 10 ms, counted from when the goroutine was last scheduled, the scheduler takes the processor away and looks each 20 µs whether it should again.
const (
	turn    = 4 * time.Millisecond // after which the reader lets the scheduler look around, and decides how to wait
	maxWait = 3 * time.Millisecond // for a packet, in the kernel
	much    = 16                   // packets in a turn, from which on to wait there
	little  = 8                    // packets in a turn, below which to wait by the poller
)

// few is how many packets at once tell that there are likely no more: then the poller is cheaper than to look again.
const few = 2

// udpReader is the reader of one socket.
type udpReader struct {
	udpSocket
	in, out *batch
	handed  bool      // a query went to the resolver
	began   time.Time // the turn
	packets int       // in it
}

// run serves the socket until it is closed.
func (s *udpSocket) run() {
	r := &udpReader{udpSocket: *s, in: newBatch(s.wildcard), out: newBatch(s.wildcard), began: time.Now()}
	_ = s.end.raw.Control(func(fd uintptr) { // or it is closed
		for !r.closed.Load() {
			r.sparse(fd)
			r.dense(fd)
		}
	})
}

// turned says whether the turn is over, and how many packets came in it. Then the next begins.
func (r *udpReader) turned() (packets int, over bool) {
	now := time.Now()
	if now.Sub(r.began) < turn {
		return 0, false
	}
	packets = r.packets
	r.began, r.packets = now, 0
	return packets, true
}

// sparse serves by the poller until much comes. Without a descriptor for that it does nothing.
func (r *udpReader) sparse(fd uintptr) {
	file, err := duplicate(fd, true)
	if err != nil {
		return
	}
	defer file.Close()
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Read(r.poll) // nobody else closes it
	}
}

// poll answers what has arrived, and says whether much comes. If not, the next packet calls it again.
func (r *udpReader) poll(fd uintptr) bool {
	for !r.closed.Load() {
		n := r.serve(fd, false)
		if packets, over := r.turned(); over && packets >= much {
			return true
		}
		if n < few {
			return false
		}
	}
	return true
}

// dense serves in the kernel until little comes.
func (r *udpReader) dense(fd uintptr) {
	if unix.SetNonblock(int(fd), false) != nil {
		return
	}
	for r.serve(fd, true) > 0 {
		packets, over := r.turned()
		if over && packets < little {
			return
		}
		if over || r.handed { // what was handed over is for this processor to do
			r.handed = false
			runtime.Gosched()
		}
	}
}

// serve answers what has arrived, or if it is to wait what arrives, and says how many packets that were. None: in time came none, or it is closed.
func (r *udpReader) serve(fd uintptr, wait bool) int {
	n := r.receive(fd, wait)
	answers := 0
	for i := range n {
		answers += r.answer(i, answers)
	}
	r.write(fd, answers)
	r.packets += n
	return n
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
		back := r.in.back(i)
		var now bool
		if reply, now = serve(r.handler, packet, client, func(reply []byte) { back.send(r.end, reply) }); !now || reply == nil {
			r.handed = true
			return 0
		}
	}
	r.put(to, i, reply)
	return 1
}
