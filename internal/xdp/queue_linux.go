// A receive queue: a socket, its frames and rings.

package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Queue is a receive queue of an interface. One goroutine receives; any may send.
//
// Each frame has one owner: the process (it is in free, or received and not yet given back), or the
// kernel (it is in a ring, or in the driver). Answers are built in frames of their own and not in
// those of their queries: what a handler has parsed points into the query.
type Queue struct {
	file     *os.File
	fd       int
	memory   *os.File // of frames, and of what a successor has to know; it outlives this process
	area     []byte
	received ring[unix.XDPDesc]
	sent     ring[uint64]
	fill     ring[uint64]
	tx       ring[unix.XDPDesc]
	zeroCopy bool
	dropped  [verdicts]atomic.Uint64
	answers  atomic.Uint64

	mu     sync.Mutex
	free   []uint64 // places of frames; guarded by mu
	closed bool     // nothing is sent, and the rings are another process's; guarded by mu
}

// Received is a frame that was received. It has to be given back.
type Received struct {
	Data  []byte
	place uint64
}

// Outgoing is a frame for an answer.
type Outgoing struct {
	Data  []byte // its memory; after building, the answer's frame at its beginning
	place uint64
}

const (
	framesSize = frames * frameSize
	// stateSize is the size of what a successor has to know: how many frames are free, and which.
	stateSize  = (frames + 2) * 8
	memorySize = framesSize + (stateSize+4095)/4096*4096
	// stateMagic stands before it once it is there.
	stateMagic = 0x6261696c78647031
)

// newQueue opens a socket with its frames. It is not bound yet.
func newQueue() (q *Queue, err error) {
	q = &Queue{fd: -1}
	defer func() {
		if err != nil {
			q.release()
		}
	}()
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return q, os.NewSyscallError("socket(AF_XDP)", err)
	}
	q.file = os.NewFile(uintptr(fd), "xdp")
	q.fd = fd
	fd, err = unix.MemfdCreate("bailiwick-xdp", unix.MFD_CLOEXEC)
	if err != nil {
		return q, os.NewSyscallError("memfd_create", err)
	}
	q.memory = os.NewFile(uintptr(fd), "xdp memory")
	if err = q.memory.Truncate(memorySize); err != nil {
		return q, err
	}
	if err = q.mapMemory(); err != nil {
		return q, err
	}
	reg := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(&q.area[0]))), Len: framesSize,
		Size: frameSize}
	if err = setsockopt(q.fd, unix.XDP_UMEM_REG, unsafe.Pointer(&reg),
		unsafe.Sizeof(reg)); err != nil {
		return q, fmt.Errorf("register frames of %d MiB: %w", framesSize>>20, err)
	}
	for _, o := range []int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING,
		unix.XDP_RX_RING, unix.XDP_TX_RING} {
		if err = unix.SetsockoptInt(q.fd, unix.SOL_XDP, o, ringSize); err != nil {
			return q, os.NewSyscallError("setsockopt of a ring", err)
		}
	}
	if err = q.mapRings(); err != nil {
		return q, err
	}
	q.free = make([]uint64, 0, frames)
	for at := range uint64(frames) {
		q.free = append(q.free, at*frameSize)
	}
	q.refill()
	return q, nil
}

// adoptQueue takes over the socket and the frames of a process that stops with them. Until resume
// nothing is sent, and the rings are left to that process.
func adoptQueue(socket, memory *os.File) (q *Queue, err error) {
	q = &Queue{file: socket, fd: int(socket.Fd()), memory: memory, closed: true}
	if err = q.mapMemory(); err == nil {
		err = q.mapRings()
	}
	if err == nil {
		var zc uint32
		if err = getsockopt(q.fd, unix.XDP_OPTIONS, unsafe.Pointer(&zc), 4); err == nil {
			q.zeroCopy = zc&unix.XDP_OPTIONS_ZEROCOPY != 0
		}
	}
	return q, err
}

func (q *Queue) mapMemory() (err error) {
	q.area, err = unix.Mmap(int(q.memory.Fd()), 0, memorySize, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_POPULATE)
	return os.NewSyscallError("mmap of frames", err)
}

func (q *Queue) mapRings() error {
	var o unix.XDPMmapOffsets
	if err := getsockopt(q.fd, unix.XDP_MMAP_OFFSETS, unsafe.Pointer(&o),
		unsafe.Sizeof(o)); err != nil {
		return err
	}
	var errs [4]error
	q.received, errs[0] = mapRing[unix.XDPDesc](q.fd, unix.XDP_PGOFF_RX_RING, o.Rx)
	q.tx, errs[1] = mapRing[unix.XDPDesc](q.fd, unix.XDP_PGOFF_TX_RING, o.Tx)
	q.fill, errs[2] = mapRing[uint64](q.fd, unix.XDP_UMEM_PGOFF_FILL_RING, o.Fr)
	q.sent, errs[3] = mapRing[uint64](q.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, o.Cr)
	return errors.Join(errs[:]...)
}

// bindTime is how long a queue is waited for that another socket has: the kernel gives up that of a
// process a little after its end, and a service manager starts the next one at once. bindPause is
// the time between two tries.
const (
	bindTime  = time.Second
	bindPause = 10 * time.Millisecond
)

// bind binds the socket to a queue of an interface: with frames that the device itself reads and
// writes, if its driver can and copied is not set; else the kernel copies.
func (q *Queue) bind(index, queue int, copied bool) error {
	at := &unix.SockaddrXDP{Ifindex: uint32(index), QueueID: uint32(queue)}
	try := func(flags uint16) (err error) {
		at.Flags = unix.XDP_USE_NEED_WAKEUP | flags
		for until := time.Now().Add(bindTime); ; time.Sleep(bindPause) {
			err = unix.Bind(q.fd, at)
			if err != unix.EBUSY || time.Now().After(until) {
				return err
			}
		}
	}
	if !copied && try(unix.XDP_ZEROCOPY) == nil {
		q.zeroCopy = true
		return nil
	}
	return os.NewSyscallError(fmt.Sprintf("bind to queue %d", queue), try(unix.XDP_COPY))
}

// Descriptor returns the descriptor of the socket, to wait for packets with.
func (q *Queue) Descriptor() int { return q.fd }

// Receive fills a batch with frames that have arrived and returns their number. Only the goroutine
// that receives may call it.
func (q *Queue) Receive(batch []Received) int {
	at := atomic.LoadUint32(q.received.consumer)
	n := min(len(batch), int(atomic.LoadUint32(q.received.producer)-at))
	for i := range n {
		d := q.received.place(at + uint32(i))
		batch[i] = Received{place: d.Addr}
		if d.Addr < framesSize && uint64(d.Len) <= frameSize-d.Addr%frameSize {
			batch[i].Data = q.area[d.Addr : d.Addr+uint64(d.Len)]
		}
	}
	atomic.StoreUint32(q.received.consumer, at+uint32(n))
	return n
}

// Take gives a batch frames for answers, and returns how many it got: fewer where most are in use.
func (q *Queue) Take(batch []Outgoing) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take(batch)
}

func (q *Queue) take(batch []Outgoing) int {
	q.reap()
	n := min(len(batch), len(q.free))
	for i := range n {
		place := q.free[len(q.free)-1-i]
		batch[i] = Outgoing{Data: q.area[place : place+frameSize : place+frameSize], place: place}
	}
	q.free = q.free[:len(q.free)-n]
	return n
}

// Exchange gives back what was received and what was taken and not used, and puts answers into the
// ring of what is to be sent. The kernel sends them with the next [Queue.Kick], or when the
// goroutine that receives waits for the socket by poll(2).
func (q *Queue) Exchange(received []Received, answers, unused []Outgoing) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range received {
		q.back(received[i].place)
	}
	for i := range unused {
		q.back(unused[i].place)
	}
	q.queue(answers)
	q.refill()
}

// queue puts answers into the ring. What it has no room for is lost.
func (q *Queue) queue(answers []Outgoing) {
	at := atomic.LoadUint32(q.tx.producer)
	room := ringSize - int(at-atomic.LoadUint32(q.tx.consumer))
	for i := range answers {
		if i >= room {
			q.back(answers[i].place)
			q.dropped[RingFull].Add(1)
			continue
		}
		*q.tx.place(at) = unix.XDPDesc{Addr: answers[i].place, Len: uint32(len(answers[i].Data))}
		at++
	}
	q.answers.Add(uint64(min(len(answers), room)))
	atomic.StoreUint32(q.tx.producer, at)
}

// Send sends one answer from any goroutine: build makes it in a frame and returns it, nil for none.
// It returns false if the queue is closed, or has no frame: then nothing was sent.
func (q *Queue) Send(build func(frame []byte) []byte) bool {
	var one [1]Outgoing
	q.mu.Lock()
	if q.closed || q.take(one[:]) == 0 {
		q.mu.Unlock()
		return false
	}
	if data := build(one[0].Data); data != nil {
		one[0].Data = data
		q.queue(one[:])
	} else {
		q.back(one[0].place)
	}
	q.kick()
	q.mu.Unlock()
	return true
}

// Kick has the kernel send what is in the ring.
func (q *Queue) Kick() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kick()
}

// kicks is how often the kernel is called for what is in the ring: each time it sends some 32.
const kicks = 1 + ringSize/32

func (q *Queue) kick() {
	for i := 0; i < kicks && q.tx.filled() > 0 && q.tx.sleeps(); i++ {
		// It does not block, and so bypasses the scheduler.
		_, _, err := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(q.fd), 0, 0, unix.MSG_DONTWAIT,
			0, 0)
		switch err {
		case 0, unix.EAGAIN, unix.EBUSY, unix.ENOBUFS, unix.EINTR:
			q.reap() // the kernel sends no more than it can report as sent
		default:
			return // the interface has gone, or is down
		}
	}
}

// Unsent reports whether there is anything in the ring that the kernel has not sent.
func (q *Queue) Unsent() bool { return q.tx.filled() > 0 }

// reap takes back the frames that were sent.
func (q *Queue) reap() {
	var places [64]uint64
	for n := len(places); n == len(places); {
		n = q.sent.take(places[:])
		for _, place := range places[:n] {
			q.back(place)
		}
	}
}

// back takes back the frame that a place is in. One that is in none is forgotten: whoever took it
// for a frame would end.
func (q *Queue) back(place uint64) {
	if place < framesSize {
		q.free = append(q.free, place&^(frameSize-1))
	}
}

// Refill takes back what was sent, and gives the kernel frames for packets. [Queue.Exchange] does
// so, but nothing would after a time without any frame for packets, as none come then.
func (q *Queue) Refill() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.reap()
		q.refill()
	}
}

// refill gives the kernel frames for packets: half of all, so that the other half is there for
// answers. A driver that has run out of them, and so receives nothing, has to be woken for it.
func (q *Queue) refill() {
	room := ringSize - int(q.fill.filled())
	if n := min(room, len(q.free)-ringSize/4); n > 0 {
		from := len(q.free) - n
		q.fill.put(q.free[from:])
		q.free = q.free[:from]
	}
	if q.fill.sleeps() && q.fill.filled() > 0 {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(q.fd)}}, 0) // an error changes nothing
	}
}

// Drop counts a frame that is dropped.
func (q *Queue) Drop(v Verdict) { q.dropped[v].Add(1) }

// sendTime is how long a queue that stops waits for the last answers to be sent.
const sendTime = 10 * time.Millisecond

// stop ends the sending, and writes down what a successor has to know.
func (q *Queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for until := time.Now().Add(sendTime); q.tx.filled() > 0 && time.Now().Before(until); {
		q.kick()
	}
	q.reap()
	q.closed = true
	state := q.area[framesSize:]
	binary.NativeEndian.PutUint64(state[8:], uint64(len(q.free)))
	for i, place := range q.free {
		binary.NativeEndian.PutUint64(state[16+8*i:], place)
	}
	binary.NativeEndian.PutUint64(state, stateMagic)
}

// errNoState is why a queue cannot be taken over.
var errNoState = errors.New("the process before has ended without leaving its frames")

// resume goes on with what another process has written down.
func (q *Queue) resume() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	state := q.area[framesSize:]
	n := binary.NativeEndian.Uint64(state[8:])
	if binary.NativeEndian.Uint64(state) != stateMagic || n > frames {
		return errNoState
	}
	binary.NativeEndian.PutUint64(state, 0)
	q.free = make([]uint64, 0, frames)
	for i := range n {
		place := binary.NativeEndian.Uint64(state[16+8*i:])
		if place%frameSize != 0 || place >= framesSize {
			return errNoState
		}
		q.free = append(q.free, place)
	}
	q.closed = false
	q.refill()
	return nil
}

// close closes the socket. The memory of frames goes with the last process that has it.
func (q *Queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, f := range []*os.File{q.file, q.memory} {
		if f != nil {
			_ = f.Close() // an error changes nothing
		}
	}
}

// release is close, and gives the memory back: nobody may use a frame any more.
func (q *Queue) release() {
	q.close()
	q.received.unmap()
	q.tx.unmap()
	q.fill.unmap()
	q.sent.unmap()
	if q.area != nil {
		_ = unix.Munmap(q.area) // an error changes nothing
	}
}

func setsockopt(fd, option int, p unsafe.Pointer, size uintptr) error {
	_, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option),
		uintptr(p), size, 0)
	if e != 0 {
		return os.NewSyscallError("setsockopt", e)
	}
	return nil
}

func getsockopt(fd, option int, p unsafe.Pointer, size uintptr) error {
	n := uint32(size)
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option),
		uintptr(p), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return os.NewSyscallError("getsockopt", e)
	}
	return nil
}
