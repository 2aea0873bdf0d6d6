// The table of a shard, and how it grows.
//
// A table that is full gets twice the buckets. To hash all entries for that takes tens of
// milliseconds in a cache of many gigabytes, while whoever stores something waits. So both buckets
// that come of one begin with the chain of the old one, in which readers find whatever is in
// either; and each entry that is stored then parts a few such pairs. A pair is also parted before
// anything else is written to it. Readers know nothing of it.

package memcache

import "sync/atomic"

// doubled is what is left to do after a table got twice its buckets. The zero value is nothing.
type doubled struct {
	half   int      // buckets of the table before; 0: nothing is left
	next   int      // the first pair that may not be parted
	parted []uint64 // a bit for each pair
}

// tabulate gives the shard a table of so many buckets, and puts all entries into it at once.
func (s *shard[K, V]) tabulate(buckets int, hash func(K) uint64) {
	t := make([]atomic.Pointer[entry[K, V]], buckets)
	for _, e := range s.ring {
		if e != nil {
			b := &t[hash(e.key)&uint64(buckets-1)]
			e.next.Store(b.Load())
			b.Store(e)
		}
	}
	s.table.Store(&t)
	s.doubled = doubled{}
}

// grow gives a table that is full twice the buckets, or parts some pairs of one that has them.
func (s *shard[K, V]) grow(hash func(K) uint64) {
	old := *s.table.Load()
	if s.doubled.half == 0 {
		if s.count < len(old) {
			return
		}
		t := make([]atomic.Pointer[entry[K, V]], 2*len(old))
		for i := range old {
			e := old[i].Load()
			t[i].Store(e)
			t[i+len(old)].Store(e)
		}
		s.table.Store(&t)
		s.doubled = doubled{half: len(old), parted: make([]uint64, (len(old)+63)/64)}
	}
	for range splits {
		s.part(uint64(s.doubled.next), hash)
		if s.doubled.next++; s.doubled.next == s.doubled.half {
			s.doubled = doubled{}
			return
		}
	}
}

// part gives each bucket of a hash's pair what is its own. A reader of the pair may miss an entry
// meanwhile, and takes none for another.
func (s *shard[K, V]) part(h uint64, hash func(K) uint64) {
	d := &s.doubled
	if d.half == 0 {
		return
	}
	i := int(h & uint64(d.half-1))
	if d.parted[i/64]>>(i%64)&1 != 0 {
		return
	}
	d.parted[i/64] |= 1 << (i % 64)
	t := *s.table.Load()
	low, high := &t[i], &t[i+d.half]
	e := low.Load()
	low.Store(nil)
	high.Store(nil)
	for e != nil {
		next, to := e.next.Load(), low
		if hash(e.key)&uint64(d.half) != 0 {
			to = high
		}
		e.next.Store(to.Load())
		to.Store(e)
		e = next
	}
}
