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

// setUDPOptions enlarges the buffers for bursts, lets the sockets share the port, passes over what
// ICMP says of paths, and requests the destination of packets for a wildcard address.
func setUDPOptions(fd int, network string, wildcard bool) error {
	for forced, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF,
		unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		// only root may exceed the system's limit
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, udpBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, udpBuffer) // as much as it allows
		}
	}
	ignorePathMTU(fd, network)
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	switch {
	case err != nil || !wildcard:
		return err
	case network == "udp6":
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

// ignorePathMTU has answers leave whole up to the MTU of the interface, whatever ICMP says: who
// forges a "packet too big" for a client has every answer to it come in fragments, of which the
// second, without ports and ID, is easily forged (RFC 9715, section 3.1). Kernels before 3.15 go on
// as they do.
func ignorePathMTU(fd int, network string) {
	level, option, omit := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT
	if network == "udp6" {
		level, option, omit = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT
	}
	_ = unix.SetsockoptInt(fd, level, option, omit)
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
