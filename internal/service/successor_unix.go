//go:build unix

package service

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Start starts the program that is at the path of this one now, with the same arguments, and hands
// it the sockets and the secrets.
func (p Program) Start(sockets []Handed, secrets Secrets) (*Successor, error) {
	if os.Getpid() == 1 {
		return nil, errors.New("this is process 1, as in a container, which ends with it: start " +
			"a new one in its place")
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	syscall.CloseOnExec(pair[0])
	syscall.CloseOnExec(pair[1])
	defer syscall.Close(pair[1])
	pipe, err := secrets.pipe()
	if err != nil {
		_ = syscall.Close(pair[0])
		return nil, err
	}
	defer pipe.Close()
	// Not os/exec: it would make the sockets block in this process too.
	files := []uintptr{0, 1, 2}
	names := make([]string, len(sockets))
	for i, s := range sockets {
		files = append(files, s.FD)
		names[i] = s.Name
	}
	env := append(slices.DeleteFunc(os.Environ(), ofStart),
		"LISTEN_FDS="+strconv.Itoa(len(sockets)), "LISTEN_FDNAMES="+strings.Join(names, ":"),
		successorVariable+"="+strconv.Itoa(len(files)),
		secretsVariable+"="+strconv.Itoa(len(files)+1))
	pid, err := syscall.ForkExec(p.path, p.args, &syscall.ProcAttr{Dir: p.dir, Env: env,
		Files: append(files, uintptr(pair[1]), pipe.Fd())})
	if err != nil {
		_ = syscall.Close(pair[0])
		return nil, fmt.Errorf("start %s: %w", p.path, err)
	}
	_ = syscall.SetNonblock(pair[0], true) // so that reading can end in time
	s := &Successor{PID: pid, conn: os.NewFile(uintptr(pair[0]), "successor"),
		ended: make(chan error, 1)}
	if s.process, err = os.FindProcess(pid); err != nil { // on Unix it never fails
		return nil, err
	}
	go func() {
		st, err := s.process.Wait()
		if err == nil {
			err = errors.New(st.String())
		}
		s.ended <- err
	}()
	return s, nil
}

// inherited returns a descriptor that a predecessor has left, as a file whose reading can end in
// time.
func inherited(fd int, name string) *os.File {
	syscall.CloseOnExec(fd)
	_ = syscall.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), name)
}
