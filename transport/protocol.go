// The table of transports. A transport is a row here and the file that the row names. Its
// properties are columns, so that no other code has to ask which transport it is.

package transport

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Protocol is a transport that clients reach us by, or that servers are asked over.
type Protocol uint8

// The protocols.
const (
	UDP      Protocol = iota
	TCP               // RFC 7766
	DoT               // RFC 7858
	DoH               // RFC 8484, over HTTP/2 and HTTP/1.1
	DoH3              // RFC 8484, over HTTP/3
	DoQ               // RFC 9250
	DoHPlain          // RFC 8484 without TLS, behind a reverse proxy with TLS
	protocols
)

// properties is a row of the table.
type properties struct {
	name    string   // in the configuration and in metrics
	aliases []string // names in the configuration of other servers
	help    string
	port    uint16

	encrypted     bool   // nobody on the path can read the messages
	stream        bool   // messages of any size; the client's address is verified
	datagram      bool   // sockets are UDP, not TCP
	http          bool   // RFC 8484
	proxied       bool   // listeners can take PROXY headers
	pads          bool   // every answer is padded (RFC 9250, section 5.4)
	framed        bool   // its packets can be taken before the kernel has them (AF_XDP)
	opportunistic bool   // authorities may support it (RFC 9539, section 2.2)
	alpn          string // name in TLS and SVCB (RFC 9461, section 4)
	kdig          string // option of kdig for the protocol; "-" if there is none
	dnstap        uint8  // its number in dnstap's schema (SocketProtocol)
	charge        int64  // what a client's connection takes beside messages, in bytes

	// by implements the transport. It is an interface because its functions need the table.
	by interface {
		// open opens a listener.
		open(Spec) (Listener, error)
	}
}

// querier is implemented by transports that servers can be asked over. The request is a copy, as
// it may stay on the stack where its protocol does not keep it.
type querier interface {
	ask(ctx context.Context, n *NetExchanger, r Request, deadline time.Time) ([]byte, error)
}

// keeper is implemented by transports whose connections to servers stay open.
type keeper interface {
	upstream(k upstreamKey, by *identities, o *background) upstream
}

var table = [protocols]properties{
	UDP: {name: "udp", dnstap: 1, aliases: []string{"plain", "dns"}, help: "DNS over UDP", port: 53,
		datagram: true, proxied: true, framed: true, by: overUDP{}},
	TCP: {name: "tcp", dnstap: 2, help: "DNS over TCP", port: 53, kdig: "+tcp", charge: tcpBytes,
		stream: true, proxied: true, by: overTCP{}},
	DoT: {name: "dot", dnstap: 3, aliases: []string{"tls"}, port: 853,
		help: "DNS over TLS (RFC 7858)", alpn: "dot", kdig: "+tls", charge: tlsBytes,
		stream: true, encrypted: true, proxied: true, opportunistic: true, by: overTLS{}},
	DoH: {name: "doh", dnstap: 4, aliases: []string{"https", "http", "h2"}, port: 443,
		help: "DNS over HTTPS (RFC 8484) by HTTP/2 and HTTP/1.1", alpn: "h2", kdig: "+https",
		charge: httpsBytes,
		stream: true, encrypted: true, http: true, proxied: true, by: overHTTP2{}},
	DoH3: {name: "doh3", dnstap: 4, aliases: []string{"h3", "https3", "http3"}, port: 443,
		help: "DNS over HTTPS by HTTP/3", alpn: "h3", kdig: "-",
		charge: quicBytes + 4*streamBytes, // the client may open eight streams for its settings
		stream: true, encrypted: true, http: true, datagram: true, by: overHTTP3{}},
	DoQ: {name: "doq", dnstap: 7, aliases: []string{"quic"}, port: 853,
		help: "DNS over QUIC (RFC 9250)", alpn: "doq", kdig: "+quic", charge: quicBytes,
		stream: true, encrypted: true, datagram: true, pads: true, opportunistic: true,
		by: overQUIC{}},
	DoHPlain: {name: "doh_plain", dnstap: 4, port: 80, kdig: "-", charge: httpBytes,
		help:   "DNS over HTTP without TLS, behind a reverse proxy that has it",
		stream: true, http: true, proxied: true, by: overPlainHTTP{}},
}

func (p Protocol) String() string { return table[p].name }

// Help returns a description of the protocol.
func (p Protocol) Help() string { return table[p].help }

// Port returns the protocol's default port.
func (p Protocol) Port() uint16 { return table[p].port }

// Encrypted reports whether nobody on the path can read the messages.
func (p Protocol) Encrypted() bool { return table[p].encrypted }

// Stream reports whether messages come over a connection: they have any size, and the client's
// address has been verified.
func (p Protocol) Stream() bool { return table[p].stream }

// HTTP reports whether the protocol is DNS over HTTPS, of any version.
func (p Protocol) HTTP() bool { return table[p].http }

// Proxied reports whether listeners can take PROXY headers.
func (p Protocol) Proxied() bool { return table[p].proxied }

// Framed reports whether packets of listeners can be taken before the kernel's network stack has
// them.
func (p Protocol) Framed() bool { return table[p].framed }

// Pads reports whether every answer is padded, and not only those to clients that pad.
func (p Protocol) Pads() bool { return table[p].pads }

// ALPN returns the protocol's name in TLS and SVCB records, "" without TLS.
func (p Protocol) ALPN() string { return table[p].alpn }

// Dnstap returns the protocol's number in dnstap's schema, whose list has one for DNS over HTTPS.
func (p Protocol) Dnstap() uint8 { return table[p].dnstap }

// Network returns the kind of its sockets as in package net: udp or tcp.
func (p Protocol) Network() string {
	if table[p].datagram {
		return "udp"
	}
	return "tcp"
}

// Kdig returns the option of the program kdig for the protocol; ok is false if there is none.
func (p Protocol) Kdig() (option string, ok bool) { return table[p].kdig, table[p].kdig != "-" }

// Upstream reports whether servers can be asked over the protocol.
func (p Protocol) Upstream() bool {
	_, ok := table[p].by.(querier)
	return ok
}

// Opportunistic reports whether authorities may be asked over the protocol if they are found to
// support it (RFC 9539).
func (p Protocol) Opportunistic() bool { return table[p].opportunistic }

// Called reports whether name is the protocol's name in the configuration of another server.
func (p Protocol) Called(name string) bool { return slices.Contains(table[p].aliases, name) }

// Protocols lists the protocols that have all of these properties: Protocols(Protocol.Encrypted).
func Protocols(having ...func(Protocol) bool) (ps []Protocol) {
	for p := range protocols {
		if !slices.ContainsFunc(having, func(has func(Protocol) bool) bool { return !has(p) }) {
			ps = append(ps, p)
		}
	}
	return ps
}

// client returns the client at the far end of a connection.
func (p Protocol) client(a netip.AddrPort) Client {
	return Client{Addr: netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), Protocol: p}
}
