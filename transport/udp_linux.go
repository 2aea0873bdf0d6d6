// UDP on Linux: sockets.

package transport

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSockets is how many sockets may share an address.
const maxSockets = 1 << 10

// setUDPOptions makes room for bursts, lets the sockets share the port, and asks for the
// destination of packets where it is not the socket's own.
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
	file *os.File        // which the runtime's poller does not know
	raw  syscall.RawConn // for late answers: it counts who uses the descriptor
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
		e.raw, err = e.file.SyscallConn()
	}
	return e, err
}

// duplicate makes another descriptor of a file, which the runtime's poller is told of or not. Then
// no descriptor of the file blocks, or all do.
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

// wake ends the wait of a reader. Shutting a socket down that is not connected is an error
// (shutdown(2)), but wakes who waits.
func (e endpoint) wake() { _ = unix.Shutdown(e.fd, unix.SHUT_RD) }

func (e endpoint) close() { _ = e.file.Close() } // it is gone either way
