// Memory that grows without being moved.

package zone

// pieces are octets in pieces of memory that stay where they are. One slice of hundreds of
// megabytes that grows would be copied as a whole again and again, and the runtime cannot pause a
// goroutine within a copy: a garbage collection that begins meanwhile stops all others until it is
// over, some 100 ms.
type pieces struct {
	list [][]byte
	size int // octets in all
}

// pieceBits is the binary logarithm of a piece's size. It has room for the largest record.
const pieceBits = 20

// grow adds octets that lie together, at most so many, and returns their place; write appends them.
func (p *pieces) grow(most int, write func([]byte) []byte) (place uint32) {
	if n := len(p.list); n == 0 || cap(p.list[n-1])-len(p.list[n-1]) < most {
		p.list = append(p.list, make([]byte, 0, 1<<pieceBits))
	}
	i := len(p.list) - 1
	at := len(p.list[i])
	p.list[i] = write(p.list[i])
	p.size += len(p.list[i]) - at
	return uint32(i<<pieceBits | at)
}

// from returns the octets from a place on, as far as they lie together.
func (p *pieces) from(place uint32) []byte {
	return p.list[place>>pieceBits][place&(1<<pieceBits-1):]
}
