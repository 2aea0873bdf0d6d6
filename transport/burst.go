// Reading what has arrived, and no more.

package transport

import "net"

// burst is a connection that reads from the kernel into a buffer of its own, and that can be told to stop there: with hold set, a Read
// that would have to ask the kernel returns errHold. So a reader answers all queries that came in one segment, or in several TLS records
// of one, before it writes once.
type burst struct {
	net.Conn
	buf  []byte
	r, w int
	hold bool
}

// burstSize is what one read takes from the kernel: some thirty queries.
const burstSize = 4096

func newBurst(c net.Conn) *burst { return &burst{Conn: c, buf: make([]byte, burstSize)} }

func (b *burst) Read(p []byte) (int, error) {
	if b.r == b.w {
		if b.hold {
			return 0, errHold
		}
		n, err := b.Conn.Read(b.buf)
		b.r, b.w = 0, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.r:b.w])
	b.r += n
	return n, nil
}

// holdError says that nothing more has arrived. It is temporary, so that TLS goes on after it.
type holdError struct{}

func (holdError) Error() string   { return "nothing more has arrived" }
func (holdError) Timeout() bool   { return true }
func (holdError) Temporary() bool { return true }

var errHold net.Error = holdError{}
