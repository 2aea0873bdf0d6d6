//go:build !unix

package service

import (
	"errors"
	"os"
)

// Start fails: descriptors are handed to another process on Unix alone.
func (p Program) Start([]Handed, Secrets) (*Successor, error) {
	return nil, errors.New("this system cannot hand sockets to a new process: end this one, and " +
		"start a new one")
}

// inherited returns a descriptor that a predecessor has left, of which there is none here.
func inherited(fd int, name string) *os.File { return os.NewFile(uintptr(fd), name) }
