// Which questions are asked.

package check

import (
	"net/netip"
	"slices"

	"bailiwick/wire"
)

// ask returns a question of class IN.
func ask(n wire.Name, t wire.Type) wire.Question {
	return wire.Question{Name: n, Type: t, Class: wire.ClassIN}
}

// Greeting returns the questions that show whether a server can be reached at all. Who answers none
// of them is asked nothing else.
func Greeting(zone wire.Name) []Query {
	soa := ask(zone, wire.TypeSOA)
	return []Query{{soa, Usual}, {soa, OverTCP}, {soa, NoEDNS}}
}

// apexTypes are the types that are asked for at the apex, besides SOA. A CNAME there is a fault,
// and its absence a denial of a type.
var apexTypes = []wire.Type{wire.TypeNS, wire.TypeDNSKEY, wire.TypeCDS, wire.TypeCDNSKEY,
	wire.TypeNSEC3PARAM, wire.TypeA, wire.TypeAAAA, wire.TypeMX, wire.TypeCNAME}

// First returns what every server of the zone is asked after the greeting.
func First(o *Observations) (qs []Query) {
	soa, keys := ask(o.Zone, wire.TypeSOA), ask(o.Zone, wire.TypeDNSKEY)
	for _, t := range apexTypes {
		qs = append(qs, Query{ask(o.Zone, t), Usual})
	}
	qs = append(qs, Query{soa, Version1}, Query{soa, Option}, Query{soa, Cookie},
		Query{soa, CookieAgain}, Query{keys, Small}, Query{keys, Large},
		Query{ask(o.Random, wire.TypeA), Usual})
	for _, q := range o.Compare {
		qs = append(qs, Query{q, Usual})
	}
	for _, t := range o.TLSA {
		qs = append(qs, Query{ask(t.Name, wire.TypeTLSA), Usual})
		if t.Host.Within(o.Zone) {
			qs = append(qs, Query{ask(t.Host, wire.TypeA), Usual},
				Query{ask(t.Host, wire.TypeAAAA), Usual})
		}
	}
	return qs
}

// Second returns what follows from the replies to First: the addresses of name servers in the zone,
// the zone that each name is in, and names between them and the apex, which may be empty
// non-terminals.
func Second(o *Observations) (qs []Query) {
	add := func(q wire.Question) {
		if !slices.Contains(qs, Query{q, Usual}) {
			qs = append(qs, Query{q, Usual})
		}
	}
	known := knownNames(o)
	for _, n := range known {
		add(ask(n, wire.TypeSOA))
	}
	for _, n := range inZone(o.Zone, NameServers(o)) {
		add(ask(n, wire.TypeA))
		add(ask(n, wire.TypeAAAA))
	}
	for _, n := range between(o.Zone, known) {
		add(ask(n, wire.TypeSOA))
		add(ask(n, wire.TypeA))
	}
	return slices.DeleteFunc(qs, func(q Query) bool { return slices.Contains(First(o), q) })
}

// knownNames returns the names below the apex that ought to exist.
func knownNames(o *Observations) (names []wire.Name) {
	for _, q := range o.Compare {
		names = append(names, q.Name)
	}
	for _, t := range o.TLSA {
		names = append(names, t.Name)
	}
	names = append(names, NameServers(o)...)
	for _, s := range o.Servers {
		if set := answerOf(s, ask(o.Zone, wire.TypeMX)); set != nil {
			for d := range set.Data.All() {
				if len(d) < 2 {
					continue
				}
				if n, ok := wire.TargetName(d[2:]); ok {
					names = append(names, n)
				}
			}
		}
	}
	names = inZone(o.Zone, names)
	return names[:min(len(names), MaxNames)]
}

// between returns the names between the apex and known names, without these.
func between(zone wire.Name, known []wire.Name) (names []wire.Name) {
	for _, n := range known {
		for n = n.Parent(); n.Below(zone); n = n.Parent() {
			if !slices.Contains(known, n) && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names[:min(len(names), MaxNames)]
}

// inZone returns the names below the apex, each once.
func inZone(zone wire.Name, names []wire.Name) (in []wire.Name) {
	for _, n := range names {
		if n.Below(zone) && !slices.Contains(in, n) {
			in = append(in, n)
		}
	}
	return in
}

// NameServers returns the names of the zone's servers, each once: those that it names itself, and,
// unless the operator has named others, those that the parent names.
func NameServers(o *Observations) (all []wire.Name) {
	add := func(set *wire.RRset) {
		if set == nil {
			return
		}
		for _, n := range targets(set) {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	for _, s := range o.Servers {
		add(answerOf(s, ask(o.Zone, wire.TypeNS)))
	}
	if o.Parent != nil && !o.Given {
		for _, s := range o.Parent.Servers {
			set, child := delegationOf(s, o.Zone)
			if child {
				set = answerOf(s, ask(o.Zone, wire.TypeNS))
			}
			add(set)
		}
	}
	return all
}

// Addresses returns the addresses that the servers of the zone have for a name.
func Addresses(o *Observations, n wire.Name) (addrs []netip.Addr) {
	for _, s := range o.Servers {
		for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
			set := answerOf(s, ask(n, t))
			if set == nil {
				continue
			}
			for _, a := range set.Data.Addresses() {
				if !slices.Contains(addrs, a) {
					addrs = append(addrs, a)
				}
			}
		}
	}
	return addrs
}

// Glue returns the addresses that the parent's referrals have for a name.
func Glue(o *Observations, n wire.Name) (addrs []netip.Addr) {
	for _, s := range o.Parent.Servers {
		if m := s.reply(ask(o.Zone, wire.TypeNS), Usual).Msg; m != nil {
			for _, a := range addresses(m, n) {
				if !slices.Contains(addrs, a) {
					addrs = append(addrs, a)
				}
			}
		}
	}
	return addrs
}

// targets returns the names that the records of an NS or CNAME set point to, each once.
func targets(set *wire.RRset) (names []wire.Name) {
	for d := range set.Data.All() {
		if n, ok := wire.TargetName(d); ok && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}
