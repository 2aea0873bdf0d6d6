// EDNS(0): the OPT record and its options (RFC 6891).

package wire

import (
	"encoding/binary"
	"iter"
)

// OptionCode is the number of an EDNS option.
type OptionCode uint16

// The options that the code uses.
const (
	OptionNSID      OptionCode = 3
	OptionECS       OptionCode = 8
	OptionCookie    OptionCode = 10
	OptionKeepalive OptionCode = 11
	OptionPadding   OptionCode = 12
	OptionEDE       OptionCode = 15
	// OptionReportChannel has the domain of a monitoring agent (RFC 9567, section 5).
	OptionReportChannel OptionCode = 18
)

// EDNS is the content of a message's OPT record. The zero value means that there is none.
type EDNS struct {
	Present bool
	DO      bool
	CO      bool // Compact Answers OK (RFC 9824, section 5.1)
	Version uint8
	ExtCode uint8  // upper eight bits of the RCODE
	UDPSize uint16 // what the sender takes over UDP
	Options Options
}

// Options is the RDATA of an OPT record.
type Options []byte

// All yields the options in order; the values alias the list.
func (o Options) All() iter.Seq2[OptionCode, []byte] {
	return func(yield func(OptionCode, []byte) bool) {
		for len(o) >= 4 {
			n := 4 + int(binary.BigEndian.Uint16(o[2:]))
			if n > len(o) || !yield(OptionCode(binary.BigEndian.Uint16(o)), o[4:n:n]) {
				return
			}
			o = o[n:]
		}
	}
}

// Get returns the first option with this code.
func (o Options) Get(code OptionCode) ([]byte, bool) {
	for c, v := range o.All() {
		if c == code {
			return v, true
		}
	}
	return nil, false
}

// Append returns the options with one more.
func (o Options) Append(code OptionCode, value ...[]byte) Options {
	n := 0
	for _, v := range value {
		n += len(v)
	}
	o = binary.BigEndian.AppendUint16(o, uint16(code))
	o = binary.BigEndian.AppendUint16(o, uint16(n))
	for _, v := range value {
		o = append(o, v...)
	}
	return o
}

// AppendEDE appends an Extended DNS Error (RFC 8914, section 2).
func (o Options) AppendEDE(code uint16, text string) Options {
	return o.Append(OptionEDE, []byte{byte(code >> 8), byte(code)}, []byte(text))
}

// check reads the options' codes and lengths (RFC 6891, section 6.1.2).
func (o Options) check(off int) error {
	for count := 0; len(o) > 0; count++ {
		if count == maxEDNSOptions {
			return malformed("more EDNS options than are read", off)
		}
		if len(o) < 4 {
			return malformed("EDNS option runs past the end", off)
		}
		n := 4 + int(binary.BigEndian.Uint16(o[2:]))
		if n > len(o) {
			return malformed("EDNS option runs past the end", off)
		}
		o, off = o[n:], off+n
	}
	return nil
}

// readOPT reads the fixed part of an OPT record that begins at off with the root name, and its
// options.
func readOPT(msg []byte, off int) (e EDNS, next int, err error) {
	if off+11 > len(msg) {
		return e, 0, malformed("OPT runs past the end", off)
	}
	if msg[off] != 0 {
		return e, 0, malformed("OPT owner is not the root", off) // RFC 6891, section 6.1.2
	}
	f := msg[off+1:]
	end := off + 11 + int(binary.BigEndian.Uint16(f[8:]))
	if end > len(msg) {
		return e, 0, malformed("OPT runs past the end", off)
	}
	e = EDNS{
		Present: true, UDPSize: binary.BigEndian.Uint16(f[2:]), ExtCode: f[4], Version: f[5],
		DO: f[6]&0x80 != 0, CO: f[6]&0x40 != 0, Options: Options(msg[off+11 : end : end]),
	}
	return e, end, e.Options.check(off + 11)
}

// AppendOPT appends an OPT record to a message under construction. The caller counts it.
func AppendOPT(msg []byte, size uint16, ext uint8, do bool, options Options) []byte {
	flags := byte(0)
	if do {
		flags = 0x80
	}
	msg = append(msg, 0, 0, byte(TypeOPT), byte(size>>8), byte(size), ext, 0, flags, 0,
		byte(len(options)>>8), byte(len(options)))
	return append(msg, options...)
}

// SetCO sets the CO flag of an OPT record that begins at an offset (RFC 9824, section 5.1).
func SetCO(msg []byte, at int) { msg[at+7] |= 0x40 }

// PadOPT pads a message that ends in an OPT record, which begins at an offset, to a multiple of
// block (RFC 7830), or to the largest message.
func PadOPT(msg []byte, at, block int) []byte {
	want := min((len(msg)+4+block-1)/block*block, MaxMessageLen)
	n := want - len(msg) - 4
	if n < 0 {
		return msg
	}
	binary.BigEndian.PutUint16(msg[at+9:], binary.BigEndian.Uint16(msg[at+9:])+uint16(4+n))
	msg = append(msg, 0, byte(OptionPadding), byte(n>>8), byte(n))
	for ; n > len(zeros); n -= len(zeros) {
		msg = append(msg, zeros[:]...)
	}
	return append(msg, zeros[:n]...)
}

var zeros [512]byte
