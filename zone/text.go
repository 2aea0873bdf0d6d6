// Records as package dns has them, zone files, and what is kept on disk.

package zone

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// AddRR adds a record.
func (b *Builder) AddRR(rr dns.RR) error {
	owner, rdata, err := Packed(rr)
	if err != nil {
		return err
	}
	h := rr.Header()
	return b.Add(owner, wire.Type(h.Rrtype), h.Ttl, rdata)
}

// Packed returns the owner and the uncompressed RDATA of a record of class IN.
func Packed(rr dns.RR) (owner wire.Name, rdata []byte, err error) {
	if h := rr.Header(); h.Class != dns.ClassINET {
		return owner, nil, fmt.Errorf("%s: class %s is not for a zone", h.Name,
			dns.ClassToString[h.Class])
	}
	room := make([]byte, dns.Len(rr)+1)
	end, err := dns.PackRR(rr, room, 0, nil, false)
	if err != nil {
		return owner, nil, fmt.Errorf("%s: %w", rr.Header().Name, err)
	}
	name := 0
	for room[name] != 0 {
		name += 1 + int(room[name])
	}
	owner, err = wire.NameFromWire(room[:name+1])
	return owner, room[name+1+10 : end], err
}

// defaultTTL is the TTL of records of a zone file without any.
const defaultTTL = 3600

// Parse reads a zone file (RFC 1035, section 5). It may include others if it has a name,
// which their names are relative to; what comes over the network has none.
func Parse(r io.Reader, apex wire.Name, file string, octets int) (*Zone, error) {
	b := NewBuilder(apex, octets)
	p := dns.NewZoneParser(bufio.NewReader(r), apex.String(), file)
	p.SetDefaultTTL(defaultTTL)
	p.SetIncludeAllowed(file != "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := b.AddRR(rr); err != nil {
			return nil, err
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return b.Finish()
}

// Write writes all records for [Read].
func (z *Zone) Write(to io.Writer) error {
	w := bufio.NewWriter(to)
	w.Write(binary.BigEndian.AppendUint32(nil, uint32(z.records)))
	for r := range z.all() {
		head := append([]byte{byte(r.name.Len())}, r.name.Wire()...)
		head = binary.BigEndian.AppendUint16(head, uint16(r.t))
		head = binary.BigEndian.AppendUint32(head, r.ttl)
		w.Write(binary.BigEndian.AppendUint16(head, uint16(len(r.rdata))))
		w.Write(r.rdata)
	}
	return w.Flush() // with the first error of all writes
}

// errNotWritten is the error of octets that [Zone.Write] has not written.
var errNotWritten = errors.New("these are not the records of a zone")

// Read reads what [Zone.Write] wrote of a zone, and nothing beyond.
func Read(r io.Reader, apex wire.Name, octets int) (*Zone, error) {
	b := NewBuilder(apex, octets)
	var count [4]byte
	if _, err := io.ReadFull(r, count[:]); err != nil {
		return nil, err
	}
	for range binary.BigEndian.Uint32(count[:]) {
		if err := readRecord(r, b); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

// readRecord reads one record.
func readRecord(r io.Reader, b *Builder) error {
	var room [1 + wire.MaxNameLen + 8]byte
	if _, err := io.ReadFull(r, room[:1]); err != nil {
		return err
	}
	n := int(room[0])
	head := room[1 : 1+n+8]
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	name, err := wire.NameFromWire(head[:n])
	if err != nil {
		return err
	}
	rdata := make([]byte, binary.BigEndian.Uint16(head[n+6:]))
	if _, err := io.ReadFull(r, rdata); err != nil {
		return err
	}
	if !name.Within(b.apex) {
		return errNotWritten
	}
	return b.Add(name, wire.Type(binary.BigEndian.Uint16(head[n:])),
		binary.BigEndian.Uint32(head[n+2:]), rdata)
}
