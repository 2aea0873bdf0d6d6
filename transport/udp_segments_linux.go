// Several answers in one packet on Linux: the kernel or the network card divides it into datagrams
// of one length (UDP_SEGMENT, udp(7)). A forwarder that asks from one port gets all its answers of
// a batch for one way through the network stack.

package transport

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxSegment is the longest answer that shares a packet, in octets. The kernel divides packets
	// for links that take each part whole, as nearly all do with answers of the default size.
	maxSegment = EDNSSize
	// segmentPause is how many batches are sent without, after the kernel has refused a packet:
	// the path to a client takes less, or the interface cannot do it (EIO).
	segmentPause = 1 << 12
	// segmentSlots is how many clients are told apart while a batch is joined. A power of two.
	segmentSlots = 2 * batchSize
)

// segmentControl is the control message with the length of the parts.
const segmentControl = 2

// segments is the packets that a batch of answers is sent in. The kernel accesses it by address, so
// it must not move.
type segments struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec // of the packets, one after the other
	controls [batchSize][64]byte   // the largest of batch, and that with the length
	// the answers of each packet: the first, the last, and how many there are; next is the answer
	// after another one
	first, last, count, next [batchSize]uint8
	slots                    [segmentSlots]uint8 // one more than the packet of a client; 0: none
	pause                    int                 // batches that are still to be sent without
}

// divides reports whether the kernel knows packets of several answers. One that does not would send
// them as a single datagram.
func divides(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return err == nil
}

// send sends the first n answers of a batch, those of one length to one client in one packet. If
// the kernel refuses it, each is sent by itself.
func (s *segments) send(b *batch, fd, n int) {
	if s.pause > 0 {
		s.pause--
		b.send(fd, 0, n)
		return
	}
	packets := s.join(b, n)
	if packets == n {
		b.send(fd, 0, n)
		return
	}
	s.fill(b, packets)
	for sent := 0; sent < packets; {
		k, err := sendMessages(fd, s.messages[sent:packets])
		switch {
		case err == 0:
			sent += k
		case !again(fd, err):
			if err != unix.EAGAIN && s.count[sent] > 1 {
				if refusesSegments(err) {
					s.pause = segmentPause
				}
				s.sendEach(b, fd, sent)
			}
			sent++
		}
	}
}

// refusesSegments reports whether an error is about packets of several answers. Others are about
// where they go, such as an address without a route, which anybody can ask from.
func refusesSegments(err error) bool {
	return err == unix.EIO || err == unix.EINVAL || err == unix.EMSGSIZE
}

// sendEach sends the answers of a packet by themselves.
func (s *segments) sendEach(b *batch, fd, packet int) {
	i := int(s.first[packet])
	for range s.count[packet] {
		b.send(fd, i, i+1)
		i = int(s.next[i])
	}
}

// join divides the first n answers of a batch among packets, and returns the number of these.
func (s *segments) join(b *batch, n int) (packets int) {
	s.slots = [segmentSlots]uint8{}
	for i := range n {
		slot := &s.slots[b.slot(i)]
		if p := int(*slot) - 1; p >= 0 && b.alike(i, int(s.first[p])) {
			s.next[s.last[p]] = uint8(i)
			s.last[p] = uint8(i)
			s.count[p]++
			continue
		}
		s.first[packets], s.last[packets], s.count[packets] = uint8(i), uint8(i), 1
		packets++
		*slot = uint8(packets)
	}
	return packets
}

// fill makes the messages of the packets.
func (s *segments) fill(b *batch, packets int) {
	used := 0
	for p := range packets {
		i := int(s.first[p])
		h := &s.messages[p].head
		if *h = b.messages[i].head; s.count[p] == 1 {
			continue
		}
		h.Iov = &s.vectors[used]
		h.SetIovlen(int(s.count[p]))
		n := copy(s.controls[p][:], b.control(i))
		h.Control = &s.controls[p][0]
		h.SetControllen(n + putSegmentControl(s.controls[p][n:], len(b.answer(i))))
		for range s.count[p] {
			s.vectors[used] = b.vectors[i]
			used++
			i = int(s.next[i])
		}
	}
}

// putSegmentControl writes the control message with the length of the parts, and returns its own.
func putSegmentControl(room []byte, length int) int {
	c := (*unix.Cmsghdr)(unsafe.Pointer(&room[0]))
	c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	c.SetLen(unix.CmsgLen(segmentControl))
	binary.NativeEndian.PutUint16(room[unix.CmsgLen(0):], uint16(length))
	return unix.CmsgSpace(segmentControl)
}

// slot returns a slot for answer i, by its client's port and its length.
func (b *batch) slot(i int) uint32 {
	const odd = 0x9E3779B1 // 2^32 divided by the golden ratio: it spreads ports that are close
	return (uint32(b.names[i].Port) ^ uint32(b.vectors[i].Len)<<16) * odd >> 16 % segmentSlots
}

// alike reports whether two answers may share a packet: they have one length, and go from one
// address to one client.
func (b *batch) alike(i, j int) bool {
	n := len(b.answer(i))
	return n > 0 && n <= maxSegment && n == len(b.answer(j)) && b.names[i] == b.names[j] &&
		string(b.control(i)) == string(b.control(j))
}

// answer returns answer i.
func (b *batch) answer(i int) []byte { return b.buffers[i][:b.vectors[i].Len] }
