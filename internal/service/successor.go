package service

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Handed is a socket for a successor: what it is for, and the number of its descriptor.
type Handed struct {
	Name string
	FD   uintptr
}

// Program is how this process was started.
type Program struct {
	path string
	args []string
	dir  string
}

// Self returns how this process was started: to be called before anything changes the directory.
func Self() (p Program, err error) {
	if p.path, err = exec.LookPath(os.Args[0]); err != nil {
		return p, err
	}
	if p.path, err = filepath.Abs(p.path); err != nil {
		return p, err
	}
	p.args = os.Args
	p.dir, err = os.Getwd()
	return p, err
}

// Path returns the path of the program.
func (p Program) Path() string { return p.path }

// Again executes the program in this process, as it was called. It returns only if that fails.
func (p Program) Again() error {
	return fmt.Errorf("%s: %w", p.path, syscall.Exec(p.path, p.args, os.Environ()))
}

// Successor is a process that was started to take over.
type Successor struct {
	PID     int
	process *os.Process
	conn    *os.File
	ended   chan error
}

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

// ofStart reports whether an environment variable was for the start of this process alone.
func ofStart(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return slices.Contains([]string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
		"WATCHDOG_PID", successorVariable, secretsVariable}, name)
}

// Await waits until the successor serves. One that does not is ended.
func (s *Successor) Await(limit time.Duration) error {
	_ = s.conn.SetReadDeadline(time.Now().Add(limit))
	n, err := s.conn.Read(make([]byte, 1))
	if n == 1 {
		return nil
	}
	_ = s.conn.Close()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = s.process.Kill()
		<-s.ended
		return fmt.Errorf("it did not serve within %v", limit)
	}
	return fmt.Errorf("it ended with %w; its log says why", <-s.ended)
}

// Release lets the successor read the sockets that both may not read at once.
func (s *Successor) Release() { _ = s.conn.Close() }
