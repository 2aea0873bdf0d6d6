// TSIG records (RFC 8945).

package wire

import "encoding/binary"

// TSIG is the record that signs a message.
type TSIG struct {
	At        int  // where it begins in the message
	Key       Name // its owner
	Algorithm Name
	Time      uint64 // seconds since 1970, 48 bits
	Fudge     uint16 // seconds
	MAC       []byte // aliases the message
	OrigID    uint16
	Error     uint16
	Other     []byte // aliases the message
}

// ParseTSIG reads the TSIG record at an offset of a message. It has to be the last of the message,
// of class ANY and TTL 0 (RFC 8945, sections 4.2 and 5.1); what stands behind it is not part of it.
func ParseTSIG(msg []byte, at int) (t TSIG, err error) {
	t.At = at
	var off int
	if t.Key, off, err = nameAt(msg, at); err != nil {
		return t, err
	}
	if off+10 > len(msg) {
		return t, malformed("record runs past the end", at)
	}
	if Type(binary.BigEndian.Uint16(msg[off:])) != TypeTSIG ||
		Class(binary.BigEndian.Uint16(msg[off+2:])) != ClassANY ||
		binary.BigEndian.Uint32(msg[off+4:]) != 0 {
		return t, malformed("no TSIG record of class ANY and TTL 0", at)
	}
	end := off + 10 + int(binary.BigEndian.Uint16(msg[off+8:]))
	if end > len(msg) {
		return t, malformed("RDATA runs past the end", off+8)
	}
	d := msg[off+10 : end]
	n := nameLength(d)
	if n == 0 || len(d) < n+16 {
		return t, malformed("TSIG too short", off)
	}
	if t.Algorithm, err = NameFromWire(d[:n]); err != nil {
		return t, err
	}
	d = d[n:]
	t.Time = uint64(binary.BigEndian.Uint16(d))<<32 | uint64(binary.BigEndian.Uint32(d[2:]))
	t.Fudge = binary.BigEndian.Uint16(d[6:])
	mac := int(binary.BigEndian.Uint16(d[8:]))
	if len(d) < 10+mac+6 {
		return t, malformed("TSIG too short", off)
	}
	t.MAC, d = d[10:10+mac:10+mac], d[10+mac:]
	t.OrigID, t.Error = binary.BigEndian.Uint16(d), binary.BigEndian.Uint16(d[2:])
	if other := int(binary.BigEndian.Uint16(d[4:])); len(d) != 6+other {
		return t, malformed("TSIG with other data of another length", off)
	}
	t.Other = d[6:]
	return t, nil
}

// FindTSIG reads the TSIG record of a message of any kind. It has to be the last record, and
// nothing may stand behind it (RFC 8945, section 5.1).
func FindTSIG(msg []byte) (TSIG, error) {
	h, err := parseHeader(msg)
	if err != nil {
		return TSIG{}, err
	}
	off, last := HeaderLen, 0
	for range h.QDCount {
		if off, err = skipName(msg, off); err != nil {
			return TSIG{}, err
		}
		off += 4
	}
	for range int(h.ANCount) + int(h.NSCount) + int(h.ARCount) {
		last = off
		if off, err = skipName(msg, off); err != nil {
			return TSIG{}, err
		}
		if off+10 > len(msg) {
			return TSIG{}, malformed("record runs past the end", last)
		}
		off += 10 + int(binary.BigEndian.Uint16(msg[off+8:]))
	}
	if last == 0 || off != len(msg) {
		return TSIG{}, malformed("no TSIG record at the end", last)
	}
	return ParseTSIG(msg, last)
}

// nameLength returns the length of the uncompressed name that octets begin with, 0 if there is
// none.
func nameLength(b []byte) int {
	for i := 0; i < len(b) && b[i] < 0x40; i += int(b[i]) + 1 {
		if b[i] == 0 {
			return i + 1
		}
	}
	return 0
}

// AppendTo appends the record to a message, whose count of additional records it does not change.
func (t *TSIG) AppendTo(msg []byte) []byte {
	msg = append(msg, t.Key.wire...)
	msg = binary.BigEndian.AppendUint16(msg, uint16(TypeTSIG))
	msg = binary.BigEndian.AppendUint16(msg, uint16(ClassANY))
	msg = append(msg, 0, 0, 0, 0)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(t.Algorithm.wire)+16+len(t.MAC)+
		len(t.Other)))
	msg = append(msg, t.Algorithm.wire...)
	msg = t.AppendTimers(msg)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(t.MAC)))
	msg = append(msg, t.MAC...)
	msg = binary.BigEndian.AppendUint16(msg, t.OrigID)
	return t.appendRest(msg)
}

// AppendVariables appends what is signed of the record itself (RFC 8945, section 4.3.3).
func (t *TSIG) AppendVariables(b []byte) []byte {
	b = append(b, t.Key.wire...)
	b = append(b, 0, byte(ClassANY), 0, 0, 0, 0)
	b = append(b, t.Algorithm.wire...)
	return t.appendRest(t.AppendTimers(b))
}

// AppendTimers appends what is signed of the record in all messages of a stream but the first (RFC
// 8945, section 5.3.1).
func (t *TSIG) AppendTimers(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(t.Time>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(t.Time))
	return binary.BigEndian.AppendUint16(b, t.Fudge)
}

func (t *TSIG) appendRest(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, t.Error)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.Other)))
	return append(b, t.Other...)
}
