// Servers that have IPv4 alone, for a machine that has IPv6 alone: they are asked through a
// translator (NAT64, RFC 6146).

package resolver

import (
	"net/netip"
)

// through returns where a packet for a server is sent: to the server itself, or to its address
// behind the translator. Only the packet knows the latter: what is learnt of a server, and told of
// it, is of the server's own address, so that it is the same whichever way it is asked.
//
// A private address that this machine has a route for is in its own network, and so is this machine
// itself. Other private addresses come here only if the operator names or allows them, who knows
// whether the translator reaches them; with the well-known prefix it should not (RFC 6052, section
// 3.1). Unlike in Unbound (do-nat64), IPv4 is used where there is a route, which saves packets
// their way through the translator.
func (r *Resolver) through(a netip.AddrPort) netip.AddrPort {
	at := a.Addr().Unmap()
	switch {
	case r.cfg.NAT64.IsZero() || !at.Is4() || at.IsLoopback() || r.native().v4:
		return a
	case isPrivate(at) && r.routes.Lead(at) && r.cfg.IPv4 != FamilyOff:
		return a
	}
	return netip.AddrPortFrom(r.cfg.NAT64.Embed(at), a.Port())
}
