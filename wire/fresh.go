// The lowest TTL of a message, for HTTP caches.

package wire

import "encoding/binary"

// Freshness returns the time for which a message may be kept, in seconds: the smallest TTL of the
// answer section and of a denial's SOA (RFC 8484, section 5.1). ok is false if it has neither, or
// is malformed.
func Freshness(msg []byte) (seconds uint32, ok bool) {
	h, err := parseHeader(msg)
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
