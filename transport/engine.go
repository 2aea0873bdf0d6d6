// The engine of connections: it reads what has arrived, lets the protocol answer all of it, and
// writes once. TCP, DoT and DoH over HTTP/2 run on it.

package transport

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"bailiwick/internal/cause"
)

// engine is one connection at work.
type engine struct {
	*conn
	// what the protocol is read from and written to: the connection itself, or TLS on it
	over   net.Conn
	out    outbox
	broken bool // nothing can be written any more

	// consume takes what it can from the front of b, and appends answers to work.out. It returns
	// what is left of b, and how many octets that has to become before it is of use.
	consume func(b []byte) (rest []byte, need int, why cause.Cause)
	// finished reports whether no more is to be read.
	finished func() bool
	// halfClosed reports whether a client that has ended its sending side still takes answers.
	halfClosed bool
	// overdue ends what has not become whole by due, and says why the connection ends, if it does.
	overdue func(now time.Time) cause.Cause
	// partial is how many octets are held of what is not whole, beside work.in; nil: none.
	partial func() int
	// goodbye appends to work.out what the client is told before the end; nil: nothing. Then it is
	// read on for lingerTime: what it sent before it heard must not meet a closed socket, or the
	// reset takes away what it has not read yet (RFC 9113, section 6.8).
	goodbye func()

	work     *work     // nil while the connection is idle
	waiting  time.Time // since when a message is incomplete; zero if none is
	due      time.Time // when something is overdue; zero if nothing can be
	ends     time.Time // of reading on after goodbye; zero before
	deadline time.Time // of reads, as last set
	counted  int       // octets of buffers that the gate knows of
}

// work is what a connection needs while something is going on, and gives back when it is idle.
type work struct {
	in, out      []byte
	query, reply []byte // of one exchange, where they are wrapped in something
}

const outSize = 4 * burstSize

var works = sync.Pool{New: func() any {
	return &work{in: make([]byte, 0, burstSize), out: make([]byte, 0, outSize),
		query: make([]byte, 0, 512), reply: make([]byte, 0, 2048)}
}}

// run reads and answers until the end, and reports what was wrong, if that was it.
func (e *engine) run(c *conn, over net.Conn) {
	e.conn, e.over = c, over
	c.pays = c.seat
	e.out.init(over, c.burst, c.seat, func() { c.end(cause.SlowReader) })
	e.out.gone = c.hangUp
	c.gentle.Store(true)
	why := e.loop()
	if e.work != nil {
		e.flush()
		e.rest()
	}
	if why != cause.None {
		c.end(why)
	}
}

func (e *engine) loop() cause.Cause {
	var first [1]byte
	for !e.finished() {
		if why := e.wait(); why != cause.None {
			return why
		}
		if e.leaving.Load() && e.ends.IsZero() && !e.depart() {
			return cause.None
		}
		e.hold = false
		// While nothing comes no buffer but the burst's is held: one octet is enough to wake up.
		into := first[:]
		if e.work != nil {
			into = e.work.in[len(e.work.in):cap(e.work.in)]
		}
		n, err := e.over.Read(into)
		if err != nil {
			if e.goesOn(err) {
				continue
			}
			return e.ended(err)
		}
		e.lent = 0
		if e.work == nil {
			e.work = works.Get().(*work)
			e.work.in = append(e.work.in, first[:n]...)
		} else {
			e.work.in = e.work.in[:len(e.work.in)+n]
		}
		if why := e.arrived(); why != cause.None || e.broken {
			return why
		}
	}
	return cause.None
}

// wait sets the deadline of the next read, and ends what is overdue.
func (e *engine) wait() cause.Cause {
	now := time.Now()
	e.seat.touch(now)
	until := now.Add(e.seat.patience())
	if !e.due.IsZero() {
		if !now.Before(e.due) {
			if why := e.overdue(now); why != cause.None {
				return why
			}
		}
		if e.broken {
			return cause.None
		}
		if !e.due.IsZero() {
			until = e.due
		}
	}
	if !e.ends.IsZero() {
		until = e.ends
	}
	if d := until.Sub(e.deadline); d > until.Sub(now)/8 || d < 0 { // resetting it is not free
		e.deadline = until
		_ = e.over.SetReadDeadline(until) // fails on a closed connection only, and so does the read
	}
	return cause.None
}

// goesOn reports whether there is more to do after a read that failed: something is overdue, or the
// client has to be told that this is the end.
func (e *engine) goesOn(err error) bool {
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() || !e.ends.IsZero() {
		return false
	}
	if !e.due.IsZero() && !e.leaving.Load() {
		return true
	}
	return e.depart()
}

// depart tells the client that the connection ends; false if that is not to be told.
func (e *engine) depart() bool {
	if e.goodbye == nil {
		return false
	}
	if e.work == nil {
		e.work = works.Get().(*work)
	}
	e.goodbye()
	e.flush()
	if len(e.work.in) == 0 {
		e.rest()
	}
	return !e.broken
}

// readOn has the connection read on for lingerTime, and no longer.
func (e *engine) readOn() { e.ends = time.Now().Add(lingerTime) }

// ended says why a read failed. A client that has gone needs no answers any more.
func (e *engine) ended(err error) cause.Cause {
	var ne net.Error
	switch end := errors.Is(err, io.EOF); {
	case end && e.halfClosed, errors.As(err, &ne) && ne.Timeout():
	default:
		e.hangUp()
	}
	if errors.Is(err, io.EOF) && !e.waiting.IsZero() {
		return cause.FrameMalformed
	}
	return cause.None // it is gone, or was idle for too long
}

// arrived answers all that is there.
func (e *engine) arrived() cause.Cause {
	w := e.work
	e.hold = true
	for {
		n, err := e.over.Read(w.in[len(w.in):cap(w.in)])
		w.in = w.in[:len(w.in)+n]
		rest, need, why := e.consume(w.in)
		if why != cause.None {
			return why
		}
		e.keep(rest, need)
		if errors.Is(err, errHold) {
			break
		}
		if err != nil {
			return e.ended(err)
		}
	}
	e.flush()
	if !e.due.IsZero() {
		quickAck(e.socket) // the rest may wait for it
	}
	e.count()
	if len(w.in) == 0 {
		e.rest()
	}
	return cause.None
}

// count tells the gate what is held of messages that are not whole.
func (e *engine) count() {
	n := 0
	if e.partial != nil {
		n = e.partial()
	}
	if e.work != nil && len(e.work.in) > 0 {
		n += cap(e.work.in) - burstSize
	}
	if n != e.counted {
		e.seat.hold(n - e.counted)
		e.counted = n
	}
}

// keep leaves what is not whole at the front of the buffer, with room for need octets.
func (e *engine) keep(rest []byte, need int) {
	w := e.work
	need = max(need, burstSize)
	if need > cap(w.in) || cap(w.in) > burstSize && need == burstSize {
		w.in = append(make([]byte, 0, need), rest...)
	} else {
		w.in = w.in[:copy(w.in[:cap(w.in)], rest)]
	}
}

// began notes since when a message is incomplete, if one is.
func (e *engine) began(incomplete bool) {
	if !incomplete {
		e.waiting, e.due = time.Time{}, time.Time{}
	} else if e.waiting.IsZero() {
		e.waiting = time.Now()
		e.due = e.waiting.Add(messageTime)
	}
}

// slow ends the connection: its message takes too long.
func (e *engine) slow(time.Time) cause.Cause { return cause.SlowWriter }

// rest gives the buffers back.
func (e *engine) rest() {
	if w := e.work; cap(w.in) == burstSize {
		w.in, w.out = w.in[:0], w.out[:0]
		works.Put(w)
	}
	e.work = nil
}

// flush sends the answers at hand.
func (e *engine) flush() {
	if !e.out.putPatiently(e.work.out) {
		e.broken = true
	}
	e.work.out = e.work.out[:0]
	if cap(e.work.out) > 16*outSize {
		e.work.out = make([]byte, 0, outSize)
	}
}

// flushFull sends them if they are many.
func (e *engine) flushFull() {
	if len(e.work.out) > outSize-burstSize {
		e.flush()
	}
}
