// How an authoritative server answers (RFC 1034, section 4.3.2; RFC 4035, section 3.1).

package lab

import (
	"strings"

	"github.com/miekg/dns"
)

// maxChain is how many aliases a server follows in its own zones, per answer.
const maxChain = 8

// respond answers a question from the zones that a server has.
func respond(zones []*zone, q *dns.Msg, do bool) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	name, t := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
	z := best(zones, name, t)
	if z == nil {
		m.Rcode = dns.RcodeRefused
		return m
	}
	m.Authoritative = true
	for range maxChain {
		next := z.lookup(m, name, t)
		if next == "" {
			break
		}
		name = next
		if z = best(zones, name, t); z == nil {
			break
		}
	}
	if !do {
		m.Answer, m.Ns, m.Extra = plain(m.Answer, t), plain(m.Ns, t), plain(m.Extra, t)
	}
	return m
}

// best returns the zone to answer from: the deepest that has the name; for DS the parent's (RFC
// 4035, section 3.1.4.1).
func best(zones []*zone, name string, t uint16) (b *zone) {
	for _, z := range zones {
		if !dns.IsSubDomain(z.name, name) || t == dns.TypeDS && z.name == name && len(zones) > 1 &&
			hasParent(zones, name) {
			continue
		}
		if b == nil || dns.CountLabel(z.name) > dns.CountLabel(b.name) {
			b = z
		}
	}
	return b
}

func hasParent(zones []*zone, name string) bool {
	for _, z := range zones {
		if z.name != name && dns.IsSubDomain(z.name, name) {
			return true
		}
	}
	return false
}

// plain removes the records that are only for queries with DO.
func plain(rrs []dns.RR, asked uint16) (kept []dns.RR) {
	for _, rr := range rrs {
		switch t := rr.Header().Rrtype; t {
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDS:
			if t != asked {
				continue
			}
		}
		kept = append(kept, rr)
	}
	return kept
}

// lookup adds the zone's data of a name, and returns the target of an alias.
func (z *zone) lookup(m *dns.Msg, name string, t uint16) (next string) {
	if cut := z.cutAbove(name); cut != "" && !(t == dns.TypeDS && cut == name) {
		z.refer(m, cut)
		return ""
	}
	for n := parent(name); dns.IsSubDomain(z.name, n); n = parent(n) {
		if d := z.data[n][dns.TypeDNAME]; len(d) > 0 {
			return z.substitute(m, d, name, n)
		}
		if n == "." {
			break
		}
	}
	owner, wildcard := name, false
	if !z.exists(name) {
		// A wildcard may be an empty non-terminal (RFC 4592, section 2.2.2).
		if w := "*." + strings.TrimPrefix(z.encloser(name), "."); z.exists(w) {
			owner, wildcard = w, true
		} else {
			if z.Denial != Compact || !z.isSigned() { // RFC 9824, section 3.1: NODATA
				m.Rcode = dns.RcodeNameError
			}
			z.negative(m, name)
			return ""
		}
	}
	return z.found(m, name, owner, t, wildcard)
}

// found answers from the data at owner, which is name or its wildcard.
func (z *zone) found(m *dns.Msg, name, owner string, t uint16, wildcard bool) (next string) {
	sets := z.data[owner]
	switch {
	case t == dns.TypeANY && len(sets) > 0:
		for _, set := range sets {
			z.answer(m, set, name, owner)
		}
	case len(sets[t]) > 0:
		z.answer(m, sets[t], name, owner)
	case len(sets[dns.TypeCNAME]) > 0:
		z.answer(m, sets[dns.TypeCNAME], name, owner)
		next = strings.ToLower(sets[dns.TypeCNAME][0].(*dns.CNAME).Target)
	default:
		z.negative(m, name)
		if wildcard && z.isSigned() && !z.Faults.has(NoDenial) {
			z.wildcardNoData(m, owner)
		}
		return ""
	}
	if wildcard && !z.Faults.has(NoWildcardProof) && z.Denial != Compact {
		z.deny(m, name, true)
	}
	return next
}

// wildcardNoData adds the record at the wildcard (RFC 4035, section 3.1.3.4).
func (z *zone) wildcardNoData(m *dns.Msg, owner string) {
	var rr dns.RR
	switch z.Denial {
	case NSEC:
		rr, _ = z.nsec(owner)
	case NSEC3, NSEC3OptOut:
		rr, _ = z.nsec3(owner)
	default:
		return
	}
	for _, have := range m.Ns {
		if have.Header().Name == rr.Header().Name && have.Header().Rrtype == rr.Header().Rrtype {
			return
		}
	}
	m.Ns = append(append(m.Ns, rr), z.sign([]dns.RR{rr}, rr.Header().Name)...)
}

// answer adds a set under a name, with its signatures.
func (z *zone) answer(m *dns.Msg, set []dns.RR, name, owner string) {
	// online signers sign the name of the answer, not the wildcard
	if z.Denial == Compact && name != owner {
		var own []dns.RR
		for _, rr := range set {
			c := dns.Copy(rr)
			c.Header().Name = name
			own = append(own, c)
		}
		set, owner = own, name
	}
	for _, rr := range append(append([]dns.RR(nil), set...), z.sign(set, owner)...) {
		c := dns.Copy(rr)
		c.Header().Name = name
		m.Answer = append(m.Answer, c)
	}
}

// substitute adds a DNAME and the CNAME that follows from it (RFC 6672, section 3.1).
func (z *zone) substitute(m *dns.Msg, set []dns.RR, name, owner string) string {
	z.answer(m, set, owner, owner)
	target := strings.TrimSuffix(name, owner) + set[0].(*dns.DNAME).Target
	if z.Faults.has(WrongSynthesis) {
		target = "elsewhere.invalid."
	}
	m.Answer = append(m.Answer, &dns.CNAME{Hdr: z.header(name, dns.TypeCNAME), Target: target})
	return strings.ToLower(target)
}

// negative adds SOA and denial.
func (z *zone) negative(m *dns.Msg, name string) {
	soa := z.data[z.name][dns.TypeSOA]
	m.Ns = append(append(m.Ns, soa...), z.sign(soa, z.name)...)
	z.deny(m, name, false)
}

// refer adds a delegation: NS, DS or its denial, glue.
func (z *zone) refer(m *dns.Msg, cut string) {
	m.Authoritative = len(m.Answer) > 0
	ns := z.data[cut][dns.TypeNS]
	m.Ns = append(m.Ns, ns...)
	if ds := z.data[cut][dns.TypeDS]; len(ds) > 0 {
		m.Ns = append(append(m.Ns, ds...), z.sign(ds, cut)...)
	} else {
		z.deny(m, cut, false)
	}
	for _, rr := range ns {
		host := strings.ToLower(rr.(*dns.NS).Ns)
		m.Extra = append(m.Extra, z.data[host][dns.TypeA]...)
		m.Extra = append(m.Extra, z.data[host][dns.TypeAAAA]...)
	}
}
