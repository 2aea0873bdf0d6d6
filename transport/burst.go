// Reading all that has arrived without blocking, and writing answers together.

package transport

import (
	"net"
	"sync"
)

// burst is a connection that reads from the kernel into its own buffer. With hold set, a Read that
// finds the buffer empty returns errHold instead of asking the kernel. So a reader answers all
// queries of one segment, or of several TLS records in one segment, before it writes once.
//
// Writes between gather and release are collected, so that several TLS records leave in one
// segment.
type burst struct {
	net.Conn
	// idler waits without a buffer; nil: buf stays.
	idler *idler
	buf   []byte // nil while it waits
	r, w  int
	hold  bool
	late  error // of await, for the next Read

	turn *place // of the TLS handshake that reads; nil otherwise
	lent int    // octets of an incomplete TLS record that crypto/tls buffers
	pays *seat  // that lent octets are counted for; nil: they are not counted

	mu        sync.Mutex // TLS may write from the reader too
	gathering bool       // guarded by mu
	gathered  []byte     // guarded by mu
}

// burstSize is how many octets one read takes from the kernel: some thirty queries.
const burstSize = 4096

// bursts are the buffers of connections that do not wait for data.
var bursts = sync.Pool{New: func() any { return new([burstSize]byte) }}

func newBurst(c net.Conn) *burst {
	b := &burst{Conn: c}
	b.idler = newIdler(b)
	return b
}

// room returns the buffer.
func (b *burst) room() []byte {
	if b.buf == nil {
		b.buf = bursts.Get().(*[burstSize]byte)[:]
	}
	return b.buf
}

// spare gives the buffer back, whose octets have all been read.
func (b *burst) spare() {
	if b.buf != nil {
		bursts.Put((*[burstSize]byte)(b.buf))
		b.buf = nil
	}
}

func (b *burst) Read(p []byte) (int, error) {
	if b.r == b.w {
		if err := b.late; err != nil {
			b.late = nil
			return 0, err
		}
		if b.hold {
			return 0, errHold
		}
		if n, err := b.refill(); n == 0 {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.r:b.w])
	b.r += n
	b.lent += n
	return n, nil
}

// await waits until the next Read need not. Here a goroutine waits on a smaller stack than inside
// crypto/tls: the idle connections of an encrypted transport have half as much.
func (b *burst) await() {
	if b.r == b.w && b.late == nil {
		_, b.late = b.refill()
	}
}

func (b *burst) refill() (n int, err error) {
	n, err = b.fill()
	b.r, b.w = 0, n
	return n, err
}

// fill reads from the kernel. A TLS handshake gives up its turn while it waits.
func (b *burst) fill() (n int, err error) {
	if b.lent > burstSize && b.pays != nil {
		b.pays.hold(b.lent)
		defer b.pays.hold(-b.lent)
	}
	if b.turn == nil {
		return b.arrive()
	}
	b.turn.end()
	if n, err = b.arrive(); err == nil {
		if err = b.turn.begin(); err != nil {
			n = 0
		}
	}
	return n, err
}

// arrive waits for data and reads them.
func (b *burst) arrive() (n int, err error) {
	if b.idler == nil {
		return b.Conn.Read(b.room())
	}
	return b.idler.read()
}

func (b *burst) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gathering {
		b.gathered = append(b.gathered, p...)
		return len(p), nil
	}
	return b.Conn.Write(p)
}

func (b *burst) gather() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gathering = true
}

func (b *burst) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gathering = false
	_, err := b.Conn.Write(b.gathered)
	if b.gathered = b.gathered[:0]; cap(b.gathered) > keepBuffer {
		b.gathered = nil
	}
	return err
}

// holdError reports that nothing more has arrived. It is temporary, so that crypto/tls continues
// after it.
type holdError struct{}

func (holdError) Error() string   { return "nothing more has arrived" }
func (holdError) Timeout() bool   { return true }
func (holdError) Temporary() bool { return true }

var errHold net.Error = holdError{}
