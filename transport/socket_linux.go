// The sockets that ask authorities on Linux. They are reused, yet each question leaves from a port
// of its own.
//
// connect(2) gives a socket without a port a random one. The kernel chooses it from
// net.ipv4.ip_local_port_range with its own random source. Dissolving the association (AF_UNSPEC)
// gives the port back. So a question costs two short system calls instead of the seven that a new
// socket takes. Its port is as hard to guess as with a new socket (RFC 5452, section 9.2): it is
// open for this question alone, and the kernel drops packets from anyone but the server.

package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// askers are the sockets that questions leave from a source by, by address family.
type askers struct {
	source *Source
	v4, v6 outlets
}

// outlets are the sockets of an address family, one entry for each source address; without any,
// the entry of the zero address.
type outlets []*idleSockets

// idleSockets are the sockets that are kept for the next question. They have no port.
type idleSockets struct {
	family int        // of the kernel
	source netip.Addr // that they are bound to; zero: none

	mu     sync.Mutex
	free   []*asker // guarded by mu
	closed bool     // no socket is kept any more; guarded by mu
}

func newAskers(s *Source) *askers {
	return &askers{source: s, v4: newOutlets(unix.AF_INET, s.of(netip.IPv4Unspecified())),
		v6: newOutlets(unix.AF_INET6, s.of(netip.IPv6Unspecified()))}
}

func newOutlets(family int, sources []netip.Addr) (o outlets) {
	for _, a := range sources {
		o = append(o, &idleSockets{family: family, source: a})
	}
	if len(o) == 0 {
		o = outlets{{family: family}}
	}
	return o
}

// close closes the idle sockets. Those in use are closed when their questions end.
func (a *askers) close() {
	for _, pool := range slices.Concat(a.v4, a.v6) {
		pool.mu.Lock()
		for _, s := range pool.free {
			s.file.Close()
		}
		pool.free, pool.closed = nil, true
		pool.mu.Unlock()
	}
}

// asker is a socket and its question.
type asker struct {
	file   *os.File
	raw    syscall.RawConn
	home   *idleSockets
	family uint16

	server  netip.AddrPort
	name    unix.RawSockaddrInet6 // address for the kernel; large enough for IPv4
	size    uint32                // of name
	request Request
	state   askerState
	reply   []byte
	err     error

	// step and release are created once: a question allocates nothing but its reply
	step    func(fd uintptr) bool
	release func(fd uintptr)
	clean   bool // no further packet came; set by release
}

// packets are buffers for packets that are being read.
var packets = sync.Pool{New: func() any { return new([replySize]byte) }}

type askerState uint8

const (
	askerIdle askerState = iota
	askerSent
	askerDone
)

// get returns an idle socket for a server, or a new one. Of several source addresses one is taken
// at random; the next one where it is not this machine's any more.
func (a *askers) get(server netip.AddrPort) (s *asker, err error) {
	from := a.of(server)
	first := 0
	if len(from) > 1 {
		first = rand.IntN(len(from))
	}
	for i := range from {
		s, err = from[(first+i)%len(from)].get(a.source.Interface)
		if err == nil || !unavailable(err) {
			break
		}
	}
	return s, err
}

// get returns an idle socket, or a new one, which is bound to an interface unless device is "".
func (p *idleSockets) get(device string) (*asker, error) {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free[n-1] = nil // else its question, and all behind it, would stay in memory
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	fd, err := unix.Socket(p.family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &asker{file: os.NewFile(uintptr(fd), "udp"), home: p, family: uint16(p.family)}
	if err = p.prepare(fd, device); err == nil {
		s.raw, err = s.file.SyscallConn()
	}
	if err != nil {
		s.file.Close()
		return nil, err
	}
	s.step, s.release = s.progress, s.giveBack
	return s, nil
}

// prepare binds a socket to the source address, and not to a port yet: each question gets one.
func (p *idleSockets) prepare(fd int, device string) error {
	if device == "" && !p.source.IsValid() {
		return nil
	}
	if err := prepareSocket(fd, device); err != nil || !p.source.IsValid() {
		return err
	}
	var at unix.Sockaddr = &unix.SockaddrInet6{Addr: p.source.As16()}
	if p.family == unix.AF_INET {
		at = &unix.SockaddrInet4{Addr: p.source.As4()}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, at))
}

func (a *askers) of(server netip.AddrPort) outlets {
	if server.Addr().Is4() {
		return a.v4
	}
	return a.v6
}

// put keeps the socket for the next question.
func (s *asker) put() {
	pool := s.home
	s.request, s.reply, s.err = Request{}, nil, nil
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.closed || len(pool.free) >= maxIdleSockets {
		s.file.Close()
		return
	}
	pool.free = append(pool.free, s)
}

// exchange asks a question. It reuses the socket only if no doubt about its state remains.
func (a *askers) exchange(ctx context.Context, r *Request, deadline time.Time) ([]byte, error) {
	server := netip.AddrPortFrom(r.Server.Addr().Unmap(), r.Server.Port())
	// Link-local servers are rare, and the standard library resolves their interface. Sockets of
	// the pool may be bound to one. A range of ports needs a port to be chosen for each question.
	if server.Addr().Zone() != "" || a.source.Ports.Count() > 0 ||
		a.source.device(server.Addr()) != a.source.Interface {
		own := *r // r itself stays on the caller's stack
		return a.source.exchangeDialled(ctx, &own, deadline)
	}
	s, err := a.get(server)
	if err != nil {
		return nil, err
	}
	s.server, s.request, s.state, s.reply, s.err = server, *r, askerIdle, nil, nil
	return a.wait(ctx, s, deadline)
}

// wait sends the question unless it was sent before, and waits for the reply. Afterwards the socket
// is idle or closed, unless the question stays open.
func (a *askers) wait(ctx context.Context, s *asker, deadline time.Time) ([]byte, error) {
	if err := s.file.SetReadDeadline(deadline); err != nil {
		s.file.Close()
		return nil, err
	}
	end := watch(ctx, s)
	if err := s.raw.Read(s.step); err != nil && s.state != askerDone {
		s.err = err
	}
	reply, err := s.reply, s.err
	running := end.unwatch(s)
	if running && s.request.KeepOpen && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, a.keep(s)
	}
	if !running || err != nil || !s.leave() {
		s.file.Close()
		return reply, err
	}
	s.put()
	return reply, nil
}

// Interrupt implements Waiter: the question ends as if its time were over.
func (s *asker) Interrupt() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) }

// keep leaves a question open whose time is over.
func (a *askers) keep(s *asker) *Unanswered {
	s.request.Into = nil // its memory belongs to the caller
	return &Unanswered{func(ctx context.Context, wait time.Duration) ([]byte, error) {
		s.request.KeepOpen, s.err = false, nil
		reply, err := a.wait(ctx, s, time.Now().Add(wait))
		return outcome(ctx, reply, err)
	}}
}

// progress sends the question, then reads packets, and reports whether the exchange is over. The
// poller is armed before the question is sent, so that no reply is missed.
func (s *asker) progress(fd uintptr) bool {
	if s.state == askerIdle {
		if s.err = s.send(int(fd)); s.err != nil {
			s.state = askerDone
			return true
		}
		s.state = askerSent
		return false
	}
	room := packets.Get().(*[replySize]byte)
	defer packets.Put(room)
	for {
		n, from, errno := s.receive(int(fd), room[:])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return false
		case errno != 0:
			s.err = os.NewSyscallError("recvfrom", errno)
		case from != s.server: // to an earlier question, received while its port was given back
			continue
		case !s.take(room[:n]):
			continue
		}
		s.state = askerDone
		return true
	}
}

// take examines a packet from the server, and reports whether it decides the exchange.
func (s *asker) take(packet []byte) bool {
	var decided bool
	s.reply, decided, s.err = s.request.answeredBy(packet)
	return decided
}

// send connects the socket to the server from a random port, and sends the question.
func (s *asker) send(fd int) error {
	if err := s.connect(fd, s.server); err != 0 {
		return os.NewSyscallError("connect", err)
	}
	for {
		q := s.request.Query
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(q))), uintptr(len(q)), 0, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return os.NewSyscallError("sendto", errno)
		}
	}
}

// leave gives the port back to the system. It reports whether the socket can be reused, because no
// further packet came.
func (s *asker) leave() (clean bool) {
	s.clean = false
	return s.raw.Control(s.release) == nil && s.clean
}

func (s *asker) giveBack(fd uintptr) {
	if s.connect(int(fd), netip.AddrPort{}) != 0 {
		return
	}
	var one [1]byte // of a packet that may have come
	_, _, errno := s.receive(int(fd), one[:])
	s.clean = errno == unix.EAGAIN
}

// connect associates the socket with a server; the zero address dissolves the association. No call
// here blocks, so they bypass the scheduler; see batch.receive.
func (s *asker) connect(fd int, server netip.AddrPort) syscall.Errno {
	s.name, s.size = unix.RawSockaddrInet6{Family: unix.AF_UNSPEC}, unix.SizeofSockaddrInet6
	switch {
	case !server.IsValid():
	case s.family == unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.name))
		v4.Family, v4.Addr, s.size = unix.AF_INET, server.Addr().As4(), unix.SizeofSockaddrInet4
		s.setPort(server.Port())
	default:
		s.name.Family, s.name.Addr = unix.AF_INET6, server.Addr().As16()
		s.setPort(server.Port())
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd),
		uintptr(unsafe.Pointer(&s.name)), uintptr(s.size))
	return errno
}

// setPort writes a port into name, in network order. It is at the same place for both families.
func (s *asker) setPort(port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.name.Port))[:], port)
}

// receive reads a packet into room, and its source address.
func (s *asker) receive(fd int, room []byte) (n int, from netip.AddrPort, errno syscall.Errno) {
	s.size = unix.SizeofSockaddrInet6
	r, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(room))), uintptr(len(room)), 0,
		uintptr(unsafe.Pointer(&s.name)), uintptr(unsafe.Pointer(&s.size)))
	if errno != 0 {
		return 0, netip.AddrPort{}, errno
	}
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.name.Port))[:])
	if s.family == unix.AF_INET {
		addr := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.name)).Addr
		return int(r), netip.AddrPortFrom(netip.AddrFrom4(addr), port), 0
	}
	return int(r), netip.AddrPortFrom(netip.AddrFrom16(s.name.Addr), port), 0
}
