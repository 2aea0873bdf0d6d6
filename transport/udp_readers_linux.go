// The readers of UDP sockets on Linux: as many as there is work for, and how they wait for packets.

package transport

import (
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// Processors is how many of them the Go scheduler should have for so many cores: a reader that waits in the kernel keeps its own, and what else there is to do has the cores'.
func Processors(cores int) int { return 2 * cores }

// While little comes, one reader of a team waits by the runtime's poller. That is gentle when there is not much to do, but each packet wakes a thread, and that another to take its
// place. While more comes, it waits in the kernel and keeps one of the scheduler's processors, so that it goes on at once. The scheduler would take the processor away after 10 ms,
// and then look each 20 µs whether it should again; these are counted from when the goroutine last gave way, so it gives way at each turn. While much comes, others help.
const (
	turn    = 4 * time.Millisecond // after which a reader gives way, and counts
	maxWait = 3 * time.Millisecond // for a packet, in the kernel
	much    = 16                   // packets in a turn, from which on to wait there
	little  = 8                    // packets in a turn, below which not to
	tight   = turn / 4             // spent waiting in a turn, below which another is to help
	ample   = turn * 3 / 4         // spent waiting in a turn, above which not to help any more
)

const (
	few  = 2 // packets at once tell that there are likely no more: then waiting is cheaper than to look again
	stay = 8 // batches are taken from a socket before the others are looked after
)

// teamSize is how many sockets share readers: enough that clients do not wait for one whose core is busy, too few for the lock of their epoll to be in the way of many cores.
const teamSize = 4

// arrival is what readers wait for: edge-triggered, so that what one of them is at wakes no other.
const arrival = unix.EPOLLIN | unix.EPOLLET

// udpTeam are the readers of some sockets of a listener, as many as there are sockets. The kernel wakes the one that came last to wait, and any of them takes from any socket.
type udpTeam struct {
	listener *udpListener
	ends     []endpoint
	handler  Handler
	epoll    int           // of the sockets
	help     chan struct{} // calls one more

	mu      sync.Mutex
	active  int  // that wait in the kernel, or work; guarded by mu
	polling bool // one waits by the runtime's poller; guarded by mu
}

// newTeam makes one for these sockets.
func newTeam(l *udpListener, ends []endpoint) (*udpTeam, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	t := &udpTeam{listener: l, ends: ends, epoll: fd, help: make(chan struct{}, 1)}
	for i, e := range ends {
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, e.fd, &unix.EpollEvent{Events: arrival, Fd: int32(i)}); err != nil {
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
	for range t.ends {
		t.listener.wg.Go(t.newReader().run)
	}
}

// call has one more help, if there is one.
func (t *udpTeam) call() {
	select {
	case t.help <- struct{}{}:
	default: // one is called already
	}
}

// join counts one in that works.
func (t *udpTeam) join(polled bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active++
	if polled {
		t.polling = false
	}
}

// leave counts one out. The last has to wait by the poller.
func (t *udpTeam) leave() (last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
	last = t.active == 0 && !t.polling
	t.polling = t.polling || last
	return last
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

// accompanied says that more than one works.
func (t *udpTeam) accompanied() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.active > 1
}

// udpReader is one of a team.
type udpReader struct {
	*udpTeam
	in, out *batch
	events  [teamSize]unix.EpollEvent
	handed  bool          // a query went to the resolver
	began   time.Time     // a turn
	packets int           // in it
	waited  time.Duration // in it
}

func (t *udpTeam) newReader() *udpReader {
	w := t.listener.wildcard
	return &udpReader{udpTeam: t, in: newBatch(w), out: newBatch(w)}
}

// run works when called, until the listener is closed.
func (r *udpReader) run() {
	for {
		select {
		case <-r.listener.closing:
			return
		case <-r.help:
			r.join(false)
			for r.dense(); r.leave() && !r.closed(); r.dense() {
				r.sparse()
				r.join(true)
			}
		}
	}
}

// turned begins a turn if the last is over, of which it tells.
func (r *udpReader) turned(now time.Time) (packets int, waited time.Duration, over bool) {
	if now.Sub(r.began) < turn {
		return 0, 0, false
	}
	packets, waited = r.packets, r.waited
	r.begin(now)
	return packets, waited, true
}

func (r *udpReader) begin(now time.Time) { r.began, r.packets, r.waited = now, 0, 0 }

// dense serves in the kernel until little comes, or others can do it alone.
func (r *udpReader) dense() {
	now := time.Now()
	r.begin(now)
	for !r.closed() {
		n := r.arrived(r.events[:1], maxWait) // one, so that others can take the next
		woken := time.Now()
		wait := woken.Sub(now)
		if n == 0 && wait >= maxWait {
			return
		}
		r.waited += wait
		r.serve(n)
		now = time.Now()
		packets, waited, over := r.turned(now)
		switch {
		case !over:
		case packets < little, waited > ample && r.accompanied():
			return
		case waited < tight:
			r.call()
		}
		if over || r.handed { // what was handed over is for this processor to do
			r.handed = false
			runtime.Gosched()
		}
	}
}

// sparse serves by the runtime's poller until more comes. Without a descriptor for that it does nothing.
func (r *udpReader) sparse() {
	file, err := duplicate(uintptr(r.epoll), true)
	if err != nil {
		return
	}
	defer file.Close()
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Read(r.poll) // nobody else closes it
	}
}

// poll serves what has arrived, and says whether that is enough to wait in the kernel. If not, the next packet calls it again.
func (r *udpReader) poll(uintptr) bool {
	r.serve(r.arrived(r.events[:], 0))
	packets, _, over := r.turned(time.Now())
	return over && packets >= much || r.closed()
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
		for i := 0; i < stay && packets >= few; i++ {
			packets = r.batch(e)
		}
		if packets >= few { // there may be more, of which the epoll has told already
			_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, e.fd, &unix.EpollEvent{Events: arrival, Fd: event.Fd})
		}
	}
}

// batch answers what has arrived at a socket, up to batchSize packets, and counts them.
func (r *udpReader) batch(e *endpoint) int {
	n := r.in.receive(e.fd)
	if r.closed() {
		return 0 // what is received from a socket that was shut down are no packets
	}
	answers := 0
	for i := 0; i < n; {
		i, answers = r.answers(e, i, n, answers)
	}
	r.out.send(e.fd, answers)
	r.packets += n
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

// answer answers packet i, in out's place to if that can be done at once. It returns how many places it took.
func (r *udpReader) answer(e *endpoint, i, to int) int {
	m := &r.in.messages[i]
	packet, client, ok := r.listener.introduce(r.in.buffers[i][:m.length], r.in.from(i))
	if !ok || len(packet) < wire.HeaderLen {
		return 0
	}
	reply, result := handle(r.handler, packet, client, r.out.buffers[to][:0], func() (waiting, bool) {
		r.handed = true
		back := r.in.back(i)
		return waiting{func(reply []byte) { back.send(e, reply) }, func() {}}, true
	})
	if result != answered {
		return 0
	}
	r.out.put(to, r.in, i, reply)
	return 1
}
