// The sender: messages wait in a buffer of a bounded size, which one goroutine empties.

package dnstap

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/counter"
	"bailiwick/internal/guard"
	"bailiwick/internal/trouble"
)

// Parts are the dependencies of a sender.
type Parts struct {
	Log    *slog.Logger
	Counts *counter.Outcomes
	Guard  *guard.Guard
}

// Sender writes messages to one place. One goroutine does; whoever has a message leaves it in
// memory, or drops it if the goroutine is too far behind.
type Sender struct {
	place Config // whose destination it is
	parts Parts
	out   output

	mu     sync.Mutex
	queue  []byte // whole frames; guarded by mu, as is all below
	frames int    // in the queue
	closed bool

	wake   chan struct{} // there is something in the queue
	half   chan struct{} // the queue is half full
	rotate chan struct{}
	reopen chan struct{}
	stop   chan struct{}
	ended  chan struct{}

	dropped atomic.Bool // a message, since the last batch
	state   *trouble.State
}

// output is where the writer writes.
type output interface {
	// ready has the output ready to be written, or returns why it is not.
	ready() error
	// write writes whole frames, all or none of which are counted as written.
	write(frames []byte) error
	// lost is closed when a reader has gone; nil: there is none that could.
	lost() <-chan struct{}
	rotate() error
	reopen() error
	// close ends the stream.
	close()
}

// NewSender returns a sender at work. The error is that of a file that cannot be opened; a reader
// may come later.
func NewSender(cfg Config, p Parts) (*Sender, error) {
	var out output
	switch cfg.To {
	case File:
		f, err := openFile(cfg.Path, cfg.MaxSize, cfg.Files)
		if err != nil {
			return nil, err
		}
		out = f
	case Unix:
		out = newSocket("unix", cfg.Socket)
	default:
		out = newSocket("tcp", cfg.Address)
	}
	s := newSender(cfg, p, out)
	go s.run()
	return s, nil
}

// newSender returns a sender that is not at work yet.
func newSender(cfg Config, p Parts, out output) *Sender {
	one := func() chan struct{} { return make(chan struct{}, 1) }
	return &Sender{place: cfg, parts: p, out: out, wake: one(), half: one(), rotate: one(),
		reopen: one(), stop: make(chan struct{}), ended: make(chan struct{}),
		state: trouble.New(p.Log, "dnstap messages are lost; queries are answered",
			"dnstap messages are written again", "to", cfg.To.String())}
}

// Serves reports whether messages of a configuration go where the sender sends, in files of the
// same size.
func (s *Sender) Serves(c Config) bool {
	return s.place.samePlace(c) && s.place.MaxSize == c.MaxSize && s.place.Files == c.Files
}

// notify says something to the writer, unless that has been said already.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put leaves a frame for the writer, or drops it. It never waits for the writer.
func (s *Sender) put(frame []byte) {
	s.mu.Lock()
	had := len(s.queue)
	fits := !s.closed && had+len(frame) <= maxQueued
	if fits {
		s.queue = append(s.queue, frame...)
		s.frames++
	}
	s.mu.Unlock()
	switch {
	case !fits:
		s.parts.Counts.Dropped.Add(1)
		s.dropped.Store(true)
	case had == 0:
		notify(s.wake)
	case had < maxQueued/2 && had+len(frame) >= maxQueued/2:
		notify(s.half)
	}
}

// waits reports whether there are frames in the queue.
func (s *Sender) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames > 0
}

// take returns the frames that wait, and gives the queue other memory.
func (s *Sender) take(memory []byte) (frames []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, n = s.queue, s.frames
	s.queue, s.frames = memory[:0], 0
	return frames, n
}

// Rotate has the file renamed and another one begun.
func (s *Sender) Rotate() { notify(s.rotate) }

// Reopen has the file at the path opened, if something has moved the one that is written.
func (s *Sender) Reopen() { notify(s.reopen) }

// Problem returns why messages are lost, "" if they are not.
func (s *Sender) Problem() string { return s.state.Problem() }

// Close writes what waits, ends the stream and the writer. It does not wait for a reader that
// hangs. Later messages are dropped.
func (s *Sender) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.stop)
	}
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case <-s.ended:
	case <-late.C:
	}
}

// run writes until Close. A panic ends the sender and no query.
func (s *Sender) run() {
	defer close(s.ended)
	defer s.out.close()
	s.parts.Guard.Run(guard.Upkeep, func() {
		pause, memory := backoff{}, []byte(nil)
		for {
			select {
			case <-s.wake:
				s.gather()
				memory = s.batch(memory, &pause)
				pause.wait(s.stop)
			case <-s.out.lost():
				s.state.Note(errGone)
				s.state.Note(s.out.reopen())
			case <-s.rotate:
				s.state.Note(s.out.rotate())
			case <-s.reopen:
				s.state.Note(s.out.reopen())
			case <-s.stop:
				s.batch(memory, &pause)
				return
			}
		}
	})
}

// The errors of messages that are lost.
var (
	errGone = errors.New("the reader has closed the connection")
	errSlow = errors.New("the reader is too slow: messages are dropped")
)

// gather waits a moment for further messages, so that the writer is woken for many at once.
func (s *Sender) gather() {
	late := time.NewTimer(gatherTime)
	defer late.Stop()
	select {
	case <-late.C:
	case <-s.half:
	case <-s.stop:
	}
}

// batch writes what waits, counts what came of it, and returns the memory for the next batch.
func (s *Sender) batch(memory []byte, pause *backoff) []byte {
	if !s.waits() {
		return memory
	}
	if err := s.out.ready(); err != nil { // it is tried again, and what waits goes on waiting
		pause.longer()
		s.state.Note(err)
		notify(s.wake)
		return memory
	}
	frames, n := s.take(memory)
	err := s.out.write(frames)
	switch {
	case err != nil:
		s.parts.Counts.Lost.Add(uint64(n))
		pause.longer()
	default:
		s.parts.Counts.Written.Add(uint64(n))
		*pause = backoff{}
	}
	if err == nil && s.dropped.Swap(false) {
		err = errSlow
	}
	s.state.Note(err)
	return frames
}

// backoff is the pause after an error: longer each time.
type backoff struct{ last time.Duration }

// longer makes the next pause longer than the last one.
func (b *backoff) longer() { b.last = min(max(2*b.last, backoffFirst), backoffMost) }

// wait waits for the pause, or until the sender is closed.
func (b *backoff) wait(stop <-chan struct{}) {
	if b.last == 0 {
		return
	}
	late := time.NewTimer(b.last)
	defer late.Stop()
	select {
	case <-late.C:
	case <-stop:
	}
}
