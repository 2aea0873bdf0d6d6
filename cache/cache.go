// The bounded cache that all others are made of.

package cache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"bailiwick/wire"
)

// shards is how many parts a cache has, each under a lock of its own; a power of two.
const shards = 16

// entryOverhead is what the list, its map and the key cost for an entry besides the value, in octets; measured with
// TestOverhead.
const entryOverhead = 240

// seed makes the shard of a key unpredictable from outside.
var seed = maphash.MakeSeed()

// hashName is the seeded hash that spreads names, with a type, over the shards.
func hashName(n wire.Name, t wire.Type) uint64 {
	return maphash.String(seed, n.Wire()) ^ uint64(t)*0x9E3779B97F4A7C15
}

// Stats are a cache's counters since the start.
type Stats struct {
	Hits, Misses, Evictions uint64
	Entries, Bytes          int
}

// Cache maps keys to values within a number of octets. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	hash   func(K) uint64
	size   func(K, V) int // octets of a value, without the overhead
	max    int            // octets of a shard
	shards [shards]shard[K, V]
}

// shard is one part.
type shard[K comparable, V any] struct {
	mu    sync.Mutex
	list  *simplelru.LRU[K, sized[V]] // guarded by mu
	bytes int                         // guarded by mu

	hits, misses, evictions atomic.Uint64
}

// sized is a value with what it was accounted at.
type sized[V any] struct {
	value V
	bytes int
}

// NewCache returns a cache of at most so many octets.
func NewCache[K comparable, V any](bytes int, hash func(K) uint64, size func(K, V) int) *Cache[K, V] {
	c := &Cache[K, V]{hash: hash, size: size, max: max(bytes/shards, 2*entryOverhead)}
	for i := range c.shards {
		// The list's own limit is a number of entries; ours, in octets, is always reached first.
		list, err := simplelru.NewLRU[K, sized[V]](c.max/entryOverhead+1, nil)
		if err != nil {
			panic("cache: " + err.Error())
		}
		c.shards[i].list = list
	}
	return c
}

func (c *Cache[K, V]) shard(k K) *shard[K, V] { return &c.shards[c.hash(k)&(shards-1)] }

// Get returns the value of a key and makes it the youngest.
func (c *Cache[K, V]) Get(k K) (V, bool) {
	s := c.shard(k)
	s.mu.Lock()
	e, ok := s.list.Get(k)
	s.mu.Unlock()
	if ok {
		s.hits.Add(1)
	} else {
		s.misses.Add(1)
	}
	return e.value, ok
}

// Put stores a value and evicts the oldest entries until the shard fits. A value larger than a shard is not kept.
func (c *Cache[K, V]) Put(k K, v V) {
	n := c.size(k, v) + entryOverhead
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(k)
	if n > c.max {
		return
	}
	for s.bytes+n > c.max {
		_, old, ok := s.list.RemoveOldest()
		if !ok {
			break
		}
		s.bytes -= old.bytes
		s.evictions.Add(1)
	}
	s.list.Add(k, sized[V]{v, n})
	s.bytes += n
}

// Remove forgets a key.
func (c *Cache[K, V]) Remove(k K) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(k)
}

func (s *shard[K, V]) remove(k K) {
	if old, ok := s.list.Peek(k); ok {
		s.bytes -= old.bytes
		s.list.Remove(k)
	}
}

// RemoveFunc forgets the entries that match, and counts them.
func (c *Cache[K, V]) RemoveFunc(match func(K, V) bool) (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, k := range s.list.Keys() {
			if e, ok := s.list.Peek(k); ok && match(k, e.value) {
				s.remove(k)
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}

// Stats sums the shards up.
func (c *Cache[K, V]) Stats() (t Stats) {
	for i := range c.shards {
		s := &c.shards[i]
		t.Hits += s.hits.Load()
		t.Misses += s.misses.Load()
		t.Evictions += s.evictions.Load()
		s.mu.Lock()
		t.Entries += s.list.Len()
		t.Bytes += s.bytes
		s.mu.Unlock()
	}
	return t
}
