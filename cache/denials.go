// Denial records of secure zones, in order, for aggressive use (RFC 8198).

package cache

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/limit"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// Denials keeps verified NSEC and NSEC3 records by zone.
type Denials struct {
	zones *memcache.Cache[ZoneKey, *zoneDenials]
	day   *daytime // that of the store
}

// zoneDenials are the records of a zone, sorted.
type zoneDenials struct {
	mu    sync.RWMutex
	soa   *wire.RRset // guarded by mu, as is all below
	ends  int64       // second at which soa ends
	nsec  []denialRecord
	nsec3 []denialRecord
	iter  uint16 // of all nsec3, as is the salt
	salt  []byte
	size  int
	swept int64 // second of the last sweep
}

func newDenials(bytes int) *Denials {
	return &Denials{day: new(daytime), zones: memcache.New(bytes, ZoneKey.Hash,
		func(_ ZoneKey, z *zoneDenials) int {
			z.mu.RLock()
			defer z.mu.RUnlock()
			return z.size + zoneOverhead
		})}
}

// maxRecordOverhead is an upper bound of the memory of a record besides its set, in bytes: two
// names, and the sort key of each.
const maxRecordOverhead = 6*wire.MaxNameLen + recordOverhead

// zoneOverhead is the memory of a zone besides its records, in bytes.
const zoneOverhead = 200

// fits reports whether a zone of this size can be kept.
func (d *Denials) fits(size int) bool { return d.zones.Fits(size + zoneOverhead) }

// Stats returns the counters of the zones.
func (d *Denials) Stats() memcache.Stats { return d.zones.Stats() }

// Put keeps verified denial records and the SOA of a zone. If the SOA is among them, they are used
// no longer than its TTL (RFC 9077, section 3.4). Records with opt-out are not kept: nothing can be
// concluded from them (RFC 8198, section 5.2).
func (d *Denials) Put(k ZoneKey, sets []*wire.RRset, now time.Time) {
	z, ok := d.zones.Get(k)
	if !ok {
		z = &zoneDenials{}
	}
	d.keep(k.Name, z, sets, now)
	d.zones.Put(k, z)
}

// keep puts the records into a zone.
func (d *Denials) keep(zone wire.Name, z *zoneDenials, sets []*wire.RRset, now time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	most := uint32(1<<32 - 1)
	if soa := wire.FindType(sets, wire.TypeSOA); soa != nil {
		most = soa.TTL
	}
	for _, s := range sets {
		expires, ends := now.Unix()+int64(min(s.TTL, most)), now.Unix()+int64(s.TTL)
		if s.Type == wire.TypeSOA {
			z.keepSOA(s, expires)
			continue
		}
		if !d.makeRoom(z, s, now.Unix()) {
			continue // a new query costs less than dropping all records of the zone
		}
		switch s.Type {
		case wire.TypeNSEC:
			if r, ok := newNSECRecord(zone, s, expires, ends); ok {
				z.nsec = insert(z.nsec, r, &z.size)
			}
		case wire.TypeNSEC3:
			z.putNSEC3(s, expires, ends)
		}
	}
}

// makeRoom reports whether a set has room in a zone. It drops ended records, and those of a chain
// that the zone no longer has: of NSEC and NSEC3 one is used. Then it drops prepared answers, which
// can be made again.
func (d *Denials) makeRoom(z *zoneDenials, s *wire.RRset, now int64) bool {
	fits := func() bool { return d.fits(z.size + s.Size() + maxRecordOverhead) }
	own, other := len(z.nsec), len(z.nsec3)
	if s.Type == wire.TypeNSEC3 {
		own, other = other, own
	}
	if own >= maxDenials || other > 0 || !fits() {
		z.sweep(now, fits)
	}
	return fits()
}

// keepSOA keeps a copy that does not hold on to the message that the SOA came in.
func (z *zoneDenials) keepSOA(s *wire.RRset, expires int64) {
	if z.soa != nil {
		z.size -= z.soa.Size()
	}
	u := NewUnpacker(AppendSet(nil, s.Name, s))
	z.soa, z.ends = u.Set(s.Name, s.Type), expires
	z.size += z.soa.Size()
}

// sweep drops ended records, at most once a second; if that is not enough, also the prepared
// answers.
func (z *zoneDenials) sweep(now int64, enough func() bool) {
	if z.swept == now {
		return
	}
	z.swept = now
	ended := func(r denialRecord) bool {
		if r.expires <= now {
			z.size -= r.size()
		}
		return r.expires <= now
	}
	for _, list := range []*[]denialRecord{&z.nsec, &z.nsec3} {
		if *list = slices.DeleteFunc(*list, ended); cap(*list) > 2*len(*list) {
			*list = slices.Clone(*list) // its size is counted as that of a list that has grown
		}
	}
	if enough() {
		return
	}
	for _, list := range [][]denialRecord{z.nsec, z.nsec3} {
		for i := range list {
			z.size -= list[i].prepared.size()
			list[i].prepared = nil
		}
	}
}

// putNSEC3 keeps a record of the current chain; another salt or iteration count begins a new one.
func (z *zoneDenials) putNSEC3(s *wire.RRset, expires, ends int64) {
	r, n, ok := newNSEC3Record(s, expires, ends)
	if !ok || n.Flags&wire.NSEC3FlagOptOut != 0 {
		return
	}
	if n.Iterations != z.iter || !bytes.Equal(n.Salt, z.salt) {
		for _, old := range z.nsec3 {
			z.size -= old.size()
		}
		z.nsec3, z.iter, z.salt = nil, n.Iterations, bytes.Clone(n.Salt)
	}
	z.nsec3 = insert(z.nsec3, r, &z.size)
}

// insert keeps list sorted; an equal record is replaced.
func insert(list []denialRecord, r denialRecord, size *int) []denialRecord {
	i, found := search(list, []byte(r.order()))
	if found {
		*size += r.size() - list[i].size()
		list[i] = r
		return list
	}
	if len(list) >= maxDenials {
		limit.ZoneDenials.Met()
		return list
	}
	*size += r.size()
	return slices.Insert(list, i, r)
}

// search returns the index of the record with this sort key, or the index to insert it at.
func search(list []denialRecord, order []byte) (i int, found bool) {
	lo, hi := 0, len(list)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch o := list[mid].order(); {
		case o == string(order):
			return mid, true
		case o < string(order):
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// Candidates returns records that may deny a question about name: the SOA of the deepest zone that
// encloses it, with the TTL of the denial, then NSEC or NSEC3 records, each with the TTL that it
// has left. It returns nil if there are none. The validator decides whether they prove the denial.
// The zones are those of a realm, and the shared ones outside of it.
func (d *Denials) Candidates(in *Realm, name wire.Name, t wire.Type, now time.Time) (
	zone wire.Name, sets []*wire.RRset) {
	start := name
	if t == wire.TypeDS && !name.IsRoot() {
		start = name.Parent()
	}
	for zone = start; ; zone = zone.Parent() {
		if z, known := d.zones.Get(in.Zone(zone)); known {
			return zone, z.candidates(collector{zone: zone, now: now.Unix(), day: d.day}, name)
		}
		if zone.IsRoot() {
			return zone, nil
		}
	}
}

// candidates collects the SOA and the records that may take part in a proof about name. Most names
// exist: no record is decoded for them.
func (z *zoneDenials) candidates(c collector, name wire.Name) []*wire.RRset {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.soa == nil {
		return nil
	}
	switch {
	case len(z.nsec) > 0:
		z.nsecFor(&c, name)
	case len(z.nsec3) > 0:
		z.nsec3For(&c, c.zone, name)
	}
	if c.n == 0 {
		return nil
	}
	soa := *z.soa
	if !c.take(&soa, z.ends, z.ends) {
		return nil
	}
	for _, r := range c.taken[:c.n] {
		if !c.take(r.set(c.zone), r.expires, r.ends) {
			return nil // the rest is no proof
		}
	}
	soa.TTL = c.least
	return c.sets
}

// collector notes the records of a proof, each once, and gathers them while none has ended.
type collector struct {
	zone  wire.Name
	now   int64
	day   *daytime
	sets  []*wire.RRset
	least uint32           // seconds until the first of them ends
	taken [3]*denialRecord // no proof takes more
	n     int
}

// take adds a set that may be used until expires, with the TTL that it has left. It returns false
// if the set has ended.
func (c *collector) take(s *wire.RRset, expires, ends int64) bool {
	left := c.day.bound(expires, s.Until, c.now) - c.now
	if left <= 0 {
		return false
	}
	if len(c.sets) == 0 || uint32(left) < c.least {
		c.least = uint32(left)
	}
	s.TTL = uint32(c.day.bound(ends, s.Until, c.now) - c.now)
	c.sets = append(c.sets, s)
	return true
}

// add notes a record, and reports whether there is one.
func (c *collector) add(r *denialRecord) bool {
	if r == nil {
		return false
	}
	if !slices.Contains(c.taken[:c.n], r) {
		c.taken[c.n] = r
		c.n++
	}
	return true
}

// nsecFor adds the record at or before the name, and the one at or before the wildcard that could
// answer.
func (z *zoneDenials) nsecFor(c *collector, name wire.Name) {
	r := z.nsecAt(c.zone, name)
	if !c.add(r) || r.owner() == name {
		return
	}
	encloser := name.CommonAncestor(r.owner())
	if e := name.CommonAncestor(r.after()); e.Len() > encloser.Len() {
		encloser = e
	}
	if w, ok := encloser.Wildcard(); ok {
		c.add(z.nsecAt(c.zone, w))
	}
}

// nsecAt returns the record of the name or of the span that it is in, nil if that is not known.
func (z *zoneDenials) nsecAt(zone, name wire.Name) *denialRecord {
	var buf [2 * wire.MaxNameLen]byte
	order := name.AppendOrder(buf[:0])
	i, found := search(z.nsec, order)
	if !found {
		i--
	}
	if i < 0 || z.nsec[i].endsBefore(order, zone) {
		return nil
	}
	return &z.nsec[i]
}

// nsec3For adds those records of the closest encloser proof that are known.
func (z *zoneDenials) nsec3For(c *collector, zone, name wire.Name) {
	if z.iter > maxAggressiveIterations || name.Labels()-zone.Labels() > maxAggressiveLabels {
		limit.AggressiveNSEC3.Met()
		return
	}
	next := name
	for a := name; ; a = a.Parent() {
		switch r, match := z.nsec3At(a); {
		case match && a == name:
			c.add(r)
			return
		case match:
			if closer, _ := z.nsec3At(next); c.add(closer) {
				c.add(r)
				if w, ok := a.Wildcard(); ok {
					r, _ := z.nsec3At(w)
					c.add(r)
				}
			}
			return
		case a == zone || a.IsRoot():
			return
		}
		next = a
	}
}

// nsec3At returns the record that matches the name or covers it, nil if that is not known, and
// whether it matches.
func (z *zoneDenials) nsec3At(name wire.Name) (r *denialRecord, match bool) {
	h := wire.NSEC3Hash(name, z.iter, z.salt)
	if r, match = z.nsec3Near(h[:]); !match && !r.covers(h[:]) {
		return nil, false
	}
	return r, match
}

// nsec3Near returns the record with the greatest hash that is not after h, and whether it is h. The
// chain is a ring: the last record precedes the first.
func (z *zoneDenials) nsec3Near(h []byte) (*denialRecord, bool) {
	i, found := search(z.nsec3, h)
	if !found {
		if i--; i < 0 {
			i = len(z.nsec3) - 1
		}
	}
	return &z.nsec3[i], found
}
