// Package memcache is the bounded cache that the others are made of: [Cache] for values as they
// are, and [Packed] for values that are rarely used again, serialised outside of the heap. It knows
// nothing of DNS.
package memcache

import (
	"iter"
	"math/bits"
	"runtime"
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
	shards   [maxShards]shard[K, V]
	last     atomic.Uint64 // index of the last shard in use
	before   atomic.Uint64 // the same before the cache was resized, until all is in its place
	most     atomic.Int64  // bytes of a shard

	resizing sync.Mutex   // held while entries may move to another shard or place
	moves    sync.RWMutex // held while they move from one shard to another

	hits, misses counter.Counter
}

// shard is a part of a cache: a hash table whose chains readers follow while a writer changes them,
// and CLOCK eviction (second chance): a hand goes around all entries, clears the reference bit of
// those that were used since it last passed, and evicts those without.
type shard[K comparable, V any] struct {
	table atomic.Pointer[[]atomic.Pointer[entry[K, V]]]

	mu        sync.Mutex
	doubled   doubled        // guarded by mu, as is all below
	max       int            // bytes
	ring      []*entry[K, V] // nil at a hole
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
	c := &Cache[K, V]{hash: hash, size: size}
	// Besides the entry: its place in the ring, and at worst two buckets; slices grow by a quarter.
	c.overhead = int(unsafe.Sizeof(entry[K, V]{})) + 32
	n := shardsFor(bytes, minShard)
	c.last.Store(uint64(n - 1))
	c.before.Store(uint64(n - 1))
	c.most.Store(int64(bytes / n))
	for i := range c.shards {
		c.shards[i].max = bytes / n
		c.shards[i].tabulate(minBuckets, hash)
	}
	return c
}

// shardOf returns the shard of a hash, which also finds the bucket there.
func (c *Cache[K, V]) shardOf(h uint64) *shard[K, V] {
	return &c.shards[h>>32&c.last.Load()&(maxShards-1)]
}

// formerly returns the shard in which an entry may still be while the cache is resized; nil if
// there is none.
func (c *Cache[K, V]) formerly(h uint64) *shard[K, V] {
	last, before := c.last.Load(), c.before.Load()
	if h>>32&last == h>>32&before {
		return nil
	}
	return &c.shards[h>>32&before&(maxShards-1)]
}

// lock returns the shard of a hash, with its lock.
func (c *Cache[K, V]) lock(h uint64) *shard[K, V] {
	for {
		s := c.shardOf(h)
		s.mu.Lock()
		if s == c.shardOf(h) {
			return s
		}
		s.mu.Unlock() // the cache was resized meanwhile
	}
}

// Get returns the value of a key, and sets its reference bit.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) { return c.get(k, c.hash(k)) }

// get is Get for a key whose hash is known.
func (c *Cache[K, V]) get(k K, h uint64) (v V, ok bool) {
	e := c.shardOf(h).find(k, h)
	if e == nil {
		if s := c.formerly(h); s != nil {
			if e = s.find(k, h); e == nil { // it may have been moved in between
				e = c.shardOf(h).find(k, h)
			}
		}
		if e == nil {
			c.misses.Add(1)
			return v, false
		}
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
	h := c.hash(k)
	c.removeFormer(k, h)
	s := c.lock(h)
	defer s.mu.Unlock()
	if old := s.find(k, h); old != nil {
		s.remove(old, h, c.hash)
	}
	s.add(&entry[K, V]{key: k, value: v, bytes: int32(n)}, h, c.hash)
}

// Fits reports whether a value of so many bytes would be kept.
func (c *Cache[K, V]) Fits(size int) bool { return int64(size+c.overhead) <= c.most.Load() }

// add makes room for a new entry and inserts it, unless it is larger than the shard. mu is held, as
// in all that follow.
func (s *shard[K, V]) add(e *entry[K, V], h uint64, hash func(K) uint64) {
	n := int(e.bytes)
	if n > s.max {
		return
	}
	for s.bytes+n > s.max {
		s.evict(hash)
	}
	s.grow(hash)
	s.insert(e, h, hash)
}

// insert puts a new entry into the table and the ring.
func (s *shard[K, V]) insert(e *entry[K, V], h uint64, hash func(K) uint64) {
	if n := len(s.holes); n > 0 {
		e.place = s.holes[n-1]
		s.holes = s.holes[:n-1]
		s.ring[e.place] = e
	} else {
		e.place = int32(len(s.ring))
		s.ring = append(s.ring, e)
	}
	s.part(h, hash) // before the chain changes
	t := *s.table.Load()
	b := &t[h&uint64(len(t)-1)]
	e.next.Store(b.Load())
	b.Store(e)
	s.count++
	s.bytes += int(e.bytes)
}

// remove takes an entry out. It keeps its next, for readers that are at it.
func (s *shard[K, V]) remove(e *entry[K, V], h uint64, hash func(K) uint64) {
	s.part(h, hash)
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
			s.remove(e, hash(e.key), hash)
			s.evictions++
			return
		}
	}
}

// Remove removes a key.
func (c *Cache[K, V]) Remove(k K) {
	h := c.hash(k)
	c.removeFormer(k, h)
	if c.shardOf(h).find(k, h) == nil {
		return
	}
	s := c.lock(h)
	defer s.mu.Unlock()
	if e := s.find(k, h); e != nil {
		s.remove(e, h, c.hash)
	}
}

// RemoveFunc removes the entries that match, and returns their number. It holds a shard's lock for
// a few of them at a time.
func (c *Cache[K, V]) RemoveFunc(match func(K, V) bool) (n int) {
	c.resizing.Lock()
	defer c.resizing.Unlock()
	for i := range c.shards {
		for at, more := 0, true; more; at += stepEntries {
			var removed int
			removed, more = c.removeSome(&c.shards[i], at, match)
			n += removed
			runtime.Gosched()
		}
	}
	return n
}

// removeSome is RemoveFunc for some places of a shard. It reports whether there are more.
func (c *Cache[K, V]) removeSome(s *shard[K, V], at int, match func(K, V) bool) (n int, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.places(at) {
		if e != nil && match(e.key, e.value) {
			s.remove(e, c.hash(e.key), c.hash)
			n++
		}
	}
	return n, at+stepEntries < len(s.ring)
}

// places returns what is in some places from one on.
func (s *shard[K, V]) places(at int) []*entry[K, V] {
	return s.ring[min(at, len(s.ring)):min(at+stepEntries, len(s.ring))]
}

// All visits the entries. No lock is held while one is visited, and a visit does not count as a use
// of the entry. What is stored meanwhile may be left out; while the cache is resized some may be
// left out, or visited twice.
func (c *Cache[K, V]) All() iter.Seq2[K, V] {
	return func(visit func(K, V) bool) {
		var some []*entry[K, V]
		for i := range c.shards {
			for at, more := 0, true; more; at += stepEntries {
				some, more = c.shards[i].some(at, some[:0])
				for _, e := range some {
					if !visit(e.key, e.value) {
						return
					}
				}
			}
		}
	}
}

// some appends the entries in some places from one on, and reports whether there are more.
func (s *shard[K, V]) some(at int, to []*entry[K, V]) (_ []*entry[K, V], more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.places(at) {
		if e != nil {
			to = append(to, e)
		}
	}
	return to, at+stepEntries < len(s.ring)
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
