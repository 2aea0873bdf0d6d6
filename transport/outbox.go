// Writing to a connection: answers of the same time are written together.

package transport

import (
	"net"
	"sync"
	"time"
)

// outbox writes to a connection from any goroutine. During a write the answers of other goroutines
// are collected for the next write (RFC 7766, section 6.2.1.1 and section 8). A client that does
// not read its answers is disconnected when maxUnsent octets wait for it, or one write takes longer
// than writeTime. So it does not hold memory and goroutines for longer.
type outbox struct {
	conn net.Conn
	raw  *burst // below conn, which may be TLS
	seat *seat  // that unsent octets are counted for; nil: they are not counted
	slow func() // called once when the client is too slow, with mu held; it closes the socket
	gone func() // called when a write has failed, with mu held; may be nil
	// cut returns the length of the first piece of b that has to be written in a TLS record of its
	// own; nil if records do not matter.
	cut func(b []byte) int

	mu       sync.Mutex
	room     sync.Cond // on mu: signalled after a write
	pending  []byte    // to be written; guarded by mu, as is all below
	spare    []byte    // room for the next pending
	writing  bool      // a goroutine is writing
	failed   bool      // writing has failed
	out      int       // octets that are being written
	counted  int       // octets that were counted at the gate
	deadline time.Time // of the connection's writes, as last set
}

// keepBuffer is the largest buffer that an idle connection keeps, in octets.
const keepBuffer = 2048

func (o *outbox) init(c net.Conn, raw *burst, s *seat, slow func()) {
	o.conn, o.raw, o.seat, o.slow, o.room.L = c, raw, s, slow, &o.mu
}

// putPatiently is put for the reader of the connection. It blocks while much is unsent, so that
// queries are read no faster than the client reads the answers.
func (o *outbox) putPatiently(b []byte) bool {
	o.mu.Lock()
	for o.writing && !o.failed && len(o.pending)+len(b) > maxUnsent/2 {
		o.room.Wait()
	}
	o.mu.Unlock()
	return o.put(b)
}

// put writes b, or leaves it to the goroutine that is writing. It returns false if the connection
// is broken. b is not kept.
func (o *outbox) put(b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing || len(o.pending) > 0 {
		o.collect(b)
	} else if !o.failed && len(b) > 0 {
		o.writing = true
		o.write(b)
		o.writing = false
	}
	o.drain()
	return !o.failed
}

// add appends b to the data for the next send or put.
func (o *outbox) add(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.collect(b)
}

// send writes the added data, unless another goroutine is writing.
func (o *outbox) send() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drain()
}

// collect keeps a copy of b for the next write. The caller holds mu.
func (o *outbox) collect(b []byte) {
	if o.failed {
		return
	}
	if len(o.pending)+len(b) > maxUnsent {
		o.fail()
		return
	}
	o.pending = append(o.pending, b...)
	if o.writing {
		o.count()
	}
}

// count updates the gate's count of unsent octets, if they are many. The caller holds mu.
func (o *outbox) count() {
	n := o.out + len(o.pending)
	if n <= burstSize {
		n = 0
	}
	if n != o.counted && o.seat != nil {
		o.seat.hold(n - o.counted)
		o.counted = n
	}
}

// drain writes the collected data, and data that is added during the writes. The caller holds mu.
func (o *outbox) drain() {
	if o.writing {
		return
	}
	o.writing = true
	for len(o.pending) > 0 && !o.failed {
		out := o.pending
		o.pending, o.spare = o.spare[:0], nil
		o.write(out)
		if cap(out) <= keepBuffer {
			o.spare = out
		}
	}
	o.writing = false
}

// write writes b with the lock released. The caller holds mu and has set writing.
func (o *outbox) write(b []byte) {
	now := time.Now()
	if o.deadline.Sub(now) < writeTime/2 {
		o.deadline = now.Add(writeTime)
		// fails on a closed connection only, and so does the write
		_ = o.conn.SetWriteDeadline(o.deadline)
	}
	o.out = len(b)
	o.count()
	o.mu.Unlock()
	err := o.pieces(b)
	o.mu.Lock()
	o.out = 0
	o.count()
	o.room.Broadcast()
	if err == nil || o.failed {
		return
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		o.fail()
	}
	if o.failed = true; o.gone != nil {
		o.gone()
	}
}

// pieces writes b in the TLS records that cut asks for, and in one segment if possible.
func (o *outbox) pieces(b []byte) error {
	if o.cut == nil || o.cut(b) == len(b) {
		_, err := o.conn.Write(b)
		return err
	}
	o.raw.gather()
	for len(b) > 0 {
		n := o.cut(b)
		if _, err := o.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return o.raw.release()
}

// fail gives up the connection. The caller holds mu.
func (o *outbox) fail() {
	o.failed, o.pending = true, nil
	o.count()
	o.slow()
}
