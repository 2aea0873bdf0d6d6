// The engine of connections: it reads the data that has arrived, lets the protocol answer all
// queries in it, and writes once. TCP, DoT and DoH over HTTP/2 run on it.

package transport

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"bailiwick/internal/cause"
)

// engine is the state of one connection.
type engine struct {
	*conn
	// the protocol's octets are read from and written to over: the connection itself, or TLS on it
	over   net.Conn
	out    outbox
	broken bool // writing has failed

	// consume takes whole messages from the front of b, and appends answers to work.out. It returns
	// the rest of b, and how long the rest has to become before consume can continue.
	consume func(b []byte) (rest []byte, need int, why cause.Cause)
	// finished reports whether nothing more is to be read.
	finished func() bool
	// halfClosed reports whether a client that has ended its sending side still takes answers.
	halfClosed bool
	// overdue ends incomplete messages whose time is over at due. It returns the cause if the
	// connection ends.
	overdue func(now time.Time) cause.Cause
	// partial returns how many octets of incomplete messages are held besides work.in; nil: none.
	partial func() int
	// goodbye appends to work.out the protocol's announcement of the end; nil: there is none. After
	// it the connection is read for lingerTime. Data that the client sent before it received the
	// announcement must not meet a closed socket: the reset would discard answers that the client
	// has not read yet (RFC 9113, section 6.8).
	goodbye func()

	begun    bool      // the first data have come
	work     *work     // nil while the connection is idle
	waiting  time.Time // since when a message is incomplete; zero if none is
	due      time.Time // when something is overdue; zero if nothing can be
	ends     time.Time // of reading after goodbye; zero before
	deadline time.Time // of reads, as last set
	counted  int       // octets of buffers that were counted at the gate
}

// work is the buffers that an active connection needs. An idle connection gives them back.
type work struct {
	in, out      []byte
	query, reply []byte    // buffers of one exchange, for protocols that wrap messages
	ended        *h2stream // one whose memory the next stream of HTTP/2 may take; nil: none
}

const outSize = 4 * burstSize

var works = sync.Pool{New: func() any {
	return &work{in: make([]byte, 0, burstSize), out: make([]byte, 0, outSize),
		query: make([]byte, 0, 512), reply: make([]byte, 0, 2048)}
}}

// run reads and answers until the end, and reports the cause if there was a fault.
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
		into := first[:] // while the connection is idle it holds no buffer: one octet wakes it
		switch {
		case e.work != nil:
			into = e.work.in[len(e.work.in):cap(e.work.in)]
		case e.begun: // nothing is left in TLS either
			e.await()
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

// wait sets the deadline of the next read, and ends overdue messages.
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

// goesOn reports whether the engine continues after a failed read: a message is overdue, or the
// client is to be told that the connection ends.
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

// depart tells the client that the connection ends. It returns false if the protocol cannot tell.
// Even then the connection is read on if the listener stops: queries are on their way.
func (e *engine) depart() bool {
	if e.goodbye == nil {
		if !e.owner.stopping.Load() || !e.leaving.Load() {
			return false
		}
		e.ends = time.Now().Add(backlogTime)
		return !e.broken
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

// readOn lets the connection be read for another lingerTime, and no longer.
func (e *engine) readOn() { e.ends = time.Now().Add(lingerTime) }

// ended returns the cause of a failed read. If the client has gone, its resolutions end.
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
	return cause.None // the client has gone, or was idle for too long
}

// arrived answers all queries that have arrived.
func (e *engine) arrived() cause.Cause {
	w := e.work
	e.hold = true
	for {
		n, err := e.over.Read(w.in[len(w.in):cap(w.in)])
		w.in = w.in[:len(w.in)+n]
		if !e.begun {
			if e.begun = true; e.unbidden(w.in) {
				return cause.ProxyHeader
			}
		}
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
		quickAck(e.socket) // the client may send the rest only after an acknowledgement
	}
	e.count()
	if len(w.in) == 0 {
		e.rest()
	}
	return cause.None
}

// count updates the gate's count of octets held of incomplete messages.
func (e *engine) count() {
	n := 0
	if e.partial != nil {
		n = e.partial()
	}
	if e.work != nil && len(e.work.in) > 0 {
		if cap(e.work.out) > outSize { // it is not counted, and would stay until the rest has come
			e.work.out = make([]byte, 0, outSize)
		}
		n += cap(e.work.in) - burstSize
	}
	if n != e.counted {
		e.seat.hold(n - e.counted)
		e.counted = n
	}
}

// keep moves an incomplete message to the front of the buffer, with room for need octets.
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

// slow ends the connection because its message takes too long.
func (e *engine) slow(time.Time) cause.Cause { return cause.SlowWriter }

// rest gives the buffers back.
func (e *engine) rest() {
	if w := e.work; cap(w.in) == burstSize {
		w.in, w.out = w.in[:0], w.out[:0]
		works.Put(w)
	}
	e.work = nil
}

// flush sends the collected answers.
func (e *engine) flush() {
	if !e.out.putPatiently(e.work.out) {
		e.broken = true
	}
	e.work.out = e.work.out[:0]
	if cap(e.work.out) > 16*outSize {
		e.work.out = make([]byte, 0, outSize)
	}
}

// flushFull sends the collected answers if they are many.
func (e *engine) flushFull() {
	if len(e.work.out) > outSize-burstSize {
		e.flush()
	}
}
