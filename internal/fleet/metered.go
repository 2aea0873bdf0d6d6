// How much a node listens to: what is published has the size and the number that others want.

package fleet

import (
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// errFlood is the error of a channel with more messages than a node listens to.
var errFlood = errors.New("somebody floods the channel")

// metered is a connection that ends when more comes by it in a second than maxHeard, or is going
// to: the client makes room for a string when it has read its length.
type metered struct {
	net.Conn
	flooded *atomic.Bool
	left    int       // octets that may come; Read's alone, as is all below
	since   time.Time // when they were all left
	line    []byte    // what has come of a line, at most maxHeader
	skip    int       // octets that are left of a string and its CRLF
}

// maxHeader is how many octets of a line are looked at. Those that have a length are shorter.
const maxHeader = 32

// Read implements net.Conn.
func (m *metered) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b[:min(len(b), maxHeard)])
	if now := time.Now(); now.Sub(m.since) >= time.Second {
		m.left, m.since = maxHeard, now
	}
	if m.left -= n; m.left < 0 || !m.fits(b[:n]) {
		m.flooded.Store(true)
		return 0, errFlood
	}
	return n, err
}

// fits reports whether no string is longer than maxHeard whose length is in the octets, or ends
// there. RESP is made of lines, of which some say that a string of that length follows
// (valkey.io/topics/protocol).
func (m *metered) fits(b []byte) bool {
	for len(b) > 0 {
		if m.skip > 0 {
			n := min(m.skip, len(b))
			m.skip, b = m.skip-n, b[n:]
			continue
		}
		c := b[0]
		b = b[1:]
		if c != '\n' {
			if len(m.line) < maxHeader {
				m.line = append(m.line, c)
			}
			continue
		}
		length, ok := lengthOf(m.line)
		if m.line = m.line[:0]; !ok || length > maxHeard {
			return false
		}
		if length >= 0 {
			m.skip = length + len("\r\n")
		}
	}
	return true
}

// lengthOf returns the length of the string that follows a line; -1: none does. Nothing is ok that
// has another length than a number: a string in pieces, which no store sends.
func lengthOf(line []byte) (length int, ok bool) {
	if len(line) < 2 || line[0] != '$' && line[0] != '=' && line[0] != '!' {
		return -1, true
	}
	length, err := strconv.Atoi(string(line[1 : len(line)-1]))
	return length, err == nil && length >= -1
}
