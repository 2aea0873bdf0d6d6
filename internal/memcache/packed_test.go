package memcache

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"
)

// textCodec packs strings.
var textCodec = Codec[string, string]{
	AppendKey: func(b []byte, k string) []byte { return append(b, k...) },
	HashKey:   hashOctets,
	ParseKey:  func(b []byte) (string, bool) { return string(b), true },
	Append:    func(b []byte, _ string, s string) []byte { return append(b, s...) },
	Parse: func(_ string, b []byte) (string, bool) {
		return string(b), !bytes.HasPrefix(b, []byte("stale"))
	},
}

var seed = maphash.MakeSeed()

func hashOctets(b []byte) uint64 { return maphash.Bytes(seed, b) }

func hashText(s string) uint64 { return maphash.String(seed, s) }

func name(i int) string { return fmt.Sprintf("n%d.example", i) }

func newTexts(octets int) *Packed[string, string] {
	return NewPacked(octets, hashText, func(n, s string) int { return len(n) + len(s) }, textCodec)
}

// Whatever is put in, replaced, removed and asked for: what is found is what was last put in under
// the key, and the accounts are right.
func TestPackedHoldsTheLatest(t *testing.T) {
	c := newTexts(64 << 10)
	latest := map[string]string{}
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 200000 {
		n := name(r.IntN(700))
		switch r.IntN(10) {
		case 0:
			c.Remove(n)
			delete(latest, n)
		case 1, 2, 3:
			latest[n] = fmt.Sprintf("%d %s", step, bytes.Repeat([]byte("x"), r.IntN(200)))
			c.Put(n, latest[n])
		default:
			if got, ok := c.Get(n); ok && got != latest[n] {
				t.Fatalf("step %d: %v holds %.20q, put in was %.20q", step, n, got, latest[n])
			}
		}
		if step%5000 == 0 {
			checkAccounts(t, c)
		}
	}
	s := c.Stats()
	if s.Evictions == 0 || s.Hits == 0 || s.Misses == 0 {
		t.Errorf("%+v", s)
	}
	if s.Bytes > 64<<10 {
		t.Errorf("%d octets", s.Bytes)
	}
}

// checkAccounts compares the counters of each shard with what is in its ring, and its ring with its
// table.
func checkAccounts(t *testing.T, c *Packed[string, string]) {
	t.Helper()
	for _, s := range c.rings.Load().shards {
		count, size := 0, 0
		for at := (position{}); ; {
			off, rec := s.ring.following(&at)
			if rec == nil {
				break
			}
			if rec.has(dead) {
				continue
			}
			count++
			size += len(rec)
			s.key = append(s.key[:0], rec.key()...)
			if at, _ := s.find(hashOctets(s.key)); at != off {
				t.Fatalf("the record at %d is found at %d", off, at)
			}
		}
		if count != s.count || size != s.bytes {
			t.Fatalf("%d records of %d octets, accounted are %d of %d", count, size, s.count,
				s.bytes)
		}
	}
}

// What is used now and then outlives what is not, when many times more comes in than fits.
func TestPackedKeepsWhatIsUsed(t *testing.T) {
	c := newTexts(64 << 10)
	used := name(0)
	c.Put(used, "used")
	for i := range 6000 {
		c.Put(name(i+1), "not used, as most are that are asked for once, and of a hundred octets "+
			"or so, as usual for them....")
		if i%100 == 0 {
			if _, ok := c.Get(used); !ok {
				t.Fatalf("evicted by the %dth after it", i)
			}
		}
	}
	if _, ok := c.Get(name(1)); ok {
		t.Error("what was never used is still there")
	}
	if f := c.front.Stats(); f.Entries != 0 {
		t.Errorf("in front: %+v", f)
	}
}

// A value that stands in front is replaced and removed with the record behind it.
func TestPackedFrontIsNeverOld(t *testing.T) {
	c := newTexts(1 << 20)
	n := name(1)
	often := func() (v string, ok bool) {
		for range 10 {
			v, ok = c.Get(n)
		}
		return v, ok
	}
	c.Put(n, "one")
	often()
	if c.front.Stats().Entries != 1 {
		t.Fatal("not in front")
	}
	c.Put(n, "two")
	if v, _ := often(); v != "two" {
		t.Errorf("got %q", v)
	}
	c.Remove(n)
	if v, ok := often(); ok {
		t.Errorf("removed, and got %q", v)
	}
	c.Put(n, "three")
	often()
	if got := c.RemoveFunc(func(k string) bool { return k == n }); got != 1 {
		t.Errorf("%d removed", got)
	}
	if v, ok := often(); ok {
		t.Errorf("flushed, and got %q", v)
	}
}

// What all are used alike does not crowd into the front: the first that are used often go there,
// and then it is a matter of rate.
func TestPackedFrontIsForTheOften(t *testing.T) {
	c := newTexts(8 << 20)
	const names, times = 4000, 20
	for i := range names {
		c.Put(name(i), "value")
	}
	for range times {
		for i := range names {
			c.Get(name(i))
		}
	}
	if n, most := c.front.Stats().Entries, admitAtOnce+2*names*times/frontOdds; n < admitAtOnce ||
		n > most {
		t.Errorf("%d in front, want %d to %d", n, admitAtOnce, most)
	}
}

// On the hit path keys are in memory that the next query overwrites. What such a look-up puts in
// front does not share it.
func TestPackedFrontOwnsItsKeys(t *testing.T) {
	c := newTexts(1 << 20)
	c.Put("gone.first.", "value")
	var buf [11]byte
	ask := func(key string) string {
		copy(buf[:], key)
		return unsafe.String(&buf[0], len(buf))
	}
	for range 20 {
		if _, ok := c.Get(ask("gone.first.")); !ok {
			t.Fatal("it is not there")
		}
	}
	if c.front.Stats().Entries != 1 {
		t.Fatal("it is not in front")
	}
	if _, ok := c.Get(ask("here.other.")); ok {
		t.Error("another name has it too")
	}
	if v, ok := c.Get("gone.first."); !ok || v != "value" {
		t.Errorf("it is %q now", v)
	}
}

// What its codec no longer believes, and what is too large for its part, is not there.
func TestPackedRefuses(t *testing.T) {
	c := newTexts(64 << 10)
	c.Put(name(1), "stale")
	if _, ok := c.Get(name(1)); ok {
		t.Error("found what the codec refuses")
	}
	c.Put(name(2), "small")
	c.Put(name(2), string(make([]byte, 20000)))
	if v, ok := c.Get(name(2)); ok {
		t.Errorf("got %d octets; the old value must not outlive the new one", len(v))
	}
	checkAccounts(t, c)
}

// Readers, writers and flushes at once; the race detector watches.
func TestPackedConcurrently(t *testing.T) {
	c := newTexts(64 << 10)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 5000 {
				n := name(r.IntN(300))
				switch r.IntN(40) {
				case 0:
					c.RemoveFunc(func(k string) bool { return k == n })
				case 1:
					c.Stats()
				case 2, 3, 4, 5:
					c.Put(n, n)
				default:
					if v, ok := c.Get(n); ok && v != n {
						t.Errorf("%v holds %q", n, v)
					}
				}
			}
		})
	}
	wg.Wait()
	checkAccounts(t, c)
}

// A value is serialised in memory that is used again: each new name stores several.
func TestPackedPutAllocatesNothing(t *testing.T) {
	c, value := newTexts(1<<20), string(bytes.Repeat([]byte("x"), 900))
	if n := testing.AllocsPerRun(1000, func() { c.Put("a.example", value) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
