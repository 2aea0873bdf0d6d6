// The table of transports. A transport is a row here and the file that its row names: what is
// special of one is a column, so that no other code asks which one it has.

package transport

import (
	"context"
	"crypto/tls"
	"net/netip"
	"slices"
	"time"
)

// Protocol is how a client reached us, or how a server is asked.
type Protocol uint8

// The protocols.
const (
	UDP      Protocol = iota
	TCP               // RFC 7766
	DoT               // RFC 7858
	DoH               // RFC 8484, over HTTP/2 and HTTP/1.1
	DoH3              // RFC 8484, over HTTP/3
	DoQ               // RFC 9250
	DoHPlain          // RFC 8484 without TLS, behind a reverse proxy that has it
	protocols
)

// properties is a row.
type properties struct {
	name    string   // in the configuration and in metrics
	aliases []string // that other servers have for it
	help    string
	port    uint16

	encrypted     bool   // nobody on the way can read the messages
	stream        bool   // messages of any size, and the client's address is its own
	datagram      bool   // its sockets are those of UDP, not of TCP
	http          bool   // RFC 8484
	proxied       bool   // listeners can take PROXY headers
	pads          bool   // every answer is padded (RFC 9250, section 5.4)
	opportunistic bool   // authorities may be found to have it (RFC 9539, section 2.2)
	alpn          string // by which TLS and SVCB know it (RFC 9461, section 4)
	kdig          string // the option by which kdig asks over it; "-" if it cannot

	// by has what the transport does. It is an interface, for the functions behind it need the
	// table.
	by interface {
		// open opens a listener.
		open(Spec) (Listener, error)
	}
}

// querier is the by of transports that servers can be asked over.
type querier interface {
	ask(ctx context.Context, n *NetExchanger, r *Request, deadline time.Time) ([]byte, error)
}

// keeper is the by of those whose connections to servers stay open.
type keeper interface {
	upstream(k upstreamKey, cfg *tls.Config, o *background) upstream
}

var table = [protocols]properties{
	UDP: {name: "udp", aliases: []string{"plain", "dns"}, help: "DNS over UDP", port: 53,
		datagram: true, proxied: true, by: overUDP{}},
	TCP: {name: "tcp", help: "DNS over TCP", port: 53, kdig: "+tcp",
		stream: true, proxied: true, by: overTCP{}},
	DoT: {name: "dot", aliases: []string{"tls"}, help: "DNS over TLS (RFC 7858)", port: 853,
		alpn: "dot", kdig: "+tls",
		stream: true, encrypted: true, proxied: true, opportunistic: true, by: overTLS{}},
	DoH: {name: "doh", aliases: []string{"https", "http", "h2"}, port: 443,
		help: "DNS over HTTPS (RFC 8484) by HTTP/2 and HTTP/1.1", alpn: "h2", kdig: "+https",
		stream: true, encrypted: true, http: true, proxied: true, by: overHTTP2{}},
	DoH3: {name: "doh3", aliases: []string{"h3", "https3", "http3"}, port: 443,
		help: "DNS over HTTPS by HTTP/3", alpn: "h3", kdig: "-",
		stream: true, encrypted: true, http: true, datagram: true, by: overHTTP3{}},
	DoQ: {name: "doq", aliases: []string{"quic"}, help: "DNS over QUIC (RFC 9250)", port: 853,
		alpn: "doq", kdig: "+quic",
		stream: true, encrypted: true, datagram: true, pads: true, opportunistic: true,
		by: overQUIC{}},
	DoHPlain: {name: "doh_plain", port: 80, kdig: "-",
		help:   "DNS over HTTP without TLS, behind a reverse proxy that has it",
		stream: true, http: true, proxied: true, by: overPlainHTTP{}},
}

func (p Protocol) String() string { return table[p].name }

// Help is what the protocol is, in words.
func (p Protocol) Help() string { return table[p].help }

// Port is the protocol's own port.
func (p Protocol) Port() uint16 { return table[p].port }

// Encrypted reports whether nobody on the way can read the messages.
func (p Protocol) Encrypted() bool { return table[p].encrypted }

// Stream reports whether messages come over a connection: they have any size, and the address that
// they come from has been shown to be the client's.
func (p Protocol) Stream() bool { return table[p].stream }

// HTTP reports whether the protocol is DNS over HTTPS, of any version.
func (p Protocol) HTTP() bool { return table[p].http }

// Proxied reports whether listeners can take PROXY headers.
func (p Protocol) Proxied() bool { return table[p].proxied }

// Pads reports whether every answer is padded, and not only those to clients that pad.
func (p Protocol) Pads() bool { return table[p].pads }

// ALPN is the name by which TLS and SVCB records know the protocol, "" without TLS.
func (p Protocol) ALPN() string { return table[p].alpn }

// Network is the kind of its sockets, as package net has it: udp or tcp.
func (p Protocol) Network() string {
	if table[p].datagram {
		return "udp"
	}
	return "tcp"
}

// Kdig is the option by which the program kdig asks over the protocol; ok is false if it cannot.
func (p Protocol) Kdig() (option string, ok bool) { return table[p].kdig, table[p].kdig != "-" }

// Upstream reports whether servers can be asked over the protocol.
func (p Protocol) Upstream() bool {
	_, ok := table[p].by.(querier)
	return ok
}

// Opportunistic reports whether authorities may be found to have the protocol, and be asked over it
// (RFC 9539).
func (p Protocol) Opportunistic() bool { return table[p].opportunistic }

// Called reports whether the protocol has a name in the configuration of another server.
func (p Protocol) Called(name string) bool { return slices.Contains(table[p].aliases, name) }

// Protocols lists those that have all of these properties: Protocols(Protocol.Encrypted).
func Protocols(having ...func(Protocol) bool) (ps []Protocol) {
	for p := range protocols {
		if !slices.ContainsFunc(having, func(has func(Protocol) bool) bool { return !has(p) }) {
			ps = append(ps, p)
		}
	}
	return ps
}

// client is who is at the far end of a connection.
func (p Protocol) client(a netip.AddrPort) Client {
	return Client{Addr: netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), Protocol: p}
}
