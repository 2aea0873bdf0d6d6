// Package querylog writes a line for each client's query, or for one in so many: to a file, to
// syslog or to the journal. No query ever waits for it: lines that cannot be written as fast as
// queries come are dropped, and counted.
package querylog

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/event"
	"bailiwick/internal/guard"
)

// Destination is where lines go.
type Destination uint8

// The destinations.
const (
	Off Destination = iota
	File
	Syslog  // RFC 5424
	Journal // of systemd
)

func (d Destination) String() string {
	return [...]string{"off", "file", "syslog", "journald"}[d]
}

// Privacy is what of a client's address is in the lines.
type Privacy uint8

// The choices.
const (
	Full   Privacy = iota
	Prefix         // the network of 24 bits (IPv4) or 56 (IPv6)
	Omit
)

// Config is what the operator decides.
type Config struct {
	To      Destination
	Path    string // of the file
	Address string // of the socket of syslog or the journal; "" for the usual one
	JSON    bool
	Sample  int // one query in so many
	Clients Privacy
	MaxSize int64 // octets of the file
	Files   int   // that were full before, and are kept
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Sample: 1, MaxSize: 64 << 20, Files: 8} }

// Observer receives counts.
type Observer interface {
	// QueryLog is called for lines that were written, were dropped because the writer is too slow,
	// or were lost because writing failed.
	QueryLog(written, dropped, lost int)
}

// Parts are the dependencies of a log.
type Parts struct {
	Log      *slog.Logger
	Observer Observer
	Guard    *guard.Guard
}

// Log is a query log. A nil Log is off.
type Log struct {
	cfg    Config
	parts  Parts
	chance func(n uint32) uint32 // a random number below n
	out    output
	lines  chan entry
	half   chan struct{} // half of the room for lines is taken
	reopen chan struct{}
	ended  chan struct{}

	closing sync.Once
	stop    chan struct{}

	// Of the writer, for whoever asks:
	written, dropped, lost atomic.Int64
	problem                atomic.Pointer[string] // why lines are lost; nil if they are not
}

// entry is a query that has ended, with what of its client's address is logged.
type entry struct {
	event.Event
	clients Privacy
}

// Share writes the queries of some clients to a log, by rules of their own.
type Share struct {
	*Log
	sample  int
	clients Privacy
}

// Share returns a share for which one query in so many is logged.
func (l *Log) Share(sample int, clients Privacy) *Share { return &Share{l, sample, clients} }

// Wants reports whether the query that has just ended is one of those that are logged.
func (s *Share) Wants() bool { return s.sample <= 1 || s.chance(uint32(s.sample)) == 0 }

// Event implements event.Sink.
func (s *Share) Event(e event.Event) { s.put(entry{e, s.clients}) }

// Alike reports whether the lines of two configurations go to the same place in the same form, so
// that one log has to write both.
func (c Config) Alike(o Config) bool {
	c.Sample, c.Clients = o.Sample, o.Clients
	return c == o
}

// output is where the writer writes.
type output interface {
	// write writes lines that were formatted by it, and returns how many are written.
	write(lines [][]byte) (int, error)
	append(b []byte, e *event.Event, c *Config) []byte
	reopen() error
	close()
}

// New returns a log at work, nil if it is off. The error is that of a file that cannot be opened; a
// socket may be opened later.
func New(cfg Config, p Parts) (*Log, error) {
	var out output
	switch cfg.To {
	case Off:
		return nil, nil
	case File:
		f, err := openFile(cfg.Path, cfg.MaxSize, cfg.Files)
		if err != nil {
			return nil, err
		}
		out = f
	default:
		out = newSocket(cfg)
	}
	l := newLog(cfg, p, out)
	go l.run()
	return l, nil
}

// newLog returns a log that is not at work yet.
func newLog(cfg Config, p Parts, out output) *Log {
	return &Log{cfg: cfg, parts: p, chance: rand.Uint32N, out: out,
		lines: make(chan entry, maxWaiting), half: make(chan struct{}, 1),
		reopen: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
}

// Config returns the configuration that it has.
func (l *Log) Config() Config {
	if l == nil {
		return Config{}
	}
	return l.cfg
}

// Wants reports whether the query that has just ended is one of those that are logged.
func (l *Log) Wants() bool { return l.cfg.Sample <= 1 || l.chance(uint32(l.cfg.Sample)) == 0 }

// Event implements event.Sink, for the ends of queries. It never waits.
func (l *Log) Event(e event.Event) { l.put(entry{e, l.cfg.Clients}) }

// put has a line written.
func (l *Log) put(e entry) {
	select {
	case l.lines <- e:
		if len(l.lines) == maxWaiting/2 {
			select {
			case l.half <- struct{}{}:
			default:
			}
		}
	default:
		l.dropped.Add(1)
		l.parts.Observer.QueryLog(0, 1, 0)
	}
}

// Reopen has the file opened again: something may have moved it away.
func (l *Log) Reopen() {
	if l == nil {
		return
	}
	select {
	case l.reopen <- struct{}{}:
	default: // it is about to be
	}
}

// Close writes what waits, and ends the writer. It does not wait for one that hangs.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.closing.Do(func() { close(l.stop) })
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case <-l.ended:
	case <-late.C:
	}
}

// Status is how it goes.
type Status struct {
	Written, Dropped, Lost int64
	Problem                string // why lines are lost, "" if they are not
}

// Status returns how it goes.
func (l *Log) Status() (s Status) {
	if l == nil {
		return s
	}
	s.Written, s.Dropped, s.Lost = l.written.Load(), l.dropped.Load(), l.lost.Load()
	if p := l.problem.Load(); p != nil {
		s.Problem = *p
	}
	return s
}

// run writes until Close. A panic ends the log and no query.
func (l *Log) run() {
	defer close(l.ended)
	defer l.out.close()
	l.parts.Guard.Run(guard.Upkeep, func() {
		for {
			select {
			case e := <-l.lines:
				l.gather()
				l.batch(e)
			case <-l.reopen:
				l.fails(l.out.reopen())
			case <-l.stop:
				for {
					select {
					case e := <-l.lines:
						l.batch(e)
						continue
					default:
					}
					return
				}
			}
		}
	})
}

// gather waits a moment for further lines, so that the writer is woken for many at once: to wake it
// for each would cost the queries more than all else.
func (l *Log) gather() {
	late := time.NewTimer(gatherTime)
	defer late.Stop()
	select {
	case <-late.C:
	case <-l.half:
	case <-l.stop:
	}
}

// batch writes the line of a query, and those that wait, at most maxBatch at once.
func (l *Log) batch(e entry) {
	var buf []byte
	var ends []int
	c := l.cfg
	for {
		c.Clients = e.clients
		buf = l.out.append(buf, &e.Event, &c)
		ends = append(ends, len(buf))
		if len(ends) == maxBatch {
			break
		}
		select {
		case e = <-l.lines:
			continue
		default:
		}
		break
	}
	l.write(buf, ends)
}

// write writes lines, and counts what came of them.
func (l *Log) write(buf []byte, ends []int) {
	lines, from := make([][]byte, len(ends)), 0
	for i, end := range ends {
		lines[i], from = buf[from:end], end
	}
	n, err := l.out.write(lines)
	l.written.Add(int64(n))
	l.lost.Add(int64(len(lines) - n))
	l.parts.Observer.QueryLog(n, 0, len(lines)-n)
	l.fails(err)
}

// fails notes an error, or that there is none any more: the log has one line for each.
func (l *Log) fails(err error) {
	was := l.problem.Load() != nil
	switch {
	case err != nil:
		text := err.Error()
		l.problem.Store(&text)
		if !was {
			l.parts.Log.Error("the query log is not written; queries are answered", "to",
				l.cfg.To.String(), "error", text)
		}
	case was:
		l.problem.Store(nil)
		l.parts.Log.Info("the query log is written again", "to", l.cfg.To.String(), "lost",
			l.lost.Load())
	}
}
