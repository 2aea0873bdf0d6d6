// Domain names as small comparable values.

package wire

import (
	"strings"
	"unsafe"
)

// Name is a domain name in lower-cased, uncompressed wire form. It is immutable and comparable, so
// that it can be a map key. The zero value is not a name at all; the root is [Root].
//
// Two names are the same if they differ in the case of ASCII letters only (RFC 4343); every octet
// may occur in a label (RFC 2181, section 11).
type Name struct {
	wire string // labels with their length octets, the root's zero octet included
}

// Root is the name of the root zone.
var Root = Name{"\x00"}

// lower maps an octet to its lower case form.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// MustParseName is ParseName for constants; it panics on an error.
func MustParseName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic("wire: " + s + ": " + err.Error())
	}
	return n
}

// ParseName reads a name in presentation form (RFC 1035, section 5.1), with or without the final
// dot; U-labels become A-labels, see [ASCII]. The error names the offset in s.
func ParseName(s string) (Name, error) {
	s, err := ASCII(s)
	if err != nil {
		return Name{}, err
	}
	if s == "." {
		return Root, nil
	}
	if s == "" {
		return Name{}, malformed("empty name", 0)
	}
	var buf [MaxNameLen]byte
	out := append(buf[:0], 0)
	start := 0 // of the open label's length octet
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if len(out) == start+1 {
				return Name{}, malformed("empty label", i)
			}
			out[start] = byte(len(out) - start - 1)
			start = len(out)
			out = append(out, 0)
			if i == len(s)-1 {
				break
			}
			continue
		}
		if c == '\\' {
			var n int
			if c, n = unescape(s[i:]); n == 0 {
				return Name{}, malformed("bad escape", i)
			}
			i += n - 1
		}
		if len(out)-start > maxLabelLen {
			return Name{}, malformed("label longer than 63 octets", i)
		}
		out = append(out, lower[c])
		if len(out) > MaxNameLen-1 {
			return Name{}, malformed("name longer than 255 octets", i)
		}
	}
	if len(out) > start+1 { // no final dot
		out[start] = byte(len(out) - start - 1)
		out = append(out, 0)
	}
	return Name{string(out)}, nil
}

// unescape reads \C or \DDD at the start of s and returns the character and the length read, 0 if
// it is neither.
func unescape(s string) (byte, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if s[1] < '0' || s[1] > '9' {
		return s[1], 2
	}
	if len(s) < 4 {
		return 0, 0
	}
	v := 0
	for _, d := range []byte(s[1:4]) {
		if d < '0' || d > '9' {
			return 0, 0
		}
		v = v*10 + int(d-'0')
	}
	if v > 255 {
		return 0, 0
	}
	return byte(v), 4
}

// NameFromWire converts a whole uncompressed name in wire form.
func NameFromWire(b []byte) (Name, error) {
	var buf [MaxNameLen]byte
	steps := maxDecompression
	out, next, err := readName(b, 0, buf[:0], &steps)
	if err != nil {
		return Name{}, err
	}
	if next != len(b) || len(out) != len(b) {
		return Name{}, malformed("octets after the name", next)
	}
	toLower(out)
	return Name{string(out)}, nil
}

// LeadingName returns the uncompressed name at the start of RDATA; false if there is none.
func LeadingName(rdata []byte) (Name, bool) {
	n, next, err := nameAt(rdata, 0)
	return n, err == nil && next == n.Len()
}

// NameOf converts the result of Wire back to a Name, without checking it or copying it.
func NameOf(wire string) Name { return Name{wire} }

// nameAt reads a possibly compressed name at off and returns the offset after it.
func nameAt(msg []byte, off int) (Name, int, error) { return nameWithin(Name{}, msg, off) }

// nameWithin is nameAt for a name that may be the end of another one. If it is, it shares that
// one's memory.
func nameWithin(whole Name, msg []byte, off int) (Name, int, error) {
	var buf [MaxNameLen]byte
	steps := maxDecompression
	out, next, err := readName(msg, off, buf[:0], &steps)
	if err != nil {
		return Name{}, 0, err
	}
	toLower(out)
	if from := len(whole.wire) - len(out); from >= 0 && whole.wire[from:] == string(out) {
		return Name{whole.wire[from:]}, next, nil
	}
	return Name{string(out)}, next, nil
}

// aliasName makes a name that shares memory with lower-cased b. It must not outlive b's content: it
// is for look-ups on the hit path only.
func aliasName(b []byte) Name { return Name{unsafe.String(unsafe.SliceData(b), len(b))} }

// readName appends the name at off to dst, decompressed, in its own letter case, and returns the
// offset after the name where it stands. A pointer must point before the part that holds it, so
// that reading ends; steps is what the message has left of maxDecompression.
func readName(msg []byte, off int, dst []byte, steps *int) (out []byte, next int, err error) {
	base, limit, next, pointers := len(dst), off, -1, 0
	for at := off; ; {
		if at >= len(msg) {
			return nil, 0, malformed("name runs past the end", at)
		}
		c := int(msg[at])
		switch c & 0xC0 {
		case 0x00:
			if at+1+c > len(msg) {
				return nil, 0, malformed("label runs past the end", at)
			}
			if c > 0 && len(dst)-base+1+c > MaxNameLen-1 { // the root's octet follows
				return nil, 0, malformed("name longer than 255 octets", at)
			}
			dst = append(dst, msg[at:at+1+c]...)
			at += 1 + c
			if next >= 0 {
				*steps--
			}
			if c == 0 {
				if next < 0 {
					next = at
				}
				return dst, next, nil
			}
		case 0xC0:
			if at+2 > len(msg) {
				return nil, 0, malformed("compression pointer runs past the end", at)
			}
			to := (c&0x3F)<<8 | int(msg[at+1])
			if to >= limit {
				return nil, 0, malformed("compression pointer does not point backwards", at)
			}
			if pointers++; pointers > maxPointers {
				return nil, 0, malformed("more compression pointers than a name has labels", at)
			}
			if *steps--; *steps < 0 {
				return nil, 0, malformed("more decompression than a message may take", at)
			}
			if next < 0 {
				next = at + 2
			}
			at, limit = to, to
		default:
			// RFC 6891, section 5: no extended label types
			return nil, 0, malformed("label type not known", at)
		}
	}
}

// skipName returns the offset after the name at off without looking at what a pointer points to.
func skipName(msg []byte, off int) (int, error) {
	for off < len(msg) {
		c := int(msg[off])
		switch {
		case c == 0:
			return off + 1, nil
		case c&0xC0 == 0xC0:
			return off + 2, nil
		case c&0xC0 != 0:
			return 0, malformed("label type not known", off)
		}
		off += 1 + c
	}
	return 0, malformed("name runs past the end", off)
}

// plainEnd returns the offset after a name that may not be compressed.
func plainEnd(b []byte, off int) (int, error) {
	for off < len(b) && b[off] < 0x40 {
		if b[off] == 0 {
			return off + 1, nil
		}
		off += 1 + int(b[off])
	}
	return 0, malformed("name is compressed, or runs past the end", off)
}

func toLower(b []byte) {
	for i, c := range b {
		b[i] = lower[c] // a length octet is below 'A'
	}
}

// Wire returns the wire form, lower-cased.
func (n Name) Wire() string { return n.wire }

// Len returns the number of octets of the wire form.
func (n Name) Len() int { return len(n.wire) }

// IsZero reports whether n is the zero value, which is not a name.
func (n Name) IsZero() bool { return n.wire == "" }

// IsRoot reports whether n is the root.
func (n Name) IsRoot() bool { return n.wire == "\x00" }

// Labels counts the labels; the root has none.
func (n Name) Labels() int {
	c := 0
	for i := 0; i < len(n.wire) && n.wire[i] != 0; i += int(n.wire[i]) + 1 {
		c++
	}
	return c
}

// Parent returns n without its first label; the root's parent is the root.
func (n Name) Parent() Name {
	if len(n.wire) <= 1 {
		return n
	}
	return Name{n.wire[int(n.wire[0])+1:]}
}

// Ancestor returns the last `labels` labels of n, or n if it has no more.
func (n Name) Ancestor(labels int) Name {
	for skip := n.Labels() - labels; skip > 0; skip-- {
		n = n.Parent()
	}
	return n
}

// Label returns the first label without its length octet; "" for the root.
func (n Name) Label() string {
	if len(n.wire) <= 1 {
		return ""
	}
	return n.wire[1 : 1+int(n.wire[0])]
}

// Within reports whether n is zone or below it.
func (n Name) Within(zone Name) bool {
	d := len(n.wire) - len(zone.wire)
	if d < 0 || n.wire[d:] != zone.wire || zone.wire == "" {
		return false
	}
	// The suffix must begin at a label.
	i := 0
	for i < d {
		i += int(n.wire[i]) + 1
	}
	return i == d
}

// Below reports whether n is below zone and not zone itself.
func (n Name) Below(zone Name) bool { return len(n.wire) > len(zone.wire) && n.Within(zone) }

// CommonAncestor returns the longest name that both n and o are within; for the zero Name, which is
// within none, the root.
func (n Name) CommonAncestor(o Name) Name {
	for a := n; len(a.wire) > 1; a = a.Parent() {
		if o.Within(a) {
			return a
		}
	}
	return Root
}

// Child returns n with one more label in front; false if that would be too long.
func (n Name) Child(label string) (Name, bool) {
	if len(label) == 0 || len(label) > maxLabelLen || len(label)+1+len(n.wire) > MaxNameLen {
		return Name{}, false
	}
	b := make([]byte, 0, len(label)+1+len(n.wire))
	b = append(b, byte(len(label)))
	b = append(b, label...)
	toLower(b[1:])
	return Name{string(append(b, n.wire...))}, true
}

// Wildcard returns the name *.n; false if that would be too long.
func (n Name) Wildcard() (Name, bool) { return n.Child("*") }

// IsWildcard reports whether the first label is an asterisk (RFC 4592, section 2.1.1).
func (n Name) IsWildcard() bool { return strings.HasPrefix(n.wire, "\x01*") }

// ReplaceSuffix puts to in the place of from at n's end, as a DNAME does (RFC 6672, section 2.2);
// false if n is not below from, or if the result would be too long.
func (n Name) ReplaceSuffix(from, to Name) (Name, bool) {
	if !n.Below(from) || len(n.wire)-len(from.wire)+len(to.wire) > MaxNameLen {
		return Name{}, false
	}
	return Name{n.wire[:len(n.wire)-len(from.wire)] + to.wire}, true
}

// Compare orders names canonically (RFC 4034, section 6.1): by labels from the right, octet by
// octet.
func (n Name) Compare(o Name) int {
	var a, b [MaxLabels + 1]uint8
	i, j := n.starts(&a), o.starts(&b)
	for i > 0 && j > 0 {
		i, j = i-1, j-1
		x, y := int(a[i]), int(b[j])
		a, b := n.wire[x+1:x+1+int(n.wire[x])], o.wire[y+1:y+1+int(o.wire[y])]
		if c := strings.Compare(a, b); c != 0 {
			return c
		}
	}
	return i - j
}

// AppendOrder appends a sort key: bytes.Compare of two keys is the canonical order of their names
// (RFC 4034, section 6.1). The key is the labels from the root on, each ended by 0, with 0 and 1 in
// them escaped by a 1. It pays where a name is compared often.
func (n Name) AppendOrder(dst []byte) []byte {
	var at [MaxLabels + 1]uint8
	for i := n.starts(&at) - 1; i >= 0; i-- {
		from := int(at[i])
		for _, c := range []byte(n.wire[from+1 : from+1+int(n.wire[from])]) {
			if c <= 1 {
				dst = append(dst, 1)
				c++
			}
			dst = append(dst, c)
		}
		dst = append(dst, 0)
	}
	return dst
}

// starts fills in the offsets of n's labels and returns their number.
func (n Name) starts(at *[MaxLabels + 1]uint8) int {
	c := 0
	for i := 0; i < len(n.wire) && n.wire[i] != 0; i += int(n.wire[i]) + 1 {
		at[c] = uint8(i)
		c++
	}
	return c
}

// String returns the presentation form with the final dot.
func (n Name) String() string {
	if n.wire == "" {
		return "<no name>"
	}
	if n.IsRoot() {
		return "."
	}
	var b strings.Builder
	b.Grow(len(n.wire))
	for i := 0; n.wire[i] != 0; i += int(n.wire[i]) + 1 {
		for _, c := range []byte(n.wire[i+1 : i+1+int(n.wire[i])]) {
			writeEscaped(&b, c)
		}
		b.WriteByte('.')
	}
	return b.String()
}

func writeEscaped(b *strings.Builder, c byte) {
	switch {
	case strings.IndexByte(`."();@$\`, c) >= 0:
		b.WriteByte('\\')
		b.WriteByte(c)
	case c < '!' || c > '~':
		b.Write([]byte{'\\', '0' + c/100, '0' + c/10%10, '0' + c%10})
	default:
		b.WriteByte(c)
	}
}
