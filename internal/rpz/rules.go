// The rules of one policy zone, and how they are found.

package rpz

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"bailiwick/internal/aside"
	"bailiwick/internal/namehash"
	"bailiwick/wire"
	"bailiwick/zone"
)

// Rules are the rules of a policy zone. They are immutable.
//
// The zone itself is all that there is of rules about names: it finds them by their hashes, so a
// rule costs its record and a byte or two. Networks have tables of their own.
type Rules struct {
	zone     *zone.Zone
	exact    [triggers]depths              // of the names that rules are about
	below    [triggers]depths              // of the parents of wildcards
	networks [triggers]*bart.Table[uint32] // nil: there are none
	n        [triggers]int
	crowded  places // wildcards that have names beside them
	none     places // names that are not rules
	skipped  int
	why      []string // of the first ones that are skipped
}

// depths are which numbers of labels names have, a bit for each.
type depths [2]uint64

func (d *depths) add(labels int)      { d[labels/64] |= 1 << (labels % 64) }
func (d *depths) has(labels int) bool { return d[labels/64]>>(labels%64)&1 != 0 }

// places is a set of places in a zone, with a bit for each that is possible.
type places []uint64

// bit returns the word and the bit of a place.
func bit(place uint32) (word uint32, mask uint64) {
	n := place / zone.MinSpace
	return n / 64, 1 << (n % 64)
}

// add adds a place of a zone.
func (p *places) add(place uint32, z *zone.Zone) {
	if *p == nil { // most zones need none
		*p = make(places, z.Extent()/zone.MinSpace/64+1)
	}
	word, mask := bit(place)
	(*p)[word] |= mask
}

// has reports whether a place is in the set.
func (p places) has(place uint32) bool {
	word, mask := bit(place)
	return p != nil && p[word]&mask != 0
}

// maxWhy is how many rules that are skipped are named.
const maxWhy = 5

// New reads the rules of a zone. What is not a rule is skipped and counted: one bad record must not
// be why a feed is not used.
func New(z *zone.Zone) *Rules {
	r := &Rules{zone: z}
	for i := range z.Names() {
		if i%256 == 0 {
			aside.Yield()
		}
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
			r.skip(place, err)
		case p.prefix.IsValid():
			r.network(p, place)
		case p.wildcard:
			r.n[p.trigger]++
			r.below[p.trigger].add(owner.Labels() - 1)
			if r.hasBeside(i) {
				r.crowded.add(place, z)
			}
		default:
			r.n[p.trigger]++
			r.exact[p.trigger].add(owner.Labels())
		}
	}
	return r
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

// check returns why the records of the name at a place are not an action.
func (r *Rules) check(place uint32) error {
	if alias := r.zone.AliasAt(place); alias != nil {
		return checkTarget(alias)
	}
	if !r.zone.TypesAt(place, isRecord) {
		return fmt.Errorf("its records are not an action")
	}
	return nil
}

// skip counts a name that is not a rule.
func (r *Rules) skip(place uint32, err error) {
	r.none.add(place, r.zone)
	if r.skipped++; len(r.why) < maxWhy {
		r.why = append(r.why, fmt.Sprintf("%s: %v", r.zone.OwnerAt(place), err))
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

// Skipped returns how many names are not rules, and why the first of them are not.
func (r *Rules) Skipped() (n int, why []string) { return r.skipped, r.why }

// Size returns how many bytes the rules take beside their zone, without those about networks.
func (r *Rules) Size() (bytes int) { return 8 * (len(r.crowded) + len(r.none)) }

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
	if t == NSDName {
		within, fits := name.ReplaceSuffix(wire.Root, underNSDName)
		if !fits {
			return 0, false
		}
		name = within
	}
	own := name.Wire()
	var path namehash.Path
	depth := path.Of(own)
	if t == QName && depth > 0 && isMark(own[path[depth-1]+1:]) {
		return 0, false // the rules there are about something else
	}
	exact, below := &r.exact[t], &r.below[t]
	at := len(own) - 1
	wildcard := 0 // the number of labels of its parent
	for n, h := 0, r.zone.Seed(); ; n++ {
		if n > 0 {
			at = int(path[depth-n])
			h = namehash.Below(h, own[at:])
		}
		if n == depth {
			if exact.has(n) {
				if found, is := r.zone.Place(h, own, false); is && !r.none.has(found) {
					return found, true
				}
			}
			break
		}
		if below.has(n) {
			if found, is := r.zone.Place(h, own[at:], true); is && !r.none.has(found) {
				place, wildcard, ok = found, n, true
			}
		}
	}
	if ok && r.crowded.has(place) {
		between, fits := name.Ancestor(wildcard+1).ReplaceSuffix(wire.Root, r.zone.Apex())
		ok = !fits || !r.zone.Exists(between)
	}
	return place, ok
}

// underNSDName is what the names of rules about names of servers are below.
var underNSDName = wire.MustParseName("rpz-nsdname.")

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
