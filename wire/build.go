// Writing messages: questions to authorities, answers to clients.

package wire

import (
	"encoding/binary"
	"sync"
	"unsafe"
)

// Builder writes a message section by section, with name compression (RFC 1035, section 4.1.4). A
// set goes in whole or not at all; what does not fit sets TC or is left out, as the section demands
// (RFC 2181, section 9).
type Builder struct {
	msg      []byte
	own      []byte // memory of the next message
	max      int
	counts   [4]uint16
	ttls     []int // offsets of the TTLs written, for a cache that patches them
	pointers []int // offsets of the compression pointers
	suffixes suffixes
	labels   labels // of the name that is being written
	loose    bool   // see Loose
	grown    bool   // a name was not pointed at for that
	run      Run
}

// Run is the place in a message of a set whose records may change places.
type Run struct {
	At    int // where the first begins; 0 if there are none
	Count int
}

// builders holds released builders.
var builders = sync.Pool{New: func() any { return new(Builder) }}

// maxOwn is the largest buffer that a released builder keeps, in bytes.
const maxOwn = 16 << 10

// Sections of a message, for Builder.Add.
const (
	SectionAnswer = iota + 1
	SectionAuthority
	SectionAdditional
)

// NewBuilder starts a message that may grow to max octets. qname is the question's name as the
// client wrote it, uncompressed.
func NewBuilder(max int, id, flags uint16, qname []byte, t Type, c Class) *Builder {
	b := builders.Get().(*Builder)
	b.msg, b.max, b.counts, b.ttls = append(b.own[:0], make([]byte, HeaderLen)...), max,
		[4]uint16{}, b.ttls[:0]
	b.pointers, b.loose, b.grown, b.run = b.pointers[:0], false, false, Run{}
	b.suffixes.reset()
	binary.BigEndian.PutUint16(b.msg, id)
	binary.BigEndian.PutUint16(b.msg[2:], flags)
	if qname != nil {
		b.labels.of(qname)
		b.suffixes.add(&b.labels, b.labels.n, len(b.msg))
		b.msg = append(b.msg, qname...)
		b.msg = binary.BigEndian.AppendUint16(b.msg, uint16(t))
		b.msg = binary.BigEndian.AppendUint16(b.msg, uint16(c))
		b.counts[0] = 1
	}
	return b
}

// Release returns b to the pool. The message and the offsets that b returned must not be used
// afterwards.
func (b *Builder) Release() {
	if cap(b.msg) <= maxOwn {
		b.own = b.msg[:0]
	}
	b.msg = nil
	builders.Put(b)
}

// Loose lets the records of a set change places later on: no compression pointer leads to a name in
// them. A message with several MX or NS records grows by that.
func (b *Builder) Loose() { b.loose = true }

// Grown reports whether the message may be longer than it would be without Loose.
func (b *Builder) Grown() bool { return b.grown }

// Run returns the last set of more than one record in the answer section whose records may change
// places.
func (b *Builder) Run() Run { return b.run }

// name writes a name: own letter case, its longest known suffix as a pointer. What follows may
// point at it.
func (b *Builder) name(own []byte) {
	start := len(b.msg)
	l, n := &b.labels, b.unknown(own)
	b.suffixes.add(l, n, start)
}

// unknown writes a name as name does, but nothing will point at it. It returns how many of its
// labels were not known.
func (b *Builder) unknown(own []byte) int {
	l := &b.labels
	l.of(own)
	for i := range l.n {
		at := int(l.starts[i])
		if to, ok := b.suffixes.find(b.msg, l.hashes[i], own[at:]); ok {
			b.msg = append(b.msg, own[:at]...)
			b.pointers = append(b.pointers, len(b.msg))
			b.msg = append(b.msg, 0xC0|byte(to>>8), byte(to))
			return i
		}
	}
	b.msg = append(b.msg, own...)
	return l.n
}

// Add writes a set, and its signatures if sigs is true. If they do not fit it returns false and
// leaves the message as it was.
func (b *Builder) Add(section int, s *RRset, sigs bool) bool {
	return b.AddFrom(section, s, sigs, 0)
}

// AddFrom is Add with the record number first in front, and those before it last (RFC 1794).
func (b *Builder) AddFrom(section int, s *RRset, sigs bool, first int) bool {
	start, ttls, pointers, count, run := len(b.msg), len(b.ttls), len(b.pointers), b.counts, b.run
	ahead := s.Data.Head(first)
	for d := range s.Data[len(ahead):].All() {
		b.record(section, s, s.Type, d)
	}
	for d := range ahead.All() {
		b.record(section, s, s.Type, d)
	}
	if n := int(b.counts[section] - count[section]); section == SectionAnswer && n > 1 {
		b.run = Run{}
		// An owner that is written out is the target of pointers.
		pointer := b.msg[start] == 0 || b.msg[start] >= 0xC0
		if pointer && (b.loose || !compressed(s.Type)) {
			b.run = Run{start, n}
		}
	}
	if sigs {
		for d := range s.Sigs.All() {
			b.record(section, s, TypeRRSIG, d)
		}
	}
	if len(b.msg) <= b.max {
		return true
	}
	b.msg, b.ttls, b.pointers = b.msg[:start], b.ttls[:ttls], b.pointers[:pointers]
	b.counts, b.run = count, run
	b.suffixes.forget(start)
	return false
}

func (b *Builder) record(section int, s *RRset, t Type, rdata []byte) {
	b.name(unsafe.Slice(unsafe.StringData(s.Name.wire), len(s.Name.wire))) // it is only read
	b.msg = binary.BigEndian.AppendUint16(b.msg, uint16(t))
	b.msg = binary.BigEndian.AppendUint16(b.msg, uint16(s.Class))
	b.ttls = append(b.ttls, len(b.msg))
	b.msg = binary.BigEndian.AppendUint32(b.msg, s.TTL)
	at := len(b.msg)
	b.msg = append(b.msg, 0, 0)
	b.rdata(t, rdata, len(s.Data) > len(rdata)+2)
	binary.BigEndian.PutUint16(b.msg[at:], uint16(len(b.msg)-at-2))
	b.counts[section]++
}

// rdata writes RDATA, of a set of many records or of one; names of the types of RFC 1035 are
// compressed, no others (RFC 3597, section 4).
func (b *Builder) rdata(t Type, rdata []byte, many bool) {
	if !compressed(t) {
		b.msg = append(b.msg, rdata...)
		return
	}
	eachField(rdata, t, func(o []byte, f field) {
		switch {
		case f != fieldName:
			b.msg = append(b.msg, o...)
		case b.loose && many:
			b.grown = b.unknown(o) > 0 || b.grown
		default:
			b.name(o)
		}
	})
}

// compressed reports whether a type's RDATA holds names that may be compressed.
func compressed(t Type) bool {
	if t > TypeMX { // those of RFC 1035 end there
		return false
	}
	l := layoutOf(t)
	return len(l) > 0 && (l[0] == fieldName || len(l) > 1 && l[1] == fieldName)
}

// Reserve keeps n octets free, for an OPT record to come.
func (b *Builder) Reserve(n int) { b.max -= n }

// SetFlags sets bits of the header.
func (b *Builder) SetFlags(f uint16) {
	binary.BigEndian.PutUint16(b.msg[2:], binary.BigEndian.Uint16(b.msg[2:])|f)
}

// OPT writes the OPT record; it may use what Reserve kept.
func (b *Builder) OPT(size uint16, ext uint8, do bool, options Options) {
	b.msg = AppendOPT(b.msg, size, ext, do, options)
	b.counts[SectionAdditional]++
}

// Len returns the length of the message so far.
func (b *Builder) Len() int { return len(b.msg) }

// Finish writes the counts and returns the message.
func (b *Builder) Finish() []byte {
	for i, c := range b.counts {
		binary.BigEndian.PutUint16(b.msg[4+2*i:], c)
	}
	return b.msg
}

// TTLOffsets returns the offsets of the message's TTLs.
func (b *Builder) TTLOffsets() []int { return b.ttls }

// PointerOffsets returns the offsets of the message's compression pointers.
func (b *Builder) PointerOffsets() []int { return b.pointers }

// AppendQuery appends a question to an authority: class IN, no recursion wanted unless the flags
// say so. qname is written as it is, letter case included. size 0 leaves EDNS out.
func AppendQuery(dst []byte, id, flags uint16, qname []byte, t Type, size uint16, do bool,
	options Options,
) []byte {
	ar := byte(0)
	if size > 0 {
		ar = 1
	}
	dst = append(dst, byte(id>>8), byte(id), byte(flags>>8), byte(flags), 0, 1, 0, 0, 0, 0, 0, ar)
	dst = append(dst, qname...)
	dst = append(dst, byte(t>>8), byte(t), 0, byte(ClassIN))
	if size > 0 {
		dst = AppendOPT(dst, size, 0, do, options)
	}
	return dst
}
