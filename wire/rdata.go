// RDATA: where names stand in it, decompression, and the canonical form.

package wire

import "bytes"

// field is a part of an RDATA's layout.
type field uint8

const (
	// a name that may be compressed in messages, ours included (RFC 1035, section 3.3)
	fieldName field = iota
	// a name that is read even if compressed, never written so (RFC 3597, section 4)
	fieldPlainName
	field8
	field16
	field32
	fieldString // a character-string (RFC 1035, section 3.3)
	// prefix length, address suffix; a name follows unless the length is 0 (RFC 2874, section 3.1)
	fieldA6
	fieldRest // whatever is left
)

// layouts holds the types whose RDATA holds names. Every other type is opaque (RFC 3597). RFC 6895,
// section 3.1 and RFC 3597, section 4 forbid names that need decompression in new types, so the
// table is complete.
var layouts = [48][]field{
	TypeNS:    {fieldName},
	TypeMD:    {fieldName},
	TypeMF:    {fieldName},
	TypeCNAME: {fieldName},
	TypeSOA:   {fieldName, fieldName, field32, field32, field32, field32, field32},
	TypeMB:    {fieldName},
	TypeMG:    {fieldName},
	TypeMR:    {fieldName},
	TypePTR:   {fieldName},
	TypeMINFO: {fieldName, fieldName},
	TypeMX:    {field16, fieldName},
	TypeRP:    {fieldPlainName, fieldPlainName},
	TypeAFSDB: {field16, fieldPlainName},
	TypeRT:    {field16, fieldPlainName},
	TypeSIG: {field16, field8, field8, field32, field32, field32, field16, fieldPlainName,
		fieldRest},
	TypePX:    {field16, fieldPlainName, fieldPlainName},
	TypeNXT:   {fieldPlainName, fieldRest},
	TypeSRV:   {field16, field16, field16, fieldPlainName},
	TypeNAPTR: {field16, field16, fieldString, fieldString, fieldString, fieldPlainName},
	TypeKX:    {field16, fieldPlainName},
	TypeA6:    {fieldA6, fieldPlainName},
	TypeDNAME: {fieldPlainName},
	TypeRRSIG: {field16, field8, field8, field32, field32, field32, field16, fieldPlainName,
		fieldRest},
	TypeNSEC: {fieldPlainName, fieldRest},
}

// layoutOf returns a type's fields, nil if it is opaque.
func layoutOf(t Type) []field {
	if int(t) < len(layouts) {
		return layouts[t]
	}
	return nil
}

// caseKept reports whether names of a type of the table keep their case in canonical form: RFC
// 6840, section 5.1 took NSEC out of the list of RFC 4034, section 6.2.
func caseKept(t Type) bool { return t == TypeNSEC }

// fieldEnd returns the offset after a field that is not a name, and whether it is the last one,
// whatever the layout says.
func fieldEnd(msg []byte, off, end int, f field) (next int, last bool, err error) {
	n := 0
	switch f {
	case field8:
		n = 1
	case field16:
		n = 2
	case field32:
		n = 4
	case fieldString:
		if off >= end {
			return 0, false, malformed("RDATA too short", off)
		}
		n = 1 + int(msg[off])
	case fieldA6:
		if off >= end || msg[off] > 128 {
			return 0, false, malformed("A6 prefix length", off)
		}
		n = 1 + (135-int(msg[off]))/8
		if msg[off] == 0 { // no name follows
			n, last = 17, true
		}
	case fieldRest:
		n, last = end-off, true
	}
	if off+n > end {
		return 0, false, malformed("RDATA too short", off)
	}
	return off + n, last, nil
}

// isName reports whether a field is a name.
func (f field) isName() bool { return f == fieldName || f == fieldPlainName }

// appendRData appends the RDATA at msg[off:end] to dst with its names decompressed, which takes
// of steps.
func appendRData(dst, msg []byte, off, end int, t Type, steps *int) (_ []byte, err error) {
	start, from := len(dst), off
	for _, f := range layoutOf(t) {
		if f.isName() {
			if dst, off, err = readName(msg[:end], off, dst, steps); err != nil {
				return nil, err
			}
			continue
		}
		next, last, err := fieldEnd(msg, off, end, f)
		if err != nil {
			return nil, err
		}
		dst, off = append(dst, msg[off:next]...), next
		if last {
			break
		}
	}
	switch {
	case layoutOf(t) == nil:
		dst = append(dst, msg[off:end]...)
	case off != end:
		return nil, malformed("octets after the RDATA", off)
	}
	return dst, checkRData(t, dst[start:], from)
}

// eachField calls visit for each field of uncompressed RDATA. Parse has read it before, so it is
// well formed.
func eachField(rdata []byte, t Type, visit func(octets []byte, name field)) {
	off := 0
	for _, f := range layoutOf(t) {
		var next int
		var last bool
		var err error
		if f.isName() {
			next, err = plainEnd(rdata, off)
		} else {
			next, last, err = fieldEnd(rdata, off, len(rdata), f)
			f = fieldRest
		}
		if err != nil {
			break
		}
		visit(rdata[off:next], f)
		if off = next; last {
			break
		}
	}
	if off < len(rdata) {
		visit(rdata[off:], fieldRest)
	}
}

// checkRData refuses RDATA of DNSSEC types that later code could not read. Other types are opaque.
// Addresses of a wrong size are dropped when the response is scrubbed, for one bad record must not
// cost the whole message.
func checkRData(t Type, d []byte, off int) error {
	switch t {
	case TypeDS:
		if len(d) < 5 {
			return malformed("DS RDATA too short", off)
		}
	case TypeDNSKEY:
		if len(d) < 5 {
			return malformed("DNSKEY RDATA too short", off)
		}
	case TypeRRSIG:
		if _, err := ParseRRSIG(d); err != nil {
			return malformed("RRSIG RDATA", off)
		}
	case TypeNSEC:
		if _, err := ParseNSEC(d); err != nil {
			return malformed("NSEC RDATA", off)
		}
	case TypeNSEC3:
		if _, err := ParseNSEC3(d); err != nil {
			return malformed("NSEC3 RDATA", off)
		}
	}
	return nil
}

// FitsType reports whether uncompressed RDATA has a size that its type can have. Only the types
// that the resolver itself acts upon are known here.
func FitsType(t Type, d []byte) bool {
	switch t {
	case TypeA:
		return len(d) == 4
	case TypeAAAA:
		return len(d) == 16
	case TypeTXT:
		return validStrings(d)
	}
	return true
}

// validStrings reports whether d is one or more character-strings (RFC 1035, section 3.3.14).
func validStrings(d []byte) bool {
	if len(d) == 0 {
		return false
	}
	for len(d) > 0 {
		n := 1 + int(d[0])
		if n > len(d) {
			return false
		}
		d = d[n:]
	}
	return true
}

// AppendCanonical appends uncompressed RDATA to dst in canonical form: names of the listed types in
// lower case (RFC 4034, section 6.2; RFC 6840, section 5.1).
func AppendCanonical(dst []byte, t Type, rdata []byte) []byte {
	if layoutOf(t) == nil || caseKept(t) {
		return append(dst, rdata...)
	}
	eachField(rdata, t, func(b []byte, f field) {
		at := len(dst)
		dst = append(dst, b...)
		if f.isName() {
			toLower(dst[at:])
		}
	})
	return dst
}

// CompareCanonical orders two RDATA of a set: as left-justified octet strings (RFC 4034, section
// 6.3). Both have to be in canonical form.
func CompareCanonical(a, b []byte) int { return bytes.Compare(a, b) }

// TargetName reads the name that an NS, CNAME, PTR or DNAME record points to.
func TargetName(rdata []byte) (Name, bool) {
	n, err := NameFromWire(rdata)
	return n, err == nil
}
