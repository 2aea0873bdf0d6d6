// The rules of one policy zone, and how they are found.

package rpz

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"bailiwick/internal/nametable"
	"bailiwick/wire"
	"bailiwick/zone"
)

// Rules are the rules of a policy zone. They are immutable.
//
// The zone itself is all that there is of rules about names: indexes have the places of its names,
// so a rule costs its record and some twelve bytes. Networks have tables of their own.
type Rules struct {
	zone     *zone.Zone
	names    [triggers]names
	networks [triggers]*bart.Table[uint32] // nil: there are none
	n        [triggers]int
	crowded  []uint64 // a bit for each place, see bit: of a wildcard that has names beside it
	skipped  int
	why      []string // of the first ones that are skipped
}

// names are the rules about names of one trigger: places in the zone.
type names struct{ exact, below nametable.Index }

// maxWhy is how many rules that are skipped are named.
const maxWhy = 5

// New reads the rules of a zone. What is no rule is skipped and counted: one bad record must not be
// why a feed is not used.
func New(z *zone.Zone) *Rules {
	r := &Rules{zone: z, crowded: make([]uint64, z.Extent()/zone.MinSpace/64+1)}
	var places [triggers][2][]uint32
	for i := range z.Names() {
		place := z.PlaceAt(i)
		owner := z.NameAt(place)
		if owner.IsRoot() {
			continue
		}
		p, err := parseTrigger(owner)
		if err == nil {
			err = r.check(place)
		}
		switch {
		case err != nil:
			r.skip(z.OwnerAt(place), err)
		case p.prefix.IsValid():
			r.network(p, place)
		case p.wildcard:
			places[p.trigger][1] = append(places[p.trigger][1], place)
			if r.hasBeside(i) {
				word, mask := bit(place)
				r.crowded[word] |= mask
			}
		default:
			places[p.trigger][0] = append(places[p.trigger][0], place)
		}
	}
	for t := range triggers {
		r.names[t].exact = r.index(parsed{trigger: t}, places[t][0])
		r.names[t].below = r.index(parsed{trigger: t, wildcard: true}, places[t][1])
		r.n[t] += len(places[t][0]) + len(places[t][1])
	}
	return r
}

// index makes an index of places.
func (r *Rules) index(p parsed, places []uint32) nametable.Index {
	x := nametable.NewIndex(len(places), func(i uint32) string {
		return cut(r.zone.NameAt(i), p)
	})
	for _, i := range places {
		x.Add(i)
	}
	return x
}

// network adds a rule about a network.
func (r *Rules) network(p parsed, i uint32) {
	t := p.trigger
	if r.networks[t] == nil {
		r.networks[t] = &bart.Table[uint32]{}
	}
	if _, there := r.networks[t].Get(p.prefix); !there { // the same network in another spelling
		r.networks[t].Insert(p.prefix, i)
		r.n[t]++
	}
}

// check returns why the records of the name at a place are no action.
func (r *Rules) check(place uint32) error {
	if alias := r.zone.AliasAt(place); alias != nil {
		return checkTarget(alias)
	}
	if !r.zone.TypesAt(place, isRecord) {
		return fmt.Errorf("its records are no action")
	}
	return nil
}

// skip counts a name that is no rule.
func (r *Rules) skip(owner wire.Name, err error) {
	if r.skipped++; len(r.why) < maxWhy {
		r.why = append(r.why, fmt.Sprintf("%s: %v", owner, err))
	}
}

// Zone returns the zone that the rules are in.
func (r *Rules) Zone() *zone.Zone { return r.zone }

// Len returns how many rules a trigger has.
func (r *Rules) Len(t Trigger) int { return r.n[t] }

// All returns how many rules there are.
func (r *Rules) All() (n int) {
	for _, of := range r.n {
		n += of
	}
	return n
}

// Skipped returns how many names are no rules, and why the first of them are not.
func (r *Rules) Skipped() (n int, why []string) { return r.skipped, r.why }

// Size returns how many bytes the rules take beside their zone, without those about networks.
func (r *Rules) Size() (bytes int) {
	for t := range triggers {
		bytes += r.names[t].exact.Size() + r.names[t].below.Size()
	}
	return bytes + 8*len(r.crowded)
}

// bit returns the word and the bit of a place in a set of places.
func bit(place uint32) (word uint32, mask uint64) {
	n := place / zone.MinSpace
	return n / 64, 1 << (n % 64)
}

// hasBeside reports whether there are other names below the parent of a wildcard, which is the i-th
// name. In canonical order they come next to it.
func (r *Rules) hasBeside(i int) bool {
	z := r.zone
	parent := z.NameAt(z.PlaceAt(i)).Parent()
	for _, j := range []int{i - 1, i + 1} {
		if j >= 0 && j < z.Names() && z.NameAt(z.PlaceAt(j)).Below(parent) {
			return true
		}
	}
	return false
}

// named returns the place of the rule about a name: its own, or that of a wildcard, as for any name
// of a zone (section 5.3 of the draft; RFC 4592, section 3.3.1). If the zone has a name between the
// wildcard and the one that is looked for, the wildcard is not about it.
func (r *Rules) named(t Trigger, name wire.Name) (place uint32, ok bool) {
	n := &r.names[t]
	if place, ok = n.exact.Exact(name); ok || n.below.Len() == 0 || name.IsRoot() {
		return place, ok
	}
	place, labels, ok := n.below.Closest(name.Parent())
	if !ok {
		return 0, false
	}
	if word, mask := bit(place); r.crowded[word]&mask != 0 {
		ok = !r.exists(t, name.Ancestor(labels+1))
	}
	return place, ok
}

// exists reports whether the zone has a name, or one below it, that is about a name.
func (r *Rules) exists(t Trigger, name wire.Name) bool {
	apex := r.zone.Apex()
	if t == NSDName {
		apex, _ = apex.Child("rpz-nsdname") // there is a rule below it
	}
	owner, ok := name.ReplaceSuffix(wire.Root, apex)
	return ok && r.zone.Exists(owner)
}

// addressed returns the place of the rule about an address, and its prefix.
func (r *Rules) addressed(t Trigger, a netip.Addr) (place uint32, p netip.Prefix, ok bool) {
	if r.networks[t] == nil {
		return 0, p, false
	}
	p, place, ok = r.networks[t].LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
	return place, p, ok
}

// bits is the length of a prefix among those of both families: IPv4 addresses count as mapped into
// IPv6 (section 5.7 of the draft).
func bits(p netip.Prefix) int {
	if p.Addr().Is4() {
		return p.Bits() + 96
	}
	return p.Bits()
}

// best returns the rule about one of several addresses: that of the longest prefix, and of equal
// ones that of the smallest address (sections 5.7 and 5.8 of the draft).
func (r *Rules) best(t Trigger, addrs []netip.Addr) (place uint32, ok bool) {
	var of netip.Prefix
	var at netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		i, p, found := r.addressed(t, a)
		if !found || ok && (bits(p) < bits(of) || bits(p) == bits(of) && !a.Less(at)) {
			continue
		}
		place, of, at, ok = i, p, a, true
	}
	return place, ok
}

// server returns the rule about one of several names: that of the smallest name in canonical order
// (section 5.6 of the draft).
func (r *Rules) server(servers []wire.Name) (place uint32, ok bool) {
	var of wire.Name
	for _, n := range servers {
		if i, found := r.named(NSDName, n); found && (!ok || n.Compare(of) < 0) {
			place, of, ok = i, n, true
		}
	}
	return place, ok
}
