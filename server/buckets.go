// The table that rates are kept in: bounded, whatever addresses packets claim to come from.

package server

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"sync"
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
	mu   sync.Mutex
	ways [bucketWays]bucket // guarded by mu
}

type bucket struct {
	tag  uint32        // of its key
	held uint32        // how many were held back since it was full
	full time.Duration // when it will be, since the start of the table
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

// take takes one from a bucket, or reports how many were held back before, since it was full. What
// is held back costs nothing, unless there is a window: then it is charged too, so that a flood
// stays limited until so long after its end.
func (b *buckets) take(key uint64, at time.Time, r policy.Rate, window time.Duration) (
	held uint32, ok bool) {
	now, tag := at.Sub(b.start), uint32(key>>32)
	s := &b.sets[key%bucketSets]
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.find(tag)
	most := now + r.Ahead + r.Every + window
	if w.tag != tag || w.full <= now || w.full > most { // later than can be: rates have changed
		*w = bucket{tag: tag, full: now}
	}
	if w.full-now <= r.Ahead {
		w.full += r.Every
		return 0, true
	}
	if window > 0 {
		w.full = min(w.full+r.Every, most)
	}
	w.held++
	return w.held - 1, false
}

// find returns the bucket with a tag, or else the one that has used least. The caller holds mu.
func (s *bucketSet) find(tag uint32) *bucket {
	least := &s.ways[0]
	for i := range s.ways {
		w := &s.ways[i]
		if w.tag == tag {
			return w
		}
		if w.full < least.full {
			least = w
		}
	}
	return least
}
