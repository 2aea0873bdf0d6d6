// Listeners of all kinds behind one door: a transport is a row of the table below, and the file that its open function is in.

package transport

import (
	"log/slog"
	"net/netip"
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// Protocol is how a client reached us.
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

// kind is a row: what a protocol is called in the configuration and in metrics, whether it encrypts, whether its listeners can take
// PROXY headers, and how one is opened.
type kind struct {
	name      string
	port      uint16
	encrypted bool
	proxied   bool
	help      string
	open      func(Spec) (Listener, error)
}

// kinds is filled in by init, for the open functions speak of protocols again.
var kinds [protocols]kind

func init() {
	kinds = [...]kind{
		UDP:      {"udp", 53, false, true, "DNS over UDP", openUDP},
		TCP:      {"tcp", 53, false, true, "DNS over TCP", openTCP},
		DoT:      {"dot", 853, true, true, "DNS over TLS (RFC 7858)", openDoT},
		DoH:      {"doh", 443, true, true, "DNS over HTTPS (RFC 8484) by HTTP/2 and HTTP/1.1", openDoH},
		DoH3:     {"doh3", 443, true, false, "DNS over HTTPS by HTTP/3", openDoH3},
		DoQ:      {"doq", 853, true, false, "DNS over QUIC (RFC 9250)", openDoQ},
		DoHPlain: {"doh_plain", 80, false, true, "DNS over HTTP without TLS, behind a reverse proxy that has it", openDoHPlain},
	}
}

func (p Protocol) String() string { return kinds[p].name }

// Encrypted says that nobody on the way can read the messages.
func (p Protocol) Encrypted() bool { return kinds[p].encrypted }

// Proxied says that listeners can take PROXY headers.
func (p Protocol) Proxied() bool { return kinds[p].proxied }

// HTTP reports whether the protocol is DNS over HTTPS, of any version.
func (p Protocol) HTTP() bool { return p == DoH || p == DoH3 || p == DoHPlain }

// Port is the protocol's own port.
func (p Protocol) Port() uint16 { return kinds[p].port }

// Help says what the protocol is.
func (p Protocol) Help() string { return kinds[p].help }

// Protocols lists them all.
func Protocols() (ps []Protocol) {
	for p := range protocols {
		ps = append(ps, p)
	}
	return ps
}

// Observer is told what happens to connections. Its methods return at once.
type Observer interface {
	// Connections counts client connections in and out.
	Connections(p Protocol, delta int)
	// Handshake counts one that succeeded.
	Handshake(p Protocol, version uint16, resumed bool)
	// Fault counts a connection, a stream or a request that was refused or ended early, by what was wrong.
	Fault(p Protocol, c cause.Cause)
}

// Spec says where and how to listen.
type Spec struct {
	Addr          netip.AddrPort
	Sockets       int            // of UDP
	ProxyFrom     []netip.Prefix // these send a PROXY header before everything else, and it is believed
	ProxyInside   bool           // they send it inside TLS, as dnsdist does, not before
	ForwardedFrom []netip.Prefix // what these say in ForwardedHeader is believed
	// ForwardedHeader is the one field that they set.
	ForwardedHeader ForwardedHeader
	TLS             *TLS          // of protocols that encrypt
	Path            string        // of DoH
	AltSvc          func() uint16 // the port that HTTP/3 is served at; 0: none
	Gate            *Gate
	Observer        Observer
	Log             *slog.Logger // nil: nothing is logged
	Guard           *guard.Guard
}

// Listener is a transport that clients reach us by.
type Listener interface {
	// Addr is where it listens.
	Addr() netip.AddrPort
	// Start serves until Close.
	Start(h Handler)
	// Close ends the listener and its connections; answers under way are lost.
	Close()
}

// Stopper is a listener without connections. Before its end it can be told to take no more queries,
// while answers to those that it has taken still leave.
type Stopper interface {
	// Stop takes no more queries. It returns when nothing is read any more.
	Stop()
}

// Listen opens a listener.
func Listen(p Protocol, s Spec) (Listener, error) { return kinds[p].open(s) }

// client is who is at the far end of a connection.
func (p Protocol) client(a netip.AddrPort) Client {
	return Client{Addr: netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), Protocol: p}
}

// trusted says whether one of the networks holds an address.
func trusted(nets []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}
