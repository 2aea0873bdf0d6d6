package service

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
