// The table that rates are kept in: bounded, whatever addresses packets claim to come from.

package server

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/policy"
)

// buckets has a token bucket for each of many keys. A bucket is one number, the time at which it is
// full again (the virtual scheduling of ITU-T I.371); one that is full is the same as none. So the
// table holds those that asked lately, and where there are more, the one that has used least gives
// way: a flood of forged addresses cannot free those that it is to be limited with.
type buckets struct {
	seed  [3]uint64
	names maphash.Seed
	start time.Time
	sets  []bucketSet
}

// bucketSet is the buckets of some of the keys; it is two cache lines.
type bucketSet struct {
	changing sync.Mutex // held by whoever gives a bucket to another key
	ways     [bucketWays]bucket
}

// bucket is read and charged without a lock: with one, it would take twice as much of a hit's time.
// A charge in the moment in which the bucket is given to another key is that key's: once, and no
// more.
type bucket struct {
	tag  atomic.Uint32 // of its key
	held atomic.Uint32 // how many were held back since it was full
	full atomic.Int64  // when it will be, as a time.Duration since the start of the table
}

func newBuckets(now time.Time) *buckets {
	b := &buckets{names: maphash.MakeSeed(), start: now, sets: make([]bucketSet, bucketSets)}
	for i := range b.seed {
		b.seed[i] = rand.Uint64() | 1
	}
	return b
}

// what says what a bucket counts. Names of denials and answers are told apart by their hashes.
type what uint64

const (
	ofAddress what = iota + 1
	ofPrefix
	ofProven
	ofErrors
	ofDenials
	ofReferrals
	ofResponses
)

// key returns the key of a client's bucket: for what, and a hash of a name if it is for one.
func (b *buckets) key(a netip.Addr, length int, w what, name uint64) uint64 {
	var hi, lo uint64
	if a.Is4() {
		v := a.As4()
		hi, lo = 4, uint64(binary.BigEndian.Uint32(v[:])&(^uint32(0)<<(32-length)))
	} else {
		v := a.As16()
		hi, lo = binary.BigEndian.Uint64(v[:8]), binary.BigEndian.Uint64(v[8:])
		if length < 64 {
			hi, lo = hi&(^uint64(0)<<(64-length)), 0
		} else {
			lo &= ^uint64(0) << (128 - length)
		}
	}
	h := mixed(hi^b.seed[0], lo^b.seed[1])
	return mixed(h^name, b.seed[2]^uint64(w))
}

// mixed is a hash of two numbers that nobody can foresee who does not know the seed.
func mixed(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// take charges a bucket for one query or response, and reports whether the rate lets it pass. If it
// does not, held is how many were held back before it since the bucket was last full. What is held
// back is not charged, unless there is a window: then a flood stays limited until so long after its
// end.
func (b *buckets) take(key uint64, at time.Time, r policy.Rate, window time.Duration) (
	held uint32, ok bool) {
	now := at.Sub(b.start)
	w := b.sets[key%bucketSets].bucket(uint32(key>>32), now)
	most := now + r.Ahead + r.Every + window
	for {
		old := w.full.Load()
		full := time.Duration(old)
		if full <= now || full > most { // later than can be: rates have changed
			full = now
			if w.held.Load() != 0 {
				w.held.Store(0)
			}
		}
		ok = full-now <= r.Ahead
		switch {
		case ok:
			full += r.Every
		case window > 0:
			full = min(full+r.Every, most)
		}
		if !w.full.CompareAndSwap(old, int64(full)) {
			continue // another query of its client was faster
		}
		if ok {
			return 0, true
		}
		return w.held.Add(1) - 1, false
	}
}

// bucket returns the bucket with a tag: its own, or that of another key, which has used least.
func (s *bucketSet) bucket(tag uint32, now time.Duration) *bucket {
	if w, found := s.find(tag); found {
		return w
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	w, found := s.find(tag)
	if !found {
		w.full.Store(int64(now))
		w.held.Store(0)
		w.tag.Store(tag)
	}
	return w
}

// find returns the bucket with a tag, or else the one that has used least.
func (s *bucketSet) find(tag uint32) (w *bucket, found bool) {
	for i := range s.ways {
		if w := &s.ways[i]; w.tag.Load() == tag {
			return w, true
		}
	}
	least := &s.ways[0]
	for i := range s.ways {
		if w := &s.ways[i]; w.full.Load() < least.full.Load() {
			least = w
		}
	}
	return least, false
}
