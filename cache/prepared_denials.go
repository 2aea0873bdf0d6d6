// Prepared denials (RFC 8198, section 5.1): a proof that a name does not exist proves the same of
// every other name in the same span that has the same closest encloser.
//
// The proof of a name error consists of the record that covers the name, and the record that denies
// the wildcard at the closest encloser (RFC 4035, section 3.1.3.2; RFC 5155, section 7.2.2). Both
// depend only on the span and the encloser. So the first such answer, made from records that the
// validator accepted as its proof, is kept with its span. It answers the rest of a flood of random
// names at the cost of a search.

package cache

import (
	"time"

	"bailiwick/wire"
)

// Variant is the part of a query besides its name that changes a prepared denial.
type Variant uint8

// The variants: a client that wants only the answer, one that wants to see AD, and one that set DO.
const (
	VariantPlain Variant = iota
	VariantAD
	VariantDO
	variants
)

// spanAnswers are the prepared answers of a span, for the closest encloser that was last asked for.
type spanAnswers struct {
	encloser wire.Name
	answers  [variants]*Answer
}

func (s *spanAnswers) size() (n int) {
	if s == nil {
		return 0
	}
	for _, a := range s.answers {
		if a != nil {
			n += a.size()
		}
	}
	return n + s.encloser.Len() + 64
}

// Denied returns the prepared denial of a name. It was built for the closest encloser: the caller
// replaces the question's name, and adds the difference in length to every compression pointer.
func (d *Denials) Denied(in *Realm, name wire.Name, v Variant, now time.Time) (a *Answer,
	encloser wire.Name, ok bool) {
	k, z, ok := d.zoneOf(in, name)
	if !ok {
		return nil, encloser, false
	}
	z.mu.RLock()
	defer z.mu.RUnlock()
	r, encloser := z.spanOf(k.Name, name, now)
	if r == nil || r.prepared == nil || r.prepared.encloser != encloser {
		return nil, encloser, false
	}
	a = r.prepared.answers[v]
	return a, encloser, a != nil && a.Good(now.Unix()) && d.day.covers(a, now.Unix())
}

// Span is the span that a denied name is in, as it was when it was found. One answer serves all
// names in it that have the same closest encloser. It is built without a lock, as if the encloser
// had been asked for, and is kept by [Denials.StorePrepared].
type Span struct {
	Encloser wire.Name
	name     wire.Name
	zone     ZoneKey
	denials  *zoneDenials // of the zone
	record   string       // octets of the record that the span belongs to
}

// Span returns the span that a denied name is in; false if it is not known, or if its record is not
// among the proofs of the denial.
func (d *Denials) Span(in *Realm, name wire.Name, now time.Time, proofs []*wire.RRset) (
	s Span, ok bool) {
	k, z, ok := d.zoneOf(in, name)
	if !ok {
		return s, false
	}
	z.mu.RLock()
	defer z.mu.RUnlock()
	r, encloser := z.spanOf(k.Name, name, now)
	if r == nil || !r.isAmong(k.Name, proofs) {
		return s, false
	}
	return Span{Encloser: encloser, name: name, zone: k, denials: z, record: r.octets}, true
}

// StorePrepared keeps an answer for the names of a span, and reports whether it did. It does not if
// the span has changed meanwhile, or if the zone has no room.
func (d *Denials) StorePrepared(s Span, v Variant, a *Answer, now time.Time) bool {
	if z, ok := d.zones.Get(s.zone); !ok || z != s.denials || !d.storePrepared(s, v, a, now) {
		return false
	}
	d.zones.Put(s.zone, s.denials) // with its new size
	return true
}

// storePrepared is StorePrepared for the zone's records.
func (d *Denials) storePrepared(s Span, v Variant, a *Answer, now time.Time) bool {
	z := s.denials
	z.mu.Lock()
	defer z.mu.Unlock()
	r, encloser := z.spanOf(s.zone.Name, s.name, now)
	if r == nil || r.octets != s.record || encloser != s.Encloser ||
		z.contradicts(encloser, s.name) {
		return false
	}
	prepared := &spanAnswers{encloser: encloser}
	if r.prepared != nil && r.prepared.encloser == encloser {
		*prepared = *r.prepared
	}
	prepared.answers[v] = a
	grown := prepared.size() - r.prepared.size()
	if !d.fits(z.size + grown) { // the cache would drop a zone that is too large
		return false
	}
	z.size += grown
	r.prepared = prepared
	return true
}

// isAmong reports whether one of the sets is the record.
func (r *denialRecord) isAmong(zone wire.Name, sets []*wire.RRset) bool {
	own := r.set(zone)
	s := wire.Find(sets, own.Name, own.Type)
	return s != nil && s.Data.Equal(own.Data)
}

// zoneOf returns the deepest zone with denials that encloses a name.
func (d *Denials) zoneOf(in *Realm, name wire.Name) (k ZoneKey, z *zoneDenials, ok bool) {
	for zone := name; ; zone = zone.Parent() {
		k = in.Zone(zone)
		if z, ok = d.zones.Get(k); ok || zone.IsRoot() {
			return k, z, ok
		}
	}
}

// spanOf returns the live record that covers a name, and the name's closest encloser; nil if none
// is known. It only finds the key for a prepared answer: the validator decides what is a proof.
func (z *zoneDenials) spanOf(zone, name wire.Name, now time.Time) (r *denialRecord,
	encloser wire.Name) {
	switch {
	case len(z.nsec) > 0:
		r, encloser = z.nsecSpan(zone, name)
	case len(z.nsec3) > 0:
		r, encloser = z.nsec3Span(zone, name)
	}
	if r == nil || r.expires <= now.Unix() || !name.Below(encloser) {
		return nil, encloser
	}
	return r, encloser
}

func (z *zoneDenials) nsecSpan(zone, name wire.Name) (*denialRecord, wire.Name) {
	var buf [2 * wire.MaxNameLen]byte
	order := name.AppendOrder(buf[:0])
	i, found := search(z.nsec, order)
	if found || i == 0 {
		return nil, zone
	}
	r := &z.nsec[i-1]
	if r.endsBefore(order, zone) {
		return nil, zone
	}
	encloser := name.CommonAncestor(r.owner())
	if e := name.CommonAncestor(r.after()); e.Len() > encloser.Len() {
		encloser = e
	}
	return r, encloser
}

// nsec3Span goes down from the apex: names that a record matches exist; the next one is in a span.
func (z *zoneDenials) nsec3Span(zone, name wire.Name) (*denialRecord, wire.Name) {
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
		case r.covers(h[:]):
			return r, encloser
		}
		break
	}
	return nil, encloser
}

// endsBefore reports whether the span of an NSEC record ends at or before a name's sort key. The
// next name of a zone's last record is the zone's own.
func (r *denialRecord) endsBefore(order []byte, zone wire.Name) bool {
	return r.after() != zone && string(order) >= r.next()
}

// covers reports whether a hash is in the record's span, and is not the record's own.
func (r *denialRecord) covers(h []byte) bool {
	return wire.BetweenNSEC3([]byte(r.order()), h, []byte(r.next()))
}

// contradicts reports whether a record matches a name below the closest encloser: then the NSEC3
// records of the zone contradict each other.
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
