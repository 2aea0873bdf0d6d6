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

// Processors is how many of them the Go scheduler should have for so many cores: a reader that
// waits in the kernel keeps its own, and what else there is to do has the cores'.
func Processors(cores int) int { return 2 * cores }

const (
	// emptyBelow is how many packets at once say that there are likely no more: then waiting is
	// cheaper than to look again.
	emptyBelow = 2
	// maxBatches is how many batches are taken from a socket before the others are looked after.
	maxBatches = 8
)

// teamSize is how many sockets share readers: enough that clients do not wait for one whose core is
// busy, and few enough that the lock of their epoll is not contended.
const teamSize = 4

// arrival is what readers wait for. It is edge-triggered, so that what one of them reads wakes no
// other.
const arrival = unix.EPOLLIN | unix.EPOLLET

// udpTeam are the readers of some sockets of a listener, as many as there are sockets. The kernel
// wakes the one that came last to wait, and any of them takes from any socket.
type udpTeam struct {
	listener *udpListener
	ends     []endpoint
	handler  Handler
	epoll    int           // of the sockets
	help     chan struct{} // calls one more reader

	mu    sync.Mutex
	count [modes]int // readers, by mode; guarded by mu
}

// newTeam makes one for these sockets.
func newTeam(l *udpListener, ends []endpoint) (*udpTeam, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	t := &udpTeam{listener: l, ends: ends, epoll: fd, help: make(chan struct{}, 1)}
	t.count[modeRest] = len(ends)
	for i, e := range ends {
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, e.fd,
			&unix.EpollEvent{Events: arrival, Fd: int32(i)}); err != nil {
			t.close()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return t, nil
}

func (t *udpTeam) close() { _ = unix.Close(t.epoll) } // it is gone either way

// start has the readers run, and the first of them work.
func (t *udpTeam) start(h Handler) {
	t.handler = h
	t.call()
	for i := range t.ends {
		t.listener.wg.Go(t.newReader(i).run)
	}
}

// call has one more help, if there is one.
func (t *udpTeam) call() {
	select {
	case t.help <- struct{}{}:
	default: // one is called already
	}
}

// change decides how a reader goes on, by what it has measured and what the others do.
func (t *udpTeam) change(m mode, s sample) mode {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count[m]--
	s.blocking, s.polling = t.count[modeBlock]+t.count[modeShare], t.count[modePoll]
	m = next(m, s)
	t.count[m]++
	return m
}

// closed reports whether nothing more is to be read.
func (t *udpTeam) closed() bool {
	select {
	case <-t.listener.closing:
		return true
	default:
		return false
	}
}

// udpReader is one of a team.
type udpReader struct {
	*udpTeam
	own     int // the socket whose rest it reads when the listener stops
	in, out *batch
	events  [teamSize]unix.EpollEvent
	handed  bool      // a query went to the resolver
	sample  sample    // of the interval
	began   time.Time // the interval
}

func (t *udpTeam) newReader(own int) *udpReader {
	w := t.listener.wildcard
	return &udpReader{udpTeam: t, own: own, in: newBatch(w), out: newBatch(w)}
}

// run works in one mode after the other, until the listener is closed. Then it answers what has
// arrived before.
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

// rest waits to be called.
func (r *udpReader) rest() {
	select {
	case <-r.help:
	case <-r.listener.closing:
	}
	r.began = time.Now()
}

// block serves in the kernel for an interval, or until no packet has come for maxWait.
func (r *udpReader) block() {
	for last := r.began; !r.closed(); {
		n := r.arrived(r.events[:1], maxWait) // one, so that others can take the next
		woken := time.Now()
		wait := woken.Sub(last)
		if r.sample.silent = n == 0 && wait >= maxWait; r.sample.silent {
			return
		}
		r.sample.waited += wait
		r.serve(n)
		last = time.Now()
		over := last.Sub(r.began) >= interval
		if over || r.handed { // what was handed over is for this processor to do
			r.handed = false
			runtime.Gosched()
		}
		if over {
			r.began = last
			return
		}
	}
}

// poll serves by the runtime's poller until that is not the way any more.
func (r *udpReader) poll() {
	defer func() { r.began = time.Now() }()
	r.sample.noPoller = true
	file, err := duplicate(uintptr(r.epoll), true)
	if err != nil {
		return
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	r.sample.noPoller = false
	_ = raw.Read(r.polled) // nobody else closes it
}

// polled serves what has arrived, and reports whether to poll no more. If not, the next packet
// calls it again.
func (r *udpReader) polled(uintptr) bool {
	r.serve(r.arrived(r.events[:], 0))
	now := time.Now()
	if now.Sub(r.began) < interval {
		return r.closed()
	}
	if next(modePoll, r.sample) != modePoll {
		return true
	}
	r.began, r.sample = now, sample{}
	return r.closed()
}

// arrived finds sockets that something has arrived at, or waits for one.
func (r *udpReader) arrived(events []unix.EpollEvent, wait time.Duration) int {
	n, err := unix.EpollWait(r.epoll, events, int(wait.Milliseconds()))
	if err != nil {
		return 0 // interrupted
	}
	return n
}

// serve looks after the first n sockets of events.
func (r *udpReader) serve(n int) {
	for _, event := range r.events[:n] {
		e := &r.ends[event.Fd]
		packets := batchSize
		for i := 0; i < maxBatches && packets >= emptyBelow; i++ {
			packets = r.batch(e)
		}
		if packets >= emptyBelow { // there may be more, of which the epoll has told already
			_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, e.fd,
				&unix.EpollEvent{Events: arrival, Fd: event.Fd})
		}
	}
}

// batch answers what has arrived at a socket, up to batchSize packets, and counts them.
func (r *udpReader) batch(e *endpoint) int {
	n := r.in.receive(e.fd)
	answers := 0
	for i := 0; i < n; {
		i, answers = r.answers(e, i, n, answers)
	}
	r.out.send(e.fd, answers)
	r.sample.packets += n
	return n
}

// answers answers packets from the first to before the last, where so many answers are there
// already. It returns how far it came and how many there are: a panic costs the packet that it
// came with.
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

// answer answers packet i, in out's place to if that can be done at once. It returns how many
// places it took.
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
