package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Port is an interface whose packets are taken.
type Port struct {
	Queues []*Queue

	spec    Spec
	device  device
	generic bool
	link    *os.File // the program is there until it is closed
	counted *os.File // the map of counts
	counts  []byte   // its memory
	mtu     atomic.Int32

	closing sync.Once
}

// Open begins to take packets: whatever the program moves waits in the rings until somebody
// receives. It needs CAP_NET_ADMIN, CAP_BPF and CAP_NET_RAW; and CAP_IPC_LOCK, or a limit of locked
// memory (RLIMIT_MEMLOCK) of 8 MiB for each queue. Afterwards nothing of this package needs any.
func Open(s Spec) (p *Port, err error) {
	p = &Port{spec: s}
	defer func() {
		if err != nil {
			p.Close()
			err = explain(s, err)
		}
	}()
	if p.device, err = findDevice(s.Interface); err != nil {
		return p, err
	}
	p.mtu.Store(int32(p.device.mtu))
	var keys [][keySize]byte
	for _, a := range s.Addresses {
		for _, v := range s.VLANs {
			keys = append(keys, keyOf(a, v))
		}
	}
	m, err := newMaps(keys, p.device.queues)
	if err != nil {
		return p, fmt.Errorf("make the maps: %w", err)
	}
	defer m.close()
	if err = p.count(m.counts.FD()); err != nil {
		return p, err
	}
	program, err := newProgram(m, p.device.mac, p.device.queues)
	if err != nil {
		return p, err
	}
	defer program.Close()
	if err = p.attach(program); err != nil {
		return p, err
	}
	for i := range p.device.queues {
		q, err := newQueue()
		if err != nil {
			return p, err
		}
		p.Queues = append(p.Queues, q)
		if err := q.bind(p.device.index, i, s.Copied); err != nil {
			return p, err
		}
	}
	for i, q := range p.Queues { // only now are packets moved
		if err := m.sockets.Put(uint32(i), uint32(q.fd)); err != nil {
			return p, fmt.Errorf("put a socket into the map: %w", err)
		}
	}
	return p, nil
}

// attach attaches the program where the driver runs it, or else in the kernel's own place for it,
// which is later. The link goes with the process, so that no crash leaves the program behind.
func (p *Port) attach(program *ebpf.Program) error {
	at := func(flags link.XDPAttachFlags) (err error) {
		l, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: p.device.index,
			Flags: flags})
		if err != nil {
			return err
		}
		defer l.Close() // p.link is another descriptor of it
		fd, ok := l.(interface{ FD() int })
		if !ok {
			return errors.New("the link has no descriptor")
		}
		p.link, err = reopen(fd.FD(), "xdp link")
		return err
	}
	err := at(link.XDPDriverMode)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, ebpf.ErrNotSupported) {
		p.generic = true
		err = at(link.XDPGenericMode)
	}
	if err != nil {
		return fmt.Errorf("attach the program: %w", err)
	}
	return nil
}

// count maps the counts of the program.
func (p *Port) count(fd int) (err error) {
	if p.counted, err = reopen(fd, "xdp counts"); err == nil {
		err = p.mapCounts()
	}
	return err
}

func (p *Port) mapCounts() (err error) {
	p.counts, err = unix.Mmap(int(p.counted.Fd()), 0, os.Getpagesize(),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return os.NewSyscallError("mmap of the counts", err)
}

// reopen returns another descriptor of a file.
func reopen(fd int, name string) (*os.File, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(d), name), nil
}

// explain adds to an error what can be done about it.
func explain(s Spec, err error) error {
	hint := ""
	switch id := attached(s.Interface); {
	case errors.Is(err, unix.EBUSY) && id != 0 || errors.Is(err, unix.EEXIST):
		hint = fmt.Sprintf("another XDP program (ID %d; `bpftool prog show id %d`) has the "+
			"interface, and is left alone: take it off, or take this interface off listen.xdp", id,
			id)
	case errors.Is(err, unix.EBUSY):
		hint = "another program has a socket at a receive queue of this interface"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		hint = "it takes CAP_NET_ADMIN, CAP_BPF and CAP_NET_RAW at the start (docs/xdp.md)"
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
		hint = "the process may lock too little memory: it takes CAP_IPC_LOCK, or " +
			"LimitMEMLOCK= of 8 MiB for each receive queue (docs/xdp.md)"
	case errors.Is(err, unix.EAFNOSUPPORT):
		hint = "the kernel has no AF_XDP (CONFIG_XDP_SOCKETS), or what supervises this process " +
			"forbids it (RestrictAddressFamilies=)"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}

// handed is the beginning of the names of what a successor gets. A name goes on with a kind, the
// interface and what distinguishes it: no interface has a slash in its name.
const handed = "xdp/"

// Each calls f with what a successor needs to go on, and its name.
func (p *Port) Each(f func(name string, fd uintptr) error) error {
	name := func(kind, last string) string {
		return handed + kind + "/" + p.spec.Interface + "/" + last
	}
	mode := "native"
	if p.generic {
		mode = "generic"
	}
	errs := []error{f(name("link-"+mode, p.spec.mark()), p.link.Fd()),
		f(name("counts", "0"), p.counted.Fd())}
	for i, q := range p.Queues {
		errs = append(errs, f(name("socket", strconv.Itoa(i)), q.file.Fd()),
			f(name("memory", strconv.Itoa(i)), q.memory.Fd()))
	}
	return errors.Join(errs...)
}

// Errors of taking over.
var (
	errNothingHanded = errors.New("the process before has left nothing for this interface")
	errOtherSpec     = errors.New("the process before took other addresses, and this one has " +
		"no rights to change that: it takes a restart")
)

// Adopt takes over what [Port.Each] of another process has named; take returns a file by its name,
// nil if there is none. Nothing may be received before [Port.Resume].
func Adopt(s Spec, take func(name string) *os.File) (p *Port, err error) {
	p = &Port{spec: s}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	find := func(kind, last string) *os.File {
		return take(handed + kind + "/" + s.Interface + "/" + last)
	}
	if p.link = find("link-native", s.mark()); p.link == nil {
		p.link = find("link-generic", s.mark())
		p.generic = true
	}
	p.counted = find("counts", "0")
	switch {
	case p.link == nil && p.counted == nil:
		return p, errNothingHanded
	case p.link == nil || p.counted == nil:
		return p, errOtherSpec
	}
	if err = p.mapCounts(); err != nil {
		return p, err
	}
	for i := 0; ; i++ {
		socket, memory := find("socket", strconv.Itoa(i)), find("memory", strconv.Itoa(i))
		if socket == nil || memory == nil {
			break
		}
		q, err := adoptQueue(socket, memory)
		p.Queues = append(p.Queues, q)
		if err != nil {
			return p, err
		}
	}
	if p.device, err = findDevice(s.Interface); err != nil {
		return p, err
	}
	p.mtu.Store(int32(p.device.mtu))
	return p, nil
}

// Resume goes on where the process before has stopped.
func (p *Port) Resume() error {
	for _, q := range p.Queues {
		if err := q.resume(); err != nil {
			return err
		}
	}
	return nil
}

// Room returns the largest answer to a packet: the rest of the MTU, or of a frame.
func (p *Port) Room(k *Packet) int {
	ip := ipv6Len
	if k.To.Addr().Is4() {
		ip = ipv4Len
	}
	return min(int(p.mtu.Load())-ip-udpLen, frameSize-len(k.Head))
}

// Interface returns the name of the interface.
func (p *Port) Interface() string { return p.spec.Interface }

// Spec returns what the port was opened for.
func (p *Port) Spec() Spec { return p.spec }

// errGone is the state of an interface that is not there any more.
var errGone = errors.New("the interface has gone, and the program with it: its packets go by " +
	"sockets from now on; a restart takes the interface again")

// Check looks at the interface again: its MTU may have changed. It returns an error once it has
// gone, even if there is another one of its name.
func (p *Port) Check() error {
	d, err := findDevice(p.spec.Interface)
	if err != nil || d.index != p.device.index {
		return errGone
	}
	p.mtu.Store(int32(d.mtu))
	return nil
}

// State returns what the port is like.
func (p *Port) State() State {
	mode := "native"
	if p.generic {
		mode = "generic"
	}
	copied := ", copied"
	for _, q := range p.Queues {
		if q.zeroCopy {
			copied = ", zero copy"
		}
	}
	tagged := slices.ContainsFunc(p.spec.VLANs, func(v uint16) bool { return v != 0 })
	return State{Mode: mode + copied, Queues: len(p.Queues), MTU: int(p.mtu.Load()),
		Hides: tagged && p.device.hides}
}

// Counts returns what was counted since the program was attached; what this process has sent and
// dropped since it began.
func (p *Port) Counts() (c Counts) {
	for i, q := range p.Queues {
		at := p.counts[i*countsSize:]
		c.Received += binary.NativeEndian.Uint64(at[countTaken:])
		c.Passed += binary.NativeEndian.Uint64(at[countPassed:])
		c.Sent += q.answers.Load()
		for v := range q.dropped {
			c.Dropped[v] += q.dropped[v].Load()
		}
		var s unix.XDPStatistics
		if q.statistics(&s) {
			c.NoFill += s.Rx_dropped
			if q.zeroCopy { // the device has lost the frame, and the kernel met the empty ring
				c.NoFill += s.Rx_fill_ring_empty_descs
			}
			c.Full += s.Rx_ring_full
		}
	}
	return c
}

// statistics asks the kernel what it has dropped.
func (q *Queue) statistics(s *unix.XDPStatistics) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && getsockopt(q.fd, unix.XDP_STATISTICS, unsafe.Pointer(s),
		unsafe.Sizeof(*s)) == nil
}

// Detach has the kernel's network stack get all packets again. What has arrived before can still
// be received and answered.
func (p *Port) Detach() {
	if p.link != nil {
		_ = p.link.Close() // an error changes nothing
	}
}

// Stop ends the sending. What a successor needs to know is in the frames' memory then.
func (p *Port) Stop() {
	for _, q := range p.Queues {
		q.stop()
	}
}

// Close detaches, and closes the sockets. Nobody may use a frame any more, or ask for the counts.
func (p *Port) Close() {
	p.closing.Do(func() {
		p.Detach()
		for _, q := range p.Queues {
			q.release()
		}
		if p.counted != nil {
			_ = p.counted.Close() // an error changes nothing
		}
		if p.counts != nil {
			_ = unix.Munmap(p.counts) // the same
		}
	})
}
