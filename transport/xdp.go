// The interfaces whose UDP packets are taken before the kernel's network stack has them (AF_XDP).
//
// What is taken are packets for listeners of UDP, which are there as well: whatever is not taken
// comes by their sockets, and so does everything where an interface cannot be had. To a handler
// both are UDP.

package transport

import (
	"log/slog"
	"net/netip"

	"bailiwick/internal/guard"
	"bailiwick/internal/xdp"
)

// XDPTarget is a listener of UDP, for whose addresses packets are taken.
type XDPTarget struct {
	Listener Listener
	Handler  Handler
}

// XDPParts are what an [XDP] works with.
type XDPParts struct {
	Log   *slog.Logger
	Guard *guard.Guard
}

// XDPState is what an interface is like.
type XDPState struct {
	Interface string
	Err       error // why it is not served; nil if it is
	xdp.State
	xdp.Counts
}

// target is where packets for an address go.
type target struct {
	addr     netip.AddrPort // of the listener
	listener *udpListener
	handler  Handler
}

// targetsOf returns the targets of listeners: those at one address first.
func targetsOf(list []XDPTarget) (all []target) {
	for _, wildcard := range []bool{false, true} {
		for _, t := range list {
			l, ok := t.Listener.(*udpListener)
			if ok && l.wildcard == wildcard {
				all = append(all, target{l.addr, l, t.Handler})
			}
		}
	}
	return all
}

// serves reports whether the listener is that of an address.
func (t *target) serves(a netip.AddrPort) bool {
	return t.addr == a || t.listener.wildcard && t.addr.Port() == a.Port() &&
		t.addr.Addr().Is4() == a.Addr().Is4()
}
