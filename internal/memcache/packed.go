// Packed is a cache of serialised values. Values that are read more than once are also kept
// decoded, in a small first-level cache (the front).
//
// A resolver that descends to a zone learns its delegation, keys and data, most of which are not
// used again. As Go values they would take several times their size, and be scanned by each garbage
// collection. Serialised outside of the heap they cost neither.

package memcache

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"bailiwick/internal/counter"
)

const (
	// minRing is the smallest shard, in bytes, where there is more than one: smaller than those of
	// other caches, as reading takes the shard's lock, and large enough for any RRset that fits
	// into a message.
	minRing = 512 << 10
	// frontShare is the divisor of the memory that the front gets.
	frontShare = 4
	// bucketShare is how many bytes of the rest there are at least for each bucket of the table,
	// and bucketSize how many bytes a bucket has: a place and its marks.
	bucketShare = 128
	bucketSize  = 5
	// admitAtOnce is the number of frequently used values that are promoted to the front at once:
	// those of the root and of large zones come first. After that, each use promotes the value with
	// probability 1/frontOdds, so that promotion depends on the rate of use and not on age.
	admitAtOnce = 512
	frontOdds   = 256
	// maxReprieves is the number of used records that are kept while room is made for one: it
	// bounds the time of a Put.
	maxReprieves = 32
	// splits is the number of buckets that a new record splits while a table grows. With two, none
	// is left long before the table is full again.
	splits = 2
	// roomSize is the size of most values, in bytes: most zones' keys and signatures fit.
	roomSize = 1024
	// maxKey is the largest key, in bytes.
	maxKey = 1<<keyBits - 1
	// maxRing is the largest ring, in bytes, whose places have 32-bit numbers.
	maxRing = (1<<32 - 1) * unit
)

// OffHeap returns how much of the memory of a packed cache is outside of the heap, in bytes: all
// but the decoded values in front.
func OffHeap(memory int) int { return memory - memory/frontShare }

// Codec serialises a cache's keys and values. Parse reads what Append has written, and keeps none
// of its memory.
type Codec[K comparable, V any] struct {
	AppendKey func([]byte, K) []byte
	// HashKey returns the hash of a serialised key, which equals that of the key.
	HashKey  func([]byte) uint64
	ParseKey func([]byte) (K, bool)
	Append   func([]byte, K, V) []byte
	// Parse returns false for a value that is not valid any more; Get does not find it then.
	Parse func(K, []byte) (V, bool)
}

// Packed maps keys to values within a number of bytes. It is safe for concurrent use.
type Packed[K comparable, V any] struct {
	codec Codec[K, V]
	front *Cache[K, V]
	rings atomic.Pointer[rings]

	resizing sync.Mutex // held while records may move to another shard

	hits, misses counter.Counter // of the serialised part
	promoted     atomic.Int32    // values that were promoted at once
}

// packedShard is a part of a packed cache: a hash table of places in a ring. A record that was used
// since the ring last came round to it is kept, as the newest.
//
// The table grows by linear hashing: when it is full it gets twice the room, and each record that
// is stored then splits a few of the buckets that are as they were. So no record waits until all
// others have been hashed, which takes tens of milliseconds in a cache of many gigabytes. Nor is
// the table copied: it lies behind the ring, where it has all the room that it may ever need, which
// occupies memory once it is used.
type packedShard struct {
	mu   sync.Mutex
	ring ring
	// guarded by mu, as is all below; a place is its offset in units, and one: zero is none
	table []uint32
	inUse int // buckets of the table: those after it are still part of one in its first half
	// marks has for each bucket a bit of each record's hash that was put in since it was empty. So
	// what is not there is mostly known without reading a record, which is in no processor's cache.
	marks     []uint8
	count     int
	bytes     int // of the records that are in the table
	evictions uint64
	key       []byte // that is looked for
	moved     []byte // record that is kept on

	unmap func() // returns the memory of the ring and the table
}

// NewPacked returns a cache of at most so many bytes; hash and size are for the front, as in [New].
func NewPacked[K comparable, V any](octets int, hash func(K) uint64, size func(K, V) int,
	codec Codec[K, V]) *Packed[K, V] {
	front := octets / frontShare
	c := &Packed[K, V]{codec: codec, front: New(front, hash, size)}
	c.rings.Store(&rings{newRings(octets - front), nil})
	return c
}

// newRings returns the shards for so many bytes.
func newRings(octets int) (shards []*packedShard) {
	n := shardsFor(octets, minRing)
	for range n {
		shards = append(shards, newPackedShard(octets/n))
	}
	return shards
}

// Front returns the cache of the values that are kept decoded.
func (c *Packed[K, V]) Front() *Cache[K, V] { return c.front }

func newPackedShard(octets int) *packedShard {
	buckets := max(octets/bucketShare, minBuckets)
	room := int(min(int64(octets-buckets*bucketSize), maxRing)) / unit * unit
	mem, unmap := mapMemory(room + buckets*bucketSize)
	places := unsafe.Slice((*uint32)(unsafe.Pointer(&mem[room])), buckets)
	marks := mem[len(mem)-buckets:]
	s := &packedShard{table: places[:minBuckets], inUse: minBuckets, marks: marks[:minBuckets],
		unmap: func() {}}
	s.ring.mem = mem[:room:room]
	if unmap != nil {
		later := runtime.AddCleanup(s, unmap, mem)
		s.unmap = func() {
			later.Stop()
			unmap(mem)
		}
	}
	return s
}

// lock returns the shard of a key, locked, with the serialised key, and removes the key from the
// shard that it was in before the cache was resized.
func (c *Packed[K, V]) lock(k K, hash uint64) *packedShard {
	key := func(b []byte) []byte { return c.codec.AppendKey(b, k) }
	for {
		r := c.rings.Load()
		if r.old != nil {
			s := r.old.lock(hash, key)
			if off, rec := s.find(hash); rec != nil {
				s.kill(off, rec, hash)
			}
			s.mu.Unlock()
		}
		s := r.lock(hash, key)
		if c.rings.Load() == r {
			return s
		}
		s.mu.Unlock() // the cache was resized meanwhile
	}
}

// Get returns the value of a key, with which it may share memory. It promotes a value that is used
// more often than a single resolution does.
func (c *Packed[K, V]) Get(k K) (v V, ok bool) {
	hash := c.front.hash(k)
	if v, ok = c.front.get(k, hash); ok {
		return v, true
	}
	for {
		r := c.rings.Load()
		if r.old != nil {
			if v, ok = c.getFrom(r.old, k, hash); ok {
				return v, true
			}
		}
		if v, ok = c.getFrom(r, k, hash); ok {
			return v, true
		}
		if c.rings.Load() == r { // else it may have been moved in between
			c.misses.Add(1)
			return v, false
		}
	}
}

// getFrom is Get from the shards of one size.
func (c *Packed[K, V]) getFrom(r *rings, k K, hash uint64) (v V, ok bool) {
	s := r.shards[hash>>32&uint64(len(r.shards)-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = c.codec.AppendKey(s.key[:0], k)
	_, rec := s.find(hash)
	if rec == nil {
		return v, false
	}
	if v, ok = c.codec.Parse(k, rec.value()); !ok {
		return v, false
	}
	c.hits.Add(1)
	if rec.use() && (c.promoted.Load() < admitAtOnce && c.promoted.Add(1) <= admitAtOnce ||
		rand.Uint32N(frontOdds) == 0) {
		c.promote(rec)
	}
	return v, true
}

// promote puts a value into the front, under a key of its own: the key of the look-up may be in
// memory that is overwritten, as on the hit path.
func (c *Packed[K, V]) promote(rec record) {
	k, ok := c.codec.ParseKey(rec.key())
	if !ok {
		return
	}
	if v, ok := c.codec.Parse(k, rec.value()); ok {
		c.front.Put(k, v)
	}
}

// Put stores a value; the oldest values that were not used are evicted for it. A value that is too
// large is not kept.
func (c *Packed[K, V]) Put(k K, v V) {
	hash := c.front.hash(k)
	room := rooms.Get().(*[roomSize]byte)
	defer rooms.Put(room)
	value := c.codec.Append(room[:0], k, v)
	s := c.lock(k, hash)
	defer s.mu.Unlock()
	c.put(s, value, hash)
	c.front.Remove(k)
}

// rooms are where values are serialised before they are stored. Larger values have one of their
// own.
var rooms = sync.Pool{New: func() any { return new([roomSize]byte) }}

// Remove removes a key.
func (c *Packed[K, V]) Remove(k K) {
	hash := c.front.hash(k)
	s := c.lock(k, hash)
	defer s.mu.Unlock()
	if off, rec := s.find(hash); rec != nil {
		s.kill(off, rec, hash)
	}
	c.front.Remove(k)
}

// RemoveFunc removes the keys that match, and returns their number.
func (c *Packed[K, V]) RemoveFunc(match func(K) bool) (n int) {
	c.resizing.Lock()
	defer c.resizing.Unlock()
	for _, s := range c.rings.Load().all() {
		n += c.removeFrom(s, match)
	}
	// and values that the ring has evicted since
	c.front.RemoveFunc(func(k K, _ V) bool { return match(k) })
	return n
}

// removeFrom is RemoveFunc for one shard. It holds the lock for a few records at a time; one that
// is kept on meanwhile, as the newest, is met again.
func (c *Packed[K, V]) removeFrom(s *packedShard, match func(K) bool) (n int) {
	at := position{}
	for more := true; more; runtime.Gosched() {
		var removed int
		removed, more = c.removeSome(s, &at, match)
		n += removed
	}
	return n
}

// removeSome is removeFrom for the next records from a position on. It reports whether there are
// more.
func (c *Packed[K, V]) removeSome(s *packedShard, at *position, match func(K) bool) (n int,
	more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range stepEntries {
		off, rec := s.ring.following(at)
		if rec == nil {
			return n, false
		}
		if rec.has(dead) {
			continue
		}
		if k, ok := c.codec.ParseKey(rec.key()); ok && match(k) {
			s.kill(off, rec, c.codec.HashKey(rec.key()))
			c.front.Remove(k)
			n++
		}
	}
	return n, true
}

// Stats returns the sums over all shards. The front counts by its bytes, not as entries.
func (c *Packed[K, V]) Stats() (t Stats) {
	f := c.front.Stats()
	t.Hits, t.Misses, t.Bytes = c.hits.Load()+f.Hits, c.misses.Load(), f.Bytes
	for _, s := range c.rings.Load().all() {
		s.mu.Lock()
		t.Evictions += s.evictions
		t.Entries += s.count
		t.Bytes += s.bytes + bucketSize*len(s.table)
		s.mu.Unlock()
	}
	return t
}

// bucket returns the bucket of a hash. mu is held, as in all that follow.
func (s *packedShard) bucket(hash uint64) int {
	i := int(hash & uint64(len(s.table)-1))
	if i >= s.inUse {
		i -= len(s.table) / 2
	}
	return i
}

// markOf returns the mark of a hash, by bits that find neither the shard nor the bucket.
func markOf(hash uint64) uint8 { return 1 << (hash >> 61) }

// find follows a bucket's chain for s.key.
func (s *packedShard) find(hash uint64) (int, record) {
	b := s.bucket(hash)
	if s.marks[b]&markOf(hash) == 0 {
		return 0, nil
	}
	for p := s.table[b]; p != 0; {
		off := int(p-1) * unit
		rec := s.ring.at(off)
		if bytes.Equal(rec.key(), s.key) {
			return off, rec
		}
		p = rec.next()
	}
	return 0, nil
}

// put stores a value under s.key.
func (c *Packed[K, V]) put(s *packedShard, value []byte, hash uint64) {
	size := recordSize(len(s.key), len(value))
	if off, old := s.find(hash); old != nil {
		if len(old) == size { // as most are that are fetched again
			next, used := old.next(), old.bits()&uses
			rec := newRecord(old, s.key, value)
			rec.setNext(next)
			rec.set(used)
			return
		}
		s.kill(off, old, hash)
	}
	if size > maxRecord || size > len(s.ring.mem)/4 || len(s.key) > maxKey {
		return
	}
	off, room := s.room(size, c.codec.HashKey)
	s.insert(off, newRecord(room, s.key, value), hash)
}

// room makes room for a record at the head, and in the table.
func (s *packedShard) room(size int, hashKey func([]byte) uint64) (off int, room []byte) {
	s.grow(hashKey)
	for reprieves := maxReprieves; ; {
		off, ok := s.ring.reserve(size)
		if ok {
			return off, s.ring.mem[off : off+size : off+size]
		}
		s.evict(&reprieves, hashKey)
	}
}

// insert puts the record at the head into the ring and the table.
func (s *packedShard) insert(off int, rec record, hash uint64) {
	s.link(off, rec, hash)
	s.ring.push(len(rec))
	s.count++
	s.bytes += len(rec)
}

// link puts a record at the front of its bucket.
func (s *packedShard) link(off int, rec record, hash uint64) {
	b := s.bucket(hash)
	rec.setNext(s.table[b])
	s.table[b] = uint32(off/unit) + 1
	s.marks[b] |= markOf(hash)
}

// kill removes a record from its bucket; the ring frees it when it comes round to it.
func (s *packedShard) kill(off int, rec record, hash uint64) {
	place := uint32(off/unit) + 1
	b := &s.table[s.bucket(hash)]
	if *b == place {
		if *b = rec.next(); *b == 0 {
			s.marks[s.bucket(hash)] = 0
		}
	} else {
		before := s.ring.at(int(*b-1) * unit)
		for before.next() != place {
			before = s.ring.at(int(before.next()-1) * unit)
		}
		before.setNext(rec.next())
	}
	rec.set(dead)
	s.count--
	s.bytes -= len(rec)
}

// evict frees the oldest record. If it was used it becomes the newest instead, as long as there are
// reprieves.
func (s *packedShard) evict(reprieves *int, hashKey func([]byte) uint64) {
	rec := s.ring.at(s.ring.tail)
	if rec.has(dead) {
		s.ring.pop()
		return
	}
	hash := hashKey(rec.key())
	s.kill(s.ring.tail, rec, hash)
	if !rec.has(uses) || *reprieves == 0 {
		s.evictions++
		s.ring.pop()
		return
	}
	*reprieves--
	s.moved = append(s.moved[:0], rec...)
	s.ring.pop()
	off, _ := s.ring.reserve(len(s.moved)) // it has just been made
	rec = record(s.ring.mem[off : off+len(s.moved) : off+len(s.moved)])
	copy(rec, s.moved)
	rec.clear(uses | dead)
	s.insert(off, rec, hash)
}

// grow gives a table that is full twice the room, or splits some buckets of one that has it.
func (s *packedShard) grow(hashKey func([]byte) uint64) {
	if s.inUse == len(s.table) {
		if s.count < len(s.table) || 2*len(s.table) > cap(s.table) {
			return
		}
		s.table = s.table[:2*len(s.table)]
		s.marks = s.marks[:len(s.table)]
	}
	for range min(splits, len(s.table)-s.inUse) {
		s.split(hashKey)
	}
}

// split takes the next bucket into use: what belongs there is in that of the first half.
func (s *packedShard) split(hashKey func([]byte) uint64) {
	low := s.inUse - len(s.table)/2
	s.inUse++
	place := s.table[low]
	for s.table[low], s.marks[low] = 0, 0; place != 0; {
		off := int(place-1) * unit
		rec := s.ring.at(off)
		place = rec.next()
		s.link(off, rec, hashKey(rec.key()))
	}
}
