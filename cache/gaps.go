// Prepared answers for gaps: a proof that a name does not exist proves the same of every other name
// in the same gap that has the same closest encloser.
//
// The proof of a name error consists of the record whose gap the name falls into and the one that
// denies the wildcard at the closest encloser (RFC 4035, section 3.1.3.2; RFC 5155, section 7.2.2).
// Both depend on the name by the gap and the encloser alone. So the first such answer, made from
// records that the validator found to prove it, is kept with its gap and serves the rest of a flood
// of random names, at the price of a search.

package cache

import (
	"time"

	"bailiwick/wire"
)

// Variant is what of a query changes a prepared denial besides its name.
type Variant uint8

// The variants: for a client that wants no more than the answer, one that wants to see AD, one that
// set DO.
const (
	VariantPlain Variant = iota
	VariantAD
	VariantDO
	variants
)

// gapAnswers are the prepared answers of a gap: those with the encloser that was asked for last.
type gapAnswers struct {
	encloser wire.Name
	ready    [variants]*Answer
}

func (g *gapAnswers) size() (n int) {
	if g == nil {
		return 0
	}
	for _, a := range g.ready {
		if a != nil {
			n += a.size()
		}
	}
	return n + g.encloser.Len() + 64
}

// Denied returns the prepared denial of a name. It was built for the closest encloser: the caller
// replaces the question's name, and adds the difference in length to every compression pointer.
func (d *Denials) Denied(name wire.Name, v Variant, now time.Time) (a *Answer, encloser wire.Name,
	ok bool) {
	zone, z, ok := d.zoneOf(name)
	if !ok {
		return nil, encloser, false
	}
	z.mu.RLock()
	defer z.mu.RUnlock()
	r, encloser := z.gapOf(zone, name, now)
	if r == nil || r.ready == nil || r.ready.encloser != encloser {
		return nil, encloser, false
	}
	a = r.ready.ready[v]
	return a, encloser, a != nil && a.Good(now.Unix()) && d.day.covers(a, now.Unix())
}

// Gap is the gap between names that exist which a denied name is in, as it was when it was found.
// An answer for all names in it that have the same closest encloser is built without any lock, as
// if the encloser had been asked for, and kept by [Denials.StorePrepared].
type Gap struct {
	Encloser wire.Name
	name     wire.Name
	zone     wire.Name
	denials  *zoneDenials // of the zone
	record   string       // the octets of the record whose gap it is
}

// Gap returns the gap that a denied name is in; false if it is not known, or if the gap's own
// record is not among the proofs that the denial rests on.
func (d *Denials) Gap(name wire.Name, now time.Time, proofs []*wire.RRset) (g Gap, ok bool) {
	zone, z, ok := d.zoneOf(name)
	if !ok {
		return g, false
	}
	z.mu.RLock()
	defer z.mu.RUnlock()
	r, encloser := z.gapOf(zone, name, now)
	if r == nil || !r.isAmong(zone, proofs) {
		return g, false
	}
	return Gap{Encloser: encloser, name: name, zone: zone, denials: z, record: r.octets}, true
}

// StorePrepared keeps an answer for the names of a gap, and reports whether it did: not if what is
// known of the gap has changed meanwhile, or if the zone has no more room.
func (d *Denials) StorePrepared(g Gap, v Variant, a *Answer, now time.Time) bool {
	if z, ok := d.zones.Get(g.zone); !ok || z != g.denials || !d.storePrepared(g, v, a, now) {
		return false
	}
	d.zones.Put(g.zone, g.denials) // at its new size
	return true
}

// storePrepared does it in the zone.
func (d *Denials) storePrepared(g Gap, v Variant, a *Answer, now time.Time) bool {
	z := g.denials
	z.mu.Lock()
	defer z.mu.Unlock()
	r, encloser := z.gapOf(g.zone, g.name, now)
	if r == nil || r.octets != g.record || encloser != g.Encloser ||
		z.contradicts(encloser, g.name) {
		return false
	}
	answers := &gapAnswers{encloser: encloser}
	if r.ready != nil && r.ready.encloser == encloser {
		*answers = *r.ready
	}
	answers.ready[v] = a
	grown := answers.size() - r.ready.size()
	if !d.fits(z.size + grown) { // a zone that is too large would be dropped as a whole
		return false
	}
	z.size += grown
	r.ready = answers
	return true
}

// isAmong reports whether one of the sets is the record.
func (r *denialRecord) isAmong(zone wire.Name, sets []*wire.RRset) bool {
	own := r.set(zone)
	s := wire.Find(sets, own.Name, own.Type)
	return s != nil && s.Data.Equal(own.Data)
}

// zoneOf is the deepest zone with denials that encloses a name.
func (d *Denials) zoneOf(name wire.Name) (zone wire.Name, z *zoneDenials, ok bool) {
	for zone = name; ; zone = zone.Parent() {
		if z, ok = d.zones.Get(zone); ok || zone.IsRoot() {
			return zone, z, ok
		}
	}
}

// gapOf is the live record whose gap a name is in, and the name's closest encloser; nil if none is
// known. It only finds what a proof may be kept with: whether something is one the validator says.
func (z *zoneDenials) gapOf(zone, name wire.Name, now time.Time) (r *denialRecord,
	encloser wire.Name) {
	switch {
	case len(z.nsec) > 0:
		r, encloser = z.nsecGap(zone, name)
	case len(z.nsec3) > 0:
		r, encloser = z.nsec3Gap(zone, name)
	}
	if r == nil || r.expires <= now.Unix() || !name.Below(encloser) {
		return nil, encloser
	}
	return r, encloser
}

func (z *zoneDenials) nsecGap(zone, name wire.Name) (*denialRecord, wire.Name) {
	var buf [2 * wire.MaxNameLen]byte
	order := name.AppendOrder(buf[:0])
	i, found := search(z.nsec, order)
	if found || i == 0 {
		return nil, zone
	}
	r := &z.nsec[i-1]
	if r.after() != zone && string(order) >= r.next() {
		return nil, zone
	}
	encloser := name.CommonAncestor(r.owner())
	if e := name.CommonAncestor(r.after()); e.Len() > encloser.Len() {
		encloser = e
	}
	return r, encloser
}

// nsec3Gap goes down from the apex: as far as records match, names exist; the next is in a gap.
func (z *zoneDenials) nsec3Gap(zone, name wire.Name) (*denialRecord, wire.Name) {
	top, labels := zone.Labels(), name.Labels()
	if z.iter > maxAggressiveIterations || labels-top > maxAggressiveLabels {
		return nil, zone
	}
	encloser := zone
	for n := top + 1; n <= labels; n++ {
		closer := name.Ancestor(n)
		h := wire.NSEC3Hash(closer, z.iter, z.salt)
		r, match := z.nsec3Near(h[:])
		switch {
		case match:
			encloser = closer
			continue
		case r.spans(h[:]):
			return r, encloser
		}
		break
	}
	return nil, encloser
}

// spans reports whether a hash that is not the record's own is in its gap.
func (r *denialRecord) spans(h []byte) bool {
	return wire.BetweenNSEC3([]byte(r.order()), h, []byte(r.next()))
}

// contradicts reports whether records match a name below the closest encloser, in a zone whose
// NSEC3 contradict each other.
func (z *zoneDenials) contradicts(encloser, name wire.Name) bool {
	if len(z.nsec) > 0 {
		return false
	}
	for ; name.Below(encloser); name = name.Parent() {
		if _, match := z.nsec3At(name); match {
			return true
		}
	}
	return false
}
