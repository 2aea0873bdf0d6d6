// The numbers of the protocol and their names.

package wire

import (
	"strconv"
	"strings"
)

// Type is an RR type (RFC 6895, section 3.1).
type Type uint16

// The types that the code speaks of by name.
const (
	TypeNone       Type = 0
	TypeA          Type = 1
	TypeNS         Type = 2
	TypeMD         Type = 3
	TypeMF         Type = 4
	TypeCNAME      Type = 5
	TypeSOA        Type = 6
	TypeMB         Type = 7
	TypeMG         Type = 8
	TypeMR         Type = 9
	TypeNULL       Type = 10
	TypePTR        Type = 12
	TypeHINFO      Type = 13
	TypeMINFO      Type = 14
	TypeMX         Type = 15
	TypeTXT        Type = 16
	TypeRP         Type = 17
	TypeAFSDB      Type = 18
	TypeRT         Type = 21
	TypeSIG        Type = 24
	TypeKEY        Type = 25
	TypePX         Type = 26
	TypeAAAA       Type = 28
	TypeNXT        Type = 30
	TypeSRV        Type = 33
	TypeNAPTR      Type = 35
	TypeKX         Type = 36
	TypeA6         Type = 38
	TypeDNAME      Type = 39
	TypeOPT        Type = 41
	TypeDS         Type = 43
	TypeRRSIG      Type = 46
	TypeNSEC       Type = 47
	TypeDNSKEY     Type = 48
	TypeNSEC3      Type = 50
	TypeNSEC3PARAM Type = 51
	TypeTLSA       Type = 52 // RFC 6698
	TypeCDS        Type = 59 // RFC 7344
	TypeCDNSKEY    Type = 60
	TypeSVCB       Type = 64
	TypeHTTPS      Type = 65
	TypeNXNAME     Type = 128 // RFC 9824, section 3.4
	TypeTKEY       Type = 249
	TypeTSIG       Type = 250
	TypeIXFR       Type = 251
	TypeAXFR       Type = 252
	TypeMAILB      Type = 253
	TypeMAILA      Type = 254
	TypeANY        Type = 255
	TypeRESINFO    Type = 261 // RFC 9606
)

var typeNames = map[Type]string{
	1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR",
	10: "NULL", 11: "WKS", 12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP",
	18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS",
	28: "AAAA", 29: "LOC", 30: "NXT", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6",
	39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG",
	47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA",
	53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC",
	63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64", 128: "NXNAME",
	249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY",
	256: "URI", 257: "CAA", 260: "AMTRELAY", 261: "RESINFO", 32768: "TA", 32769: "DLV",
}

var typeNumbers = func() map[string]Type {
	m := make(map[string]Type, len(typeNames))
	for t, s := range typeNames {
		m[s] = t
	}
	return m
}()

// String is the mnemonic, or TYPEn (RFC 3597, section 5).
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// Mnemonic returns the type's name where it has one; a closed set, fit for a metric's label.
func (t Type) Mnemonic() (string, bool) {
	s, ok := typeNames[t]
	return s, ok
}

// ParseType reads a mnemonic or TYPEn, in any letter case.
func ParseType(s string) (Type, bool) {
	s = strings.ToUpper(s)
	if t, ok := typeNumbers[s]; ok {
		return t, true
	}
	if n, ok := strings.CutPrefix(s, "TYPE"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		return Type(v), err == nil
	}
	return 0, false
}

// IsMeta reports whether t is not a type of data: it exists in questions or as a pseudo record only
// (RFC 6895, section 3.1). NXNAME is in that range though it occurs in NSEC bitmaps.
func (t Type) IsMeta() bool { return t == TypeOPT || t >= 128 && t <= 255 }

// Class is an RR class.
type Class uint16

// The classes that the code speaks of by name.
const (
	ClassIN   Class = 1
	ClassCH   Class = 3
	ClassHS   Class = 4
	ClassNONE Class = 254
	ClassANY  Class = 255
)

func (c Class) String() string {
	switch c {
	case ClassIN:
		return "IN"
	case ClassCH:
		return "CH"
	case ClassHS:
		return "HS"
	case ClassNONE:
		return "NONE"
	case ClassANY:
		return "ANY"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// RCode is a response code, with the eight more bits of EDNS (RFC 6891, section 6.1.3).
type RCode uint16

// The response codes.
const (
	RCodeNoError   RCode = 0
	RCodeFormErr   RCode = 1
	RCodeServFail  RCode = 2
	RCodeNXDomain  RCode = 3
	RCodeNotImp    RCode = 4
	RCodeRefused   RCode = 5
	RCodeYXDomain  RCode = 6
	RCodeNotAuth   RCode = 9
	RCodeBadVers   RCode = 16
	RCodeBadCookie RCode = 23
)

var rcodeNames = map[RCode]string{
	0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
	6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADVERS",
	17: "BADKEY", 18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG", 22: "BADTRUNC",
	23: "BADCOOKIE",
}

func (r RCode) String() string {
	if s, ok := rcodeNames[r]; ok {
		return s
	}
	return "RCODE" + strconv.Itoa(int(r))
}

// Opcode is the kind of a query.
type Opcode uint8

// The opcodes.
const (
	OpcodeQuery  Opcode = 0
	OpcodeStatus Opcode = 2
	OpcodeNotify Opcode = 4
	OpcodeUpdate Opcode = 5
)

// Bits of the header's second sixteen-bit word (RFC 1035, section 4.1.1; RFC 4035, section 3).
const (
	FlagQR uint16 = 1 << 15
	FlagAA uint16 = 1 << 10
	FlagTC uint16 = 1 << 9
	FlagRD uint16 = 1 << 8
	FlagRA uint16 = 1 << 7
	flagZ  uint16 = 1 << 6
	FlagAD uint16 = 1 << 5
	FlagCD uint16 = 1 << 4
)
