package memcache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// texts is a cache of either kind.
type texts interface {
	Get(string) (string, bool)
	Put(string, string)
	Remove(string)
	Resize(int)
	Stats() Stats
	removeAll(func(string) bool) int
}

type plainTexts struct{ *Cache[string, string] }

func (c plainTexts) removeAll(match func(string) bool) int {
	return c.RemoveFunc(func(k, _ string) bool { return match(k) })
}

type packedTexts struct{ *Packed[string, string] }

func (c packedTexts) removeAll(match func(string) bool) int { return c.RemoveFunc(match) }

// kinds are caches of a size.
func kinds(size int) map[string]texts {
	return map[string]texts{
		"values": plainTexts{New(size, hashText, func(k, v string) int { return len(k) + len(v) })},
		"packed": packedTexts{newTexts(size)},
	}
}

// A cache of any size becomes one of any other: all that fits is kept, and the accounts are right.
func TestResizeKeepsWhatFits(t *testing.T) {
	sizes := []int{1 << 20, 64 << 20, 8 << 20, 600 << 20, 2 << 20, 20 << 20}
	for kind, c := range kinds(sizes[0]) {
		for i := range 2000 {
			c.Put(name(i), fmt.Sprint(i))
		}
		for _, size := range sizes[1:] {
			c.Resize(size)
			for i := range 2000 {
				if v, ok := c.Get(name(i)); !ok || v != fmt.Sprint(i) {
					t.Fatalf("%s of %d MiB: %s holds %q, %v", kind, size>>20, name(i), v, ok)
				}
			}
			if n := c.Stats().Entries; n != 2000 {
				t.Errorf("%s of %d MiB: %d entries", kind, size>>20, n)
			}
		}
		if p, ok := c.(packedTexts); ok {
			checkAccounts(t, p.Packed)
			if p.rings.Load().old != nil {
				t.Error("the shards of the size before are still there")
			}
		}
	}
}

// A cache that shrinks has the new size at once, with its tables and all, and no room for more. Of
// serialised values those that were stored last are left; of others those that were used.
func TestResizeEvicts(t *testing.T) {
	const large, small = 32 << 20, 2 << 20
	value := strings.Repeat("x", 200)
	for kind, c := range kinds(large) {
		const n = 60000
		for i := range n {
			c.Put(name(i), value)
		}
		for i := range 1000 {
			c.Get(name(i))
		}
		before := c.Stats()
		c.Resize(small)
		s := c.Stats()
		if s.Bytes > small || s.Bytes < small/3 || before.Bytes < 4*small {
			t.Errorf("%s: %d bytes before, and %d after", kind, before.Bytes, s.Bytes)
		}
		if gone := s.Evictions - before.Evictions; kind == "values" &&
			int(gone) != before.Entries-s.Entries {
			t.Errorf("%s: %d of %d entries are left, and %d evicted", kind, s.Entries,
				before.Entries, gone)
		}
		kept := 0
		for i := range 1000 {
			if _, ok := c.Get(name(map[string]int{"values": 0, "packed": n - 1000}[kind] +
				i)); ok {
				kept++
			}
		}
		if kept < 900 {
			t.Errorf("%s: %d of 1000 that are worth most are left", kind, kept)
		}
		for i := range n {
			c.Put(name(n+i), value)
		}
		if s := c.Stats(); s.Bytes > small {
			t.Errorf("%s: it grows to %d bytes", kind, s.Bytes)
		}
		if p, ok := c.(plainTexts); ok {
			for i := range p.shards {
				if sh := &p.shards[i]; len(sh.ring) > 2*sh.count+2 ||
					len(*sh.table.Load()) > 4*max(sh.count, minBuckets) {
					t.Errorf("shard %d has %d places and %d buckets for %d entries", i,
						len(sh.ring), len(*sh.table.Load()), sh.count)
				}
			}
		}
	}
}

// look is Get. What is there may be missed while a table is made anew: then it looks again.
func look(c texts, k string, there bool) (v string, ok bool) {
	for end := time.Now().Add(10 * time.Second); ; {
		v, ok = c.Get(k)
		if ok || !there || time.Now().After(end) {
			return v, ok
		}
	}
}

// While a cache is resized it is used as ever: what is there is found, what was replaced or removed
// is not, and what a visit removes does not come back.
func TestResizeWhileItIsUsed(t *testing.T) {
	for kind, c := range kinds(16 << 20) {
		t.Run(kind, func(t *testing.T) {
			const fixed = 500
			for i := range fixed {
				c.Put("fixed"+name(i), "fixed")
			}
			var stop atomic.Bool
			var users sync.WaitGroup
			users.Go(func() { // what nobody touches is always there
				for i := 0; !stop.Load(); i++ {
					if v, ok := look(c, "fixed"+name(i%fixed), true); !ok || v != "fixed" {
						t.Errorf("%d is not found", i%fixed)
						return
					}
				}
			})
			users.Go(func() { // this one has names of its own
				latest := map[string]string{}
				own := func(k string) bool { return strings.HasPrefix(k, "own") }
				r := rand.New(rand.NewPCG(1, 2))
				for step := 0; !stop.Load(); step++ {
					n := "own" + name(r.IntN(300))
					switch r.IntN(8) {
					case 0:
						c.Remove(n)
						delete(latest, n)
					case 1, 2, 3:
						latest[n] = fmt.Sprint(step)
						c.Put(n, latest[n])
					case 4:
						if step%64 == 0 {
							c.removeAll(own)
							clear(latest)
						}
					default:
						want := latest[n]
						if got, ok := look(c, n, want != ""); ok != (want != "") || got != want {
							t.Errorf("step %d: %s holds %q, %v; put in was %q", step, n, got, ok,
								latest[n])
							return
						}
					}
				}
				for n, want := range maps.All(latest) {
					if got, ok := look(c, n, true); !ok || got != want {
						t.Errorf("%s holds %q, %v", n, got, ok)
					}
				}
			})
			for range 4 {
				for _, size := range []int{300 << 20, 4 << 20, 16 << 20, 40 << 20} {
					c.Resize(size)
				}
			}
			stop.Store(true)
			users.Wait()
		})
	}
}

// halfWay returns caches with 2000 names each, whose resizing has moved a part of them; end goes on
// with it.
func halfWay() (c map[string]texts, end func()) {
	const had, has = 16 << 20, 4 << 20
	c = kinds(had)
	for _, c := range c {
		for i := range 2000 {
			c.Put(name(i), "new")
		}
	}
	plain, packed := c["values"].(plainTexts), c["packed"].(packedTexts)
	plain.last.Store(uint64(shardsFor(has, minShard) - 1))
	plain.scatter(&plain.shards[1])
	old := packed.rings.Load()
	packed.rings.Store(&rings{newRings(has), old})
	for _, s := range old.shards[:len(old.shards)/2] {
		for packed.move(s, packed.rings.Load().shards) {
		}
	}
	return c, func() {
		for i := range plain.before.Load() + 1 {
			plain.scatter(&plain.shards[i])
		}
		plain.before.Store(plain.last.Load())
		for _, s := range old.shards {
			for packed.move(s, packed.rings.Load().shards) {
			}
		}
		packed.rings.Store(&rings{packed.rings.Load().shards, nil})
	}
}

// Half way through, everything is found, wherever it is; what is replaced, removed or swept out is
// gone, and does not come back.
func TestResizeHalfWay(t *testing.T) {
	all, end := halfWay()
	check := func(when string) {
		t.Helper()
		for kind, c := range all {
			for i := range 2000 {
				want := []string{"new", "newer", "", "", "new"}[i%5]
				if v, ok := c.Get(name(i)); ok != (want != "") || v != want {
					t.Fatalf("%s, %s: %s holds %q, %v", kind, when, name(i), v, ok)
				}
			}
		}
	}
	for kind, c := range all {
		for i := range 2000 {
			if v, ok := c.Get(name(i)); !ok || v != "new" {
				t.Fatalf("%s: %s holds %q, %v", kind, name(i), v, ok)
			}
		}
		swept := map[string]bool{}
		for i := range 2000 {
			switch i % 5 {
			case 1:
				c.Put(name(i), "newer")
			case 2:
				c.Remove(name(i))
			case 3:
				swept[name(i)] = true
			}
		}
		if n := c.removeAll(func(k string) bool { return swept[k] }); n != len(swept) {
			t.Errorf("%s: %d of %d are swept out", kind, n, len(swept))
		}
	}
	check("half way")
	end()
	check("at the end")
}

// What is restored from a file while the cache is resized does not replace what is newer, wherever
// that is; and all is saved.
func TestResizeWhileItIsRestoredAndSaved(t *testing.T) {
	all, _ := halfWay()
	c := all["packed"].(packedTexts)
	saved := map[string]bool{}
	if err := c.Each(func(k, v []byte) error {
		saved[string(k)] = string(v) == "new"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(saved) != 2000 {
		t.Errorf("%d of 2000 are saved", len(saved))
	}
	for i := range 2000 {
		c.Restore([]byte(name(i)), []byte("old"))
		if v, ok := c.Get(name(i)); !ok || v != "new" {
			t.Fatalf("%s holds %q, %v", name(i), v, ok)
		}
	}
}
