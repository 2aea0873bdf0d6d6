// How long an answer may be kept by others.

package wire

import "encoding/binary"

// Freshness is how long a message may be kept, in seconds, as its own TTLs say: the smallest of the answer section, and that of the SOA that comes
// with a denial (RFC 8484, section 5.1). false if it has neither, or is malformed.
func Freshness(msg []byte) (seconds uint32, ok bool) {
	h, err := ParseHeader(msg)
	if err != nil {
		return 0, false
	}
	off := HeaderLen
	for range h.QDCount {
		if off, err = skipName(msg, off); err != nil {
			return 0, false
		}
		off += 4
	}
	answers := int(h.ANCount)
	for i := range answers + int(h.NSCount) {
		if off, err = skipName(msg, off); err != nil || off+10 > len(msg) {
			return 0, false
		}
		if i < answers || Type(binary.BigEndian.Uint16(msg[off:])) == TypeSOA {
			ttl := binary.BigEndian.Uint32(msg[off+4:])
			if !ok || ttl < seconds {
				seconds, ok = ttl, true
			}
		}
		off += 10 + int(binary.BigEndian.Uint16(msg[off+8:]))
	}
	return seconds, ok
}
