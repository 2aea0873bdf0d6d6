// The interfaces of all listeners.

package transport

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// Observer receives events of connections. Its methods return at once.
type Observer interface {
	// Connections changes the number of client connections by delta.
	Connections(p Protocol, delta int)
	// Handshake counts a successful handshake.
	Handshake(p Protocol, version uint16, resumed bool)
	// Fault counts a connection, a stream or a request that was refused or ended early, by its
	// cause.
	Fault(p Protocol, c cause.Cause)
}

// Spec is the configuration of a listener.
type Spec struct {
	Addr    netip.AddrPort
	Sockets int // of UDP
	Proxies
	TLS      *TLS          // of protocols that encrypt
	Path     string        // of DoH
	AltSvc   func() uint16 // returns the port of HTTP/3; 0: none
	Gate     *Gate
	Observer Observer
	Log      *slog.Logger // nil: no log
	Guard    *guard.Guard
	Absent   bool // see [Config]
	// Inherited are the sockets that are open already, if any: of Addr, and of the kind that the
	// protocol needs.
	Inherited Sockets
	// Free ends when the process that has the same sockets of QUIC has closed its connections, and
	// no longer reads their packets; nil: there is none.
	Free <-chan struct{}

	now *atomic.Pointer[changing] // set by ready
}

// ready returns the Spec of a listener that is to be opened.
func (s Spec) ready() Spec {
	s.now = new(atomic.Pointer[changing])
	s.change(s.Proxies, s.Path)
	return s
}

func (s *Spec) change(p Proxies, path string) { s.now.Store(&changing{p, path}) }

// changing is the part of a Spec that may change while the listener serves. It is immutable.
type changing struct {
	Proxies
	path string
}

// Sockets are open sockets of an address. A listener of TCP takes Stream, and one of UDP or QUIC
// takes Packets.
type Sockets struct {
	Stream  *net.TCPListener
	Packets []*net.UDPConn
}

// Proxies are the proxies in front of a listener that are trusted to name their clients.
type Proxies struct {
	ProxyFrom     []netip.Prefix // they send a PROXY header before everything else
	ProxyInside   bool           // the header is inside TLS, as dnsdist sends it, not before
	ForwardedFrom []netip.Prefix // reverse proxies that send ForwardedHeader
	// ForwardedHeader is the one field that the reverse proxies set.
	ForwardedHeader ForwardedHeader
}

// Equal reports whether the same proxies are trusted in the same way.
func (p *Proxies) Equal(o *Proxies) bool {
	return slices.Equal(p.ProxyFrom, o.ProxyFrom) && p.ProxyInside == o.ProxyInside &&
		slices.Equal(p.ForwardedFrom, o.ForwardedFrom) && p.ForwardedHeader == o.ForwardedHeader
}

// Listener serves clients over one protocol at one address.
type Listener interface {
	// Addr returns the address of the listener.
	Addr() netip.AddrPort
	// Start serves until Close.
	Start(h Handler)
	// Change has other proxies be trusted, and DoH be at another path, for the connections,
	// requests and packets to come.
	Change(p Proxies, path string)
	// Stop accepts the connections and reads the queries that have arrived, and no more. Clients
	// are told where the protocol can. It returns when reading has ended; answers under way are
	// still sent. A second call waits for the first.
	Stop()
	// Each calls f with the descriptor of each socket, to be duplicated for another process.
	Each(f func(fd uintptr) error) error
	// Detach leaves the sockets to that process: Stop then takes nothing more from them.
	Detach()
	// Close stops the listener, ends its connections, and waits for its goroutines. Answers that
	// are under way after lingerTime are lost. A second call does nothing.
	Close()
}

// Listen opens a listener.
func Listen(p Protocol, s Spec) (Listener, error) { return table[p].by.open(s.ready()) }

// early has a socket be bound to an address that may not be there yet, if that is allowed.
func (s *Spec) early(fd int) error {
	if !s.Absent {
		return nil
	}
	return bindAbsent(fd)
}

// prepare prepares a socket that has no other options.
func (s *Spec) prepare(_, _ string, c syscall.RawConn) error {
	var opt error
	err := c.Control(func(fd uintptr) { opt = s.early(int(fd)) })
	return errors.Join(err, opt)
}

// trusted reports whether one of the networks holds an address.
func trusted(nets []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}
