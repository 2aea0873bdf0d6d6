// Making a zone of records that come in any order.

package zone

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"bailiwick/internal/aside"
	"bailiwick/wire"
)

// Errors of a zone that cannot be used.
var (
	// ErrTooLarge is the error of a zone with more octets than it may have.
	ErrTooLarge = errors.New("the zone is larger than it may be")
	// ErrNoSOA is the error of records that are not a zone.
	ErrNoSOA = errors.New("the zone has no SOA record")
)

// Builder collects the records of a zone. The zero value is not of use: see [NewBuilder].
type Builder struct {
	apex    wire.Name
	max     int
	data    pieces   // the records, one after the other
	offsets []uint32 // the place of each
	outside int
	steps   uint8 // of work, see step
}

// NewBuilder returns a builder of a zone that may take that many octets, and no more than
// [MaxOctets].
func NewBuilder(apex wire.Name, octets int) *Builder {
	return &Builder{apex: apex, max: min(octets, MaxOctets)}
}

// step counts a step of the work on a zone: at every 256th the work may pause, if nobody waits for
// it (see [aside.InPieces]).
func (b *Builder) step() {
	if b.steps++; b.steps == 0 {
		aside.Yield()
	}
}

// recordHead is the number of octets of a builder's record before its RDATA, without the name. A
// record is: length of the name, the name, sort type, type, TTL, length of the RDATA, canonical
// RDATA, RDATA. The sort type of a signature is the one that it covers.
const recordHead = 1 + 2 + 2 + 4 + 2

// Add adds a record, with uncompressed RDATA. Records outside of the zone are left out: they are no
// part of it (RFC 8976, section 3.3.1), and no harm where a server adds them.
func (b *Builder) Add(owner wire.Name, t wire.Type, ttl uint32, rdata []byte) error {
	b.step()
	if !owner.Within(b.apex) {
		b.outside++
		return nil
	}
	covers := t
	switch {
	case t == wire.TypeRRSIG:
		sig, err := wire.ParseRRSIG(rdata)
		if err != nil {
			return fmt.Errorf("%s RRSIG: %w", owner, err)
		}
		covers = sig.Covered
	case t.IsMeta():
		return fmt.Errorf("%s: type %s is not for a zone", owner, t)
	case t == wire.TypeNSEC || t == wire.TypeNSEC3:
		if err := wellFormed(t, rdata); err != nil {
			return fmt.Errorf("%s %s: %w", owner, t, err)
		}
	case !wire.FitsType(t, rdata):
		return fmt.Errorf("%s: the data do not fit type %s", owner, t)
	}
	most := recordHead + owner.Len() + 2*len(rdata)
	if b.data.size+most > 2*b.max {
		return ErrTooLarge
	}
	b.offsets = append(b.offsets, b.data.grow(most, func(d []byte) []byte {
		d = append(append(d, byte(owner.Len())), owner.Wire()...)
		d = binary.BigEndian.AppendUint16(d, uint16(covers))
		d = binary.BigEndian.AppendUint16(d, uint16(t))
		d = binary.BigEndian.AppendUint32(d, min(ttl, maxTTL))
		d = binary.BigEndian.AppendUint16(d, uint16(len(rdata)))
		return append(wire.AppendCanonical(d, t, rdata), rdata...)
	}))
	return nil
}

// maxTTL is the largest TTL (RFC 2181, section 8).
const maxTTL = 1<<31 - 1

// wellFormed returns what is wrong with RDATA of denials, which are searched.
func wellFormed(t wire.Type, rdata []byte) error {
	if t == wire.TypeNSEC {
		_, err := wire.ParseNSEC(rdata)
		return err
	}
	_, err := wire.ParseNSEC3(rdata)
	return err
}

// view is a record of a builder.
type view struct {
	name      wire.Name
	covers, t wire.Type
	ttl       uint32
	canonical []byte
	rdata     []byte
}

// view reads the record at a place.
func (b *Builder) view(off uint32) (v view) {
	d := b.data.from(off)
	n := 1 + int(d[0])
	v.name = wire.NameOf(stringOf(d[1:n]))
	v.covers = wire.Type(binary.BigEndian.Uint16(d[n:]))
	v.t = wire.Type(binary.BigEndian.Uint16(d[n+2:]))
	v.ttl = binary.BigEndian.Uint32(d[n+4:])
	size := int(binary.BigEndian.Uint16(d[n+8:]))
	v.canonical = d[n+10 : n+10+size]
	v.rdata = d[n+10+size : n+10+2*size]
	return v
}

// compare orders records as a zone has them: by name, by the type of the set, data before
// signatures, and by RDATA (RFC 4034, section 6).
func (v *view) compare(o *view) int {
	if c := v.name.Compare(o.name); c != 0 {
		return c
	}
	if v.covers != o.covers {
		return int(v.covers) - int(o.covers)
	}
	if a, b := v.t == wire.TypeRRSIG, o.t == wire.TypeRRSIG; a != b {
		if a {
			return 1
		}
		return -1
	}
	return bytes.Compare(v.canonical, o.canonical)
}

// Finish returns the zone. Records that occur twice count once.
func (b *Builder) Finish() (*Zone, error) {
	slices.SortFunc(b.offsets, func(x, y uint32) int {
		b.step()
		v, o := b.view(x), b.view(y)
		return v.compare(&o)
	})
	b.offsets = slices.CompactFunc(b.offsets, func(x, y uint32) bool {
		v, o := b.view(x), b.view(y)
		return v.compare(&o) == 0
	})
	z := &Zone{apex: b.apex, records: len(b.offsets)}
	z.data, z.nodes = make([]byte, 0, b.mostOctets()), make([]uint32, 0, len(b.offsets))
	w := writer{z: z}
	for _, off := range b.offsets {
		b.step()
		v := b.view(off)
		w.add(&v)
	}
	w.endSet()
	b.data, b.offsets, w = pieces{}, nil, writer{} // what comes now takes memory, too
	if len(z.data) > b.max {
		return nil, ErrTooLarge
	}
	z.arrange()
	apex, _ := z.lookup(z.apex)
	soa := apex.get(z.apex, wire.TypeSOA)
	switch {
	case soa == nil:
		return nil, ErrNoSOA
	case soa.Len() != 1:
		return nil, fmt.Errorf("the zone has %d SOA records", soa.Len())
	}
	var err error
	if z.soa, err = wire.ParseSOA(soa.Data.First()); err != nil {
		return nil, err
	}
	z.indexes()
	return z, nil
}

// mostOctets returns how many octets the records take in a zone at most: it is made at that size,
// so that it never grows, see [pieces].
func (b *Builder) mostOctets() int {
	const (
		node = 1 + 2                               // length of the name, number of sets
		set  = 2 + 4 + 2*binary.MaxVarintLen32 + 4 // type, TTL, two lengths, TTL of signatures
		data = 2                                   // length of the RDATA
	)
	n := 0
	for _, off := range b.offsets {
		d := b.data.from(off)
		name := int(d[0])
		n += node + name + set + data + int(binary.BigEndian.Uint16(d[1+name+8:]))
	}
	return n
}

// writer writes sorted records into a zone.
type writer struct {
	z       *Zone
	counted int // offset of the number of sets of the node
	begun   bool
	set     set // that is being collected
	last    view
}

// add adds a record.
func (w *writer) add(v *view) {
	z := w.z
	fresh := !w.begun || v.name != w.last.name
	if fresh || v.covers != w.last.covers {
		w.endSet()
		w.set = set{t: v.covers, ttl: v.ttl, sigs: v.ttl, data: w.set.data[:0],
			signatures: w.set.signatures[:0]}
	}
	if fresh {
		z.nodes = append(z.nodes, uint32(len(z.data)))
		name := z.relative(v.name)
		z.data = append(append(z.data, byte(name.Len())), name.Wire()...)
		w.counted = len(z.data)
		z.data = append(z.data, 0, 0)
	}
	// One TTL for a set, the smallest (RFC 2181, section 5.2).
	if s := &w.set; v.t != wire.TypeRRSIG {
		s.ttl, s.data = min(s.ttl, v.ttl), s.data.Append(v.rdata)
	} else {
		if len(s.signatures) == 0 {
			s.sigs = v.ttl
		}
		s.sigs, s.signatures = min(s.sigs, v.ttl), s.signatures.Append(v.rdata)
	}
	w.last, w.begun = *v, true
}

// endSet writes the set that is collected.
func (w *writer) endSet() {
	if !w.begun {
		return
	}
	z, s := w.z, &w.set
	n := binary.BigEndian.Uint16(z.data[w.counted:])
	binary.BigEndian.PutUint16(z.data[w.counted:], n+1)
	z.data = binary.BigEndian.AppendUint16(z.data, uint16(s.t))
	z.data = binary.BigEndian.AppendUint32(z.data, s.ttl)
	z.data = binary.AppendUvarint(z.data, uint64(len(s.data)))
	if z.data = binary.AppendUvarint(z.data, uint64(len(s.signatures))); len(s.signatures) > 0 {
		z.data = binary.BigEndian.AppendUint32(z.data, s.sigs)
	}
	z.data = append(append(z.data, s.data...), s.signatures...)
}

// stringOf makes a string of octets that are never changed, without copying them.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
