// Service parameters (RFC 9460, RFC 9461) and resolver information, in wire form.

package discovery

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"bailiwick/wire"
)

// Keys of service parameters (RFC 9460, section 14.3.2; RFC 9461, section 9).
const (
	keyALPN     = 1
	keyPort     = 3
	keyIPv4Hint = 4
	keyIPv6Hint = 6
	keyDoHPath  = 7
)

// params returns an endpoint's parameters in the order of their keys (RFC 9460, section 2.2). Hints
// are not allowed in DHCP and router advertisements (RFC 9463, section 3.1.8).
func (e *Endpoint) params(hints bool) []byte {
	var b []byte
	add := func(key uint16, value []byte) {
		b = binary.BigEndian.AppendUint16(b, key)
		b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	var alpn []byte
	for _, a := range e.ALPN {
		alpn = append(append(alpn, byte(len(a))), a...)
	}
	add(keyALPN, alpn)
	add(keyPort, binary.BigEndian.AppendUint16(nil, e.Port))
	v4, v6 := e.octets(true), e.octets(false)
	if hints && len(v4) > 0 {
		add(keyIPv4Hint, v4)
	}
	if hints && len(v6) > 0 {
		add(keyIPv6Hint, v6)
	}
	if e.Path != "" {
		add(keyDoHPath, []byte(e.Path+"{?dns}"))
	}
	return b
}

// octets returns the addresses of one family in wire form, one after the other.
func (e *Endpoint) octets(v4 bool) (b []byte) {
	for _, a := range e.Addrs {
		if a.Is4() == v4 {
			b = append(b, a.AsSlice()...)
		}
	}
	return b
}

// Text returns the endpoint's parameters in presentation form, without hints.
func (e *Endpoint) Text() string {
	s := fmt.Sprintf("alpn=%s port=%d", strings.Join(e.ALPN, ","), e.Port)
	if e.Path != "" {
		s += " dohpath=" + e.Path + "{?dns}"
	}
	return s
}

// record returns the RESINFO set (RFC 9606, section 4): character-strings like those of TXT, one
// for each key.
func (i *Info) record(owner wire.Name) *wire.RRset {
	s := &wire.RRset{Name: owner, Type: wire.TypeRESINFO, Class: wire.ClassIN, TTL: ttl,
		Security: wire.Insecure}
	var rdata []byte
	for _, v := range i.strings() {
		rdata = append(append(rdata, byte(len(v))), v...)
	}
	s.Data = s.Data.Append(rdata)
	return s
}

// strings returns the pairs of key and value (RFC 9606, section 5).
func (i *Info) strings() (list []string) {
	if i.QNameMin {
		list = append(list, "qnamemin")
	}
	if len(i.EDE) > 0 {
		list = append(list, "exterr="+ranges(i.EDE))
	}
	if i.URL != "" {
		list = append(list, "infourl="+i.URL)
	}
	if len(list) == 0 {
		list = []string{""} // RDATA without a string would be malformed
	}
	return list
}

// ranges returns numbers in the form 1,5-7.
func ranges(codes []uint16) string {
	codes = slices.Compact(slices.Sorted(slices.Values(codes)))
	var parts []string
	for i := 0; i < len(codes); {
		j := i
		for j+1 < len(codes) && codes[j+1] == codes[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(codes[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", codes[i], codes[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
