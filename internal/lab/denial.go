// Proofs that names and types do not exist.

package lab

import (
	"slices"
	"sort"
	"strings"

	"github.com/miekg/dns"
)

// hashed is a name in an NSEC3 chain.
type hashed struct {
	hash, name string
	types      []uint16
}

// hashNames builds the NSEC3 chain: all owners and empty non-terminals; with opt-out without
// unsigned delegations.
func (z *zone) hashNames() {
	z.add(&dns.NSEC3PARAM{Hdr: z.header(z.name, dns.TypeNSEC3PARAM), Hash: dns.SHA1,
		Iterations: z.Iterations, SaltLength: uint8(len(z.Salt) / 2), Salt: z.Salt})
	seen := map[string]bool{}
	for _, owner := range z.names {
		types := z.typesAt(owner)
		if z.Denial == NSEC3OptOut && owner != z.name && slices.Contains(types, dns.TypeNS) &&
			!slices.Contains(types, dns.TypeDS) {
			continue
		}
		for n := owner; !seen[n] && dns.IsSubDomain(z.name, n); n = parent(n) {
			seen[n] = true
			t := z.typesAt(n)
			if len(t) > 0 && !(n != z.name && slices.Contains(t, dns.TypeNS) &&
				!slices.Contains(t, dns.TypeDS)) {
				t = append(t, dns.TypeRRSIG)
			}
			slices.Sort(t)
			z.hashes = append(z.hashes, hashed{dns.HashName(n, dns.SHA1, z.Iterations, z.Salt), n,
				slices.Compact(t)})
			if n == z.name {
				break
			}
		}
	}
	sort.Slice(z.hashes, func(i, j int) bool { return z.hashes[i].hash < z.hashes[j].hash })
}

// nsec3 returns the record that matches a name, or the one that covers it.
func (z *zone) nsec3(name string) (rr dns.RR, match bool) {
	h := dns.HashName(name, dns.SHA1, z.Iterations, z.Salt)
	i := sort.Search(len(z.hashes), func(i int) bool { return z.hashes[i].hash > h }) - 1
	if i < 0 {
		i = len(z.hashes) - 1
	}
	e := z.hashes[i]
	n := &dns.NSEC3{Hdr: z.header(strings.ToLower(e.hash)+"."+z.base(), dns.TypeNSEC3),
		Hash: dns.SHA1, Iterations: z.Iterations,
		SaltLength: uint8(len(z.Salt) / 2), Salt: z.Salt, HashLength: 20,
		NextDomain: z.hashes[(i+1)%len(z.hashes)].hash, TypeBitMap: e.types}
	if z.Denial == NSEC3OptOut {
		n.Flags = 1
	}
	n.Hdr.Ttl = z.Minimum
	return n, e.hash == h
}

// base returns the zone's name as a suffix.
func (z *zone) base() string {
	if z.name == "." {
		return ""
	}
	return z.name
}

// nsec returns the record at a name, or the one that covers it.
func (z *zone) nsec(name string) (rr dns.RR, match bool) {
	i := sort.Search(len(z.names), func(i int) bool { return canonical(z.names[i], name) > 0 }) - 1
	if i < 0 {
		i = len(z.names) - 1
	}
	owner := z.names[i]
	types := append(z.typesAt(owner), dns.TypeRRSIG, dns.TypeNSEC)
	slices.Sort(types)
	n := &dns.NSEC{Hdr: z.header(owner, dns.TypeNSEC), NextDomain: z.names[(i+1)%len(z.names)],
		TypeBitMap: slices.Compact(types)}
	n.Hdr.Ttl = z.Minimum
	return n, owner == name
}

// compact makes the record of RFC 9824, section 3 for a name. One that a wildcard covers exists.
func (z *zone) compact(name string) dns.RR {
	owner, exists := name, z.exists(name)
	if !exists {
		owner = "*." + strings.TrimPrefix(z.encloser(name), ".")
		exists = z.exists(owner)
	}
	types := append(z.typesAt(owner), dns.TypeRRSIG, dns.TypeNSEC)
	if !exists {
		types = append(types, 128) // NXNAME
	}
	slices.Sort(types)
	n := &dns.NSEC{Hdr: z.header(name, dns.TypeNSEC), NextDomain: "\\000." + name,
		TypeBitMap: slices.Compact(types)}
	n.Hdr.Ttl = z.Minimum
	return n
}

// encloser returns the closest encloser of a name.
func (z *zone) encloser(name string) string {
	for n := name; ; n = parent(n) {
		if n == z.name || z.exists(n) {
			return n
		}
	}
}

// nextCloser returns the next closer name: one label longer than the encloser, towards name.
func nextCloser(name, encloser string) string {
	for parent(name) != encloser {
		name = parent(name)
	}
	return name
}

// deny appends the proof that name, or the type at it, does not exist; wildcard is set if the
// answer was made from the wildcard below its encloser.
func (z *zone) deny(m *dns.Msg, name string, wildcard bool) {
	if !z.isSigned() || z.Faults.has(NoDenial) {
		return
	}
	var proofs []dns.RR
	add := func(rr dns.RR, _ bool) {
		for _, p := range proofs {
			if p.Header().Name == rr.Header().Name {
				return
			}
		}
		proofs = append(proofs, rr)
	}
	ce := z.encloser(name)
	switch {
	case z.Faults.has(WrongDenial):
		add(z.nsec(z.name))
	case z.Denial == Compact:
		add(z.compact(name), true)
	case z.Denial == NSEC:
		add(z.nsec(name))
		if !z.exists(name) && !wildcard {
			add(z.nsec("*." + strings.TrimPrefix(ce, ".")))
		}
	case len(z.data[name]) > 0 || z.exists(name):
		rr, match := z.nsec3(name)
		add(rr, match)
		if !match { // an unsigned delegation under opt-out
			z.closest(name, add)
		}
	case wildcard:
		add(z.nsec3(nextCloser(name, ce)))
	default:
		ce = z.closest(name, add)
		add(z.nsec3("*." + strings.TrimPrefix(ce, ".")))
	}
	for _, rr := range proofs {
		m.Ns = append(m.Ns, rr)
		m.Ns = append(m.Ns, z.sign([]dns.RR{rr}, rr.Header().Name)...)
	}
}

// closest adds the closest encloser proof of RFC 5155, section 7.2.1, and returns the encloser: of
// the names in the chain, which under opt-out lacks those above unsigned delegations.
func (z *zone) closest(name string, add func(dns.RR, bool)) (encloser string) {
	for n := parent(name); ; n = parent(n) {
		if rr, match := z.nsec3(n); match {
			add(rr, match)
			add(z.nsec3(nextCloser(name, n)))
			return n
		}
		if n == z.name || n == "." {
			return z.name
		}
	}
}
