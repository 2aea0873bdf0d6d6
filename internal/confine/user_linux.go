package confine

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enter makes the account that of this thread alone: package syscall would change all of them.
func (a account) enter() error {
	groups := make([]uint32, 0, len(a.groups)+1)
	for _, g := range a.groups {
		groups = append(groups, uint32(g))
	}
	n := len(groups)
	groups = append(groups, 0) // there is a first one to point to
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(n),
		uintptr(unsafe.Pointer(&groups[0])), 0); e != 0 {
		return os.NewSyscallError("setgroups", e)
	}
	g, u := uintptr(a.gid), uintptr(a.uid)
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, g, g, g); e != 0 {
		return os.NewSyscallError("setresgid", e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, u, u, u); e != 0 {
		return os.NewSyscallError("setresuid", e)
	}
	return nil
}
