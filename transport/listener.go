// Listeners of all kinds behind one door.

package transport

import (
	"log/slog"
	"net/netip"
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// Observer is told what happens to connections. Its methods return at once.
type Observer interface {
	// Connections counts client connections in and out.
	Connections(p Protocol, delta int)
	// Handshake counts one that succeeded.
	Handshake(p Protocol, version uint16, resumed bool)
	// Fault counts a connection, a stream or a request that was refused or ended early, by what was
	// wrong.
	Fault(p Protocol, c cause.Cause)
}

// Spec says where and how to listen.
type Spec struct {
	Addr    netip.AddrPort
	Sockets int // of UDP
	// these send a PROXY header before everything else, and it is believed
	ProxyFrom     []netip.Prefix
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
	// Close ends the listener and its connections, and waits for its goroutines; answers under way
	// are lost. A second call does nothing.
	Close()
}

// Stopper is a listener without connections. Before its end it can be told to take no more queries,
// while answers to those that it has taken still leave.
type Stopper interface {
	// Stop takes the queries that have arrived, and no more. It returns when nothing is read any
	// more.
	Stop()
}

// Listen opens a listener.
func Listen(p Protocol, s Spec) (Listener, error) { return table[p].by.open(s) }

// trusted reports whether one of the networks holds an address.
func trusted(nets []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}
