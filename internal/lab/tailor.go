// Servers that answer by the client's network (RFC 7871).

package lab

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Tailor is how the servers of a zone answer for a network: with an address in place of each A
// record's, and with the scope of that. The network is zero if the query has none. Without an
// address the zone's own record stays.
type Tailor func(name string, network netip.Prefix) (addr netip.Addr, scope int)

// tailor makes an answer one for the network in a query, signs it anew, and returns the option with
// its scope (section 7.2.1).
func (w *World) tailor(s *server, q, m *dns.Msg) {
	z := best(s.zones, dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype)
	opt := q.IsEdns0()
	if z == nil || z.Tailor == nil || opt == nil {
		return
	}
	asked, network := clientSubnet(opt)
	addr, scope := z.Tailor(dns.CanonicalName(q.Question[0].Name), network)
	for i, rr := range m.Answer {
		a, ok := rr.(*dns.A)
		if !ok || !addr.IsValid() {
			continue
		}
		own := dns.Copy(a).(*dns.A)
		own.A = addr.AsSlice()
		m.Answer[i] = own
		m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool {
			sig, ok := rr.(*dns.RRSIG)
			return ok && sig.TypeCovered == dns.TypeA && sig.Hdr.Name == own.Hdr.Name
		})
		if z.isSigned() && opt.Do() {
			m.Answer = append(m.Answer, z.makeSignature([]dns.RR{own}, own.Hdr.Name, dns.TypeA))
		}
		break
	}
	if asked != nil {
		own := *asked
		own.SourceScope = uint8(scope)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &own)
	}
}

// ClientSubnet returns the network in a query; zero if there is none.
func ClientSubnet(q *dns.Msg) netip.Prefix {
	opt := q.IsEdns0()
	if opt == nil {
		return netip.Prefix{}
	}
	_, network := clientSubnet(opt)
	return network
}

// clientSubnet returns the option of a query, nil if there is none, and its network.
func clientSubnet(opt *dns.OPT) (*dns.EDNS0_SUBNET, netip.Prefix) {
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_SUBNET); ok {
			a, _ := netip.AddrFromSlice(e.Address)
			if e.Family == 1 {
				a = a.Unmap()
			}
			return e, netip.PrefixFrom(a, int(e.SourceNetmask))
		}
	}
	return nil, netip.Prefix{}
}
