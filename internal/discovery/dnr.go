// Discovery of Network-designated Resolvers (RFC 9463): the options of DHCP and of router
// advertisements.

package discovery

import (
	"encoding/binary"
	"errors"
	"time"
)

// Numbers of the options.
const (
	DHCPv6Option = 144 // OPTION_V6_DNR
	DHCPv4Option = 162 // OPTION_V4_DNR
	RAOption     = 144 // of Neighbor Discovery
)

// Reasons why there is no option.
var (
	errNoName = errors.New("there is no name that clients could authenticate the resolver by: " +
		"set discovery.name, or use a certificate with a name")
	errTooLong   = errors.New("too long for the option: too many addresses")
	errNoIPv4    = errors.New("no IPv4 address is known: set discovery.addresses")
	errNoIPv6    = errors.New("no IPv6 address is known: set discovery.addresses")
	errNoService = errors.New("no encrypted transport is served: set listen.dot, listen.doh or " +
		"listen.doq")
)

func (d *Designation) check() error {
	if d.Name.IsZero() {
		return errNoName
	}
	if len(d.Endpoints) == 0 {
		return errNoService
	}
	return nil
}

// DHCPv4 returns the data of the option for DHCPv4, without code and length (RFC 9463, section
// 5.1): an instance for each endpoint.
func (d *Designation) DHCPv4() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	var out []byte
	for i, e := range d.Endpoints {
		addrs := e.octets(true)
		if len(addrs) == 0 {
			return nil, errNoIPv4
		}
		name := d.Name.Wire()
		b := []byte{0, byte(i + 1), byte(len(name))}
		b = append(b, name...)
		if len(addrs) > 252 {
			return nil, errTooLong
		}
		b = append(append(b, byte(len(addrs))), addrs...)
		b = append(b, e.params(false)...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(b)))
		out = append(out, b...)
	}
	return out, nil
}

// DHCPv6 returns the data of the options for DHCPv6, without code and length (RFC 9463, section
// 4.1): one option for each endpoint.
func (d *Designation) DHCPv6() (options [][]byte, err error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	for i, e := range d.Endpoints {
		addrs := e.octets(false)
		if len(addrs) == 0 {
			return nil, errNoIPv6
		}
		options = append(options, append(d.head(nil, i, addrs), e.params(false)...))
	}
	return options, nil
}

// head returns the part that DHCPv6 and router advertisements share: priority, name, addresses.
// between is inserted after the priority.
func (d *Designation) head(between []byte, i int, addrs []byte) []byte {
	name := d.Name.Wire()
	b := append([]byte{0, byte(i + 1)}, between...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(addrs)))
	return append(b, addrs...)
}

// RA returns the whole options for router advertisements, type and length included (RFC 9463,
// section 6.1): one for each endpoint.
func (d *Designation) RA(lifetime time.Duration) (options [][]byte, err error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	for i, e := range d.Endpoints {
		addrs := e.octets(false)
		if len(addrs) == 0 {
			return nil, errNoIPv6
		}
		params := e.params(false)
		b := d.head(binary.BigEndian.AppendUint32(nil, uint32(lifetime/time.Second)), i, addrs)
		b = binary.BigEndian.AppendUint16(b, uint16(len(params)))
		b = append([]byte{RAOption, 0}, append(b, params...)...)
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		if len(b)/8 > 255 {
			return nil, errTooLong
		}
		b[1] = byte(len(b) / 8)
		options = append(options, b)
	}
	return options, nil
}
