// RDATA of the DNSSEC types, as views over their octets.

package wire

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"time"
)

// RRSIG is a view of RRSIG RDATA (RFC 4034, section 3.1).
type RRSIG struct {
	Covered    Type
	Algorithm  uint8
	Labels     uint8
	OrigTTL    uint32
	Expiration uint32 // seconds since 1970, in serial arithmetic (RFC 1982)
	Inception  uint32
	KeyTag     uint16
	Signer     Name
	Signature  []byte // aliases the RDATA
}

// ParseRRSIG reads uncompressed RRSIG RDATA.
func ParseRRSIG(d []byte) (RRSIG, error) { return ParseRRSIGOf(Name{}, d) }

// ParseRRSIGOf is ParseRRSIG for a signature over data of owner. The signer's name, which is the
// owner's or ends it unless something is wrong, shares its memory.
func ParseRRSIGOf(owner Name, d []byte) (RRSIG, error) {
	if len(d) < 19 {
		return RRSIG{}, malformed("RRSIG too short", len(d))
	}
	signer, next, err := nameWithin(owner, d, 18)
	if err != nil {
		return RRSIG{}, err
	}
	return RRSIG{
		Covered: Type(binary.BigEndian.Uint16(d)), Algorithm: d[2], Labels: d[3],
		OrigTTL: binary.BigEndian.Uint32(d[4:]), Expiration: binary.BigEndian.Uint32(d[8:]),
		Inception: binary.BigEndian.Uint32(d[12:]), KeyTag: binary.BigEndian.Uint16(d[16:]),
		Signer: signer, Signature: d[next:],
	}, nil
}

// DS is a view of DS RDATA (RFC 4034, section 5.1).
type DS struct {
	KeyTag    uint16
	Algorithm uint8
	Digest    uint8
	Hash      []byte // aliases the RDATA
}

// ParseDS reads DS RDATA.
func ParseDS(d []byte) (DS, error) {
	if len(d) < 5 {
		return DS{}, malformed("DS too short", len(d))
	}
	return DS{binary.BigEndian.Uint16(d), d[2], d[3], d[4:]}, nil
}

// Flags of a DNSKEY (RFC 4034, section 2.1.1; RFC 5011, section 7).
const (
	KeyFlagZone   uint16 = 1 << 8
	KeyFlagRevoke uint16 = 1 << 7
	KeyFlagSEP    uint16 = 1
)

// DNSKEY is a view of DNSKEY RDATA (RFC 4034, section 2.1).
type DNSKEY struct {
	Flags     uint16
	Protocol  uint8
	Algorithm uint8
	Key       []byte // aliases the RDATA
}

// ParseDNSKEY reads DNSKEY RDATA.
func ParseDNSKEY(d []byte) (DNSKEY, error) {
	if len(d) < 5 {
		return DNSKEY{}, malformed("DNSKEY too short", len(d))
	}
	return DNSKEY{binary.BigEndian.Uint16(d), d[2], d[3], d[4:]}, nil
}

// KeyTag computes the tag of DNSKEY RDATA (RFC 4034, appendix B).
func KeyTag(d []byte) uint16 {
	if len(d) >= 4 && d[3] == 1 { // RSA/MD5: the low octets of the modulus (appendix B.1)
		if len(d) < 7 {
			return 0
		}
		return binary.BigEndian.Uint16(d[len(d)-3:])
	}
	var sum uint32
	for i, b := range d {
		if i&1 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	sum += sum >> 16 & 0xFFFF
	return uint16(sum)
}

// TypeBitmap is the list of types at a name (RFC 4034, section 4.1.2), as it stands in NSEC and
// NSEC3.
type TypeBitmap []byte

// Has reports whether t is in the list.
func (m TypeBitmap) Has(t Type) bool {
	for len(m) >= 2 {
		n := int(m[1])
		if len(m) < 2+n {
			return false
		}
		if m[0] == byte(t>>8) {
			i := int(t&0xFF) / 8
			return i < n && m[2+i]&(0x80>>(t&7)) != 0
		}
		m = m[2+n:]
	}
	return false
}

// Types lists the types in ascending order.
func (m TypeBitmap) Types() (ts []Type) {
	for len(m) >= 2 && len(m) >= 2+int(m[1]) {
		for i, b := range m[2 : 2+int(m[1])] {
			for bit := range 8 {
				if b&(0x80>>bit) != 0 {
					ts = append(ts, Type(m[0])<<8|Type(i*8+bit))
				}
			}
		}
		m = m[2+int(m[1]):]
	}
	return ts
}

// Lawful reports whether an NSEC of a name can have the types: NSEC and RRSIG are among them (RFC
// 4035, section 2.3), DS is at delegations (section 2.4), and CNAME has nothing else beside it
// (section 2.5). A signer that is wrong about these may also be wrong about the types that it
// leaves out.
func (m TypeBitmap) Lawful() bool {
	if !m.Has(TypeNSEC) || !m.Has(TypeRRSIG) || m.Has(TypeDS) &&
		(!m.Has(TypeNS) || m.Has(TypeSOA)) {
		return false
	}
	return !m.Has(TypeCNAME) || !slices.ContainsFunc(m.Types(), func(t Type) bool {
		return t != TypeCNAME && t != TypeRRSIG && t != TypeNSEC
	})
}

// check reads the windows: ascending, 1 to 32 octets each.
func (m TypeBitmap) check(off int) error {
	last := -1
	for len(m) > 0 {
		if len(m) < 2 || int(m[0]) <= last || m[1] < 1 || m[1] > 32 || len(m) < 2+int(m[1]) {
			return malformed("type bitmap", off)
		}
		last = int(m[0])
		off += 2 + int(m[1])
		m = m[2+int(m[1]):]
	}
	return nil
}

// NSEC is a view of NSEC RDATA (RFC 4034, section 4.1).
type NSEC struct {
	Next  Name
	Types TypeBitmap // aliases the RDATA
}

// ParseNSEC reads uncompressed NSEC RDATA.
func ParseNSEC(d []byte) (NSEC, error) {
	next, off, err := nameAt(d, 0)
	if err != nil {
		return NSEC{}, err
	}
	m := TypeBitmap(d[off:])
	return NSEC{next, m}, m.check(off)
}

// NSEC3FlagOptOut is the only flag (RFC 5155, section 3.1.2.1).
const NSEC3FlagOptOut uint8 = 1

// NSEC3 is a view of NSEC3 RDATA (RFC 5155, section 3.1).
type NSEC3 struct {
	Hash       uint8
	Flags      uint8
	Iterations uint16
	Salt       []byte     // aliases the RDATA, as do the next two
	Next       []byte     // the next hashed owner, binary
	Types      TypeBitmap //
}

// ParseNSEC3 reads NSEC3 RDATA.
func ParseNSEC3(d []byte) (NSEC3, error) {
	if len(d) < 6 {
		return NSEC3{}, malformed("NSEC3 too short", len(d))
	}
	n := NSEC3{Hash: d[0], Flags: d[1], Iterations: binary.BigEndian.Uint16(d[2:])}
	off := 5 + int(d[4])
	if off >= len(d) {
		return NSEC3{}, malformed("NSEC3 salt", 5)
	}
	n.Salt = d[5:off]
	end := off + 1 + int(d[off])
	if end > len(d) || d[off] == 0 {
		return NSEC3{}, malformed("NSEC3 next hashed owner", off)
	}
	n.Next, n.Types = d[off+1:end], TypeBitmap(d[end:])
	return n, n.Types.check(end)
}

// NSEC3Hash computes a hashed owner name (RFC 5155, section 5). It charges no budget.
func NSEC3Hash(name Name, iterations uint16, salt []byte) [sha1.Size]byte {
	var buf [MaxNameLen + 255]byte
	d := sha1.Sum(append(append(buf[:0], name.wire...), salt...))
	for range iterations {
		d = sha1.Sum(append(append(buf[:0], d[:]...), salt...))
	}
	return d
}

// BetweenNSEC3 reports whether a hash is strictly between that of a record's owner and the next
// hashed owner name. The last record of a chain wraps around (RFC 5155, section 3.1.7), and one
// whose next is itself, the only one of its chain, covers all but its own name.
func BetweenNSEC3(owner, hash, next []byte) bool {
	after, before := bytes.Compare(owner, hash) < 0, bytes.Compare(hash, next) < 0
	if bytes.Compare(owner, next) < 0 {
		return after && before
	}
	return after || before
}

// SOA is a view of SOA RDATA (RFC 1035, section 3.3.13).
type SOA struct {
	MName, RName                            Name
	Serial, Refresh, Retry, Expire, Minimum uint32
}

// ParseSOA reads uncompressed SOA RDATA.
func ParseSOA(d []byte) (SOA, error) {
	var s SOA
	var off int
	var err error
	if s.MName, off, err = nameAt(d, 0); err != nil {
		return s, err
	}
	if s.RName, off, err = nameAt(d, off); err != nil {
		return s, err
	}
	if len(d) != off+20 {
		return s, malformed("SOA size", off)
	}
	for i, p := range []*uint32{&s.Serial, &s.Refresh, &s.Retry, &s.Expire, &s.Minimum} {
		*p = binary.BigEndian.Uint32(d[off+4*i:])
	}
	return s, nil
}

// SignatureTimes is when a signature is valid, and the tag of its key.
type SignatureTimes struct {
	Inception, Expires time.Time
	KeyTag             uint16
}

// SignatureTimesOf reads the times of RRSIG RDATA, which are those nearest to now with these
// seconds (RFC 4034, section 3.1.5), and allocates nothing; false if the RDATA is too short or the
// signature ends before it begins.
func SignatureTimesOf(rdata []byte, now time.Time) (t SignatureTimes, ok bool) {
	if len(rdata) < 18 {
		return t, false
	}
	at := func(i int) time.Time {
		ahead := int32(binary.BigEndian.Uint32(rdata[i:]) - uint32(now.Unix()))
		return time.Unix(now.Unix()+int64(ahead), 0)
	}
	t = SignatureTimes{Expires: at(8), Inception: at(12),
		KeyTag: binary.BigEndian.Uint16(rdata[16:])}
	return t, t.Inception.Before(t.Expires)
}
