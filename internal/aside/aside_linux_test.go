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

// A panic goes on in the caller, with the stack of the work.
func TestPanicsGoOn(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "no rules") ||
			!strings.Contains(err.Error(), "TestPanicsGoOn") {
			t.Errorf("recovered %v", err)
		}
	}()
	InPieces(func() { panic("no rules") })
}
