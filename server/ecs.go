// The client's network (RFC 7871): what of it may be sent for a query, and the option in the
// response.

package server

import (
	"net/netip"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// readSubnet reads the option of a query, if it is read at all; it returns false if it is malformed
// (RFC 7871, section 7.2.1), or has a scope, which only responses have (section 6).
func (r *request) readSubnet(value []byte) bool {
	if r.asked.ecs || !r.sendsNetworks() {
		return true
	}
	s, ok := wire.ParseSubnet(value)
	r.asked.ecs, r.asked.subnet = ok, s
	return ok && s.Scope == 0
}

// sendsNetworks reports whether anything may be sent of the client's network, by its view and the
// zones that are configured.
func (r *request) sendsNetworks() bool {
	return r.rules.Resolver.ECS().On() && !r.view.NoNetworks
}

// network returns what may be sent of the client's network, or of that for which it asks.
func (r *request) network() netip.Prefix {
	if !r.sendsNetworks() {
		return netip.Prefix{}
	}
	c := r.rules.Resolver.ECS()
	var option *wire.Subnet
	if r.asked.ecs {
		option = &r.asked.subnet
	}
	return c.Network(r.from.Addr.Addr(), option)
}

// scoped notes the network that an answer is for.
func (r *request) scoped(a, v4 *resolver.Answer) {
	if r.scope = a.Scope; v4 != nil {
		r.scope = max(r.scope, v4.Scope)
	}
}

// answeredFor returns the network that the answer is for; zero if it is for all.
func (r *request) answeredFor() netip.Prefix {
	if r.scope == 0 {
		return netip.Prefix{}
	}
	n := r.network()
	return netip.PrefixFrom(n.Addr(), min(n.Bits(), r.scope)).Masked()
}

// appendSubnet appends the option to a response, if the client has sent it (RFC 7871, section
// 7.2.2): as it was, with the scope of the answer. An answer for the client's own network, where
// its option was not believed, is said to be for just what is in the option.
func (r *request) appendSubnet(msg []byte) []byte {
	if !r.asked.ecs {
		return msg
	}
	s := r.asked.subnet
	if s.Scope = uint8(r.scope); r.scope > 0 && !s.Network.Overlaps(r.network()) {
		s.Scope = uint8(max(s.Network.Bits(), 0))
	}
	return s.AppendTo(appendOption(msg, wire.OptionECS, s.Len()))
}

// malformedOption is why a query with such an option is rejected.
func (r *request) malformedOption() *cause.Failure {
	if r.asked.bad == wire.OptionECS {
		return &cause.Failure{Cause: cause.RequestSubnet}
	}
	return &cause.Failure{Cause: cause.RequestCookie}
}
