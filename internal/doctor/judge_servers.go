// Findings about the resolvers that programs, systemd-resolved and this server ask.

package doctor

import (
	"net/netip"
	"slices"

	"bailiwick/transport"
	"bailiwick/wire"
)

// names judges each server that resolves names for others.
func (j *judge) names() {
	path := j.of(rolePath)
	silent := slices.DeleteFunc(slices.Clone(path), func(s *server) bool { return s.answers() })
	for _, s := range silent {
		if len(silent) == len(path) {
			j.add("nameservers-silent", s, "%s", s.silence())
		} else {
			j.add("nameserver-silent", s, "%s", s.silence())
		}
	}
	for _, s := range j.servers {
		switch {
		case s.is(roleAuthority), s.is(roleNobody):
		case s.answers():
			j.resolver(s)
		case s.is(roleForwarder):
			j.add("forwarder-unusable", s, "over %s: %s", s.forward.Via, s.silence())
		}
	}
}

// resolver judges a server that answers.
func (j *judge) resolver(s *server) {
	if j.portal(s) {
		return // what else is wrong with it ends with the login
	}
	for _, h := range j.Known {
		if wrong, got := otherAddresses(s, h); wrong {
			j.add("answers-rewritten", s, "%s has the address %s, and not %s", h.Name, got[0],
				h.Addrs[0])
		}
	}
	m := s.any(rootSOA)
	if m == nil {
		m = s.any(rootKeys)
	}
	switch {
	case m == nil:
		j.add("nameserver-failing", s, "it answers no question about the root whole: %s",
			s.silence())
		return
	case m.FullRCode() != wire.RCodeNoError:
		j.add("nameserver-failing", s, "the root's SOA: %s", m.FullRCode())
		return
	}
	if s.answers(transport.UDP) && !s.answers(transport.TCP) {
		j.add("nameserver-without-tcp", s, "%s", s.silence())
	}
	j.dnssec(s, m)
}

// dnssec judges whether signatures come through. A server without EDNS cannot be asked for them.
func (j *judge) dnssec(s *server, soa *wire.Message) {
	stripped := ""
	keys := s.any(rootKeys)
	switch {
	case !soa.EDNS.Present:
		j.add("edns-dropped", s, "the question had EDNS, the answer has none")
		stripped = "without EDNS there are no signatures"
	case unsigned(soa, wire.TypeSOA):
		stripped = "the root's SOA comes without its signature"
	case keys != nil && keys.FullRCode() != wire.RCodeNoError:
		stripped = "the root's keys: " + keys.FullRCode().String()
	case keys != nil && unsigned(keys, wire.TypeDNSKEY):
		stripped = "the root's keys come without their signature"
	}
	switch {
	case stripped == "":
		if !soa.Has(wire.FlagAD) && (s.is(rolePath) || s.is(roleUplink)) {
			j.add("not-validating", s, "the root's SOA comes without AD")
		}
	case s.is(roleForwarder) && !s.forward.Insecure:
		j.add("forwarder-strips-dnssec", s, "%s", stripped)
	default:
		j.add("dnssec-stripped", s, "%s", stripped)
	}
}

// unsigned reports whether a set of the root is missing, or has no signature.
func unsigned(m *wire.Message, t wire.Type) bool {
	set := wire.Find(m.Answer, wire.Root, t)
	return set == nil || set.Sigs.Len() == 0
}

// portal judges whether a server makes addresses up, and reports whether it does so for every name:
// for two that do not exist and for one that does, whose addresses are known.
func (j *judge) portal(s *server) bool {
	var made []netip.Addr
	for _, n := range j.absent {
		m := s.overUDP(question(n, wire.TypeA))
		if m == nil {
			return false
		}
		made = append(made, addressesIn(m, wire.TypeA)...)
	}
	if len(made) == 0 {
		return false
	}
	for _, h := range j.Known {
		wrong, got := otherAddresses(s, h)
		if wrong && slices.ContainsFunc(got, func(a netip.Addr) bool {
			return slices.Contains(made, a)
		}) {
			j.add("captive-portal", s, "%s and names that do not exist have the address %s",
				h.Name, got[0])
			return true
		}
	}
	j.add("nonexistent-answered", s, "a random name has the address %s", made[0])
	return false
}

// otherAddresses reports whether a server has other addresses for a host than it is known to have,
// and which.
func otherAddresses(s *server, h Host) (wrong bool, got []netip.Addr) {
	m := s.overUDP(question(h.Name, h.Type()))
	if m == nil {
		return false, nil
	}
	got = addressesIn(m, h.Type())
	return len(got) > 0 && !slices.ContainsFunc(got, func(a netip.Addr) bool {
		return slices.Contains(h.Addrs, a)
	}), got
}

// addressesIn returns the addresses in an answer.
func addressesIn(m *wire.Message, t wire.Type) (all []netip.Addr) {
	for _, set := range m.Answer {
		if set.Type == t {
			all = append(all, set.Data.Addresses()...)
		}
	}
	return all
}
