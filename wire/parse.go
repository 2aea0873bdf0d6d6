// Reading messages: in place for a client's question, whole for an authority's answer.

package wire

import (
	"encoding/binary"
	"sync"

	"bailiwick/internal/limit"
)

// Header is the fixed part of a message (RFC 1035, section 4.1.1).
type Header struct {
	ID      uint16
	Flags   uint16 // opcode and RCODE bits included
	QDCount uint16
	ANCount uint16
	NSCount uint16
	ARCount uint16
}

// Opcode returns the kind of query.
func (h Header) Opcode() Opcode { return Opcode(h.Flags >> 11 & 15) }

// RCode returns the four bits that the header has.
func (h Header) RCode() RCode { return RCode(h.Flags & 15) }

// Has reports whether all bits of f are set.
func (h Header) Has(f uint16) bool { return h.Flags&f == f }

// parseHeader reads the first twelve octets.
func parseHeader(msg []byte) (Header, error) {
	if len(msg) < HeaderLen {
		return Header{}, malformed("message shorter than its header", len(msg))
	}
	u := func(i int) uint16 { return binary.BigEndian.Uint16(msg[i:]) }
	return Header{u(0), u(2), u(4), u(6), u(8), u(10)}, nil
}

// Question is what a message asks.
type Question struct {
	Name  Name
	Type  Type
	Class Class
}

func (q Question) String() string {
	if q.Class == ClassIN {
		return q.Name.String() + " " + q.Type.String()
	}
	return q.Name.String() + " " + q.Class.String() + " " + q.Type.String()
}

// Query is a client's message as the hit path sees it. It aliases the packet and its own buffer.
type Query struct {
	Header
	Question Question // the name shares memory with buf: valid until the next ParseQuery, see Keep
	QName    []byte   // the name as it stands in the packet
	End      int      // offset after the question
	TSIG     int      // offset of the first TSIG record, 0 if there is none
	Last     int      // offset of the last record, 0 if there is none
	EDNS     EDNS

	buf [MaxNameLen]byte
}

// Keep makes the question independent of the packet and of q.
func (q *Query) Keep() Question {
	k := q.Question
	k.Name = Name{string([]byte(k.Name.wire))}
	return k
}

// ParseQuery reads header, question and OPT of a client's message into q and allocates nothing.
// Records other than OPT are stepped over, and so is what stands behind the last, as by [Parse].
// What is wrong with the message as DNS is an error; what
// is wrong with it as a query (opcode, counts, version) is for the server to judge.
func ParseQuery(msg []byte, q *Query) (err error) {
	q.EDNS, q.QName, q.End, q.Question = EDNS{}, nil, 0, Question{}
	q.TSIG, q.Last = 0, 0
	if q.Header, err = parseHeader(msg); err != nil {
		return err
	}
	switch q.End = HeaderLen; q.QDCount {
	case 0: // who asks for a cookie (RFC 7873, section 5.4)
		return q.records(msg)
	case 1:
	default:
		return nil
	}
	steps := maxDecompression
	out, off, err := readName(msg, HeaderLen, q.buf[:0], &steps)
	if err != nil {
		return err
	}
	toLower(out)
	if off+4 > len(msg) {
		return malformed("question runs past the end", off)
	}
	q.QName, q.End = msg[HeaderLen:off], off+4
	q.Question = Question{aliasName(out), Type(binary.BigEndian.Uint16(msg[off:])),
		Class(binary.BigEndian.Uint16(msg[off+2:]))}
	return q.records(msg)
}

// records steps over the records behind the questions.
func (q *Query) records(msg []byte) (err error) {
	off := q.End
	for n := int(q.ANCount) + int(q.NSCount) + int(q.ARCount); n > 0; n-- {
		q.Last = off
		if off, err = q.record(msg, off, n <= int(q.ARCount)); err != nil {
			return err
		}
	}
	return nil
}

// record steps over a record, and reads it if it is OPT, which is nothing outside of the additional
// section (RFC 6891, section 6.1.1).
func (q *Query) record(msg []byte, off int, additional bool) (int, error) {
	at, err := skipName(msg, off)
	if err != nil {
		return 0, err
	}
	if at+10 > len(msg) {
		return 0, malformed("record runs past the end", off)
	}
	switch t := Type(binary.BigEndian.Uint16(msg[at:])); {
	case t == TypeTSIG && q.TSIG == 0:
		q.TSIG = off
	case t == TypeOPT && additional:
		if q.EDNS.Present {
			return 0, malformed("second OPT record", off) // RFC 6891, section 6.1.1
		}
		var next int
		q.EDNS, next, err = readOPT(msg, off)
		return next, err
	}
	end := at + 10 + int(binary.BigEndian.Uint16(msg[at+8:]))
	if end > len(msg) {
		return 0, malformed("RDATA runs past the end", at+8)
	}
	return end, nil
}

// Parse reads a message. Nothing of the result aliases msg. Octets behind the last record that is
// counted are not part of it: some servers and programs send such, and Unbound and BIND pass over
// them too.
func Parse(msg []byte) (*Message, error) {
	h, err := parseHeader(msg)
	if err != nil {
		return nil, err
	}
	m := &Message{Header: h}
	p := parser{msg: msg, steps: maxDecompression}
	off := HeaderLen
	for i := range int(h.QDCount) {
		start := off
		var q Question
		if q.Name, off, err = p.owner(off); err != nil {
			return nil, err
		}
		if off+4 > len(msg) {
			return nil, malformed("question runs past the end", off)
		}
		q.Type = Type(binary.BigEndian.Uint16(msg[off:]))
		q.Class = Class(binary.BigEndian.Uint16(msg[off+2:]))
		if i == 0 {
			m.Question, m.QName = q, append([]byte(nil), msg[start:off]...)
		}
		off += 4
	}
	p.off = off
	for i, sec := range [...]*[]*RRset{&m.Answer, &m.Authority, &m.Additional} {
		n := int([...]uint16{h.ANCount, h.NSCount, h.ARCount}[i])
		if *sec, err = p.section(n, m, i == 2); err != nil {
			return nil, err
		}
	}
	m.adoptSignatures()
	return m, nil
}

// adoptSignatures moves RRSIGs from other sections to the sets that they cover: some servers put
// them into the additional section. A signature is verified wherever it was found.
func (m *Message) adoptSignatures() {
	sections := []*[]*RRset{&m.Answer, &m.Authority, &m.Additional}
	if len(m.Answer)+len(m.Authority)+len(m.Additional) > maxAdopt {
		limit.AdoptedSignatures.Met()
		return
	}
	if m.Question.Type == TypeRRSIG {
		return // they are the answer
	}
	for _, from := range sections {
		kept := (*from)[:0]
		for _, s := range *from {
			if !adopted(s, sections) {
				kept = append(kept, s)
			}
		}
		*from = kept
	}
}

// adopted adds RRSIGs to the sets that they cover, and reports whether there is one. RRSIGs are not
// signed themselves (RFC 4035, section 2.2).
func adopted(s *RRset, sections []*[]*RRset) (found bool) {
	covered := s.key().typ
	if s.Type != TypeRRSIG || covered == TypeRRSIG {
		return false
	}
	for _, to := range sections {
		o := Find(*to, s.Name, covered)
		if o == nil {
			continue
		}
		found = true
		for sig := range s.Data.All() {
			if len(o.Sigs) > maxAdoptedSigs {
				limit.AdoptedSignatures.Met()
				break
			}
			if !o.Sigs.Has(sig) {
				o.Sigs = o.Sigs.Append(sig)
			}
		}
	}
	return found
}

// FullRCode joins the header's RCODE with EDNS's upper bits.
func (m *Message) FullRCode() RCode { return m.RCode() | RCode(m.EDNS.ExtCode)<<4 }

// parser walks the records of a message.
type parser struct {
	msg   []byte
	off   int
	steps int  // what is left of maxDecompression
	last  Name // that was read: owners repeat
	at    int  // what the pointer points to that last was written as; 0 if it was not
}

// setKey identifies a set in its section; an RRSIG's type is the one that it covers.
type setKey struct {
	name  Name
	typ   Type
	class Class
	sig   bool
}

// key returns the set's key.
func (s *RRset) key() setKey {
	k := setKey{s.Name, s.Type, s.Class, s.Type == TypeRRSIG}
	if k.sig {
		k.typ = Type(binary.BigEndian.Uint16(s.Data.First()))
	}
	return k
}

// sets holds the sets of a section, found by their keys.
type sets struct {
	list  []*RRset
	index map[setKey]*RRset
	known map[*RRset]map[string]struct{} // the RDATA of large sets

	// Room for the usual number of sets, and for those of signatures, of which only the RDATA are
	// kept once they are attached.
	room [maxLinear]*RRset
	sigs [maxLinear]RRset
	used int // of sigs
}

// sections are sets whose memory is used again.
var sections = sync.Pool{New: func() any { return new(sets) }}

// reuse gives the memory back.
func (s *sets) reuse() {
	*s = sets{}
	sections.Put(s)
}

// make returns a new set of signatures or other records.
func (s *sets) make(signatures bool) *RRset {
	if signatures && s.used < len(s.sigs) {
		s.used++
		return &s.sigs[s.used-1]
	}
	return new(RRset)
}

// borrowed reports whether a set is in memory that will be used again.
func (s *sets) borrowed(x *RRset) bool {
	for i := range s.sigs[:s.used] {
		if x == &s.sigs[i] {
			return true
		}
	}
	return false
}

// isNew reports whether a set has no RDATA like these (RFC 2181, section 5: a set has no equal
// records).
func (s *sets) isNew(x *RRset, rdata []byte) bool {
	if len(x.Data) <= maxLinearData {
		return !x.Data.Has(rdata)
	}
	seen := s.known[x]
	if seen == nil {
		if s.known == nil {
			s.known = map[*RRset]map[string]struct{}{}
		}
		seen = map[string]struct{}{}
		for d := range x.Data.All() {
			seen[string(d)] = struct{}{}
		}
		s.known[x] = seen
	}
	if _, ok := seen[string(rdata)]; ok {
		return false
	}
	seen[string(rdata)] = struct{}{}
	return true
}

func (s *sets) find(k setKey) *RRset {
	if s.index != nil {
		return s.index[k]
	}
	for _, x := range s.list {
		if x.Name == k.name && x.Class == k.class && (x.Type == k.typ || k.sig) && x.key() == k {
			return x
		}
	}
	return nil
}

func (s *sets) add(k setKey, x *RRset) {
	s.list = append(s.list, x)
	if s.index == nil && len(s.list) > maxLinear {
		s.index = make(map[setKey]*RRset, 4*maxLinear)
		for _, x := range s.list[:len(s.list)-1] {
			s.index[x.key()] = x
		}
	}
	if s.index != nil {
		s.index[k] = x
	}
}

// owner reads a name, sharing the memory of the last one if it is the same.
func (p *parser) owner(off int) (Name, int, error) {
	to := 0
	if off+2 <= len(p.msg) && p.msg[off]&0xC0 == 0xC0 {
		to = int(binary.BigEndian.Uint16(p.msg[off:]) & 0x3FFF)
		if to == p.at && to > 0 { // as most owners in a set are
			return p.last, off + 2, nil
		}
	}
	var buf [MaxNameLen]byte
	out, next, err := readName(p.msg, off, buf[:0], &p.steps)
	if err != nil {
		return Name{}, 0, err
	}
	if toLower(out); string(out) != p.last.wire {
		p.last = Name{string(out)}
	}
	p.at = to
	return p.last, next, nil
}

// section reads n records and groups them. RRSIGs go to the set they cover; those without one
// become sets of type RRSIG.
func (p *parser) section(n int, m *Message, additional bool) ([]*RRset, error) {
	if n == 0 {
		return nil, nil
	}
	found := sections.Get().(*sets)
	defer found.reuse()
	found.list = found.room[:0]
	for range n {
		start := p.off
		name, at, err := p.owner(p.off)
		if err != nil {
			return nil, err
		}
		if at+10 > len(p.msg) {
			return nil, malformed("record runs past the end", start)
		}
		t := Type(binary.BigEndian.Uint16(p.msg[at:]))
		class := Class(binary.BigEndian.Uint16(p.msg[at+2:]))
		ttl := binary.BigEndian.Uint32(p.msg[at+4:])
		end := at + 10 + int(binary.BigEndian.Uint16(p.msg[at+8:]))
		if end > len(p.msg) {
			return nil, malformed("RDATA runs past the end", at+8)
		}
		if t == TypeOPT {
			switch { // RFC 6891, section 6.1.1
			case !additional:
				return nil, malformed("OPT record outside of the additional section", start)
			case m.EDNS.Present:
				return nil, malformed("second OPT record", start)
			}
			if m.EDNS, p.off, err = readOPT(p.msg, start); err != nil {
				return nil, err
			}
			m.EDNS.Options = append(Options(nil), m.EDNS.Options...)
			continue
		}
		var room [usualRData]byte
		rdata, err := appendRData(room[:0], p.msg, at+10, end, t, &p.steps)
		if err != nil {
			return nil, err
		}
		p.off = end
		if ttl>>31 != 0 {
			ttl = 0 // RFC 2181, section 8
		}
		k := setKey{name, t, class, t == TypeRRSIG}
		if k.sig {
			k.typ = Type(binary.BigEndian.Uint16(rdata))
		}
		s := found.find(k)
		if s == nil {
			s = found.make(k.sig)
			s.Name, s.Type, s.Class, s.TTL = name, t, class, ttl
			s.Data = make(RDataList, 0, 2+len(rdata)).Append(rdata)
			found.add(k, s)
			continue
		}
		s.TTL = min(s.TTL, ttl)
		if found.isNew(s, rdata) {
			s.Data = s.Data.Append(rdata)
		}
	}
	return found.attachSignatures(), nil
}

// usualRData is room for most RDATA, in octets.
const usualRData = 320

// attachSignatures moves each group of RRSIGs into the set it covers, where the section has that
// set. It returns the sets that are left.
func (found *sets) attachSignatures() []*RRset {
	kept := found.list[:0]
	for _, s := range found.list {
		if s.Type == TypeRRSIG {
			k := s.key()
			k.sig = false
			if owner := found.find(k); owner != nil {
				owner.Sigs = s.Data
				// RFC 4034, section 3: the RRSIG's TTL is that of the set
				owner.TTL = min(owner.TTL, s.TTL)
				continue
			}
			if found.borrowed(s) {
				own := *s
				s = &own
			}
		}
		kept = append(kept, s)
	}
	return append([]*RRset(nil), kept...)
}
