package confine

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// capabilities is a set of them, as the kernel numbers them.
type capabilities uint64

func setOf(list ...int) (c capabilities) {
	for _, n := range list {
		c |= 1 << n
	}
	return c
}

// Of a server that is not root one capability is of use, and a reload may need it as well as the
// start: listen at a port below 1024. Root that stays root is made to lose what reaches beyond the
// server; it keeps what its files and sockets are found with: those that belong to others, the
// group of the control socket, and buffers of sockets above net.core.rmem_max.
var (
	ofServer = setOf(unix.CAP_NET_BIND_SERVICE)
	ofRoot   = ofServer | setOf(unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER,
		unix.CAP_CHOWN, unix.CAP_NET_ADMIN)
	// ofXDP are those that the start takes where packets are taken from interfaces: to load and
	// attach the program, to make sockets, and to lock the memory of frames.
	ofXDP = setOf(unix.CAP_NET_ADMIN, unix.CAP_BPF, unix.CAP_NET_RAW, unix.CAP_IPC_LOCK)
)

// kept returns the capabilities that a plan leaves to the process, if it has them.
func kept(p Plan) capabilities {
	keep := ofServer
	if os.Geteuid() == 0 && p.User == "" {
		keep = ofRoot
	}
	if p.XDP {
		keep |= ofXDP
	}
	return keep
}

// Shed takes from all threads of this process, and from all that they execute, what a plan with XDP
// has left to it beyond others. Where that is not there it makes no system call.
func Shed(p Plan) error {
	p.XDP = false
	keep := kept(p)
	if permitted, _, err := now(); err != nil || permitted&^keep == 0 {
		return err
	} else {
		keep &= permitted
	}
	d := keep.data()
	if _, _, e := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header())),
		uintptr(unsafe.Pointer(&d[0])), 0); e != 0 {
		return os.NewSyscallError("capset", e)
	}
	return nil
}

// data returns the sets of a process that has these, and keeps them when it executes a program.
func (c capabilities) data() (d [2]unix.CapUserData) {
	for i := range d {
		set := uint32(c >> (32 * i))
		d[i] = unix.CapUserData{Effective: set, Permitted: set, Inheritable: set}
	}
	return d
}

// header is that of the system calls: this thread, and sets of 64 bits.
func header() *unix.CapUserHeader {
	return &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
}

// now returns the sets of this thread.
func now() (permitted, inheritable capabilities, err error) {
	var d [2]unix.CapUserData
	err = unix.Capget(header(), &d[0])
	return capabilities(d[0].Permitted) | capabilities(d[1].Permitted)<<32,
		capabilities(d[0].Inheritable) | capabilities(d[1].Inheritable)<<32, err
}

// surplus reports whether this thread has other capabilities than those, or would lose some of
// those when it executes a program.
func surplus(keep capabilities) bool {
	permitted, inheritable, err := now()
	return err == nil && (permitted&^keep != 0 ||
		os.Geteuid() != 0 && permitted&keep != inheritable&permitted)
}

// keepOnly takes all other capabilities from this thread, and has it keep those when it executes
// a program. Where that is so already it makes no system call: a service manager may have
// forbidden it.
func keepOnly(keep capabilities) error {
	if !surplus(keep) {
		return nil
	}
	permitted, _, err := now()
	if err != nil {
		return err
	}
	keep &= permitted
	d := keep.data()
	if err := unix.Capset(header(), &d[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	for n := range len(names) {
		if keep&(1<<n) != 0 {
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0,
				0); err != nil {
				return os.NewSyscallError("prctl(PR_CAP_AMBIENT)", err)
			}
		}
	}
	return nil
}

// bound takes all other capabilities from what this thread can ever get.
func (c capabilities) bound() error {
	for n := 0; ; n++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		if err != nil {
			return nil // the kernel has no more of them
		}
		if has == 0 || c&(1<<n) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil {
			return os.NewSyscallError("prctl(PR_CAPBSET_DROP)", err)
		}
	}
}

// names are those of capabilities(7), by number.
var names = [...]string{"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill",
	"setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast",
	"net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
	"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time",
	"sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap", "mac_override",
	"mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
	"checkpoint_restore"}

// Capabilities returns those that this process may use, for people.
func Capabilities() string {
	permitted, _, err := now()
	if err != nil {
		return ""
	}
	var list []string
	for n, name := range names {
		if permitted&(1<<n) != 0 {
			list = append(list, name)
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, " ")
}
