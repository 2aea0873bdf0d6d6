// The packet layer: UDP packets in Ethernet frames, with one VLAN tag or none. Pure functions.

package xdp

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Lengths of headers, in octets.
const (
	ethernetLen = 14
	tagLen      = 4
	ipv4Len     = 20 // without options: what has some is the kernel's
	ipv6Len     = 40 // without extension headers: the same
	udpLen      = 8

	// MaxHead is the longest header of a packet that is taken: IPv6 with a VLAN tag.
	MaxHead = ethernetLen + tagLen + ipv6Len + udpLen
	// minPayload is the shortest payload that is taken: a DNS header. Less is the kernel's.
	minPayload = 12
)

// What stands in the fields of headers.
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100 // IEEE 802.1Q
	groupBit    = 1      // of the first octet of a hardware address
	vlanID      = 0x0fff // of a tag; the rest is its priority
	protocolUDP = 17
	version4    = 0x45   // with a header of five words
	fragment    = 0xbfff // of the flags and the offset of IPv4, all but Don't Fragment
	dontSplit   = 0x4000 // Don't Fragment
	hops        = 64     // of answers, as the kernel's
)

// Verdict is what becomes of a frame that was received.
type Verdict uint8

// The verdicts. Those after Good are reasons to drop a frame, as the kernel does.
const (
	Good           Verdict = iota
	BadFrame               // it is not what the program takes
	BadIPChecksum          // RFC 1122, section 3.2.1.2
	BadUDPChecksum         // RFC 1122, section 4.1.3.4
	NoUDPChecksum          // over IPv6, where it is mandatory (RFC 8200, section 8.1)
	NoListener             // nothing serves the address any more
	NoFrame                // all frames are in use: the answer is lost
	RingFull               // the ring of frames to be sent is full: the answer is lost
	AnswerTooLarge         // the answer does not fit a packet
	verdicts
)

// String returns the label of a metric.
func (v Verdict) String() string {
	return [...]string{"good", "frame", "ip_checksum", "udp_checksum", "no_udp_checksum",
		"no_listener", "no_frame", "ring_full", "answer_too_large"}[v]
}

// Packet is a UDP packet in a frame.
type Packet struct {
	From, To netip.AddrPort
	Head     []byte // the headers in front of Payload, in the frame
	Payload  []byte
}

// Parse finds the UDP packet in a frame. It accepts what the program takes, as that has checked,
// and then the checksums: hardware may have found them wrong, and told the kernel alone.
func Parse(frame []byte) (p Packet, v Verdict) {
	if len(frame) < ethernetLen {
		return p, BadFrame
	}
	at, kind := ethernetLen, binary.BigEndian.Uint16(frame[12:])
	if kind == etherVLAN {
		if at += tagLen; len(frame) < at {
			return p, BadFrame
		}
		kind = binary.BigEndian.Uint16(frame[at-2:])
	}
	switch kind {
	case etherIPv4:
		return parse4(frame, at)
	case etherIPv6:
		return parse6(frame, at)
	}
	return p, BadFrame
}

// parse4 is Parse for an IPv4 packet at an offset.
func parse4(frame []byte, at int) (p Packet, v Verdict) {
	if len(frame) < at+ipv4Len+udpLen {
		return p, BadFrame
	}
	ip := frame[at : at+ipv4Len]
	size := int(binary.BigEndian.Uint16(ip[2:])) - ipv4Len
	if ip[0] != version4 || binary.BigEndian.Uint16(ip[6:])&fragment != 0 || ip[9] != protocolUDP {
		return p, BadFrame
	}
	if add(0, ip) != 0xffff {
		return p, BadIPChecksum
	}
	pseudo := pseudoSum(ip[12:20], size)
	if p, v = parseUDP(frame, at+ipv4Len, size, pseudo); v == NoUDPChecksum {
		v = Good // RFC 768: the sender has made none
	}
	p.From = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:])), p.From.Port())
	p.To = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:])), p.To.Port())
	return p, v
}

// parse6 is Parse for an IPv6 packet at an offset.
func parse6(frame []byte, at int) (p Packet, v Verdict) {
	if len(frame) < at+ipv6Len+udpLen {
		return p, BadFrame
	}
	ip := frame[at : at+ipv6Len]
	size := int(binary.BigEndian.Uint16(ip[4:]))
	if ip[0]>>4 != 6 || ip[6] != protocolUDP {
		return p, BadFrame
	}
	p, v = parseUDP(frame, at+ipv6Len, size, pseudoSum(ip[8:40], size))
	p.From = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip[8:])), p.From.Port())
	p.To = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip[24:])), p.To.Port())
	return p, v
}

// parseUDP parses a UDP packet of so many octets, by IP, at an offset; the addresses of p are
// without IP addresses. pseudo is the sum of the pseudo-header.
//
// A sender on this machine, at the other end of a veth or in a guest, leaves its checksum to the
// hardware that is not there: the field has the sum of the pseudo-header alone then
// (CHECKSUM_PARTIAL, linux/skbuff.h). The kernel knows such packets by what is beside them, and
// AF_XDP by nothing else.
func parseUDP(frame []byte, at, size int, pseudo uint16) (p Packet, v Verdict) {
	if size < udpLen+minPayload || len(frame) < at+size {
		return p, BadFrame
	}
	udp := frame[at : at+size]
	from, sum := binary.BigEndian.Uint16(udp), binary.BigEndian.Uint16(udp[6:])
	if int(binary.BigEndian.Uint16(udp[4:])) != size || from == 0 {
		return p, BadFrame
	}
	p = Packet{From: netip.AddrPortFrom(netip.Addr{}, from),
		To:   netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(udp[2:])),
		Head: frame[:at+udpLen], Payload: udp[udpLen:]}
	switch {
	case sum == 0:
		v = NoUDPChecksum
	case sum != pseudo && add(pseudo, udp) != 0xffff:
		v = BadUDPChecksum
	}
	return p, v
}

// Build makes the frame of an answer: head is that of the packet that is answered, and the payload
// is in out already, behind len(head) octets. The addresses change places, those of Ethernet too:
// the answer goes back the way that the packet came, and the VLAN tag stays. Nobody may take it
// apart on the way (RFC 6864, section 4.1: it needs no identification then).
func Build(out, head []byte) []byte {
	copy(out[:6], head[6:12])
	copy(out[6:12], head[:6])
	at := ethernetLen
	if copy(out[12:14], head[12:14]); binary.BigEndian.Uint16(head[12:]) == etherVLAN {
		at += tagLen
		copy(out[14:18], head[14:18])
	}
	size := len(out) - len(head) + udpLen
	ip, udp := out[at:], out[len(head)-udpLen:]
	var pseudo uint16
	if head[at]>>4 == 4 {
		copy(ip, []byte{version4, 0, 0, 0, 0, 0, dontSplit >> 8, 0, hops, protocolUDP, 0, 0})
		binary.BigEndian.PutUint16(ip[2:], uint16(ipv4Len+size))
		copy(ip[12:16], head[at+16:])
		copy(ip[16:20], head[at+12:])
		binary.BigEndian.PutUint16(ip[10:], ^add(0, ip[:ipv4Len]))
		pseudo = pseudoSum(ip[12:20], size)
	} else {
		copy(ip, []byte{6 << 4, 0, 0, 0, 0, 0, protocolUDP, hops})
		binary.BigEndian.PutUint16(ip[4:], uint16(size))
		copy(ip[8:24], head[at+24:])
		copy(ip[24:40], head[at+8:])
		pseudo = pseudoSum(ip[8:40], size)
	}
	copy(udp[:2], head[len(head)-udpLen+2:])
	copy(udp[2:4], head[len(head)-udpLen:])
	binary.BigEndian.PutUint16(udp[4:], uint16(size))
	udp[6], udp[7] = 0, 0
	sum := ^add(pseudo, udp)
	if sum == 0 { // which would mean that there is none (RFC 768)
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return out
}

// pseudoSum is the sum of the pseudo-header of UDP (RFC 768; RFC 8200, section 8.1): both
// addresses, the protocol and the length.
func pseudoSum(addresses []byte, size int) uint16 {
	return fold(sum(uint64(protocolUDP+size), addresses))
}

// add adds octets to a sum of the Internet checksum (RFC 1071).
func add(to uint16, b []byte) uint16 { return fold(sum(uint64(to), b)) }

// sum is add without the last folding. The carry of 64 bits is added like those of 16 (RFC 1071,
// section 2).
func sum(to uint64, b []byte) uint64 {
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		to, carry = bits.Add64(to, binary.BigEndian.Uint64(b), carry)
	}
	var last [8]byte // as if zeros came behind
	copy(last[:], b)
	to, carry = bits.Add64(to, binary.BigEndian.Uint64(last[:]), carry)
	to, carry = bits.Add64(to, 0, carry)
	return to + carry
}

// fold reduces a sum to 16 bits.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s>>16 + s&0xffff)
}
