package labtest

import (
	"encoding/binary"
	"strconv"

	"github.com/miekg/dns"
)

// Packet is what a client sends over UDP, and what every resolver has to make of it.
type Packet struct {
	What   string
	Source string // the section that the answer follows from
	Packet []byte
	RCode  int    // of the response
	Silent bool   // there is no response
	EDNS   bool   // the response has an OPT record
	Error  uint16 // of the TSIG record of the response, see RFC 8945, section 3; 0: it has none
}

// The parts of packets.
const (
	packetName = "\x03www\x06secure\x07example\x00"
	rootName   = "\x00"
	anyKey     = "\x03key\x00"
)

// part is a section's record, or the question.
func part(name string, t, class uint16, ttl uint32, rdata string) []byte {
	b := binary.BigEndian.AppendUint16([]byte(name), t)
	b = binary.BigEndian.AppendUint16(b, class)
	b = binary.BigEndian.AppendUint32(b, ttl)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(rdata))), rdata...)
}

func question(name string, t, class uint16) []byte {
	return part(name, t, class, 0, "")[:len(name)+4]
}

// opt is an OPT record of a version with options.
func opt(version uint8, options string) []byte {
	return part(rootName, dns.TypeOPT, 1232, uint32(version)<<16, options)
}

// option is an option of EDNS with so many octets.
func option(code uint16, octets int) string {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = binary.BigEndian.AppendUint16(b, uint16(octets))
	return string(append(b, "0123456789012345678901234567890123456789012345678901"[:octets]...))
}

// message has flags, counts and what follows the header.
func message(flags uint16, counts [4]uint16, parts ...[]byte) []byte {
	b := []byte{0x12, 0x34, byte(flags >> 8), byte(flags)}
	for _, n := range counts {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// tsigData is the RDATA of a TSIG record with a MAC of zeros.
func tsigData() string {
	b := "\x0bhmac-sha256\x00" + "\x00\x00\x69\x28\x00\x00" + "\x01\x2c" + "\x00\x20"
	return b + string(make([]byte, 32)) + "\x12\x34" + "\x00\x00" + "\x00\x00"
}

// ClientPackets returns queries, and what is not quite a query, for a resolver in front of the
// lab's Internet that has no key, answers no CHAOS names, and is asked by a client that may ask.
func ClientPackets() (list []Packet) {
	const rd = 0x0100
	one, withOPT := [4]uint16{1}, [4]uint16{1, 0, 0, 1}
	www := question(packetName, dns.TypeA, dns.ClassINET)
	a := part(packetName, dns.TypeA, dns.ClassINET, 300, "\xc0\x00\x02\x01")
	add := func(what, source string, rcode int, edns bool, packet []byte) {
		list = append(list, Packet{What: what, Source: source, RCode: rcode, EDNS: edns,
			Packet: packet})
	}
	silent := func(what, source string, packet []byte) {
		list = append(list, Packet{What: what, Source: source, Silent: true, Packet: packet})
	}
	plain := func(what, source string, rcode int, flags uint16) {
		add(what, source, rcode, false, message(flags, one, www))
	}

	// The header.
	plain("a query", "RFC 1035, 4.1", dns.RcodeSuccess, rd)
	silent("a response", "RFC 1035, 4.1.1", message(0x8000|rd, one, www))
	silent("a response with OPT of another version", "RFC 1035, 4.1.1", message(0x8000|rd, withOPT,
		www, opt(1, "")))
	silent("a response of another opcode", "RFC 1035, 4.1.1", message(0xA800, one, www))
	silent("eleven octets", "RFC 1035, 4.1.1", message(rd, one)[:11])
	for bit, what := range map[uint16]string{0x0400: "AA", 0x0200: "TC", 0x0080: "RA", 0x0040: "Z",
		0x0020: "AD", 0x0010: "CD", 0x0005: "an RCODE"} {
		plain(what+" in a query", "RFC 6895, 2.1", dns.RcodeSuccess, rd|bit)
	}
	plain("all flags in a query", "RFC 6895, 2.1", dns.RcodeSuccess, rd|0x06FF)
	for opcode, what := range map[uint16]string{1: "IQUERY", 2: "STATUS", 3: "opcode 3",
		5: "UPDATE", 6: "DSO", 15: "opcode 15"} {
		plain(what, "RFC 6895, 2.2; RFC 3425, 3", dns.RcodeNotImplemented, opcode<<11)
	}

	// The question.
	add("no question", "RFC 9619, 4", dns.RcodeFormatError, false, message(rd, [4]uint16{}))
	add("no question, OPT", "RFC 9619, 4", dns.RcodeFormatError, true, message(rd,
		[4]uint16{0, 0, 0, 1}, opt(0, "")))
	add("no question, OPT of another version", "RFC 6891, 6.1.3", dns.RcodeBadVers, true,
		message(rd, [4]uint16{0, 0, 0, 1}, opt(1, "")))
	add("no question, a cookie", "RFC 7873, 5.4", dns.RcodeSuccess, true, message(rd,
		[4]uint16{0, 0, 0, 1}, opt(0, option(10, 8))))
	add("no question, a cookie in OPT of another version", "RFC 6891, 6.1.3", dns.RcodeBadVers,
		true, message(rd, [4]uint16{0, 0, 0, 1}, opt(1, option(10, 8))))
	add("two questions", "RFC 9619, 4", dns.RcodeFormatError, false, message(rd, [4]uint16{2},
		www, www))
	add("two questions, OPT of another version", "RFC 9619, 4", dns.RcodeFormatError, false,
		message(rd, [4]uint16{2, 0, 0, 1}, www, www, opt(1, "")))
	add("a question that is missing", "RFC 1035, 4.1.1", dns.RcodeFormatError, false,
		message(rd, one))
	add("a pointer to itself", "RFC 1035, 4.1.4", dns.RcodeFormatError, false, message(rd, one,
		question("\xc0\x0c", dns.TypeA, dns.ClassINET)))
	add("a label of unknown kind", "RFC 6891, 5", dns.RcodeFormatError, false, message(rd, one,
		question("\x41w\x00", dns.TypeA, dns.ClassINET)))
	add("a name that is too long", "RFC 1035, 2.3.4", dns.RcodeFormatError, false, message(rd, one,
		question(longName(256), dns.TypeA, dns.ClassINET)))
	add("the longest name", "RFC 1035, 2.3.4", dns.RcodeNameError, false, message(rd, one,
		question(longName(255), dns.TypeA, dns.ClassINET)))
	add("letters in either case", "RFC 4343, 3", dns.RcodeSuccess, false, message(rd, one,
		question("\x03wWw\x06SECURE\x07example\x00", dns.TypeA, dns.ClassINET)))

	// Types and classes.
	for t, want := range map[uint16]int{dns.TypeAXFR: dns.RcodeRefused,
		dns.TypeIXFR: dns.RcodeRefused, dns.TypeMAILA: dns.RcodeNotImplemented,
		dns.TypeMAILB: dns.RcodeNotImplemented, dns.TypeOPT: dns.RcodeFormatError,
		dns.TypeTSIG: dns.RcodeFormatError, dns.TypeTKEY: dns.RcodeFormatError,
		0:              dns.RcodeFormatError,
		dns.TypeNXNAME: dns.RcodeFormatError, 65280: dns.RcodeSuccess, 65535: dns.RcodeSuccess,
		dns.TypeANY: dns.RcodeSuccess} {
		add("type "+dns.Type(t).String(), "RFC 6895, 3.1", want, false, message(rd, one,
			question(packetName, t, dns.ClassINET)))
	}
	for class, want := range map[uint16]int{dns.ClassHESIOD: dns.RcodeRefused,
		dns.ClassANY: dns.RcodeRefused, dns.ClassNONE: dns.RcodeRefused, 0: dns.RcodeRefused,
		4660: dns.RcodeRefused, dns.ClassCHAOS: dns.RcodeRefused} {
		add("class "+dns.Class(class).String(), "RFC 6895, 3.2", want, false, message(rd, one,
			question(packetName, dns.TypeTXT, class)))
	}

	// Other sections.
	add("an answer", "RFC 1035, 4.1.1", dns.RcodeFormatError, false, message(rd, [4]uint16{1, 1},
		www, a))
	add("an authority record", "RFC 1035, 4.1.1", dns.RcodeFormatError, false, message(rd,
		[4]uint16{1, 0, 1}, www, a))
	add("an additional record", "RFC 1035, 4.1", dns.RcodeSuccess, false, message(rd, withOPT,
		www, a))
	add("a record that is missing", "RFC 1035, 4.1.1", dns.RcodeFormatError, false, message(rd,
		withOPT, www))
	add("octets behind the message", "RFC 1035, 4.1", dns.RcodeSuccess, false, message(rd, one,
		www, []byte("x")))

	// EDNS.
	add("OPT", "RFC 6891, 6.1.1", dns.RcodeSuccess, true, message(rd, withOPT, www, opt(0, "")))
	for _, version := range []uint8{1, 255} {
		add("OPT of another version", "RFC 6891, 6.1.3", dns.RcodeBadVers, true, message(rd,
			withOPT, www, opt(version, "")))
		add("OPT of another version with a wrong cookie", "RFC 6891, 6.1.3", dns.RcodeBadVers, true,
			message(rd, withOPT, www, opt(version, option(10, 7))))
	}
	add("two OPT records", "RFC 6891, 6.1.1", dns.RcodeFormatError, true, message(rd,
		[4]uint16{1, 0, 0, 2}, www, opt(0, ""), opt(0, "")))
	add("OPT with a name", "RFC 6891, 6.1.2", dns.RcodeFormatError, false, message(rd, withOPT, www,
		part(packetName, dns.TypeOPT, 1232, 0, "")))
	add("OPT among the answers", "RFC 6891, 6.1.1", dns.RcodeFormatError, false, message(rd,
		[4]uint16{1, 1}, www, opt(0, "")))
	add("an option that is cut off", "RFC 6891, 6.1.2", dns.RcodeFormatError, true, message(rd,
		withOPT, www, opt(0, option(10, 8)[:6])))
	add("all flags of OPT, and an RCODE", "RFC 6891, 6.1.4", dns.RcodeSuccess, true, message(rd,
		withOPT, www, part(rootName, dns.TypeOPT, 0, 0xFF00FFFF, "")))
	add("an unknown option", "RFC 6891, 6.1.2", dns.RcodeSuccess, true, message(rd, withOPT, www,
		opt(0, option(65001, 5))))
	for n, want := range map[int]int{0: dns.RcodeFormatError, 7: dns.RcodeFormatError,
		8: dns.RcodeSuccess, 9: dns.RcodeFormatError, 15: dns.RcodeFormatError,
		16: dns.RcodeSuccess, 40: dns.RcodeSuccess, 41: dns.RcodeFormatError} {
		add("a cookie of "+strconv.Itoa(n)+" octets", "RFC 7873, 5.2.2", want, true, message(rd,
			withOPT, www, opt(0, option(10, n))))
	}
	for what, octets := range map[string]string{"": "\x18\x00\xc0\x00\x02",
		" with a scope":                "\x18\x18\xc0\x00\x02",
		" with bits behind its length": "\x14\x00\xc0\x00\xff"} {
		add("a network"+what+", to a server without ECS", "RFC 7871, 7.2.1", dns.RcodeSuccess, true,
			message(rd, withOPT, www, opt(0, "\x00\x08\x00\x07\x00\x01"+octets)))
	}
	add("an expiry of a zone", "RFC 7314, 3", dns.RcodeSuccess, true, message(rd, withOPT, www,
		opt(0, option(9, 0))))

	// Signatures.
	list = append(list, Packet{What: "TSIG by an unknown key", Source: "RFC 8945, 5.2.1",
		RCode: dns.RcodeNotAuth, Error: dns.RcodeBadKey, Packet: message(rd, withOPT, www,
			part(anyKey, dns.TypeTSIG, dns.ClassANY, 0, tsigData()))})
	add("TSIG that is not the last record", "RFC 8945, 5.1", dns.RcodeFormatError, false,
		message(rd, [4]uint16{1, 0, 0, 2}, www, part(anyKey, dns.TypeTSIG, dns.ClassANY, 0,
			tsigData()), a))
	add("two TSIG records", "RFC 8945, 5.1", dns.RcodeFormatError, false, message(rd,
		[4]uint16{1, 0, 0, 2}, www, part(anyKey, dns.TypeTSIG, dns.ClassANY, 0, tsigData()),
		part(anyKey, dns.TypeTSIG, dns.ClassANY, 0, tsigData())))
	add("TSIG that cannot be read", "RFC 8945, 5.2", dns.RcodeFormatError, false, message(rd,
		withOPT, www, part(anyKey, dns.TypeTSIG, dns.ClassANY, 0, "\x00")))
	add("SIG(0)", "RFC 2931, 3.3", dns.RcodeSuccess, false, message(rd, withOPT, www,
		part(rootName, dns.TypeSIG, dns.ClassANY, 0, "\x00\x00\x0d\x00\x00\x00\x00\x00"+
			"\x7f\x00\x00\x00\x69\x00\x00\x00\x12\x34"+anyKey+string(make([]byte, 64)))))
	return list
}

// longName is a name of the lab's secure.example. with so many octets.
func longName(octets int) string {
	zone := packetName[4:]
	b := ""
	for left := octets - len(zone); left > 0; {
		n := min(left-1, 63)
		if left-1-n == 1 {
			n--
		}
		b += string(rune(n)) + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[:n]
		left -= 1 + n
	}
	return b + zone
}
