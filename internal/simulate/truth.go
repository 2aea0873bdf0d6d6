// The truth: what a world's zones say of a question, by RFC 1034, section 4.3.2 with DNAME (RFC
// 6672) and wildcards (RFC 4592). It is computed from the zones' data and from nothing else.

package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// internet is what a world's zones contain.
type internet struct {
	zones    map[string]*authority
	negative map[string]bool // zones with a negative trust anchor
	stale    bool            // stale data are served
}

// authority is a zone with its data, and its place in the tree.
type authority struct {
	*Zone
	up   *authority // the zone that delegates it; nil for the root
	host *authority // whose servers it is on; itself if on its own
	// signed reports whether an unbroken chain of trust leads to the zone from the root, in
	// algorithms that are known.
	signed bool
	// excepted reports whether a negative trust anchor is at or above the zone.
	excepted bool
	data     map[string]map[uint16][]dns.RR
	nodes    map[string]bool // all owners, delegations and empty non-terminals
}

// outcome is what a zone says of one name.
type outcome uint8

const (
	outcomeData outcome = iota
	outcomeCNAME
	outcomeDNAME
	outcomeTooLong // a DNAME makes too long a name
	outcomeNoData
	outcomeNXDomain
)

// step is what one zone says of one name on the way to an answer.
type step struct {
	zone     *authority
	name     string
	outcome  outcome
	wildcard bool     // it comes from a wildcard
	cut      bool     // it denies the DS of a delegation
	sets     []answer // for a DNAME its set and the CNAME that follows from it
}

// answer is an RRset of an answer. Without records its content is not known here, as that of keys.
type answer struct {
	owner   string
	rtype   uint16
	ttl     uint32 // the highest that may be told
	records []string
}

// truth is the right answer to a question: the zones' words one after the other.
type truth struct {
	steps []step
	loop  bool // the aliases lead back, or are more than a resolver has to follow
}

// maxAliases is how many aliases a resolver has to follow. It may follow more.
const maxAliases = 8

// newInternet reads the zones of a world. A world that cannot be read is a mistake in this package.
func newInternet(w *World) *internet {
	n := &internet{zones: map[string]*authority{}, negative: map[string]bool{}, stale: w.Stale}
	for _, name := range w.Negatives {
		n.negative[name] = true
	}
	root := Zone{Zone: lab.Zone{Name: ".", TTL: 300, Minimum: 60,
		Algorithm: dns.ECDSAP256SHA256, Servers: []lab.ServerFaults{nil}}, Links: []Link{{}}}
	n.add(&root)
	for i := range w.Zones {
		n.add(&w.Zones[i])
	}
	return n
}

func (n *internet) add(z *Zone) {
	a := &authority{Zone: z, data: map[string]map[uint16][]dns.RR{}, nodes: map[string]bool{}}
	if a.up = n.enclosing(z.Name); a.up != nil {
		a.up.node(z.Name)
	}
	if a.host = a; z.On != "" {
		a.host = n.zones[z.On].host
	}
	known := dns.AlgorithmToString[z.Algorithm] != "" && z.Algorithm < 100
	a.excepted = n.negative[z.Name] || a.up != nil && a.up.excepted
	a.signed = known && !z.NoDS && (a.up == nil || a.up.signed) && !a.excepted
	n.zones[z.Name] = a
	a.read(strings.Join(z.Lines, "\n"))
	a.node(z.Name)
	for i := range a.host.Servers {
		ns := fmt.Sprintf("ns%d.%s", i+1, strings.TrimPrefix(a.host.Name, "."))
		a.put(&dns.NS{Hdr: a.header(z.Name, dns.TypeNS), Ns: ns})
		if a.host == a {
			a.put(&dns.A{Hdr: a.header(ns, dns.TypeA)}) // which, the lab decides
		}
	}
	a.put(&dns.SOA{Hdr: a.header(z.Name, dns.TypeSOA)})
	if z.Algorithm != lab.Unsigned {
		key := &dns.DNSKEY{Hdr: a.header(z.Name, dns.TypeDNSKEY)}
		key.Hdr.Ttl = 300 // as the lab has it
		a.put(key)
	}
}

// read takes records in zone-file form.
func (a *authority) read(lines string) {
	p := dns.NewZoneParser(strings.NewReader(lines+"\n"), a.Name, "")
	p.SetDefaultTTL(a.TTL)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		a.put(rr)
	}
	if p.Err() != nil {
		panic("simulate: zone " + a.Name + ": " + p.Err().Error())
	}
}

func (a *authority) header(owner string, t uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: a.TTL}
}

func (a *authority) put(rr dns.RR) {
	h := rr.Header()
	if a.data[h.Name] == nil {
		a.data[h.Name] = map[uint16][]dns.RR{}
	}
	a.data[h.Name][h.Rrtype] = append(a.data[h.Name][h.Rrtype], rr)
	a.node(h.Name)
}

// node notes that a name exists, and with it all between it and the apex.
func (a *authority) node(name string) {
	for n := name; !a.nodes[n]; n = parent(n) {
		a.nodes[n] = true
		if n == a.Name {
			return
		}
	}
}

// parent returns the name without its first label.
func parent(name string) string {
	if i, end := dns.NextLabel(name, 0); !end {
		return name[i:]
	}
	return "."
}

// enclosing returns the deepest zone at or above a name.
func (n *internet) enclosing(name string) *authority {
	for {
		if a := n.zones[name]; a != nil || name == "." {
			return a
		}
		name = parent(name)
	}
}

// zoneFor returns the zone that answers a question: DS is the parent's.
func (n *internet) zoneFor(name string, t uint16) *authority {
	a := n.enclosing(name)
	if t == dns.TypeDS && a.Name == name && a.up != nil {
		return a.up
	}
	return a
}

// truth returns the right answer.
func (n *internet) truth(name string, t uint16) (r truth) {
	name = strings.ToLower(name)
	seen := map[string]bool{}
	for {
		if r.loop = seen[name] || len(r.steps) > maxAliases; r.loop {
			return r
		}
		seen[name] = true
		s, next := n.zoneFor(name, t).step(n, name, t)
		r.steps = append(r.steps, s)
		if next == "" {
			return r
		}
		name = next
	}
}

// step returns what the zone says of a name, and the name that an alias leads to.
func (a *authority) step(n *internet, name string, t uint16) (s step, next string) {
	s = step{zone: a, name: name}
	if d := a.dnameAbove(name); d != "" {
		return a.substitute(s, d, t)
	}
	owner := name
	if !a.nodes[name] {
		encloser := parent(name)
		for !a.nodes[encloser] {
			encloser = parent(encloser)
		}
		owner = "*." + strings.TrimPrefix(encloser, ".")
		if !a.nodes[owner] {
			s.outcome = outcomeNXDomain
			return s, ""
		}
		s.wildcard = true
	}
	sets := a.data[owner]
	switch cname := sets[dns.TypeCNAME]; {
	case t == dns.TypeDS && n.zones[name] != nil && name != a.Name:
		if n.zones[name].hasDS() {
			s.sets = []answer{{owner: name, rtype: t, ttl: a.TTL}}
		} else {
			s.outcome, s.cut = outcomeNoData, true
		}
	case len(sets[t]) > 0:
		s.sets = []answer{a.answer(name, sets[t])}
	case len(cname) > 0:
		s.outcome, s.sets = outcomeCNAME, []answer{a.answer(name, cname)}
		return s, strings.ToLower(cname[0].(*dns.CNAME).Target)
	default:
		s.outcome = outcomeNoData
	}
	return s, ""
}

// hasDS reports whether the parent publishes a DS.
func (a *authority) hasDS() bool {
	return a.Algorithm != lab.Unsigned && !a.NoDS && a.up.Algorithm != lab.Unsigned
}

// dnameAbove returns the owner of the DNAME above a name in the zone.
func (a *authority) dnameAbove(name string) (owner string) {
	for n := name; n != a.Name; {
		n = parent(n)
		if len(a.data[n][dns.TypeDNAME]) > 0 {
			owner = n
		}
	}
	return owner
}

// substitute follows a DNAME.
func (a *authority) substitute(s step, owner string, t uint16) (step, string) {
	set := a.data[owner][dns.TypeDNAME]
	target := strings.ToLower(set[0].(*dns.DNAME).Target)
	next := strings.TrimSuffix(s.name, owner) + strings.TrimPrefix(target, ".")
	s.outcome, s.sets = outcomeDNAME, []answer{a.answer(owner, set)}
	if len(next) > 254 {
		s.outcome = outcomeTooLong
		return s, ""
	}
	s.sets = append(s.sets, answer{owner: s.name, rtype: dns.TypeCNAME, ttl: set[0].Header().Ttl,
		records: []string{next}})
	if t == dns.TypeCNAME {
		s.outcome = outcomeData // the CNAME is what was asked for
		return s, ""
	}
	return s, next
}

// answer returns a set under a name. What the lab decides is left out.
func (a *authority) answer(name string, set []dns.RR) answer {
	r := answer{owner: name, rtype: set[0].Header().Rrtype, ttl: set[0].Header().Ttl}
	for _, rr := range set {
		r.ttl = min(r.ttl, rr.Header().Ttl)
		switch x := rr.(type) {
		case *dns.SOA, *dns.DNSKEY:
			return r
		case *dns.A:
			if x.A == nil {
				return r
			}
		}
		r.records = append(r.records, content(rr))
	}
	slices.Sort(r.records)
	return r
}

// content returns a record's RDATA in presentation form, in lower case.
func content(rr dns.RR) string {
	return strings.ToLower(strings.TrimPrefix(rr.String(), rr.Header().String()))
}

// rcode returns the RCODE of the answer.
func (r *truth) rcode() int {
	switch r.last().outcome {
	case outcomeNXDomain:
		return dns.RcodeNameError
	case outcomeTooLong:
		return dns.RcodeYXDomain
	}
	return dns.RcodeSuccess
}

func (r *truth) last() *step { return &r.steps[len(r.steps)-1] }

// sets returns the sets of the answer, in order.
func (r *truth) sets() (all []answer) {
	for i := range r.steps {
		all = append(all, r.steps[i].sets...)
	}
	return all
}
