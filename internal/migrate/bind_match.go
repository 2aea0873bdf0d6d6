// BIND's address match lists. There the first element that fits decides, and elements may be
// negated or lists of their own; here the longest network decides.

package migrate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// element is an element of a list: a network, or a list.
type element struct {
	negative bool
	network  netip.Prefix
	list     matchList
	nested   bool
}

type matchList []element

var (
	everyNetwork = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	thisMachine  = matchList{{network: netip.MustParsePrefix("127.0.0.1/32")},
		{network: netip.MustParsePrefix("::1/128")}}
)

// match reports whether an element fits all addresses of a network that are in no longer one of
// those that the lists name, and whether it is a positive one.
func (l matchList) match(n netip.Prefix) (positive, fits bool) {
	for _, e := range l { // the first one that fits decides
		if e.nested {
			// What a list within excludes is as if it did not fit, so that a negated list never
			// allows what its own negated elements exclude (named's dns_acl_match).
			if positive, fits := e.list.match(n); fits && positive {
				return !e.negative, true
			}
			continue
		}
		if e.network.Bits() <= n.Bits() && e.network.Contains(n.Addr()) {
			return !e.negative, true
		}
	}
	return false, false
}

// matchLists are lists that all have to fit.
type matchLists []matchList

// fitsAll reports whether all fit a network.
func (m matchLists) fitsAll(p netip.Prefix) bool {
	for _, l := range m {
		if positive, fits := l.match(p); !fits || !positive {
			return false
		}
	}
	return true
}

// networks adds those of a list.
func (l matchList) networks(to map[netip.Prefix]bool) {
	for _, e := range l {
		if e.nested {
			e.list.networks(to)
		} else {
			to[e.network] = true
		}
	}
}

// size is the number of elements of a list with those within.
func (l matchList) size() int {
	size := len(l)
	for _, e := range l {
		size += e.list.size()
	}
	return size
}

// acl is a list with a name.
type acl struct {
	statement *statement
	open      bool // it is being read
	read      bool
	list      matchList
	keys      []string
}

// acl returns a list that has a name, or nil.
func (n *named) acl(name, nearest string) *acl {
	a := n.acls[name]
	if a == nil || a.open {
		return nil
	}
	if !a.read {
		a.open = true
		a.list, a.keys = n.matchList(a.statement, nearest)
		a.open, a.read = false, true
	}
	return a
}

// matchList reads a list. The keys of it are returned: they fit no address. What else fits none
// here is listed, with the key of ours that is nearest.
func (n *named) matchList(s *statement, nearest string) (l matchList, keys []string) {
	size := 0
	for _, e := range s.body {
		item, more, ok := n.element(e, nearest)
		keys = append(keys, more...)
		if !ok {
			continue
		}
		if size += 1 + item.list.size(); size > maxRegions {
			n.lose(&e.directive, "more than %d networks; nearest: %s", maxRegions, nearest)
			break
		}
		l = append(l, item)
	}
	return l, keys
}

// element reads one, and reports whether it can fit an address.
func (n *named) element(e *statement, nearest string) (item element, keys []string, ok bool) {
	name, rest := e.name, e.args
	name, item.negative = strings.CutPrefix(name, "!")
	if item.negative && name == "" && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	item.nested = true
	switch {
	case e.block && name == "":
		item.list, keys = n.matchList(e, nearest)
	case name == "any" || name == "none":
		item.list = matchList{{network: everyNetwork[0]}, {network: everyNetwork[1]}}
		item.negative = item.negative != (name == "none")
	case name == "localhost":
		item.list = thisMachine
		n.tell("localhost was every address of this machine; here it is 127.0.0.1 and ::1")
	case name == "localnets":
		n.lose(&e.directive, "the networks of this machine's interfaces have to be written out; "+
			"nearest: %s", nearest)
		return item, nil, false
	case name == "key" && len(rest) == 1:
		if !item.negative {
			return item, rest, false
		}
		n.leave(&e.directive, "a query that is signed has the view of its key")
		return item, nil, false
	case n.acl(name, nearest) != nil:
		a := n.acl(name, nearest)
		item.list, keys = a.list, a.keys
	default:
		var err error
		if item.network, err = bindNetwork(name); err != nil {
			n.lose(&e.directive, "it is not a network; nearest: %s", nearest)
			return item, nil, false
		}
		item.nested = false
	}
	return item, keys, true
}

// bindNetwork reads a network, which may lack octets at its end: 10/8.
func bindNetwork(s string) (netip.Prefix, error) {
	address, bits, ok := strings.Cut(s, "/")
	if ok && !strings.Contains(address, ":") {
		for strings.Count(address, ".") < 3 {
			address += ".0"
		}
		s = address + "/" + bits
	}
	return network(s)
}

// regions returns the networks of lists with the two of all addresses, the shortest first.
func regions(lists ...matchList) (all []netip.Prefix) {
	set := map[netip.Prefix]bool{everyNetwork[0]: true, everyNetwork[1]: true}
	for _, l := range lists {
		l.networks(set)
	}
	for p := range set {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	return all
}

// decide returns the networks for which a decision differs from that of the next larger one, with
// theirs: what the longest network that fits an address decides. outside is that of no network.
func decide(all []netip.Prefix, outside string, of func(netip.Prefix) string) (list []netip.Prefix,
	decisions []string) {
	said := map[netip.Prefix]string{}
	for _, p := range all {
		around := outside
		for bits := p.Bits() - 1; bits >= 0; bits-- {
			if larger, err := p.Addr().Prefix(bits); err == nil {
				if d, ok := said[larger]; ok {
					around = d
					break
				}
			}
		}
		said[p] = of(p)
		if said[p] != around {
			list, decisions = append(list, p), append(decisions, said[p])
		}
	}
	return list, decisions
}
