package xdp

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// parts are what a test's frame is made of; what is zero is as it should be.
type parts struct {
	from, to string
	tags     []uint16 // VLAN tags, the outermost first
	payload  []byte
	padding  int    // octets of Ethernet behind the packet
	dest     []byte // hardware address
	source   []byte // the same
	sum      any    // of UDP: nil: right; "partial": of the pseudo-header alone; or a number
	edit     func(f []byte, ip int)
}

// hardware addresses of this machine and of its neighbour.
var (
	mine      = [6]byte{2, 0, 0, 0, 0, 1}
	neighbour = [6]byte{2, 0, 0, 0, 0, 2}
)

var query = []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1}

// slowSum is the Internet checksum as RFC 1071, section 4.1 has it in C.
func slowSum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s>>16 > 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// pseudoHeader is that of UDP over either version of IP.
func pseudoHeader(from, to netip.Addr, size int) (p []byte) {
	p = append(append(p, from.AsSlice()...), to.AsSlice()...)
	return append(p, 0, protocolUDP, byte(size>>8), byte(size))
}

// frame makes a frame.
func (p parts) frame() []byte {
	if p.from == "" {
		p.from, p.to = "192.0.2.7:4000", "192.0.2.1:53"
	}
	if p.payload == nil {
		p.payload = query
	}
	from, to := netip.MustParseAddrPort(p.from), netip.MustParseAddrPort(p.to)
	f := append(append([]byte{}, mine[:]...), neighbour[:]...)
	if p.dest != nil {
		copy(f, p.dest)
	}
	if p.source != nil {
		copy(f[6:], p.source)
	}
	for _, t := range p.tags {
		f = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(f, etherVLAN), t)
	}
	size := udpLen + len(p.payload)
	ip := len(f) + 2
	if from.Addr().Is4() {
		f = binary.BigEndian.AppendUint16(f, etherIPv4)
		f = append(f, version4, 0, byte((ipv4Len+size)>>8), byte(ipv4Len+size), 1, 2, 0x40, 0, 61,
			protocolUDP, 0, 0)
		f = append(append(f, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
		binary.BigEndian.PutUint16(f[ip+10:], ^slowSum(f[ip:]))
	} else {
		f = binary.BigEndian.AppendUint16(f, etherIPv6)
		f = append(f, 0x60, 1, 2, 3, byte(size>>8), byte(size), protocolUDP, 61)
		f = append(append(f, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	}
	at := len(f)
	f = binary.BigEndian.AppendUint16(f, from.Port())
	f = binary.BigEndian.AppendUint16(f, to.Port())
	f = append(f, byte(size>>8), byte(size), 0, 0)
	f = append(f, p.payload...)
	pseudo := pseudoHeader(from.Addr(), to.Addr(), size)
	sum := ^slowSum(append(append([]byte{}, pseudo...), f[at:]...))
	switch s := p.sum.(type) {
	case string:
		sum = slowSum(pseudo)
	case int:
		sum = uint16(s)
	}
	binary.BigEndian.PutUint16(f[at+6:], sum)
	if p.edit != nil {
		p.edit(f, ip)
	}
	return append(f, make([]byte, p.padding)...)
}

// resum makes the checksum of a changed IPv4 header right.
func resum(f []byte, ip int) {
	f[ip+10], f[ip+11] = 0, 0
	binary.BigEndian.PutUint16(f[ip+10:], ^slowSum(f[ip:ip+ipv4Len]))
}

const v6from, v6to = "[2001:db8::7]:4000", "[2001:db8::1]:53"

// situation is a frame, what the program does with it, and the packet layer.
type situation struct {
	name  string
	parts parts
	taken bool // the program moves it to the socket
	want  Verdict
}

// situations are frames of every kind that is known to have gone wrong somewhere.
var situations = []situation{
	{"a query over IPv4", parts{}, true, Good},
	{"a query over IPv6", parts{from: v6from, to: v6to}, true, Good},
	{"in a VLAN", parts{tags: []uint16{10}}, true, Good},
	{"in a VLAN, over IPv6", parts{from: v6from, to: v6to, tags: []uint16{10}}, true, Good},
	{"in a VLAN, with a priority", parts{tags: []uint16{10 | 5<<13}}, true, Good},
	{"with a priority alone", parts{tags: []uint16{3 << 13}}, true, Good},
	{"in another VLAN", parts{tags: []uint16{11}}, false, Good},
	{"two tags", parts{tags: []uint16{10, 10}}, false, BadFrame},
	{"padded by Ethernet", parts{padding: 20}, true, Good},
	{"odd length", parts{payload: query[:len(query)-1]}, true, Good},

	{"to another port", parts{from: "192.0.2.7:4000", to: "192.0.2.1:54"}, false, Good},
	{"to another address", parts{from: "192.0.2.7:4000", to: "192.0.2.2:53"}, false, Good},
	{"to another address of IPv6", parts{from: v6from, to: "[2001:db8::2]:53"}, false, Good},
	{"to another machine", parts{dest: []byte{2, 0, 0, 0, 0, 3}}, false, Good},
	{"to a machine of another maker", parts{dest: []byte{2, 0, 0, 7, 0, 1}}, false, Good},
	{"to all machines", parts{dest: []byte{255, 255, 255, 255, 255, 255}}, false, Good},
	{"from port 0", parts{from: "192.0.2.7:0", to: "192.0.2.1:53"}, false, BadFrame},
	{"from this machine", parts{from: "127.0.0.1:4000", to: "192.0.2.1:53"}, false, Good},
	{"from nowhere", parts{from: "0.0.0.0:4000", to: "192.0.2.1:53"}, false, Good},
	{"from a group", parts{from: "224.0.0.1:4000", to: "192.0.2.1:53"}, false, Good},
	{"from the broadcast address", parts{from: "255.255.255.255:4000", to: "192.0.2.1:53"}, false,
		Good},
	{"from the address that is asked", parts{from: "192.0.2.1:53", to: "192.0.2.1:53"}, false,
		Good},
	{"from the address of IPv6 that is asked", parts{from: v6to, to: v6to}, false, Good},
	{"from another address of the network", parts{from: "[2001:db8::2]:4000", to: v6to}, true,
		Good},
	{"from another network with the same interface", parts{from: "[2001:db9::1]:4000", to: v6to},
		true, Good},
	{"from all machines", parts{source: []byte{255, 255, 255, 255, 255, 255}}, false, Good},
	{"from a group of machines", parts{source: []byte{1, 0, 0x5e, 0, 0, 1}}, false, Good},
	{"to an IPv4 address in IPv6", parts{from: v6from, to: "[::ffff:192.0.2.1]:53"}, false, Good},
	{"from loopback of IPv6", parts{from: "[::1]:4000", to: v6to}, false, Good},
	{"from a group of IPv6", parts{from: "[ff02::1]:4000", to: v6to}, false, Good},
	{"from a link-local address", parts{from: "[fe80::7]:4000", to: v6to}, false, Good},
	{"from an IPv4 address in IPv6", parts{from: "[::ffff:192.0.2.7]:4000", to: v6to}, false, Good},

	{"ARP", parts{edit: func(f []byte, ip int) { f[ip-1] = 6 }}, false, BadFrame},
	{"TCP", parts{edit: func(f []byte, ip int) { f[ip+9] = 6; resum(f, ip) }}, false, BadFrame},
	{"ICMPv6", parts{from: v6from, to: v6to, edit: func(f []byte, ip int) { f[ip+6] = 58 }}, false,
		BadFrame},
	{"with options", parts{edit: func(f []byte, ip int) { f[ip] = 0x46 }}, false, BadFrame},
	{"of a wrong version", parts{edit: func(f []byte, ip int) { f[ip] = 0x65 }}, false, BadFrame},
	{"of a wrong version of IPv6", parts{from: v6from, to: v6to,
		edit: func(f []byte, ip int) { f[ip] = 0x45 }}, false, BadFrame},
	{"the first fragment", parts{edit: func(f []byte, ip int) { f[ip+6] = 0x20; resum(f, ip) }},
		false, BadFrame},
	{"a later fragment", parts{edit: func(f []byte, ip int) { f[ip+7] = 3; resum(f, ip) }}, false,
		BadFrame},
	{"the evil bit (RFC 3514)", parts{edit: func(f []byte, ip int) {
		f[ip+6] |= 0x80
		resum(f, ip)
	}}, false, BadFrame},
	{"a fragment of IPv6", parts{from: v6from, to: v6to,
		edit: func(f []byte, ip int) { f[ip+6] = 44 }}, false, BadFrame},
	{"hop-by-hop options", parts{from: v6from, to: v6to,
		edit: func(f []byte, ip int) { f[ip+6] = 0 }}, false, BadFrame},

	{"shorter than a DNS header", parts{payload: query[:11]}, false, BadFrame},
	{"a DNS header alone", parts{payload: query[:12]}, true, Good},
	{"UDP length below IP's", parts{edit: func(f []byte, ip int) { f[ip+ipv4Len+5]-- }}, false,
		BadFrame},
	{"UDP length above IP's", parts{edit: func(f []byte, ip int) { f[ip+ipv4Len+5]++ }}, false,
		BadFrame},
	{"UDP length 0 (a jumbogram)", parts{from: v6from, to: v6to, edit: func(f []byte, ip int) {
		f[ip+4], f[ip+5], f[ip+ipv6Len+4], f[ip+ipv6Len+5] = 0, 0, 0, 0
	}}, false, BadFrame},
	{"longer than the frame", parts{edit: func(f []byte, ip int) {
		f[ip+3] += 10
		f[ip+ipv4Len+5] += 10
		resum(f, ip)
	}}, true, BadFrame},
	{"longer than the frame, over IPv6", parts{from: v6from, to: v6to,
		edit: func(f []byte, ip int) { f[ip+4]++; f[ip+ipv6Len+4]++ }}, true, BadFrame},
	{"longer than a place for a frame", parts{payload: make([]byte, 1800)}, false, Good},
	{"cut off in the UDP header", parts{payload: []byte{}}, false, BadFrame},

	{"a wrong checksum of IP", parts{edit: func(f []byte, ip int) { f[ip+10] ^= 1 }}, true,
		BadIPChecksum},
	{"a wrong checksum of UDP", parts{sum: 0x1234}, true, BadUDPChecksum},
	{"a wrong checksum of UDP over IPv6", parts{from: v6from, to: v6to, sum: 0x1234}, true,
		BadUDPChecksum},
	{"a flipped bit", parts{edit: func(f []byte, ip int) { f[len(f)-1] ^= 4 }}, true,
		BadUDPChecksum},
	{"no checksum over IPv4", parts{sum: 0}, true, Good},
	{"no checksum over IPv6", parts{from: v6from, to: v6to, sum: 0}, true, NoUDPChecksum},
	{"a checksum that is left to hardware", parts{sum: "partial"}, true, Good},
	{"a checksum that is left to hardware, over IPv6", parts{from: v6from, to: v6to,
		sum: "partial"}, true, Good},
}

// Each frame has the verdict that the kernel would have, or is not for us at all.
func TestParse(t *testing.T) {
	for _, s := range situations {
		f := s.parts.frame()
		p, got := Parse(f)
		if got != s.want {
			t.Errorf("%s: %v, not %v", s.name, got, s.want)
		}
		if got != Good || s.parts.from == "" {
			continue
		}
		if p.From.String() != s.parts.from || p.To.String() != s.parts.to {
			t.Errorf("%s: from %v to %v", s.name, p.From, p.To)
		}
	}
}

// A frame that is cut off anywhere is none of ours.
func TestParseCutOff(t *testing.T) {
	for _, p := range []parts{{}, {from: v6from, to: v6to}, {tags: []uint16{10}}} {
		f := p.frame()
		for n := range f {
			if _, v := Parse(f[:n]); v != BadFrame {
				t.Errorf("%d of %d octets: %v", n, len(f), v)
			}
		}
	}
}

// answerTo builds an answer to a frame, in memory that was used before.
func answerTo(p *Packet, answer []byte) []byte {
	out := bytes.Repeat([]byte{0xaa}, frameSize)
	return Build(out[:len(p.Head)+copy(out[len(p.Head):], answer)], p.Head)
}

// An answer goes back the way that the query came: its addresses, ports and hardware addresses have
// changed places, its tag is the query's, and its checksums are right (RFC 1071, RFC 8200, section
// 8.1), by another way of computing.
func TestBuild(t *testing.T) {
	for _, s := range situations {
		f := s.parts.frame()
		p, v := Parse(f)
		if v != Good {
			continue
		}
		for _, size := range []int{12, 13, 512, 1232} {
			answer := make([]byte, size)
			for i := range answer {
				answer[i] = byte(rand.Uint32())
			}
			out := answerTo(&p, answer)
			back, v := Parse(out)
			if v != Good || back.From != p.To || back.To != p.From ||
				!bytes.Equal(back.Payload, answer) || !bytes.Equal(out[:6], f[6:12]) ||
				!bytes.Equal(out[6:12], f[:6]) {
				t.Errorf("%s: %v, from %v to %v", s.name, v, back.From, back.To)
			}
			if len(s.parts.tags) > 0 && !bytes.Equal(out[12:16], f[12:16]) {
				t.Errorf("%s: the tag is %x", s.name, out[12:16])
			}
			udp := out[len(p.Head)-udpLen:]
			whole := append(pseudoHeader(p.To.Addr(), p.From.Addr(), len(udp)), udp...)
			if slowSum(whole) != 0xffff || udp[6] == 0 && udp[7] == 0 {
				t.Errorf("%s: the checksum of UDP is %x", s.name, udp[6:8])
			}
			ip := len(p.Head) - udpLen - ipv4Len
			if p.From.Addr().Is4() && (slowSum(out[ip:ip+ipv4Len]) != 0xffff || out[ip+8] != hops ||
				out[ip+6] != dontSplit>>8) {
				t.Errorf("%s: the header is %x", s.name, out[ip:ip+ipv4Len])
			}
		}
	}
}

// A checksum that comes out as 0 is sent as 0xffff: 0 would mean that there is none, which IPv6
// forbids (RFC 768; RFC 8200, section 8.1).
func TestRFC8200ChecksumZero(t *testing.T) {
	for _, p := range []parts{{}, {from: v6from, to: v6to}} {
		k, _ := Parse(p.frame())
		answer := make([]byte, 14)
		out := answerTo(&k, answer)
		sum := binary.BigEndian.Uint16(out[len(k.Head)-2:])
		binary.BigEndian.PutUint16(answer[12:], sum) // which makes the sum of all 0xffff
		out = answerTo(&k, answer)
		if got := binary.BigEndian.Uint16(out[len(k.Head)-2:]); got != 0xffff {
			t.Errorf("%v: the checksum is %#x", k.To, got)
		}
	}
}

// Sums of any octets are as the RFC's.
func TestRFC1071(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, r.IntN(100))
		for i := range b {
			b[i] = byte(r.Uint32() | uint32(-r.IntN(2)))
		}
		if got, want := add(0, b), slowSum(b); got != want && got+want != 0xffff {
			t.Fatalf("%x: %#x, not %#x", b, got, want)
		}
	}
}

// A hit costs no allocation.
func TestPacketLayerAllocatesNothing(t *testing.T) {
	f, out := parts{from: v6from, to: v6to}.frame(), make([]byte, frameSize)
	if n := testing.AllocsPerRun(100, func() {
		p, _ := Parse(f)
		Build(out[:len(p.Head)+100], p.Head)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse holds the packet layer to any octets: what is good has the addresses and the payload of
// its octets, and an answer to it can be parsed.
func FuzzParse(f *testing.F) {
	for _, s := range situations {
		f.Add(s.parts.frame(), []byte("an answer with a header"))
	}
	f.Fuzz(func(t *testing.T, frame, answer []byte) {
		p, v := Parse(frame)
		if v != Good {
			return
		}
		if len(p.Head)+len(p.Payload) > len(frame) || len(p.Head) > MaxHead ||
			len(p.Payload) < minPayload || p.From.Port() == 0 {
			t.Fatalf("%d and %d of %d octets", len(p.Head), len(p.Payload), len(frame))
		}
		if p.To.Port() == 0 || len(answer) < minPayload || len(answer) > 1400 {
			return
		}
		back, v := Parse(answerTo(&p, answer))
		if v != Good || back.From != p.To || back.To != p.From ||
			!bytes.Equal(back.Payload, answer) {
			t.Fatalf("%v, from %v to %v", v, back.From, back.To)
		}
	})
}
