// Package memcache is the bounded cache that the others are made of: [Cache] for values as they
// are, and [Packed] for values that are rarely used again, serialised outside of the heap. It knows
// nothing of DNS.
package memcache

import (
	"iter"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"bailiwick/internal/counter"
)

const (
	// maxShards is the largest number of shards of a cache, each with a lock for its writers; a
	// power of two.
	maxShards = 64
	// minShard is the smallest shard, in bytes, where there is more than one: a value larger than
	// its shard is not kept.
	minShard = 4 << 20
	// minBuckets is the number of buckets that a shard's table begins with; a power of two.
	minBuckets = 8
)

// Stats holds a cache's counters since the start.
type Stats struct {
	Hits, Misses, Evictions uint64
	Entries, Bytes          int
}

// Cache maps keys to values within a number of bytes. It is safe for concurrent use. Get takes no
// lock; its only shared write is the entry's reference bit, if that is not set.
type Cache[K comparable, V any] struct {
	hash     func(K) uint64
	size     func(K, V) int // bytes of a value, without the overhead
	overhead int            // bytes of an entry besides the value
	max      int            // bytes of a shard
	shards   []shard[K, V]

	hits, misses counter.Counter
}

// shard is a part of a cache: a hash table whose chains readers follow while a writer changes them,
// and CLOCK eviction (second chance): a hand goes around all entries, clears the reference bit of
// those that were used since it last passed, and evicts those without.
type shard[K comparable, V any] struct {
	table atomic.Pointer[[]atomic.Pointer[entry[K, V]]]

	mu        sync.Mutex
	ring      []*entry[K, V] // guarded by mu, as is all below; nil at a hole
	holes     []int32
	hand      int
	count     int
	bytes     int
	evictions uint64
}

// entry is a key with its value. Another value makes another entry.
type entry[K comparable, V any] struct {
	key   K
	value V
	next  atomic.Pointer[entry[K, V]]
	bytes int32
	place int32 // in the ring
	used  atomic.Bool
}

// shardsFor returns the number of shards of a cache of so many bytes, if each is to have a minimum.
func shardsFor(bytes, minimum int) int {
	n := min(max(bytes/minimum, 1), maxShards)
	return 1 << (bits.Len(uint(n)) - 1)
}

// New returns a cache of at most so many bytes.
func New[K comparable, V any](bytes int, hash func(K) uint64, size func(K, V) int) *Cache[K, V] {
	n := shardsFor(bytes, minShard)
	c := &Cache[K, V]{hash: hash, size: size, max: bytes / n, shards: make([]shard[K, V], n)}
	// Besides the entry: its place in the ring, and at worst two buckets; slices grow by a quarter.
	c.overhead = int(unsafe.Sizeof(entry[K, V]{})) + 32
	for i := range c.shards {
		c.shards[i].resize(minBuckets, hash)
	}
	return c
}

// shardOf returns the shard of a hash, which also finds the bucket there.
func (c *Cache[K, V]) shardOf(h uint64) *shard[K,
	V] {
	return &c.shards[h>>32&uint64(len(c.shards)-1)]
}

// locate returns a key's shard, and its hash.
func (c *Cache[K, V]) locate(k K) (*shard[K, V], uint64) {
	h := c.hash(k)
	return c.shardOf(h), h
}

// Get returns the value of a key, and sets its reference bit.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) { return c.get(k, c.hash(k)) }

// get is Get for a key whose hash is known.
func (c *Cache[K, V]) get(k K, h uint64) (v V, ok bool) {
	e := c.shardOf(h).find(k, h)
	if e == nil {
		c.misses.Add(1)
		return v, false
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	c.hits.Add(1)
	return e.value, true
}

// find follows a chain. While a writer moves entries to a larger table an entry may be missed, and
// never taken for another.
func (s *shard[K, V]) find(k K, h uint64) *entry[K, V] {
	t := *s.table.Load()
	for e := t[h&uint64(len(t)-1)].Load(); e != nil; e = e.next.Load() {
		if e.key == k {
			return e
		}
	}
	return nil
}

// Put stores a value and evicts entries until the shard fits. A value larger than a shard is not
// kept.
func (c *Cache[K, V]) Put(k K, v V) {
	n := c.size(k, v) + c.overhead
	s, h := c.locate(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.find(k, h); old != nil {
		s.remove(old, h)
	}
	if n > c.max {
		return
	}
	for s.bytes+n > c.max {
		s.evict(c.hash)
	}
	if s.count >= len(*s.table.Load()) {
		s.resize(2*s.count, c.hash)
	}
	s.insert(&entry[K, V]{key: k, value: v, bytes: int32(n)}, h)
}

// Fits reports whether a value of so many bytes would be kept.
func (c *Cache[K, V]) Fits(size int) bool { return size+c.overhead <= c.max }

// insert puts a new entry into the table and the ring. mu is held, as in all that follow.
func (s *shard[K, V]) insert(e *entry[K, V], h uint64) {
	if n := len(s.holes); n > 0 {
		e.place = s.holes[n-1]
		s.holes = s.holes[:n-1]
		s.ring[e.place] = e
	} else {
		e.place = int32(len(s.ring))
		s.ring = append(s.ring, e)
	}
	t := *s.table.Load()
	b := &t[h&uint64(len(t)-1)]
	e.next.Store(b.Load())
	b.Store(e)
	s.count++
	s.bytes += int(e.bytes)
}

// remove takes an entry out. It keeps its next, for readers that are at it.
func (s *shard[K, V]) remove(e *entry[K, V], h uint64) {
	t := *s.table.Load()
	at := &t[h&uint64(len(t)-1)]
	for x := at.Load(); x != e; x = at.Load() {
		at = &x.next
	}
	at.Store(e.next.Load())
	s.ring[e.place] = nil
	s.holes = append(s.holes, e.place)
	s.count--
	s.bytes -= int(e.bytes)
}

// evict moves the hand to the next entry without a reference bit and removes it. The next new entry
// takes its place, just after the hand.
func (s *shard[K, V]) evict(hash func(K) uint64) {
	for {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		e := s.ring[s.hand]
		s.hand++
		if e != nil && !e.used.Swap(false) {
			s.remove(e, hash(e.key))
			s.evictions++
			return
		}
	}
}

// resize gives the shard a table of so many buckets.
func (s *shard[K, V]) resize(buckets int, hash func(K) uint64) {
	t := make([]atomic.Pointer[entry[K, V]], buckets)
	for _, e := range s.ring {
		if e != nil {
			b := &t[hash(e.key)&uint64(buckets-1)]
			e.next.Store(b.Load())
			b.Store(e)
		}
	}
	s.table.Store(&t)
}

// Remove removes a key.
func (c *Cache[K, V]) Remove(k K) {
	s, h := c.locate(k)
	if s.find(k, h) == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(k, h); e != nil {
		s.remove(e, h)
	}
}

// RemoveFunc removes the entries that match, and returns their number.
func (c *Cache[K, V]) RemoveFunc(match func(K, V) bool) (n int) {
	for i := range c.shards {
		n += c.removeFrom(&c.shards[i], match)
	}
	return n
}

// removeFrom is RemoveFunc for one shard.
func (c *Cache[K, V]) removeFrom(s *shard[K, V], match func(K, V) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.ring {
		if e != nil && match(e.key, e.value) {
			s.remove(e, c.hash(e.key))
			n++
		}
	}
	return n
}

// All visits the entries, those of each shard as they were when the visit came to it. No lock is
// held while one is visited, and a visit is no use of an entry.
func (c *Cache[K, V]) All() iter.Seq2[K, V] {
	return func(visit func(K, V) bool) {
		for i := range c.shards {
			for _, e := range c.shards[i].entries() {
				if !visit(e.key, e.value) {
					return
				}
			}
		}
	}
}

// entries returns the entries that there are now.
func (s *shard[K, V]) entries() []*entry[K, V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.ring), func(e *entry[K, V]) bool { return e == nil })
}

// Stats returns the sums over all shards.
func (c *Cache[K, V]) Stats() (t Stats) {
	t.Hits, t.Misses = c.hits.Load(), c.misses.Load()
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		t.Evictions += s.evictions
		t.Entries += s.count
		t.Bytes += s.bytes
		s.mu.Unlock()
	}
	return t
}
