// Options of UDP sockets on Linux.

package transport

import "golang.org/x/sys/unix"

// maxSockets is how many sockets may share an address.
const maxSockets = 1 << 10

// setUDPOptions makes room for bursts, lets the sockets share the port, and asks for the destination of packets where it is not
// the socket's own.
func setUDPOptions(fd int, network string, wildcard bool) error {
	for forced, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, udpBuffer) != nil { // only root may exceed the system's limit
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
