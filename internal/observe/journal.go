// The buffer of the log: a reader that stops, or a full disk, never makes a query wait.

package observe

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Journal is a buffered writer of lines that never waits. One goroutine writes them; when it
// cannot, because the reader has stopped or ended or the disk is full, lines are dropped and
// counted.
type Journal struct {
	out    io.Writer
	beside *Journal // to the journal of systemd; nil: there is none
	// inJournal reports whether out is connected to that.
	inJournal bool
	lines     chan []byte
	bytes     atomic.Int64 // that wait
	dropped   atomic.Uint64

	end  sync.Once
	stop chan struct{}
	done chan struct{}
}

// NewJournal returns a journal that writes to out, and has to be closed.
func NewJournal(out io.Writer) *Journal {
	j := &Journal{out: out, lines: make(chan []byte, maxLogLines), stop: make(chan struct{}),
		done: make(chan struct{})}
	go j.run()
	return j
}

// NewLogJournal returns a journal for standard error with that of systemd beside it, for lines with
// fields. stream is the environment's JOURNAL_STREAM.
func NewLogJournal(out io.Writer, stream string) *Journal {
	return besideSocket(out, stream, journalSocket)
}

func besideSocket(out io.Writer, stream, path string) *Journal {
	j := NewJournal(out)
	f, ok := out.(*os.File)
	j.inJournal = ok && inJournal(f, stream)
	j.beside = NewJournal(&daemon{path: path})
	return j
}

// Write takes a line, or drops it. It implements io.Writer, never fails and never waits.
func (j *Journal) Write(line []byte) (int, error) {
	n := int64(len(line))
	if j.bytes.Add(n) > maxLogBytes {
		j.drop(n)
		return len(line), nil
	}
	select {
	case j.lines <- append([]byte(nil), line...):
	default:
		j.drop(n)
	}
	return len(line), nil
}

func (j *Journal) drop(size int64) {
	j.bytes.Add(-size)
	j.dropped.Add(1)
}

// Dropped returns how many lines could not be written.
func (j *Journal) Dropped() uint64 {
	n := j.dropped.Load()
	if j.beside != nil {
		n += j.beside.Dropped()
	}
	return n
}

// Close waits until all lines are written, but no longer than logTimeout. Later lines are dropped,
// or lost.
func (j *Journal) Close() {
	if j.beside != nil {
		j.beside.Close()
	}
	j.end.Do(func() { close(j.stop) })
	late := time.NewTimer(logTimeout)
	defer late.Stop()
	select {
	case <-j.done:
	case <-late.C:
	}
}

// run writes lines until the journal is closed and none is left.
func (j *Journal) run() {
	defer close(j.done)
	torn := false
	for {
		select {
		case line := <-j.lines:
			torn = j.pass(line, torn)
			continue
		default:
		}
		select {
		case line := <-j.lines:
			torn = j.pass(line, torn)
		case <-j.stop:
			if len(j.lines) == 0 {
				return
			}
		}
	}
}

// pass writes a line, and reports whether only a part of it was written: then the next line is
// preceded by a line feed, so that it can be read.
func (j *Journal) pass(line []byte, torn bool) bool {
	j.bytes.Add(-int64(len(line)))
	if torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := j.out.Write(line)
	if err != nil {
		j.dropped.Add(1)
		return n > 0 || torn
	}
	return false
}

// WatchJournals adds the metric of dropped lines. It is read when the metrics are scraped.
func (m *Metrics) WatchJournals(js ...*Journal) {
	m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace,
		Name: "log_lines_dropped_total",
		Help: "Log lines that nobody took, or that could not be written."}, func() (sum float64) {
		for _, j := range js {
			sum += float64(j.Dropped())
		}
		return sum
	}))
}
