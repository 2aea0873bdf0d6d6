// The readers of AF_XDP sockets, one for each receive queue. How they wait is decided as for
// sockets of UDP, in udp_mode_linux.go.

package transport

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"bailiwick/internal/guard"
	"bailiwick/internal/xdp"
	"bailiwick/wire"
)

// xdpReader reads from a receive queue.
type xdpReader struct {
	*xdpPort
	queue    *xdp.Queue
	received [batchSize]xdp.Received
	frames   [batchSize]xdp.Outgoing
	had      int                // how many frames are there for answers
	spare    [packetSize]byte   // for an answer when no frame is
	polls    [2]unix.PollFd     // the socket, and the bell
	events   [2]unix.EpollEvent // the same
	epoll    int                // the same, for the runtime's poller; -1: there is none
	handed   bool               // a query went to the resolver
	sample   sample             // of the current interval
	began    time.Time          // start of the interval
	quiet    int                // intervals so far, see quietIntervals
}

func newXDPReader(p *xdpPort, q *xdp.Queue) *xdpReader {
	r := &xdpReader{xdpPort: p, queue: q, epoll: -1}
	r.polls = [2]unix.PollFd{{Fd: int32(q.Descriptor()), Events: unix.POLLIN},
		{Fd: int32(p.bell), Events: unix.POLLIN}}
	return r
}

// prepare makes what the runtime's poller watches. Without it the reader waits in the kernel.
func (r *xdpReader) prepare() error {
	both, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	for fd, events := range map[int]uint32{r.queue.Descriptor(): arrival,
		r.bell: unix.EPOLLIN} {
		if err := unix.EpollCtl(both, unix.EPOLL_CTL_ADD, fd,
			&unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
			_ = unix.Close(both) // an error changes nothing
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	r.epoll = both
	return nil
}

func (r *xdpReader) closed() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}

// run works in one mode after the other until the interface is given up. Then it answers the
// packets that arrived before, unless a successor does.
func (r *xdpReader) run() {
	if err := r.prepare(); err != nil {
		r.xdp.parts.Log.Warn("a reader of AF_XDP always waits in the kernel", "reason",
			err.Error())
	}
	defer func() {
		if r.epoll >= 0 {
			_ = unix.Close(r.epoll) // an error changes nothing
		}
	}()
	r.began = time.Now()
	for m := modeBlock; !r.closed(); m = r.change(m) {
		r.sample = sample{}
		if m == modePoll {
			r.poll()
		} else {
			r.block()
		}
	}
	for rest, n := xdpRest, 1; n > 0 && rest > 0 && !r.left.Load(); rest -= n {
		n = r.batch()
		r.queue.Kick()
	}
}

// quietIntervals is how many intervals in a row have to be quiet for a reader to leave the kernel
// to the runtime's poller. A queue has no other reader, and a sender that pauses for some
// milliseconds would make it come and go: Go's monitor thread then wakes every 20 µs, which was
// seen to cost a tenth of all.
const quietIntervals = 4

// change returns the next mode.
func (r *xdpReader) change(m mode) mode {
	to := next(m, r.sample)
	if r.quiet++; to != modePoll || m == modePoll {
		r.quiet = 0
	} else if r.quiet < quietIntervals {
		r.began = time.Now()
		return m
	}
	return to
}

// block reads packets for an interval, or until none has come for maxWait, and waits for them in
// the kernel.
func (r *xdpReader) block() {
	for last := r.began; !r.closed(); {
		n := r.wait()
		woken := time.Now()
		wait := woken.Sub(last)
		if r.sample.silent = n == 0 && wait >= maxWait; r.sample.silent {
			return
		}
		r.sample.waited += wait
		r.serveAll()
		last = time.Now()
		over := last.Sub(r.began) >= interval
		if over || r.handed { // let this processor run the resolver
			r.handed = false
			r.queue.Kick()
			runtime.Gosched()
		}
		if over {
			r.began = last
			return
		}
	}
}

// wait has the kernel send what is in the ring, and waits for packets. That one call does both is
// documented in Documentation/networking/af_xdp.rst (XDP_USE_NEED_WAKEUP).
func (r *xdpReader) wait() int {
	n, err := unix.Poll(r.polls[:], int(maxWait.Milliseconds()))
	if err != nil {
		return 0 // interrupted
	}
	if r.queue.Unsent() { // it sends some 32 frames
		r.queue.Kick()
	}
	return n
}

// poll reads packets by the runtime's poller until the mode changes.
func (r *xdpReader) poll() {
	defer func() { r.began = time.Now() }()
	if r.epoll < 0 {
		r.sample.noPoller = true
		r.wait()
		r.serveAll()
		r.queue.Kick()
		return
	}
	r.sample.byPoller(r.epoll, r.polled)
}

// polled answers the packets that have arrived, and reports whether to stop polling. If not, the
// poller calls it again for the next packet.
func (r *xdpReader) polled(uintptr) bool {
	_, _ = unix.EpollWait(r.epoll, r.events[:], 0) // takes the event
	r.serveAll()
	r.queue.Kick()
	return r.sample.polledEnough(&r.began) || r.closed()
}

// serveAll answers what has arrived. The last answers are still in the ring.
func (r *xdpReader) serveAll() {
	for n := r.batch(); n > 0; n = r.batch() {
		if n == batchSize {
			r.queue.Kick()
		}
	}
}

// batch answers packets that have arrived, up to batchSize, and returns their number.
func (r *xdpReader) batch() int {
	n := r.queue.Receive(r.received[:])
	if n == 0 {
		return 0
	}
	r.had = r.queue.Take(r.frames[:n])
	answers := 0
	for i := 0; i < n; {
		i, answers = r.answers(i, n, answers)
	}
	r.queue.Exchange(r.received[:n], r.frames[:answers], r.frames[answers:r.had])
	r.sample.packets += n
	return n
}

// answers answers the packets from first to before last; had is how many answers there are already.
// It returns the index of the next packet and the number of answers: a panic ends only the packet
// that caused it.
func (r *xdpReader) answers(first, last, had int) (i, answers int) {
	i, answers = first, had
	defer func() {
		if r.xdp.parts.Guard.Caught(recover(), guard.Listener) {
			i++
		}
	}()
	for ; i < last; i++ {
		answers += r.answer(i, answers)
	}
	return i, answers
}

// answer answers packet i, in frame to if that can be done at once. It returns how many frames it
// used.
func (r *xdpReader) answer(i, to int) int {
	p, v := xdp.Parse(r.received[i].Data)
	var t *target
	if v == xdp.Good {
		if t = r.xdp.target(p.To); t == nil {
			v = xdp.NoListener
		}
	}
	if v != xdp.Good {
		r.queue.Drop(v)
		return 0
	}
	packet, client, ok := t.listener.introduce(p.Payload, p.From)
	if !ok || len(packet) < wire.HeaderLen {
		return 0
	}
	room, head := r.Room(&p), len(p.Head)
	client.Room = uint16(room)
	buf := r.spare[:0]
	if to < r.had {
		buf = r.frames[to].Data[head:head]
	}
	reply, result := handle(t.handler, packet, client, buf, func() (waiting, bool) {
		r.handed = true
		back := &xdpWayBack{port: r.xdpPort, queue: r.queue, listener: t.listener, from: p.To,
			to: p.From, room: room, length: head}
		copy(back.head[:], p.Head)
		return waiting{context.Background(), back.send, func() {}}, true
	})
	switch {
	case result != answered:
	case len(reply) > room:
		r.queue.Drop(xdp.AnswerTooLarge)
	case to >= r.had:
		r.queue.Drop(xdp.NoFrame)
	default:
		f := &r.frames[to]
		if len(reply) > 0 && &reply[0] != &f.Data[head] {
			copy(f.Data[head:], reply)
		}
		f.Data = xdp.Build(f.Data[:head+len(reply)], p.Head)
		return 1
	}
	return 0
}

// target returns where packets for an address go; nil: nothing serves it any more.
func (x *XDP) target(to netip.AddrPort) *target {
	all := *x.targets.Load()
	for i := range all {
		if all[i].serves(to) {
			return &all[i]
		}
	}
	return nil
}

// xdpWayBack is the way of an answer that has to be resolved.
type xdpWayBack struct {
	port     *xdpPort
	queue    *xdp.Queue
	listener *udpListener
	from, to netip.AddrPort
	room     int
	head     [xdp.MaxHead]byte // of the query
	length   int               // of head
}

// send sends the answer from any goroutine: by the queue that the query came by, or by the
// listener's socket if the queue is another process's now, or has no frame. It need not wake the
// reader for that.
func (w *xdpWayBack) send(reply []byte) {
	if len(reply) == 0 {
		return
	}
	if len(reply) > w.room {
		w.queue.Drop(xdp.AnswerTooLarge)
		return
	}
	if !w.queue.Send(func(frame []byte) []byte {
		copy(frame[w.length:], reply)
		return xdp.Build(frame[:w.length+len(reply)], w.head[:w.length])
	}) {
		w.listener.send(reply, w.from, w.to)
	}
}

// send sends an answer from an address of this listener by one of its sockets. If it cannot be sent
// it is lost, as on the network.
func (l *udpListener) send(reply []byte, from, to netip.AddrPort) {
	var w wayBack
	n := &w.name
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&n.Port))[:], to.Port())
	n.Family, n.Addr, w.namelen = unix.AF_INET6, to.Addr().As16(), unix.SizeofSockaddrInet6
	if to.Addr().Is4() {
		n.Family, w.namelen = unix.AF_INET, unix.SizeofSockaddrInet4
		(*unix.RawSockaddrInet4)(unsafe.Pointer(n)).Addr = to.Addr().As4()
	}
	switch {
	case !l.wildcard:
	case to.Addr().Is4():
		w.control = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: from.Addr().As4()})
	default:
		w.control = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: from.Addr().As16()})
	}
	w.send(&l.ends[0], reply)
}
