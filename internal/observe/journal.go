// Where log lines go: whoever reads them, or does not, never keeps a query waiting.

package observe

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Journal is a writer of lines that never waits. One goroutine passes them on; where it cannot,
// because nobody takes them, the reader is gone or the disk is full, they are dropped and counted.
type Journal struct {
	out     io.Writer
	lines   chan []byte
	octets  atomic.Int64 // that wait
	dropped atomic.Uint64

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

// Write takes a line, or drops it. It never fails and never waits.
func (j *Journal) Write(line []byte) (int, error) {
	n := int64(len(line))
	if j.octets.Add(n) > maxLogOctets {
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

func (j *Journal) drop(octets int64) {
	j.octets.Add(-octets)
	j.dropped.Add(1)
}

// Dropped returns how many lines could not be written.
func (j *Journal) Dropped() uint64 { return j.dropped.Load() }

// Close has the lines that wait written, and waits for that no longer than [logPatience]. What is
// written later is dropped, or lost.
func (j *Journal) Close() {
	j.end.Do(func() { close(j.stop) })
	late := time.NewTimer(logPatience)
	defer late.Stop()
	select {
	case <-j.done:
	case <-late.C:
	}
}

// run passes lines on until the journal is closed and none is left.
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

// pass writes a line, and reports whether only a part of it could be: then the next begins with
// the end of that one, so that it can be read.
func (j *Journal) pass(line []byte, torn bool) bool {
	j.octets.Add(-int64(len(line)))
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

// WatchJournals adds the metric of what journals dropped. It is read when the metrics are scraped.
func (m *Metrics) WatchJournals(js ...*Journal) {
	m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "bailiwick",
		Name: "log_lines_dropped_total",
		Help: "Log lines that nobody took, or that could not be written."}, func() (sum float64) {
		for _, j := range js {
			sum += float64(j.Dropped())
		}
		return sum
	}))
}
