// UDP sockets on Linux.

package transport

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1 << 10

// setUDPOptions enlarges the buffers for bursts, lets the sockets share the port, and requests the
// destination of packets for a wildcard address.
func setUDPOptions(fd int, network string, wildcard bool) error {
	for forced, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF,
		unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		// only root may exceed the system's limit
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, udpBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, udpBuffer) // as much as it allows
		}
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	switch {
	case err != nil || !wildcard:
		return err
	case network == "udp6":
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

// endpoint is a socket of a listener.
type endpoint struct {
	fd   int             // for the readers, while the listener has any
	file *os.File        // not in the runtime's poller
	raw  syscall.RawConn // for late answers: it counts the users of the descriptor
	// divides reports whether one packet may have several answers (segments).
	divides bool
}

// newEndpoint takes over a socket.
func newEndpoint(c *net.UDPConn) (e endpoint, err error) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return e, err
	}
	var dup error
	err = raw.Control(func(fd uintptr) { e.file, dup = duplicate(fd, false) })
	if err == nil {
		err = dup
	}
	if err == nil {
		e.fd = int(e.file.Fd())
		e.divides = divides(e.fd)
		e.raw, err = e.file.SyscallConn()
	}
	return e, err
}

// duplicate returns another descriptor of a file, which is registered with the runtime's poller if
// polled is set. Blocking mode belongs to the file, and so changes for all its descriptors.
func duplicate(fd uintptr, polled bool) (*os.File, error) {
	if err := unix.SetNonblock(int(fd), polled); err != nil { // decides whether os.NewFile polls
		return nil, os.NewSyscallError("fcntl", err)
	}
	d, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(d), "udp"), nil
}

func (e endpoint) conn() syscall.Conn { return e.file }

func (e endpoint) close() { _ = e.file.Close() } // an error changes nothing
