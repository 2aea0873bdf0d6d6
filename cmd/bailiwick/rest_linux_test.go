package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// switches returns how often the threads of the process have gone to sleep: each time something
// has woken them before.
func (p *process) switches() (n int) {
	p.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
		count, _, _ := strings.Cut(strings.TrimSpace(after), "\n")
		i, err := strconv.Atoi(count)
		if err != nil {
			p.t.Fatal(err)
		}
		n += i
	}
	return n
}

// TestStubRests: nothing wakes a server of the profile stub while nobody asks, even if its servers
// cannot be reached. What is left is Go's own: a look at the scheduler each minute, and a garbage
// collection every two.
func TestStubRests(t *testing.T) {
	const watched = 3 * time.Second
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p := startConfigured(t, "profile: stub\nprocess: {rest: 1s}\nstate: {directory: \"\"}\n"+
		"resolver: {priming: false, root_hints: [{name: ns., address: 127.0.0.1}]}\n", null, null)
	p.ask("name.example.")
	// The last thing that comes by itself is the end of what the question has begun.
	// On a busy machine that is later.
	for end := time.Now().Add(patience); ; {
		before := p.switches()
		time.Sleep(watched)
		n := p.switches() - before
		if n <= 10 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("woken %d times in %v", n, watched)
			break
		}
	}
	p.ask("other.example.")
	p.terminate()
}
