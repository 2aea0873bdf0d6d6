package confine

import (
	"errors"
	"os"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// denied are system calls that neither the server nor Go's runtime makes, and that exploits of the
// kernel and ways out of containers are made of. It is a list of what is denied, and not one of
// what is allowed: Go's runtime and library begin to make others with new versions, which would
// break a server that was good before. They fail with EPERM, and do not kill the process: a
// library that tries one of them has another way, and a resolver that ends is no gain.
var denied = []string{
	// Other processes, and their memory.
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	"perf_event_open",
	// Mounts and namespaces.
	"mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_tree", "move_mount",
	"fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "open_tree_attr", "swapon",
	"swapoff", "quotactl", "quotactl_fd", "fanotify_init", "open_by_handle_at",
	"name_to_handle_at", "acct",
	// The kernel itself.
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load",
	"kexec_file_load", "reboot", "bpf", "syslog", "nfsservctl", "lookup_dcookie", "vhangup",
	"uselib", "_sysctl", "sysfs", "ustat",
	// Where its faults were found most often.
	"userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "add_key",
	"request_key", "keyctl", "memfd_secret", "move_pages", "migrate_pages", "mbind",
	"set_mempolicy", "set_mempolicy_home_node", "vmsplice", "remap_file_pages",
	// The machine: its clock, name and ports.
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname",
	"setdomainname", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "personality",
	"mknod", "mknodat",
}

// Filter has all threads of this process, and those to come, fail with EPERM where they make a
// call that is denied; alone, as process 1 is that never hands over, where they execute a program.
// A second filter is not added to an inherited one of this package.
func (r *Report) Filter() {
	if r.Seccomp {
		return
	}
	names, err := filtered(os.Getpid() == 1)
	if err == nil {
		err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
			Policy: seccomp.Policy{DefaultAction: seccomp.ActionAllow,
				Syscalls: []seccomp.SyscallGroup{{Names: names,
					Action: seccomp.ActionErrno}}}}) // which is EPERM
	}
	if err == nil && !confirmed() {
		err = errors.New("the kernel has no filter for this process, though it took one")
	}
	if err != nil {
		r.miss("seccomp", err)
		return
	}
	r.Seccomp = true
	if err := r.save(); err != nil {
		r.miss("seccomp", err)
	}
}

// filtered returns the names that this processor has calls for.
func filtered(alone bool) ([]string, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	list := slices.Clone(denied)
	if alone {
		list = append(list, "execve", "execveat")
	}
	return slices.DeleteFunc(list, func(name string) bool {
		_, has := info.SyscallNames[name]
		return !has
	}), nil
}

// confirmed reports whether this thread has a filter.
func confirmed() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == 2
}
