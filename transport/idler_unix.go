//go:build unix

// Waiting for data without a buffer.

package transport

import (
	"io"
	"os"
	"syscall"
)

// idler reads from a connection whose buffer exists only while there is something in it.
type idler struct {
	of  *burst
	raw syscall.RawConn
	try func(fd uintptr) bool // made once: a read allocates nothing
	n   int
	err error
}

// newIdler returns nil for a connection without a descriptor, as in tests.
func newIdler(of *burst) *idler {
	s, ok := of.Conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	i := &idler{of: of, raw: raw}
	i.try = i.attempt
	return i
}

// read waits for data and reads them into the buffer.
func (i *idler) read() (n int, err error) {
	i.n, i.err = 0, nil
	if err = i.raw.Read(i.try); err != nil {
		return 0, err // its deadline is over, or it is closed
	}
	switch {
	case i.err != nil:
		return 0, os.NewSyscallError("read", i.err)
	case i.n == 0:
		return 0, io.EOF
	}
	return i.n, nil
}

// attempt reports whether the read has ended: else there is nothing to read yet.
func (i *idler) attempt(fd uintptr) bool {
	for {
		i.n, i.err = syscall.Read(int(fd), i.of.room())
		switch i.err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			i.of.spare()
			return false
		}
		i.n = max(i.n, 0)
		return true
	}
}
