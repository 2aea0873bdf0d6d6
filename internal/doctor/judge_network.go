// Findings about the network between this machine and the root's servers.

package doctor

import (
	"fmt"
	"slices"

	"bailiwick/transport"
	"bailiwick/wire"
)

// network judges whether DNS gets through, and as it was sent.
func (j *judge) network() {
	if !j.V4 && !j.V6 {
		j.add("no-network", nil, "there is no route for IPv4, nor for IPv6")
		return
	}
	for _, s := range j.of(roleNobody) {
		if s.answers() {
			j.add("port-53-intercepted", s, "an answer came from an address where no server is")
		}
	}
	roots := j.of(roleAuthority)
	up := func(over ...transport.Protocol) func(*server) bool {
		return func(s *server) bool { return s.answers(over...) }
	}
	anyUDP := slices.ContainsFunc(roots, up(transport.UDP))
	anyTCP := slices.ContainsFunc(roots, up(transport.TCP))
	switch {
	case len(roots) == 0:
	case len(j.Forwarders) > 0: // what the root's servers do does not matter
	case !anyUDP && !anyTCP:
		for _, s := range roots {
			j.add("authorities-silent", s, "%s", s.silence())
		}
	case !anyUDP:
		j.add("udp-blocked", nil, "%s over TCP alone", count(roots, "answers", "answer"))
	case !anyTCP:
		j.add("tcp-blocked", nil, "%s over UDP alone", count(roots, "answers", "answer"))
	}
	j.families(roots)
	for _, s := range roots {
		if why := j.rewritten(s); why != "" {
			j.add("replies-rewritten", s, "%s", why)
		}
	}
	for _, s := range j.servers {
		j.large(s)
	}
}

// count says how many servers do something.
func count(servers []*server, one, many string) string {
	n := 0
	for _, s := range servers {
		if s.answers() {
			n++
		}
	}
	if n == 1 {
		return "1 server " + one
	}
	return fmt.Sprintf("%d servers %s", n, many)
}

// families judges whether one family of addresses is dead while the other is alive.
func (j *judge) families(roots []*server) {
	for _, f := range []struct {
		id          string
		mine, other func(*server) bool
	}{
		{"ipv4-dead", func(s *server) bool { return isV4(s.addr) },
			func(s *server) bool { return isV6(s.addr) }},
		{"ipv6-dead", func(s *server) bool { return isV6(s.addr) },
			func(s *server) bool { return isV4(s.addr) }},
	} {
		alive := func(of func(*server) bool) bool {
			return slices.ContainsFunc(roots, func(s *server) bool { return of(s) && s.answers() })
		}
		if slices.ContainsFunc(roots, f.mine) && !alive(f.mine) && alive(f.other) {
			for _, s := range roots {
				if f.mine(s) {
					j.add(f.id, s, "%s", s.silence())
				}
			}
		}
	}
}

// rewritten returns in which way a root server's replies are not the root's; "" if they are. Each
// of these signs holds for every server of the root, and for no resolver that answers in its place.
func (j *judge) rewritten(s *server) string {
	soa := s.any(rootSOA)
	if soa == nil {
		return ""
	}
	switch set := wire.Find(soa.Answer, wire.Root, wire.TypeSOA); {
	case soa.FullRCode() != wire.RCodeNoError:
		return "the root's SOA: " + soa.FullRCode().String()
	case !soa.Has(wire.FlagAA):
		return "the root's SOA comes without authority (AA)"
	case soa.Has(wire.FlagRA):
		return "the server offers recursion (RA), which no server of the root does"
	case set == nil:
		return "the root's SOA is missing in the answer"
	case set.Sigs.Len() == 0:
		return "the root's SOA comes without a signature, though one was asked for (DO)"
	}
	if status, why := j.keys(s, true); status == wire.Bogus {
		return "the root's keys: " + why.Error()
	}
	if m := s.overUDP(question(j.absent[0], wire.TypeA)); m != nil &&
		m.RCode() != wire.RCodeNXDomain {
		return "a name that does not exist gets " + m.FullRCode().String()
	}
	return ""
}

// large judges whether large replies over UDP arrive. It is known by TCP how large they are.
func (j *judge) large(s *server) {
	for _, q := range []wire.Question{rootKeys, j.Large} {
		whole := s.said(q, transport.TCP, 0)
		if whole == nil || whole.msg == nil || !s.answers(transport.UDP) {
			continue
		}
		for _, size := range []uint16{smallUDP, largeUDP} {
			r := s.said(q, transport.UDP, size)
			if r != nil && r.msg == nil {
				j.add("large-udp-lost", s, "%s: %d octets over TCP; over UDP with room for %d "+
					"nothing came: %v", q, whole.octets, size, r.err)
				return
			}
		}
	}
}
