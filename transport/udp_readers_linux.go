// The readers of UDP sockets on Linux. How they wait for packets is decided in udp_mode_linux.go.

package transport

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// Processors returns how many processors the Go scheduler should have for so many cores: a reader
// that waits in the kernel occupies one, and the other goroutines need as many as there are cores.
func Processors(cores int) int { return 2 * cores }

const (
	// emptyBelow is the batch size below which a socket is likely empty. Then waiting is cheaper
	// than reading again.
	emptyBelow = 2
	// maxBatches is how many batches are read from a socket before the others have their turn.
	maxBatches = 8
)

// teamSize is how many sockets share readers: enough that clients do not wait for one whose core is
// busy, and few enough that the lock of their epoll is not contended.
const teamSize = 4

// arrival is the event that readers wait for. It is edge-triggered, so that a packet that one of
// them reads wakes no other.
const arrival = unix.EPOLLIN | unix.EPOLLET

// udpTeam is the readers of some sockets of a listener, one for each socket. The kernel wakes the
// reader that began to wait last, and each reads from any socket.
type udpTeam struct {
	listener *udpListener
	ends     []endpoint
	handler  Handler
	epoll    int           // of the sockets, and of bell
	bell     int           // an eventfd that wakes all readers, for ever
	help     chan struct{} // calls one more reader

	mu    sync.Mutex
	count [modes]int // readers, by mode; guarded by mu
}

// newTeam returns the team for these sockets.
func newTeam(l *udpListener, ends []endpoint) (*udpTeam, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	t := &udpTeam{listener: l, ends: ends, epoll: fd, bell: -1, help: make(chan struct{}, 1)}
	t.count[modeRest] = len(ends)
	for i, e := range ends {
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, e.fd,
			&unix.EpollEvent{Events: arrival, Fd: int32(i)}); err != nil {
			t.close()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	// The sockets themselves may belong to another process too: they cannot be shut down.
	t.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, t.bell,
			&unix.EpollEvent{Events: unix.EPOLLIN, Fd: noSocket})
	}
	if err != nil {
		t.close()
		return nil, os.NewSyscallError("eventfd", err)
	}
	return t, nil
}

// noSocket is the index of the bell among the events of sockets.
const noSocket = -1

func (t *udpTeam) close() {
	_ = unix.Close(t.epoll) // an error changes nothing
	if t.bell >= 0 {
		_ = unix.Close(t.bell)
	}
}

// wake ends the waiting of all readers, now and later.
func (t *udpTeam) wake() { _, _ = unix.Write(t.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// start starts the readers; the first of them begins to work.
func (t *udpTeam) start(h Handler) {
	t.handler = h
	t.call()
	for i := range t.ends {
		t.listener.wg.Go(t.newReader(i).run)
	}
}

// call wakes one more reader, if one rests.
func (t *udpTeam) call() {
	select {
	case t.help <- struct{}{}:
	default: // a call is pending already
	}
}

// change returns a reader's next mode, from its sample and the modes of the others.
func (t *udpTeam) change(m mode, s sample) mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count[m]--
	s.blocking, s.polling = t.count[modeBlock]+t.count[modeShare], t.count[modePoll]
	m = next(m, s)
	t.count[m]++
	return m
}

// closed reports whether reading has ended.
func (t *udpTeam) closed() bool {
	select {
	case <-t.listener.closing:
		return true
	default:
		return false
	}
}

// udpReader is one reader of a team.
type udpReader struct {
	*udpTeam
	own     int // the socket that it reads to the end when the listener stops
	in, out *batch
	joined  segments // of out
	events  [teamSize]unix.EpollEvent
	handed  bool      // a query went to the resolver
	sample  sample    // of the current interval
	began   time.Time // start of the interval
}

func (t *udpTeam) newReader(own int) *udpReader {
	w := t.listener.wildcard
	return &udpReader{udpTeam: t, own: own, in: newBatch(w), out: newBatch(w)}
}

// run works in one mode after the other until the listener is closed. Then it answers the packets
// that arrived before.
func (r *udpReader) run() {
	for m := modeRest; !r.closed(); m = r.change(m, r.sample) {
		r.sample = sample{}
		switch m {
		case modeRest:
			r.rest()
		case modePoll:
			r.poll()
		case modeShare:
			r.call()
			r.block()
		default:
			r.block()
		}
	}
	for rest, n := udpRest, 1; n > 0 && rest > 0; rest -= n {
		n = r.batch(&r.ends[r.own])
	}
}

// rest waits for a call.
func (r *udpReader) rest() {
	select {
	case <-r.help:
	case <-r.listener.closing:
	}
	r.began = time.Now()
}

// block reads packets for an interval, or until none has come for maxWait, and waits for them in
// the kernel.
func (r *udpReader) block() {
	for last := r.began; !r.closed(); {
		n := r.arrived(r.events[:1], maxWait) // one event, so that others can take the next
		woken := time.Now()
		wait := woken.Sub(last)
		if r.sample.silent = n == 0 && wait >= maxWait; r.sample.silent {
			return
		}
		r.sample.waited += wait
		r.serve(n)
		last = time.Now()
		over := last.Sub(r.began) >= interval
		if over || r.handed { // let this processor run the resolver
			r.handed = false
			runtime.Gosched()
		}
		if over {
			r.began = last
			return
		}
	}
}

// poll reads packets by the runtime's poller until the mode changes.
func (r *udpReader) poll() {
	defer func() { r.began = time.Now() }()
	r.sample.byPoller(r.epoll, r.polled)
}

// polled answers the packets that have arrived, and reports whether to stop polling. If not, the
// poller calls it again for the next packet.
func (r *udpReader) polled(uintptr) bool {
	r.serve(r.arrived(r.events[:], 0))
	return r.sample.polledEnough(&r.began) || r.closed()
}

// arrived finds sockets with packets, or waits for one.
func (r *udpReader) arrived(events []unix.EpollEvent, wait time.Duration) int {
	n, err := unix.EpollWait(r.epoll, events, int(wait.Milliseconds()))
	if err != nil {
		return 0 // interrupted
	}
	return n
}

// serve reads the sockets of the first n events.
func (r *udpReader) serve(n int) {
	for _, event := range r.events[:n] {
		if event.Fd == noSocket {
			continue
		}
		e := &r.ends[event.Fd]
		packets := batchSize
		for i := 0; i < maxBatches && packets >= emptyBelow; i++ {
			packets = r.batch(e)
		}
		if packets >= emptyBelow { // there may be more, and epoll will not report them again
			_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, e.fd,
				&unix.EpollEvent{Events: arrival, Fd: event.Fd})
		}
	}
}

// batch answers packets that have arrived at a socket, up to batchSize, and returns their number.
func (r *udpReader) batch(e *endpoint) int {
	n := r.in.receive(e.fd)
	answers := 0
	for i := 0; i < n; {
		i, answers = r.answers(e, i, n, answers)
	}
	if e.divides {
		r.joined.send(r.out, e.fd, answers)
	} else {
		r.out.send(e.fd, 0, answers)
	}
	r.sample.packets += n
	return n
}

// answers answers the packets from first to before last; had is how many answers out holds already.
// It returns the index of the next packet and the number of answers: a panic ends only the packet
// that caused it.
func (r *udpReader) answers(e *endpoint, first, last, had int) (i, answers int) {
	i, answers = first, had
	defer func() {
		if r.listener.spec.Guard.Caught(recover(), guard.Listener) {
			i++
		}
	}()
	for ; i < last; i++ {
		answers += r.answer(e, i, answers)
	}
	return i, answers
}

// answer answers packet i, at index to of out if that can be done at once. It returns how many
// indexes of out it used.
func (r *udpReader) answer(e *endpoint, i, to int) int {
	m := &r.in.messages[i]
	packet, client, ok := r.listener.introduce(r.in.buffers[i][:m.length], r.in.from(i))
	if !ok || len(packet) < wire.HeaderLen {
		return 0
	}
	reply, result := handle(r.handler, packet, client, r.out.buffers[to][:0],
		func() (waiting, bool) {
			r.handed = true
			back := r.in.back(i)
			return waiting{context.Background(), func(reply []byte) { back.send(e, reply) },
				func() {}}, true
		})
	if result != answered {
		return 0
	}
	r.out.put(to, r.in, i, reply)
	return 1
}
