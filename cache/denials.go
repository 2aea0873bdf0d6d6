// Denials of validated zones, kept in order for aggressive use (RFC 8198).

package cache

import (
	"bytes"
	"encoding/base32"
	"slices"
	"strings"
	"sync"
	"time"

	"bailiwick/wire"
)

// Denials keeps verified NSEC and NSEC3 records by zone.
type Denials struct {
	zones *Cache[wire.Name, *zoneDenials]
}

// zoneDenials are the records of a zone, sorted.
type zoneDenials struct {
	mu    sync.RWMutex
	soa   *denialRecord // guarded by mu, as is all below
	nsec  []denialRecord
	nsec3 []denialRecord
	iter  uint16 // of all nsec3, as is the salt
	salt  []byte
	size  int
	swept int64 // second of the last sweep
}

// denialRecord is one record with when it ends.
type denialRecord struct {
	set     *wire.RRset
	order   []byte    // what it is sorted by: an NSEC's owner, as wire.Name.AppendOrder has it, an NSEC3's hash
	next    []byte    // the order of what comes after its gap
	after   wire.Name // the name that does, of an NSEC
	expires int64
	ready   *gapAnswers // for names in the gap, nil if none was made yet
}

func newDenials(bytes int) *Denials {
	return &Denials{NewCache(bytes, func(n wire.Name) uint64 { return hashName(n, 0) }, func(_ wire.Name, z *zoneDenials) int {
		z.mu.RLock()
		defer z.mu.RUnlock()
		return z.size + zoneOverhead
	})}
}

// maxRecordOverhead is more than a record takes besides its set, in octets: the order of two names, and the list's entry.
const maxRecordOverhead = 4*wire.MaxNameLen + 96

// zoneOverhead is what a zone takes besides its records, in octets.
const zoneOverhead = 200

// fits says whether a zone of this size can be kept.
func (d *Denials) fits(size int) bool { return size+zoneOverhead+d.zones.overhead <= d.zones.max }

// Stats are those of the zones.
func (d *Denials) Stats() Stats { return d.zones.Stats() }

// Put keeps verified denial records and the SOA of a zone. Records under opt-out are not kept: nothing can be concluded from
// them (RFC 8198, section 5.2).
func (d *Denials) Put(zone wire.Name, sets []*wire.RRset, now time.Time) {
	z, ok := d.zones.Get(zone)
	if !ok {
		z = &zoneDenials{}
	}
	z.mu.Lock()
	for _, s := range sets {
		r := denialRecord{set: s, expires: now.Unix() + int64(s.TTL)}
		if full := !d.fits(z.size + s.Size() + maxRecordOverhead); full && s.Type != wire.TypeSOA {
			z.sweep(now.Unix())
			continue // asking again costs less than dropping all that is known of the zone
		}
		switch s.Type {
		case wire.TypeSOA:
			z.soa = &r
		case wire.TypeNSEC:
			if n, err := wire.ParseNSEC(s.Data.First()); err == nil {
				r.order, r.next = s.Name.AppendOrder(nil), n.Next.AppendOrder(nil)
				r.after = n.Next
				z.nsec = insert(z.nsec, r, &z.size)
			}
		case wire.TypeNSEC3:
			z.putNSEC3(r)
		}
	}
	z.mu.Unlock()
	d.zones.Put(zone, z)
}

// sweep drops what has ended, at most once a second.
func (z *zoneDenials) sweep(now int64) {
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
	z.nsec, z.nsec3 = slices.DeleteFunc(z.nsec, ended), slices.DeleteFunc(z.nsec3, ended)
}

// size is what a record takes, in octets.
func (r *denialRecord) size() int {
	return r.set.Size() + len(r.order) + len(r.next) + 96 + r.ready.size()
}

// putNSEC3 keeps a record of the current chain; another salt or iteration count begins a new one.
func (z *zoneDenials) putNSEC3(r denialRecord) {
	n, err := wire.ParseNSEC3(r.set.Data.First())
	hash, err2 := base32.HexEncoding.DecodeString(strings.ToUpper(r.set.Name.Label()))
	if err != nil || err2 != nil || n.Flags&wire.NSEC3FlagOptOut != 0 {
		return
	}
	if n.Iterations != z.iter || !bytes.Equal(n.Salt, z.salt) {
		for _, old := range z.nsec3 {
			z.size -= old.size()
		}
		z.nsec3, z.iter, z.salt = nil, n.Iterations, n.Salt
	}
	r.order, r.next = hash, n.Next
	z.nsec3 = insert(z.nsec3, r, &z.size)
}

// insert keeps list sorted; an equal record is replaced.
func insert(list []denialRecord, r denialRecord, size *int) []denialRecord {
	i, found := search(list, r.order)
	if found {
		*size += r.size() - list[i].size()
		list[i] = r
		return list
	}
	if len(list) >= MaxDenials {
		return list
	}
	*size += r.size()
	return slices.Insert(list, i, r)
}

// search is where a record of this order is in a list, or belongs.
func search(list []denialRecord, order []byte) (i int, found bool) {
	lo, hi := 0, len(list)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(list[mid].order, order); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// Candidates returns what is known that may deny a question about name: the SOA of the deepest zone that encloses it, then NSEC or NSEC3
// records; their TTLs are what is left. Nil if nothing is known. Whether it is a proof the validator says.
func (d *Denials) Candidates(name wire.Name, t wire.Type, now time.Time) (zone wire.Name, sets []*wire.RRset) {
	start := name
	if t == wire.TypeDS && !name.IsRoot() {
		start = name.Parent()
	}
	for zone = start; ; zone = zone.Parent() {
		if z, known := d.zones.Get(zone); known {
			return zone, z.candidates(zone, name, now)
		}
		if zone.IsRoot() {
			return zone, nil
		}
	}
}

// candidates collects the SOA and the records that may take part in a proof about name.
func (z *zoneDenials) candidates(zone, name wire.Name, now time.Time) []*wire.RRset {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.soa == nil || z.soa.expires <= now.Unix() {
		return nil
	}
	c := collector{now: now.Unix()}
	c.add(z.soa)
	switch {
	case len(z.nsec) > 0:
		z.nsecFor(&c, name)
	case len(z.nsec3) > 0:
		z.nsec3For(&c, zone, name)
	}
	return c.sets
}

// collector gathers live records, each once.
type collector struct {
	now  int64
	sets []*wire.RRset
}

func (c *collector) add(r *denialRecord) bool {
	if r == nil || r.expires <= c.now {
		return false
	}
	if wire.Find(c.sets, r.set.Name, r.set.Type) == nil {
		s := *r.set
		s.TTL = uint32(r.expires - c.now)
		c.sets = append(c.sets, &s)
	}
	return true
}

// nsecFor adds the record at or before the name, and the one at or before the wildcard that could answer.
func (z *zoneDenials) nsecFor(c *collector, name wire.Name) {
	r := z.nsecAt(name)
	if !c.add(r) || r.set.Name == name {
		return
	}
	n, err := wire.ParseNSEC(r.set.Data.First())
	if err != nil {
		return
	}
	encloser := name.CommonAncestor(r.set.Name)
	if e := name.CommonAncestor(n.Next); e.Len() > encloser.Len() {
		encloser = e
	}
	if w, ok := encloser.Wildcard(); ok {
		c.add(z.nsecAt(w))
	}
}

// nsecAt is the record with the greatest owner that is not after name.
func (z *zoneDenials) nsecAt(name wire.Name) *denialRecord {
	var buf [2 * wire.MaxNameLen]byte
	i, found := search(z.nsec, name.AppendOrder(buf[:0]))
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return &z.nsec[i]
}

// nsec3For adds the records of the closest encloser proof, as far as they are known.
func (z *zoneDenials) nsec3For(c *collector, zone, name wire.Name) {
	if z.iter > MaxAggressiveIterations || name.Labels()-zone.Labels() > MaxAggressiveLabels {
		return
	}
	next := name
	for a := name; ; a = a.Parent() {
		r, match := z.nsec3At(a)
		if match {
			c.add(r)
			if a == name {
				return
			}
			if r, _ := z.nsec3At(next); r != nil {
				c.add(r)
			}
			if w, ok := a.Wildcard(); ok {
				r, _ := z.nsec3At(w)
				c.add(r)
			}
			return
		}
		if a == zone || a.IsRoot() {
			return
		}
		next = a
	}
}

// nsec3At is the record whose hash is the greatest not after the name's, and whether it is the name's own. The chain is a
// ring: before the first comes the last.
func (z *zoneDenials) nsec3At(name wire.Name) (*denialRecord, bool) {
	h := wire.NSEC3Hash(name, z.iter, z.salt)
	return z.nsec3Near(h[:])
}

// nsec3Near is nsec3At for a hash.
func (z *zoneDenials) nsec3Near(h []byte) (*denialRecord, bool) {
	i, found := search(z.nsec3, h)
	if !found {
		if i--; i < 0 {
			i = len(z.nsec3) - 1
		}
	}
	return &z.nsec3[i], found
}
