package aside

import "golang.org/x/sys/unix"

// lower is by how much the niceness of such a thread is above that of the process: of a processor
// that others want, too, it gets a tenth (sched(7): each step is a factor of 1.25). With less it
// might wait for minutes while clients ask for all that the machine has.
const lower = 10

// giveWay lowers the priority of the thread. If that fails, work is done as if there were no
// priorities.
func giveWay() {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err == nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 20-p+lower)
	}
}
