// The EDNS Client Subnet option (RFC 7871).

package wire

import (
	"encoding/binary"
	"net/netip"
)

// The address families of the option (RFC 7871, section 6).
const (
	familyNone = 0
	familyIPv4 = 1
	familyIPv6 = 2
)

// subnetFixed is the length of the option's value without the address, in octets.
const subnetFixed = 4

// Subnet is the content of a Client Subnet option: the network that a question is asked for and, in
// a response, the length of the prefix that the answer is for.
type Subnet struct {
	// Network is FAMILY, ADDRESS and SOURCE PREFIX-LENGTH; the zero Prefix is family 0, which has
	// no address: some programs write "no network" so.
	Network netip.Prefix
	Scope   uint8
}

// ParseSubnet reads the value of the option. ok is false if it is malformed: an unknown family, a
// prefix longer than the family's addresses, too few or too many octets of the address, or bits
// beyond the prefix (RFC 7871, sections 6 and 7.2.1).
func ParseSubnet(v []byte) (s Subnet, ok bool) {
	if len(v) < subnetFixed {
		return s, false
	}
	source, address := int(v[2]), v[subnetFixed:]
	s.Scope = v[3]
	if len(address) != (source+7)/8 {
		return s, false
	}
	var room [16]byte
	var addr netip.Addr
	switch binary.BigEndian.Uint16(v) {
	case familyNone:
		return s, source == 0 && s.Scope == 0
	case familyIPv4:
		if source > 32 {
			return s, false
		}
		copy(room[:], address)
		addr = netip.AddrFrom4([4]byte(room[:4]))
	case familyIPv6:
		if source > 128 {
			return s, false
		}
		copy(room[:], address)
		addr = netip.AddrFrom16(room)
	default:
		return s, false
	}
	s.Network = netip.PrefixFrom(addr, source)
	return s, int(s.Scope) <= addr.BitLen() && s.Network == s.Network.Masked()
}

// Subnet returns the content of the first Client Subnet option. ok is false if that is malformed,
// found if there is none.
func (o Options) Subnet() (s Subnet, found, ok bool) {
	v, found := o.Get(OptionECS)
	if !found {
		return s, false, true
	}
	s, ok = ParseSubnet(v)
	return s, true, ok
}

// Len returns the length of the option's value, in octets.
func (s Subnet) Len() int { return subnetFixed + (max(s.Network.Bits(), 0)+7)/8 }

// AppendTo appends the option's value.
func (s Subnet) AppendTo(b []byte) []byte {
	family, bits := uint16(familyNone), max(s.Network.Bits(), 0)
	switch a := s.Network.Addr(); {
	case a.Is4():
		family = familyIPv4
	case a.Is6():
		family = familyIPv6
	}
	b = append(binary.BigEndian.AppendUint16(b, family), byte(bits), s.Scope)
	if family == familyIPv4 {
		a := s.Network.Addr().As4()
		return append(b, a[:(bits+7)/8]...)
	}
	if family == familyNone {
		return b
	}
	a := s.Network.Addr().As16()
	return append(b, a[:(bits+7)/8]...)
}
