package console

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// caller returns who is at the other end of a socket, from the kernel.
func caller(conn net.Conn) string {
	uid := "unknown"
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return uid
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return uid
	}
	err = raw.Control(func(fd uintptr) {
		if c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = fmt.Sprintf("uid %d, pid %d", c.Uid, c.Pid)
		}
	})
	if err != nil {
		return "unknown"
	}
	return uid
}
