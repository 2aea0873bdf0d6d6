// A cache that gets another size while it is used. Each step holds a lock for a short time only.

package memcache

import (
	"math/bits"
	"runtime"
)

const (
	// stepEntries is how many entries are moved or evicted in one step.
	stepEntries = 128
	// stepBytes is how many bytes of serialised records are moved in one step.
	stepBytes = 16 << 10
)

// Resize gives the cache another size. One that shrinks evicts what was not used lately, and keeps
// the rest; what is looked up meanwhile is found, but for the moment in which a table is made anew.
func (c *Cache[K, V]) Resize(size int) {
	c.resizing.Lock()
	defer c.resizing.Unlock()
	had, n := int(c.last.Load())+1, shardsFor(size, minShard)
	most := size / n
	for i := range had { // first, so that nothing is moved that has no room
		c.shards[i].shrink(size/had, c.hash)
	}
	for i := range n {
		s := &c.shards[i]
		s.mu.Lock()
		if i >= had {
			s.max = 0
		}
		s.max = max(s.max, most)
		s.mu.Unlock()
	}
	c.most.Store(int64(most))
	c.last.Store(uint64(n - 1))
	if n != had {
		for i := range had {
			c.scatter(&c.shards[i])
		}
		c.before.Store(uint64(n - 1))
	}
	for i := range max(n, had) {
		s := &c.shards[i]
		s.shrink(most, c.hash)
		s.mu.Lock()
		s.compact(c.hash)
		s.mu.Unlock()
	}
}

// removeFormer removes a key from the shard in which it was before, while the cache is resized.
func (c *Cache[K, V]) removeFormer(k K, h uint64) {
	if c.formerly(h) == nil {
		return
	}
	c.moves.RLock()
	defer c.moves.RUnlock()
	if s := c.formerly(h); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e := s.find(k, h); e != nil {
			s.remove(e, h, c.hash)
		}
	}
}

// shrink evicts entries, a few at a time, until the shard has no more than so many bytes.
func (s *shard[K, V]) shrink(to int, hash func(K) uint64) {
	for done := false; !done; runtime.Gosched() {
		s.mu.Lock()
		for range stepEntries {
			if s.bytes <= to {
				break
			}
			s.evict(hash)
		}
		// Whoever stores something meanwhile makes room for that alone.
		s.max = min(s.max, max(to, s.bytes))
		done = s.max <= to
		s.mu.Unlock()
	}
}

// scatter moves the entries of a shard that belong to others now. Those that were stored there
// meanwhile are newer.
func (c *Cache[K, V]) scatter(s *shard[K, V]) {
	for at, done := 0, false; !done; at += stepEntries {
		c.moves.Lock()
		s.mu.Lock()
		for _, e := range s.places(at) {
			if e == nil {
				continue
			}
			h := c.hash(e.key)
			to := c.shardOf(h)
			if to == s {
				continue
			}
			to.mu.Lock() // only this goroutine ever holds two of these
			if to.find(e.key, h) == nil {
				moved := &entry[K, V]{key: e.key, value: e.value, bytes: e.bytes}
				moved.used.Store(e.used.Load())
				to.add(moved, h, c.hash)
			}
			to.mu.Unlock()
			s.remove(e, h, c.hash) // now, so that it is always found in one of the two
		}
		done = at+stepEntries >= len(s.ring)
		s.mu.Unlock()
		c.moves.Unlock()
		runtime.Gosched()
	}
}

// compact gives back the room of entries that are gone, if it is more than half. The hand stays
// where it is among the entries.
func (s *shard[K, V]) compact(hash func(K) uint64) {
	if len(s.ring) <= 2*s.count {
		return
	}
	ring := make([]*entry[K, V], 0, s.count)
	at := min(s.hand, len(s.ring))
	for _, part := range [][]*entry[K, V]{s.ring[at:], s.ring[:at]} {
		for _, e := range part {
			if e != nil {
				e.place = int32(len(ring))
				ring = append(ring, e)
			}
		}
	}
	s.ring, s.holes, s.hand = ring, nil, 0
	s.tabulate(max(minBuckets, 1<<bits.Len(uint(s.count))), hash)
}

// rings are the shards of a packed cache at one size. While the records of the size before are
// moved, each is in one of the two. It is immutable.
type rings struct {
	shards []*packedShard
	old    *rings // nil: all are moved
}

// lock returns the shard of a key, locked, with the serialised key.
func (r *rings) lock(hash uint64, key func([]byte) []byte) *packedShard {
	s := r.shards[hash>>32&uint64(len(r.shards)-1)]
	s.mu.Lock()
	s.key = key(s.key[:0])
	return s
}

// all returns all shards, those of the size before first: so whoever visits one after the other
// meets each record that is moved meanwhile.
func (r *rings) all() (all []*packedShard) {
	if r.old != nil {
		all = r.old.all()
	}
	return append(all, r.shards...)
}

// Resize gives the cache another size. One that shrinks keeps what was stored last; whatever is
// looked up meanwhile is found.
func (c *Packed[K, V]) Resize(octets int) {
	c.resizing.Lock()
	defer c.resizing.Unlock()
	front := octets / frontShare
	c.front.Resize(front)
	before := c.rings.Load()
	next := newRings(octets - front)
	c.rings.Store(&rings{next, before})
	for more := true; more; { // in turns, as each has the newest at its end
		more = false
		for _, s := range before.shards {
			more = c.move(s, next) || more
			runtime.Gosched()
		}
	}
	c.rings.Store(&rings{next, nil})
	for _, s := range before.shards {
		s.end()
	}
}

// move moves some records of a shard to others, the oldest first, and reports whether there are
// more.
func (c *Packed[K, V]) move(s *packedShard, to []*packedShard) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for moved := 0; moved < stepBytes; {
		if s.ring.empty() {
			return false
		}
		rec := s.ring.at(s.ring.tail)
		moved += len(rec)
		if !rec.has(dead) {
			hash := c.codec.HashKey(rec.key())
			s.kill(s.ring.tail, rec, hash)
			n := to[hash>>32&uint64(len(to)-1)]
			n.mu.Lock() // only this goroutine ever holds two of these
			n.adopt(rec, hash, c.codec.HashKey)
			n.mu.Unlock()
		}
		s.ring.pop()
	}
	return true
}

// adopt stores a copy of another shard's record.
func (s *packedShard) adopt(from record, hash uint64, hashKey func([]byte) uint64) {
	if len(from) > len(s.ring.mem)/4 {
		return
	}
	off, room := s.room(len(from), hashKey)
	copy(room, from)
	record(room).clear(dead)
	s.insert(off, room, hash)
}

// end returns the memory of a shard that is empty and stays so.
func (s *packedShard) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring, s.inUse = ring{}, minBuckets
	s.table, s.marks = make([]uint32, minBuckets), make([]uint8, minBuckets)
	s.unmap()
}
