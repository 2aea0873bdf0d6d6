package transport

import (
	"os"

	"golang.org/x/sys/unix"
)

// Interfaces reports whether questions can be bound to a network interface on this system.
const Interfaces = true

// prepareSocket has a socket send and receive by an interface or VRF alone, unless it is "": since
// Linux 5.7 that needs no privilege. A socket that is bound to an address gets its port when it
// connects, so that many connections to several servers can share one.
func prepareSocket(fd int, device string) error {
	if device != "" {
		if err := unix.BindToDevice(fd, device); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("setsockopt",
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1))
}
