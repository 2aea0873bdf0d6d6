package memcache

import (
	"hash/maphash"
	"testing"
)

// All visits each entry once, ends when it is told to, and does not count as a use: what is visited
// is evicted as if it had not been. Entries may be removed meanwhile.
func TestAllVisitsEachEntry(t *testing.T) {
	seed := maphash.MakeSeed()
	c := New(1<<20, func(k int) uint64 { return maphash.Comparable(seed, k) },
		func(int, string) int { return 100 })
	for i := range 500 {
		c.Put(i, "v")
	}
	for i := range 100 {
		c.Remove(i)
	}
	seen := map[int]int{}
	for k, v := range c.All() {
		seen[k]++
		if v != "v" {
			t.Fatalf("%d has %q", k, v)
		}
		c.Remove(k)
	}
	if len(seen) != 400 || c.Stats().Entries != 0 {
		t.Errorf("%d of 400 are visited, %d are left", len(seen), c.Stats().Entries)
	}
	for k, n := range seen {
		if n != 1 || k < 100 {
			t.Errorf("%d is visited %d times", k, n)
		}
	}
	c.Put(1, "v")
	c.Put(2, "v")
	for range c.All() {
		break
	}
	for i := range c.shards {
		for _, e := range c.shards[i].ring {
			if e != nil && e.used.Load() {
				t.Errorf("%d counts as used", e.key)
			}
		}
	}
}
