package transport

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck acknowledges at once the data that has arrived on a TCP connection. A client with
// Nagle's algorithm (RFC 896) sends the rest of its data only after that. The kernel would delay
// the acknowledgement by 40 ms, to send it along with an answer.
func quickAck(c net.Conn) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // without the option the client waits a little
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		})
	}
}
