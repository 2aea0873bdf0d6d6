package console

import "syscall"

// private has the file that a socket makes be its owner's alone from the first moment, whatever the
// umask is: unix(7) takes the mode of the socket. Who connects before permit has given the file its
// own mode would be answered later.
func private(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) }); err != nil {
		return err
	}
	return failed
}
