// Words for numbers of DNSSEC.

package explain

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// algorithmEd448 is a number that miekg/dns has a name for, and no more.
const algorithmEd448 = 16

// algorithmName returns the mnemonic of an algorithm (IANA, "DNS Security Algorithm Numbers").
func algorithmName(a uint8) string {
	if name, ok := dns.AlgorithmToString[a]; ok {
		return name
	}
	return fmt.Sprintf("algorithm %d", a)
}

// digestName returns the mnemonic of a digest type.
func digestName(d uint8) string {
	switch d {
	case dns.SHA1:
		return "SHA-1"
	case dns.SHA256:
		return "SHA-256"
	case dns.SHA384:
		return "SHA-384"
	}
	return fmt.Sprintf("digest %d", d)
}

// keyBits returns the size of a public key, 0 if it is not known.
func keyBits(k *wire.DNSKEY) int {
	switch k.Algorithm {
	case dns.RSAMD5, dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		return rsaBits(k.Key)
	case dns.ECDSAP256SHA256, dns.ED25519:
		return 256
	case dns.ECDSAP384SHA384:
		return 384
	case algorithmEd448:
		return 456
	}
	return 0
}

// rsaBits returns the length of the modulus (RFC 3110, section 2).
func rsaBits(k []byte) int {
	if len(k) < 3 {
		return 0
	}
	exponent, rest := int(k[0]), k[1:]
	if exponent == 0 {
		exponent, rest = int(binary.BigEndian.Uint16(k[1:])), k[3:]
	}
	if exponent >= len(rest) {
		return 0
	}
	return new(big.Int).SetBytes(rest[exponent:]).BitLen()
}

// recordText returns a record in presentation form. One that miekg/dns cannot read is in the form
// for unknown types (RFC 3597, section 5).
func recordText(s *wire.RRset, rdata []byte) string {
	b := []byte(s.Name.Wire())
	b = binary.BigEndian.AppendUint16(b, uint16(s.Type))
	b = binary.BigEndian.AppendUint16(b, uint16(s.Class))
	b = binary.BigEndian.AppendUint32(b, s.TTL)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(rdata))), rdata...)
	if rr, _, err := dns.UnpackRR(b, 0); err == nil {
		return rr.String()
	}
	return fmt.Sprintf("%s %d IN TYPE%d \\# %d %x", s.Name, s.TTL, s.Type, len(rdata), rdata)
}
