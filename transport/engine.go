// The engine of connections: it reads what has arrived, lets the protocol answer all of it, and writes once. TCP, DoT and DoH over HTTP/2 run on it.

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
	over   net.Conn // what the protocol is read from and written to: the connection itself, or TLS on it
	out    outbox
	broken bool // nothing can be written any more

	// consume takes what it can from the front of b, and appends answers to work.out. It returns what is left of b, and how many octets
	// that has to become before it is of use.
	consume func(b []byte) (rest []byte, need int, why cause.Cause)
	// finished says that no more is to be read.
	finished func() bool

	work     *work     // nil while the connection is idle
	waiting  time.Time // since when a message is incomplete; zero if none is
	deadline time.Time // of reads, as last set
}

// work is what a connection needs while something is going on, and gives back when it is idle.
type work struct {
	in, out      []byte
	query, reply []byte // of one exchange, where they are wrapped in something
}

const outSize = 4 * burstSize

var works = sync.Pool{New: func() any {
	return &work{in: make([]byte, 0, burstSize), out: make([]byte, 0, outSize), query: make([]byte, 0, 512), reply: make([]byte, 0, 2048)}
}}

// run reads and answers until the end, and reports what was wrong, if that was it.
func (e *engine) run(c *conn, over net.Conn) {
	e.conn, e.over = c, over
	e.out.init(over, c.burst, func() { c.end(cause.SlowReader) })
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
	for !e.finished() && e.wait() {
		e.hold = false
		// While nothing comes no buffer but the burst's is held: one octet is enough to wake up.
		into := first[:]
		if e.work != nil {
			into = e.work.in[len(e.work.in):cap(e.work.in)]
		}
		n, err := e.over.Read(into)
		if err != nil {
			return e.ended(err)
		}
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

// wait sets the deadline of the next read.
func (e *engine) wait() bool {
	now := time.Now()
	e.seat.touch(now)
	until := now.Add(e.seat.gate.patience())
	if !e.waiting.IsZero() {
		until = e.waiting.Add(MessageTime)
	}
	if d := until.Sub(e.deadline); d > until.Sub(now)/8 || d < 0 { // resetting it is not free
		e.deadline = until
		return e.over.SetReadDeadline(until) == nil
	}
	return true
}

// ended says why a read failed.
func (e *engine) ended(err error) cause.Cause {
	var ne net.Error
	switch {
	case errors.As(err, &ne) && ne.Timeout() && !e.waiting.IsZero():
		return cause.SlowWriter
	case errors.Is(err, io.EOF) && !e.waiting.IsZero():
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
	if len(w.in) == 0 {
		e.rest()
	}
	return cause.None
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
		e.waiting = time.Time{}
	} else if e.waiting.IsZero() {
		e.waiting = time.Now()
	}
}

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

// later is a reply that may come while Serve runs, or after.
type later struct {
	mu       sync.Mutex
	returned bool // Serve has; guarded by mu, as is all below
	came     bool
	reply    []byte
}

// serve has a handler answer a packet. If the reply is there by the time that Serve returns, it is returned, so that it can leave with
// others; if not, late gets it.
func serve(h Handler, packet []byte, from Client, late func([]byte)) (reply []byte, now bool) {
	l := new(later)
	h.Serve(append([]byte(nil), packet...), from, func(reply []byte) {
		l.mu.Lock()
		if !l.returned {
			l.came, l.reply = true, reply
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		late(reply)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned = true
	return l.reply, l.came
}
