package aside

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// priority is that of the thread that runs, as the system call has it: 20 less the niceness.
func priority(t *testing.T) int {
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Error(err)
	}
	return p
}

// Work is done with a lower priority than that of its caller, which keeps its own; so do threads
// that do other work afterwards.
func TestWorkGivesWay(t *testing.T) {
	before, within := priority(t), 0
	Run(func() { within = priority(t) })
	if within >= before || within != max(before-lower, 1) {
		t.Errorf("priority %d, and %d before", within, before)
	}
	for range 100 {
		after := make(chan int)
		go func() { after <- priority(t) }()
		if p := <-after; p != before {
			t.Fatalf("a thread has priority %d afterwards, and had %d", p, before)
		}
	}
}

// A panic goes on in the caller, with the stack of the work.
func TestPanicsGoOn(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "no rules") ||
			!strings.Contains(err.Error(), "TestPanicsGoOn") {
			t.Errorf("recovered %v", err)
		}
	}()
	Run(func() { panic("no rules") })
}
