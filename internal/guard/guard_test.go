package guard_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/guard"
)

// ward is a guard and what it did.
type ward struct {
	*guard.Guard
	log    bytes.Buffer
	counts map[guard.Place]int
	ended  int
}

func newWard() *ward {
	w := &ward{counts: map[guard.Place]int{}}
	w.Guard = guard.New(slog.New(slog.NewTextHandler(&w.log, nil)),
		func(p guard.Place) { w.counts[p]++ }, func() { w.ended++ })
	return w
}

func outOfRange(i int) int { return []int{1, 2, 3}[i] }

// A panic ends what is run, is logged once with its stack, and is counted.
func TestPanicEndsTheWorkOnly(t *testing.T) {
	w := newWard()
	w.Run(guard.Probe, func() { outOfRange(7) })
	w.Run(guard.Probe, func() {})
	if w.counts[guard.Probe] != 1 || len(w.counts) != 1 {
		t.Errorf("counted %v, want one probe", w.counts)
	}
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	if len(lines) != 1 || !strings.Contains(lines[0], "place=probe") ||
		!strings.Contains(lines[0], "outOfRange") || !strings.Contains(lines[0],
		"out of range [7]") {
		t.Errorf("the log has\n%s", w.log.String())
	}
	if w.ended != 0 {
		t.Error("one panic ended the process")
	}
}

// What outside bytes may have a say in does not fill the log.
func TestPanicTextIsBounded(t *testing.T) {
	w := newWard()
	w.Run(guard.Query, func() { panic(strings.Repeat("x", 1<<20)) })
	if n := w.log.Len(); n > 32<<10 {
		t.Errorf("%d octets in the log", n)
	}
}

// MaxPanics within a minute end the process, as many in a longer time do not.
func TestMaxPanicsEndTheProcess(t *testing.T) {
	for _, c := range []struct {
		name   string
		panics int
		every  time.Duration
		ended  int
	}{
		{"nine at once", 9, 0, 0},
		{"ten at once", 10, 0, 1},
		{"ten in 54 s", 10, 6 * time.Second, 1},
		{"a hundred, nine a minute", 100, 7 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWard()
				for range c.panics {
					w.Run(guard.Query, func() { outOfRange(3) })
					time.Sleep(c.every)
				}
				if w.ended != c.ended || w.counts[guard.Query] != c.panics {
					t.Errorf("ended %d times, want %d; %d panics counted", w.ended, c.ended,
						w.counts[guard.Query])
				}
			})
		})
	}
}

// Without a guard a panic is not caught: tests, and commands that serve no clients, end with it.
func TestWithoutGuardPanicsGoOn(t *testing.T) {
	var none *guard.Guard
	defer func() {
		if recover() == nil {
			t.Error("the panic was swallowed")
		}
	}()
	none.Run(guard.Query, func() { outOfRange(3) })
}

func TestPlacesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range guard.Places() {
		if p.String() == "" || seen[p.String()] {
			t.Errorf("place %d is called %q", p, p)
		}
		seen[p.String()] = true
	}
}
