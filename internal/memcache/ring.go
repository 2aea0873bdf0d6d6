// The ring buffer of serialised records.

package memcache

import "encoding/binary"

// unit is the alignment of records and the unit of places, in bytes.
const unit = 4

// ring holds records from the oldest to the newest. Of a record it knows the size only, which is in
// its first bytes.
type ring struct {
	mem     []byte
	head    int    // where the next record goes
	tail    int    // where the oldest is
	end     int    // after the last record before the wrap, if wrapped
	wrapped bool   // records go on at the beginning of mem: from tail to end, then up to head
	laps    uint64 // how often the tail went back to the beginning
}

// record is a head, the key, the value, and padding up to the next unit. The head is the place of
// the next record in the same bucket, the size in units, and 16 bits: keyBits with the length of
// the key, then useBits that count how often it was used, the mark of a dead record, and two bits
// with the length of the padding.
type record []byte

const (
	recordHead = 8
	keyBits    = 9 // a name, a type and a byte
	useBits    = 3
	oneUse     = 1 << keyBits
	uses       = (1<<useBits - 1) << keyBits
	dead       = 1 << (keyBits + useBits) // it is in no bucket any more
	fillShift  = keyBits + useBits + 1

	// maxRecord is the largest possible record, in bytes.
	maxRecord = unit * (1<<16 - 1)
)

// recordSize returns the size of a record, in bytes.
func recordSize(key, value int) int { return (recordHead + key + value + unit - 1) / unit * unit }

// newRecord writes a record into room of its size.
func newRecord(room, key, value []byte) record {
	r := record(room)
	binary.LittleEndian.PutUint16(r[4:], uint16(len(room)/unit))
	fill := len(room) - recordHead - len(key) - len(value)
	binary.LittleEndian.PutUint16(r[6:], uint16(len(key)|fill<<fillShift))
	copy(r[recordHead:], key)
	copy(r[recordHead+len(key):], value)
	return r
}

func (r record) next() uint32     { return binary.LittleEndian.Uint32(r) }
func (r record) setNext(p uint32) { binary.LittleEndian.PutUint32(r, p) }
func (r record) bits() int        { return int(binary.LittleEndian.Uint16(r[6:])) }
func (r record) has(b int) bool   { return r.bits()&b != 0 }
func (r record) set(b int)        { binary.LittleEndian.PutUint16(r[6:], uint16(r.bits()|b)) }
func (r record) clear(b int)      { binary.LittleEndian.PutUint16(r[6:], uint16(r.bits()&^b)) }

// use counts a use, and reports whether the counter is at its limit.
func (r record) use() (often bool) {
	if r.bits()&uses == uses {
		return true
	}
	binary.LittleEndian.PutUint16(r[6:], uint16(r.bits()+oneUse))
	return false
}

func (r record) key() []byte { return r[recordHead : recordHead+r.bits()&(1<<keyBits-1)] }
func (r record) value() []byte {
	return r[recordHead+r.bits()&(1<<keyBits-1) : len(r)-r.bits()>>fillShift]
}

// at returns the record at an offset.
func (r *ring) at(off int) record {
	n := unit * int(binary.LittleEndian.Uint16(r.mem[off+4:]))
	return record(r.mem[off : off+n : off+n])
}

// reserve finds room for a record of n bytes, which takes effect with push; ok is false if older
// records have to be freed first.
func (r *ring) reserve(n int) (off int, ok bool) {
	if !r.wrapped && r.head+n > len(r.mem) {
		if r.empty() {
			r.head, r.tail = 0, 0
			r.laps++
		} else {
			r.end, r.head, r.wrapped = r.head, 0, true
		}
	}
	limit := len(r.mem)
	if r.wrapped {
		limit = r.tail
	}
	return r.head, r.head+n <= limit
}

// push makes n bytes at the head the newest record.
func (r *ring) push(n int) { r.head += n }

// pop frees the oldest record.
func (r *ring) pop() {
	r.tail += len(r.at(r.tail))
	if r.wrapped && r.tail == r.end {
		r.tail, r.wrapped = 0, false
		r.laps++
	}
}

func (r *ring) empty() bool { return !r.wrapped && r.head == r.tail }

// position is a place among the records of a ring: an offset in a lap of the tail.
type position struct {
	lap uint64
	off int
}

// following returns the record at a position, or the oldest if that is gone, and moves the position
// behind it; nil at the end.
func (r *ring) following(at *position) (off int, rec record) {
	if at.lap < r.laps || at.lap == r.laps && at.off < r.tail {
		*at = position{r.laps, r.tail}
	}
	end := r.head
	if r.wrapped && at.lap == r.laps {
		if end = r.end; at.off >= end {
			*at, end = position{r.laps + 1, 0}, r.head
		}
	}
	if at.off >= end {
		return 0, nil
	}
	off, rec = at.off, r.at(at.off)
	at.off += len(rec)
	return off, rec
}
