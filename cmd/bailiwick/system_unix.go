//go:build unix

// What the program asks of Unix.

package main

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// upgradeSignal has another process take over.
var upgradeSignal os.Signal = syscall.SIGUSR2

// duplicate returns another descriptor of an open file, which no program that is started inherits.
func duplicate(fd uintptr) (uintptr, error) {
	d, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	return uintptr(d), os.NewSyscallError("fcntl", err)
}

// closeDuplicate closes what duplicate has returned.
func closeDuplicate(fd uintptr) { _ = syscall.Close(int(fd)) }

// processorTime returns the time of processors that this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
