// The program that the kernel runs for each frame that an interface receives.

package xdp

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// What the program counts, for each receive queue: 64 bits each, in the memory of a map that the
// process has too. A queue is served by one processor at a time.
const (
	countTaken  = 0 // moved to the queue's socket
	countPassed = 8 // left to the kernel
	countsSize  = 16
)

// Offsets of fields in struct xdp_md, and the verdicts of the program (linux/bpf.h).
const (
	mdData    = 0
	mdDataEnd = 4
	mdQueue   = 16
	xdpPass   = 2
	xdpMoved  = 4 // XDP_REDIRECT
)

// keySize is the size of a key of the map of addresses: the address, IPv4 as in RFC 4291, section
// 2.5.5.2; the port; the VLAN, 0 without a tag. They are as in the packet, in network byte order.
const keySize = 20

// keyOf returns the key of an address in a VLAN.
func keyOf(a netip.AddrPort, vlan uint16) (k [keySize]byte) {
	ip := a.Addr().As16()
	copy(k[:], ip[:])
	binary.BigEndian.PutUint16(k[16:], a.Port())
	binary.BigEndian.PutUint16(k[18:], vlan)
	return k
}

// maps are what the program works with.
type maps struct {
	addresses *ebpf.Map // that are taken: a set of keys
	sockets   *ebpf.Map // by receive queue
	counts    *ebpf.Map
}

// newMaps makes the maps for so many keys and receive queues.
func newMaps(keys [][keySize]byte, queues int) (m maps, err error) {
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.addresses, err = ebpf.NewMap(&ebpf.MapSpec{Name: "bailiwick_addrs", Type: ebpf.Hash,
		KeySize: keySize, ValueSize: 1, MaxEntries: uint32(len(keys))}); err != nil {
		return m, err
	}
	for _, k := range keys {
		if err = m.addresses.Put(k[:], []byte{1}); err != nil {
			return m, err
		}
	}
	if m.sockets, err = ebpf.NewMap(&ebpf.MapSpec{Name: "bailiwick_socks", Type: ebpf.XSKMap,
		KeySize: 4, ValueSize: 4, MaxEntries: uint32(queues)}); err != nil {
		return m, err
	}
	m.counts, err = ebpf.NewMap(&ebpf.MapSpec{Name: "bailiwick_count", Type: ebpf.Array,
		KeySize: 4, ValueSize: uint32(countsSize * queues), MaxEntries: 1,
		Flags: mapMappable})
	return m, err
}

// mapMappable is BPF_F_MMAPABLE.
const mapMappable = 1 << 10

func (m *maps) close() {
	for _, x := range []*ebpf.Map{m.addresses, m.sockets, m.counts} {
		if x != nil {
			_ = x.Close() // an error changes nothing
		}
	}
}

// newProgram loads the program for an interface of that hardware address and so many queues.
func newProgram(m maps, mac [6]byte, queues int) (*ebpf.Program, error) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "bailiwick", Type: ebpf.XDP, License: "MIT",
		Instructions: instructions(m, mac, queues)})
	if err != nil {
		return nil, fmt.Errorf("load the program: %w", err)
	}
	return p, nil
}

// Registers of the program. R1 to R5 do not outlive a call of the kernel's.
const (
	context = asm.R6
	frame   = asm.R7 // four octets further for a frame with a tag, so that offsets are the same
	end     = asm.R8
	value   = asm.R1
	other   = asm.R2
	limit   = asm.R3
	key     = -24 // of the stack
)

// instructions returns the program. What it takes is a whole UDP packet of at least a DNS header,
// to this hardware address and one of the addresses of the map; everything else is the kernel's,
// which answers it, or drops it for a reason of its own: options, fragments, extension headers,
// lengths that disagree, multicast, senders that no packet may come from. An answer to a group of
// machines would go to many, and one to the address that is asked to this machine. Whether the
// frame has as many octets as its headers have it is left to [Parse], which drops it if not, as the
// kernel does: with CAP_BPF alone a program may not compute an address from a length.
func instructions(m maps, mac [6]byte, queues int) asm.Instructions {
	is := asm.Instructions{
		asm.Mov.Reg(context, asm.R1),
		asm.LoadMem(frame, context, mdData, asm.Word),
		asm.LoadMem(end, context, mdDataEnd, asm.Word),
		asm.Mov.Imm(value, 0),
		asm.StoreMem(asm.R10, key, value, asm.DWord),
		asm.StoreMem(asm.R10, key+8, value, asm.DWord),
		asm.StoreMem(asm.R10, key+16, value, asm.Word),

		// A frame that is longer than a place for one would be dropped.
		asm.Mov.Reg(limit, frame),
		asm.Add.Imm(limit, maxReceived),
		asm.JLT.Reg(limit, end, "pass"),
	}
	is = append(is, within(ethernetLen)...)
	is = append(is, load(0, asm.Word)...)
	is = append(is, asm.Mov.Imm32(other, int32(binary.BigEndian.Uint32(mac[:]))),
		asm.JNE.Reg32(value, other, "pass"))
	is = append(is, load(4, asm.Half)...)
	is = append(is, asm.JNE.Imm(value, int32(binary.BigEndian.Uint16(mac[4:])), "pass"))
	is = append(is, load(6, asm.Byte)...) // IEEE 802.3, section 3.2.3: no group sends
	is = append(is, asm.JSet.Imm(value, groupBit, "pass"))
	is = append(is, load(12, asm.Half)...)
	is = append(is, asm.JNE.Imm(value, etherVLAN, "kind"))

	is = append(is, within(ethernetLen+tagLen)...)
	is = append(is, load(14, asm.Half)...)
	is = append(is,
		asm.And.Imm(value, vlanID),
		asm.HostTo(asm.BE, value, asm.Half),
		asm.StoreMem(asm.R10, key+18, value, asm.Half),
		asm.Add.Imm(frame, tagLen))
	is = append(is, load(12, asm.Half)...)

	is = append(is,
		asm.JEq.Imm(value, etherIPv4, "ipv4").WithSymbol("kind"),
		asm.JEq.Imm(value, etherIPv6, "ipv6"),
		asm.Ja.Label("pass"))
	is = append(is, symbol("ipv4", instructions4())...)
	is = append(is, symbol("ipv6", instructions6())...)
	return append(is, deliver(m, queues)...)
}

// instructions4 looks at an IPv4 packet.
func instructions4() asm.Instructions {
	const ip, udp = ethernetLen, ethernetLen + ipv4Len
	is := within(udp + udpLen)
	is = append(is, load(ip, asm.Byte)...)
	is = append(is, asm.JNE.Imm(value, version4, "pass"))
	is = append(is, load(ip+6, asm.Half)...)
	is = append(is, asm.JSet.Imm(value, fragment, "pass"))
	is = append(is, load(ip+9, asm.Byte)...)
	is = append(is, asm.JNE.Imm(value, protocolUDP, "pass"))
	is = append(is, load(ip+12, asm.Byte)...) // RFC 1122, section 3.2.1.3: no sender
	is = append(is,
		asm.JEq.Imm(value, 0, "pass"),
		asm.JEq.Imm(value, 127, "pass"),
		asm.JGE.Imm(value, 224, "pass"),
		asm.LoadMem(value, frame, ip+12, asm.Word),
		asm.LoadMem(other, frame, ip+16, asm.Word),
		asm.JEq.Reg(value, other, "pass")) // the address that is asked itself
	is = append(is, load(ip+2, asm.Half)...)
	is = append(is, asm.Sub.Imm(value, ipv4Len))
	is = append(is, udpPacket(udp)...)
	return append(is,
		asm.StoreImm(asm.R10, key+10, 0xffff, asm.Half),
		asm.LoadMem(value, frame, ip+16, asm.Word),
		asm.StoreMem(asm.R10, key+12, value, asm.Word),
		asm.Ja.Label("look up"))
}

// instructions6 looks at an IPv6 packet.
func instructions6() asm.Instructions {
	const ip, udp = ethernetLen, ethernetLen + ipv6Len
	is := within(udp + udpLen)
	is = append(is, load(ip, asm.Byte)...)
	is = append(is,
		asm.RSh.Imm(value, 4),
		asm.JNE.Imm(value, 6, "pass"))
	is = append(is, load(ip+6, asm.Byte)...)
	is = append(is, asm.JNE.Imm(value, protocolUDP, "pass"))
	is = append(is, load(ip+8, asm.Half)...)
	is = append(is,
		asm.JGE.Imm(value, 0xff00, "pass"), // multicast
		asm.And.Imm(value, 0xffc0),
		asm.JEq.Imm(value, 0xfe80, "pass"), // link-local: it means nothing without its interface
		asm.LoadMem(value, frame, ip+8, asm.DWord),
		asm.JEq.Imm(value, 0, "pass"), // unspecified, loopback, or an address of IPv4
		asm.LoadMem(other, frame, ip+24, asm.DWord),
		asm.JEq.Imm(other, 0, "pass"), // the same: a key of IPv4 is no address of a packet
		asm.JNE.Reg(value, other, "other"),
		asm.LoadMem(value, frame, ip+16, asm.DWord),
		asm.LoadMem(other, frame, ip+32, asm.DWord),
		asm.JEq.Reg(value, other, "pass")) // as of IPv4
	is = append(is, symbol("other", load(ip+4, asm.Half))...)
	is = append(is, udpPacket(udp)...)
	for i := int16(0); i < 16; i += 4 {
		is = append(is,
			asm.LoadMem(value, frame, ip+24+i, asm.Word),
			asm.StoreMem(asm.R10, key+i, value, asm.Word))
	}
	return is
}

// udpPacket looks at a UDP header at an offset; the register value has the length by IP.
func udpPacket(at int16) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(other, frame, at+4, asm.Half),
		asm.HostTo(asm.BE, other, asm.Half),
		asm.JNE.Reg(value, other, "pass"),
		asm.JLT.Imm(other, udpLen+minPayload, "pass"),
		asm.LoadMem(value, frame, at, asm.Half),
		asm.JEq.Imm(value, 0, "pass"), // no answer can be sent to it
		asm.LoadMem(value, frame, at+2, asm.Half),
		asm.StoreMem(asm.R10, key+16, value, asm.Half),
	}
}

// deliver looks the address up, moves the packet to the queue's socket, and counts.
func deliver(m maps, queues int) asm.Instructions {
	is := symbol("look up", asm.Instructions{
		asm.LoadMapPtr(asm.R1, m.addresses.FD()),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),

		// Without a socket for this queue the verdict is the last argument.
		asm.LoadMapPtr(asm.R1, m.sockets.FD()),
		asm.LoadMem(asm.R2, context, mdQueue, asm.Word),
		asm.Mov.Imm(asm.R3, xdpPass),
		asm.FnRedirectMap.Call(),
		asm.JNE.Imm(asm.R0, xdpMoved, "pass"),
	})
	is = append(is, count(m, queues, countTaken)...)
	is = append(is,
		asm.Mov.Imm(asm.R0, xdpMoved),
		asm.Return())
	is = append(is, symbol("pass", count(m, queues, countPassed))...)
	return append(is,
		asm.Mov.Imm(asm.R0, xdpPass),
		asm.Return())
}

// count adds one to what is counted of the receive queue, if it has a place.
func count(m maps, queues int, what int32) asm.Instructions {
	skip := fmt.Sprintf("counted %d", what)
	return asm.Instructions{
		asm.LoadMem(other, context, mdQueue, asm.Word),
		asm.JGE.Imm(other, int32(queues), skip),
		asm.Mul.Imm(other, countsSize),
		asm.LoadMapValue(asm.R1, m.counts.FD(), uint32(what)),
		asm.Add.Reg(asm.R1, other),
		asm.LoadMem(asm.R3, asm.R1, 0, asm.DWord),
		asm.Add.Imm(asm.R3, 1),
		asm.StoreMem(asm.R1, 0, asm.R3, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol(skip),
	}
}

// within leaves a frame that is shorter to the kernel.
func within(length int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(limit, frame),
		asm.Add.Imm(limit, length),
		asm.JGT.Reg(limit, end, "pass"),
	}
}

// load loads a number of the frame.
func load(at int16, size asm.Size) asm.Instructions {
	is := asm.Instructions{asm.LoadMem(value, frame, at, size)}
	if size != asm.Byte {
		is = append(is, asm.HostTo(asm.BE, value, size))
	}
	return is
}

// symbol gives the first of the instructions a name to jump to.
func symbol(name string, is asm.Instructions) asm.Instructions {
	is[0] = is[0].WithSymbol(name)
	return is
}
