// One look at a message whose records are not wanted yet.

package wire

import "encoding/binary"

// PeekEDNS returns what a message's OPT record says; it steps over all else and allocates nothing.
// ok is false if there is no such record, or if the message ends too early to tell.
func PeekEDNS(msg []byte) (e EDNS, ok bool) {
	h, err := parseHeader(msg)
	if err != nil {
		return EDNS{}, false
	}
	off := HeaderLen
	for range h.QDCount {
		if off, err = skipName(msg, off); err != nil {
			return EDNS{}, false
		}
		off += 4
	}
	for n := int(h.ANCount) + int(h.NSCount) + int(h.ARCount); n > 0; n-- {
		additional := n <= int(h.ARCount) // it is nothing elsewhere (RFC 6891, section 6.1.1)
		at, err := skipName(msg, off)
		if err != nil || at+10 > len(msg) {
			return EDNS{}, false
		}
		if additional && Type(binary.BigEndian.Uint16(msg[at:])) == TypeOPT {
			e, _, err := readOPT(msg, off)
			return e, err == nil
		}
		off = at + 10 + int(binary.BigEndian.Uint16(msg[at+8:]))
	}
	return EDNS{}, false
}
