package observe

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a reader that takes nothing until it is told to.
type stuck struct {
	bytes.Buffer
	on chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.on
	return s.Buffer.Write(b)
}

// A reader that has stopped makes no caller wait: what fits waits for it, in order, the
// rest is counted. That holds for lines and for octets.
func TestLogThatNobodyReadsKeepsNobodyWaiting(t *testing.T) {
	for _, c := range []struct {
		name string
		line string
	}{
		{"lines", "a line"},
		{"octets", strings.Repeat("x", 8<<10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &stuck{on: make(chan struct{})}
				j := NewJournal(out)
				log := slog.New(slog.NewTextHandler(j, nil))
				const lines = 3 * maxLogLines
				began := time.Now()
				for i := range lines {
					log.Warn(c.line, "number", i)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("logging took %v", took)
				}
				close(out.on)
				j.Close()
				kept := strings.Split(strings.TrimSpace(out.String()), "\n")
				if uint64(len(kept))+j.Dropped() != lines || len(kept) == 0 ||
					len(kept) > maxLogLines+1 {
					t.Errorf("%d lines are written and %d dropped of %d", len(kept), j.Dropped(),
						lines)
				}
				if n := out.Len(); n > maxLogBytes+2*len(c.line)+200 {
					t.Errorf("%d octets waited", n)
				}
				for i, line := range kept {
					if !strings.Contains(line, "number=") || i == 0 &&
						!strings.HasSuffix(line, "number=0") {
						t.Fatalf("line %d is %q", i, line)
					}
				}
			})
		})
	}
}

// The end of the process does not wait for a reader that has stopped.
func TestLogThatNobodyReadsKeepsNoProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{on: make(chan struct{})}
		j := NewJournal(out)
		_, _ = io.WriteString(j, "a line\n")
		began := time.Now()
		j.Close()
		if took := time.Since(began); took != logTimeout {
			t.Errorf("closed after %v", took)
		}
		j.Close() // who is late, too
		close(out.on)
	})
}

// disk is one that is full for a while.
type disk struct {
	bytes.Buffer
	room int
	full bool
}

func (d *disk) Write(b []byte) (int, error) {
	if !d.full {
		return d.Buffer.Write(b)
	}
	n, _ := d.Buffer.Write(b[:min(len(b), d.room)])
	d.room -= n
	return n, errors.New("no space left on device")
}

// A full disk costs lines, and no more: the first that fits again begins a line of its own.
func TestLogOnAFullDiskGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: 3, full: true}
		j := NewJournal(d)
		for _, line := range []string{"first\n", "second\n", "third\n"} {
			_, _ = io.WriteString(j, line)
		}
		synctest.Wait()
		d.full = false
		_, _ = io.WriteString(j, "fourth\n")
		j.Close()
		if d.String() != "fir\nfourth\n" || j.Dropped() != 3 {
			t.Errorf("written %q, %d dropped", d.String(), j.Dropped())
		}
	})
}
