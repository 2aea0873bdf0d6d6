package transport

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck acknowledges at once what has arrived on a TCP connection. A client that keeps Nagle's
// algorithm (RFC 896) sends the rest of what it has to say only then, and the kernel would wait
// 40 ms for an answer to send it along with.
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
