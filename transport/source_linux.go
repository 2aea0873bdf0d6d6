package transport

import (
	"os"

	"golang.org/x/sys/unix"
)

// AbsentAddresses reports whether sockets can be opened at addresses that are not there yet.
const AbsentAddresses = true

// bindAbsent has a socket be bound to an address that this machine does not have, or not yet. What
// is sent to the address comes in as soon as it is there.
func bindAbsent(fd int) error {
	return os.NewSyscallError("setsockopt",
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)) // for IPv6 too
}

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
