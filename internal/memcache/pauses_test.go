package memcache

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// waits is the largest number of entries that are hashed for one that is stored: those of the
// buckets that it splits, and those that are kept on as the newest.
const waits = 2*splits*maxChain + maxReprieves

// maxChain is the length of a chain that no test has seen.
const maxChain = 24

// No entry waits until all others have been hashed, however many there are; and none is lost.
func TestStoringWaitsForFewOthers(t *testing.T) {
	hashed := 0
	count := func(s string) uint64 { hashed++; return hashText(s) }
	codec := textCodec
	codec.HashKey = func(b []byte) uint64 { hashed++; return hashOctets(b) }
	size := func(k, v string) int { return len(k) + len(v) }
	for kind, c := range map[string]interface {
		Put(k, v string)
		Get(k string) (string, bool)
	}{"plain": New(256<<20, count, size), "packed": NewPacked(64<<20, hashText, size, codec)} {
		const n = 100_000
		most := 0
		for i := range n {
			hashed = 0
			c.Put(name(i), "value")
			most = max(most, hashed)
			if i%7 == 0 { // one of before, in a table that may be growing
				c.Put(name(i/2), "newer")
			}
		}
		for i := range n {
			if _, ok := c.Get(name(i)); !ok {
				t.Fatalf("%s: %s is lost", kind, name(i))
			}
		}
		if most > waits {
			t.Errorf("%s: one entry waited until %d were hashed", kind, most)
		}
		if most < 2 {
			t.Errorf("%s: no table has grown", kind)
		}
	}
}

// What is removed is looked for a few entries at a time, so that nobody waits for all of it.
func TestRemovingHoldsNoLockForLong(t *testing.T) {
	const n = 20_000
	looked := 0
	all := func(string) bool { looked++; return true }
	p := newTexts(8 << 20)
	c := New(64<<20, hashText, func(k, v string) int { return len(k) + len(v) })
	for i := range n {
		p.Put(name(i), "value")
		c.Put(name(i), "value")
	}
	removed := 0
	step := func(kind string, f func() (int, bool)) (more bool) {
		looked = 0
		k, more := f()
		if removed += k; looked > stepEntries {
			t.Fatalf("%s: %d entries are looked at under one lock", kind, looked)
		}
		return more
	}
	for _, s := range p.rings.Load().shards {
		for at := (position{}); step("packed", func() (int, bool) {
			return p.removeSome(s, &at, all)
		}); {
		}
	}
	if removed != n {
		t.Errorf("packed: %d of %d are removed", removed, n)
	}
	removed = 0
	for i := range c.shards {
		for at := 0; step("plain", func() (int, bool) {
			return c.removeSome(&c.shards[i], at, func(k, _ string) bool { return all(k) })
		}); at += stepEntries {
		}
	}
	if removed != n {
		t.Errorf("plain: %d of %d are removed", removed, n)
	}
}

// What was there when it was removed is gone, whatever is stored, used, kept on and moved
// meanwhile.
func TestRemovingWhileItIsUsed(t *testing.T) {
	const n = 3000
	p := newTexts(256 << 10)
	c := New(1<<20, hashText, func(k, v string) int { return len(k) + len(v) })
	value := strings.Repeat("x", 20)
	for kind, x := range map[string]struct {
		put    func(k, v string)
		get    func(k string) (string, bool)
		remove func(func(string) bool) int
		resize func(int)
		sizes  [2]int
	}{
		"packed": {p.Put, p.Get, p.RemoveFunc, p.Resize, [2]int{200 << 10, 256 << 10}},
		"plain": {c.Put, c.Get, func(match func(string) bool) int {
			return c.RemoveFunc(func(k, _ string) bool { return match(k) })
		}, c.Resize, [2]int{800 << 10, 1 << 20}},
	} {
		for round := range 6 {
			old := func(i int) string { return fmt.Sprintf("old%d.%d", round, i) }
			for i := range n {
				x.put(old(i), value)
			}
			var wg sync.WaitGroup
			done := make(chan struct{})
			background := func(f func(i int)) {
				wg.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-done:
							return
						default:
							f(i)
						}
					}
				})
			}
			background(func(i int) { x.put(fmt.Sprintf("new%d.%d", round, i), value) })
			background(func(i int) { x.get(old(i % n)) })
			if round%2 == 0 {
				background(func(i int) { x.resize(x.sizes[i%2]) })
			}
			x.remove(func(k string) bool { return strings.HasPrefix(k, "old") })
			close(done)
			wg.Wait()
			for i := range n {
				if _, ok := x.get(old(i)); ok {
					t.Fatalf("%s, round %d: %s was not removed", kind, round, old(i))
				}
			}
		}
	}
}

// A table of millions of buckets is never copied: whoever stores the record that fills it would
// wait for milliseconds.
func TestTableGrowsWhereItIs(t *testing.T) {
	s := newPackedShard(8 << 20)
	c := newTexts(8 << 20)
	c.rings.Store(&rings{[]*packedShard{s}, nil})
	places, marks := &s.table[0], &s.marks[0]
	for i := range 20_000 {
		c.Put(name(i), "value")
	}
	if len(s.table) < 16_000 || len(s.marks) != len(s.table) {
		t.Fatalf("%d buckets, %d marks", len(s.table), len(s.marks))
	}
	if &s.table[0] != places || &s.marks[0] != marks {
		t.Error("the table has been copied")
	}
	if end := &s.marks[:cap(s.marks)][cap(s.marks)-1]; cap(s.marks) != cap(s.table) || *end != 0 {
		t.Error("the marks do not end with the table")
	}
}
