// Messages as protocol buffers, by the schema of github.com/dnstap/dnstap.pb. The published
// packages of Go lack policy, DNS over QUIC and HTTP versions.

package dnstap

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	pb "google.golang.org/protobuf/encoding/protowire"

	"bailiwick/internal/cause"
)

// The fields of the schema's messages Dnstap, Message and Policy.
const (
	dnstapIdentity pb.Number = 1
	dnstapVersion  pb.Number = 2
	dnstapExtra    pb.Number = 3
	dnstapMessage  pb.Number = 14
	dnstapType     pb.Number = 15

	messageType           pb.Number = 1
	messageFamily         pb.Number = 2
	messageProtocol       pb.Number = 3
	messageAsker          pb.Number = 4
	messageAnswerer       pb.Number = 5
	messageAskerPort      pb.Number = 6
	messageAnswererPort   pb.Number = 7
	messageAskedSeconds   pb.Number = 8
	messageAskedNano      pb.Number = 9
	messageQuery          pb.Number = 10
	messageZone           pb.Number = 11
	messageAnsweredSecond pb.Number = 12
	messageAnsweredNano   pb.Number = 13
	messageResponse       pb.Number = 14
	messagePolicy         pb.Number = 15
	messageHTTP           pb.Number = 16

	policyType   pb.Number = 1
	policyRule   pb.Number = 2
	policyAction pb.Number = 3
	policyMatch  pb.Number = 4
	policyValue  pb.Number = 5
)

// Values of the schema's enumerations.
const (
	typeMessage = 1 // Dnstap.Type
	inet        = 1 // SocketFamily
	inet6       = 2
	http3       = 3 // HttpProtocol
)

// rooms are buffers for frames.
var rooms = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// lengthLen is the size of the length of a frame.
const lengthLen = 4

// appendHead appends the fields that all messages have.
func appendHead(b []byte, identity, version string) []byte {
	if identity != "" {
		b = appendString(b, dnstapIdentity, identity)
	}
	if version != "" {
		b = appendString(b, dnstapVersion, version)
	}
	return appendNumber(b, dnstapType, typeMessage)
}

// appendFrame appends a data frame of Frame Streams with a message: its length in four octets, and
// the protocol buffer. The cause of a failure is in the field extra, as cause=LABEL.
func (t *Tap) appendFrame(b []byte, m *Message) []byte {
	b = append(b, 0, 0, 0, 0)
	b = append(b, t.head...)
	if m.Cause != cause.None {
		b = pb.AppendTag(b, dnstapExtra, pb.BytesType)
		b = pb.AppendVarint(b, uint64(len("cause=")+len(m.Cause.Label())))
		b = append(append(b, "cause="...), m.Cause.Label()...)
	}
	b = pb.AppendTag(b, dnstapMessage, pb.BytesType)
	b = appendNested(b, func(b []byte) []byte { return m.append(b) })
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthLen))
	return b
}

// appendNested appends a message within a message: its length, and what f appends.
func appendNested(b []byte, f func([]byte) []byte) []byte {
	from := len(b)
	b = f(b)
	n := len(b) - from
	var length [10]byte
	l := pb.AppendVarint(length[:0], uint64(n))
	b = append(b, l...)
	copy(b[from+len(l):], b[from:from+n])
	copy(b[from:], l)
	return b
}

// append appends the schema's Message. The addresses are the two ends of one socket: if they are of
// different families only the first one is told, as there is one field for both.
func (m *Message) append(b []byte) []byte {
	b = appendNumber(b, messageType, uint64(m.Kind))
	asker, answerer := m.Asker.Addr().Unmap(), m.Answerer.Addr().Unmap()
	if asker.IsValid() && answerer.IsValid() && asker.Is4() != answerer.Is4() {
		answerer = netip.Addr{}
	}
	if some := asker; some.IsValid() || answerer.IsValid() {
		if !some.IsValid() {
			some = answerer
		}
		family := uint64(inet6)
		if some.Is4() {
			family = inet
		}
		b = appendNumber(b, messageFamily, family)
	}
	b = appendNumber(b, messageProtocol, uint64(m.Protocol.Dnstap()))
	b = appendAddress(b, messageAsker, asker)
	b = appendAddress(b, messageAnswerer, answerer)
	b = appendPort(b, messageAskerPort, m.Asker.Port())
	b = appendPort(b, messageAnswererPort, m.Answerer.Port())
	b = appendTime(b, messageAskedSeconds, messageAskedNano, m.Asked)
	if !m.Kind.response() {
		b = appendBytes(b, messageQuery, m.Packet)
	}
	if !m.Zone.IsZero() {
		b = appendString(b, messageZone, m.Zone.Wire())
	}
	if m.Kind.response() {
		b = appendTime(b, messageAnsweredSecond, messageAnsweredNano, m.Answered)
		b = appendBytes(b, messageResponse, m.Packet)
	}
	if m.Policy != nil {
		b = pb.AppendTag(b, messagePolicy, pb.BytesType)
		b = appendNested(b, func(b []byte) []byte { return m.Policy.append(b, asker) })
	}
	if m.Protocol.HTTP() && m.Protocol.Network() == "udp" {
		b = appendNumber(b, messageHTTP, http3)
	}
	return b
}

// append appends the schema's Policy.
func (p *Policy) append(b []byte, client netip.Addr) []byte {
	b = appendString(b, policyType, p.Type)
	if p.Rule != "" {
		b = appendString(b, policyRule, p.Rule)
	}
	if p.Action != NoAction {
		b = appendNumber(b, policyAction, uint64(p.Action))
	}
	if p.Match != NoMatch {
		b = appendNumber(b, policyMatch, uint64(p.Match))
	}
	switch {
	case p.Match == ClientIP:
		b = appendAddress(b, policyValue, client)
	case !p.Value.IsZero():
		b = appendString(b, policyValue, p.Value.Wire())
	}
	return b
}

func appendNumber(b []byte, n pb.Number, v uint64) []byte {
	return pb.AppendVarint(pb.AppendTag(b, n, pb.VarintType), v)
}

func appendBytes(b []byte, n pb.Number, v []byte) []byte {
	return pb.AppendBytes(pb.AppendTag(b, n, pb.BytesType), v)
}

func appendString(b []byte, n pb.Number, v string) []byte {
	return pb.AppendString(pb.AppendTag(b, n, pb.BytesType), v)
}

// appendAddress appends the 4 or 16 octets of an address that is known.
func appendAddress(b []byte, n pb.Number, a netip.Addr) []byte {
	switch {
	case a.Is4():
		v := a.As4()
		return appendBytes(b, n, v[:])
	case a.Is6():
		v := a.As16()
		return appendBytes(b, n, v[:])
	}
	return b
}

// appendPort appends a port that is known.
func appendPort(b []byte, n pb.Number, port uint16) []byte {
	if port == 0 {
		return b
	}
	return appendNumber(b, n, uint64(port))
}

// appendTime appends a time in two fields: seconds, and nanoseconds in four octets.
func appendTime(b []byte, seconds, nano pb.Number, t time.Time) []byte {
	b = appendNumber(b, seconds, uint64(t.Unix()))
	return pb.AppendFixed32(pb.AppendTag(b, nano, pb.Fixed32Type), uint32(t.Nanosecond()))
}
