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

// PeekAuthority returns the owner, in lower case, and the type of the record that tells what a
// response without data is about: the first SOA of the authority section, or else its first NS. The
// owner is appended to dst; nothing is allocated if it has room for MaxNameLen octets.
func PeekAuthority(msg, dst []byte) (owner []byte, t Type, ok bool) {
	h, err := parseHeader(msg)
	if err != nil {
		return nil, 0, false
	}
	off := HeaderLen
	for range h.QDCount {
		if off, err = skipName(msg, off); err != nil {
			return nil, 0, false
		}
		off += 4
	}
	found := -1
	for i := range int(h.ANCount) + int(h.NSCount) {
		at, err := skipName(msg, off)
		if err != nil || at+10 > len(msg) {
			return nil, 0, false
		}
		typ := Type(binary.BigEndian.Uint16(msg[at:]))
		if i >= int(h.ANCount) && (typ == TypeSOA || typ == TypeNS && found < 0) {
			found, t = off, typ
			if typ == TypeSOA {
				break
			}
		}
		off = at + 10 + int(binary.BigEndian.Uint16(msg[at+8:]))
	}
	if found < 0 {
		return nil, 0, false
	}
	steps := maxDecompression
	if owner, _, err = readName(msg, found, dst, &steps); err != nil {
		return nil, 0, false
	}
	toLower(owner)
	return owner, t, true
}
