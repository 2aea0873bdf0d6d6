package memcache

import (
	"encoding/binary"
	"hash/maphash"
	"testing"
)

// numbers is a packed cache of numbers, with values of different sizes.
func numbers(octets int) *Packed[uint32, uint32] {
	seed := maphash.MakeSeed()
	hash := func(b []byte) uint64 { return maphash.Bytes(seed, b) }
	append4 := func(b []byte, k uint32) []byte { return binary.BigEndian.AppendUint32(b, k) }
	parse4 := func(b []byte) (uint32, bool) {
		if len(b) < 4 {
			return 0, false
		}
		return binary.BigEndian.Uint32(b), true
	}
	return NewPacked(octets, func(k uint32) uint64 { return hash(append4(nil, k)) },
		func(uint32, uint32) int { return 100 },
		Codec[uint32, uint32]{AppendKey: append4, HashKey: hash,
			ParseKey: parse4,
			Append: func(b []byte, _, v uint32) []byte {
				return append(append4(b, v), make([]byte, 100+v%211)...)
			},
			Parse: func(_ uint32, b []byte) (uint32, bool) { return parse4(b) }})
}

// saved returns what Each passes, by key; between runs after every so many records.
func saved(t *testing.T, c *Packed[uint32, uint32], every int, between func()) map[uint32]uint32 {
	t.Helper()
	got, n := map[uint32]uint32{}, 0
	if err := c.Each(func(key, value []byte) error {
		got[binary.BigEndian.Uint32(key)] = binary.BigEndian.Uint32(value)
		if n++; every > 0 && n%every == 0 {
			between()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// Each passes every value that is there from the begin to the end, wherever in its ring the oldest
// is, and while others are stored and evict them; and each with its own key. The lock is held for a
// piece at a time: a dump of Unbound's cache took longer than two minutes
// (github.com/opnsense/core/issues/6041).
func TestSavingPassesWhatIsThere(t *testing.T) {
	c := numbers(1 << 20)
	next := uint32(0)
	put := func(n int) {
		for range n {
			c.Put(next, ^next)
			next++
		}
	}
	for _, n := range []int{0, 100, 3000, 1000, 2500, 7777} { // up to and beyond a full ring
		put(n)
		got := saved(t, c, 0, nil)
		there := 0
		for k := range next {
			if _, ok := c.Get(k); ok {
				there++
				if got[k] != ^k {
					t.Fatalf("after %d: %d is saved as %d", next, k, got[k])
				}
			}
		}
		if there < len(got) || n > 0 && there == 0 {
			t.Errorf("after %d: %d are there and %d are saved", next, there, len(got))
		}
	}
	for _, step := range []int{1, 50, 500, 2000} {
		for k, v := range saved(t, c, 100, func() { put(step) }) {
			if v != ^k {
				t.Fatalf("with %d stored meanwhile, %d is saved as %d", step, k, v)
			}
		}
	}
}

// What is restored does not replace what is there, and what cannot be a key is refused.
func TestRestoringReplacesNothing(t *testing.T) {
	c, other := numbers(1<<20), numbers(1<<20)
	for k := range uint32(100) {
		other.Put(k, k+1000)
	}
	c.Put(7, 7)
	if err := other.Each(func(key, value []byte) error {
		if !c.Restore(key, value) {
			t.Errorf("%x is refused", key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for k := range uint32(100) {
		want := k + 1000
		if k == 7 {
			want = 7
		}
		if v, ok := c.Get(k); !ok || v != want {
			t.Errorf("%d is %d, %v", k, v, ok)
		}
	}
	if c.Restore([]byte{1, 2}, []byte{1, 2, 3, 4}) {
		t.Error("a key of two octets is accepted")
	}
}
