package server

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/internal/policy"
)

// rate is so many a second, of which a second's may come at once.
func rate(perSecond int) policy.Rate {
	every := time.Second / time.Duration(perSecond)
	return policy.Rate{Every: every, Ahead: time.Second - every}
}

// network returns the address of the n-th /56.
func network(n int) netip.Addr {
	a := [16]byte{0: 0x20, 1: 0x01, 15: 1}
	binary.BigEndian.PutUint32(a[3:], uint32(n))
	return netip.AddrFrom16(a)
}

// A million prefixes that each ask once, as a flood of forged addresses does, take no more memory
// than the table has, are all answered, and do not free a client that is limited.
func TestBucketsOfAMillionPrefixes(t *testing.T) {
	now := time.Now()
	b := newBuckets(now)
	size, r := len(b.sets), rate(20)
	busy := b.key(netip.MustParseAddr("192.0.2.1"), 24, ofPrefix, 0)
	for range 20 {
		if _, ok := b.take(busy, now, r, 0); !ok {
			t.Fatal("the client is limited too early")
		}
	}
	for i := range 1_000_000 {
		if _, ok := b.take(b.key(network(i), 56, ofPrefix, 0), now, r, 0); !ok {
			t.Fatalf("prefix %d, which asks once, is limited", i)
		}
	}
	if _, ok := b.take(busy, now, r, 0); ok {
		t.Error("a flood of other prefixes has freed a client that is limited")
	}
	if len(b.sets) != size {
		t.Error("the table has grown")
	}
}

// Addresses of one prefix have one bucket, and those of the next another; so have different things
// that are counted, and different names.
func TestBucketsAreOfPrefixes(t *testing.T) {
	b := newBuckets(time.Now())
	p := netip.MustParseAddr
	same := [][2]string{{"10.1.2.3", "10.1.2.255"}, {"fd00:0:0:100::1", "fd00:0:0:1ff:ffff::2"}}
	other := [][2]string{{"10.1.2.3", "10.1.3.3"}, {"fd00:0:0:100::1", "fd00:0:0:200::1"},
		{"10.1.2.3", "::10.1.2.3"}}
	key := func(a string) uint64 {
		length := 24
		if p(a).Is6() {
			length = 56
		}
		return b.key(p(a), length, ofPrefix, 0)
	}
	for _, c := range same {
		if key(c[0]) != key(c[1]) {
			t.Errorf("%v have two buckets", c)
		}
	}
	for _, c := range other {
		if key(c[0]) == key(c[1]) {
			t.Errorf("%v have one bucket", c)
		}
	}
	a := p("fd00::1")
	if b.key(a, 64, ofPrefix, 0) == b.key(a, 64, ofDenials, 0) ||
		b.key(a, 64, ofDenials, 1) == b.key(a, 64, ofDenials, 2) ||
		b.key(a, 128, ofPrefix, 0) == b.key(p("fd00::2"), 128, ofPrefix, 0) ||
		b.key(a, 127, ofPrefix, 0) != b.key(p("fd00::"), 127, ofPrefix, 0) {
		t.Error("what is counted, the name, or the length of the prefix does not matter")
	}
}

// A bucket whose time is later than it can be, as after a change of the rates or of the clock, is
// full again: nobody is limited for longer than the rates say.
func TestBucketsOutliveNoChangeOfRates(t *testing.T) {
	now := time.Now()
	b := newBuckets(now)
	key := b.key(network(1), 56, ofPrefix, 0)
	slow := policy.Rate{Every: time.Hour}
	if _, ok := b.take(key, now, slow, 0); !ok {
		t.Fatal("the first is limited")
	}
	if _, ok := b.take(key, now, slow, 0); ok {
		t.Fatal("the second is not limited")
	}
	if _, ok := b.take(key, now.Add(time.Second), rate(10), 0); !ok {
		t.Error("the old rate still holds")
	}
}

// Queries that come at the same time are each charged: no more pass than the rate says, and each of
// the others has a number of its own, so that one of so many slips.
func TestBucketsAtTheSameTime(t *testing.T) {
	const readers, each, burst = 4, 500_000, 1_000_000
	now := time.Now()
	b := newBuckets(now)
	key := b.key(network(1), 56, ofPrefix, 0)
	var passed atomic.Int64
	numbers := make([]atomic.Bool, readers*each-burst)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for range each {
				held, ok := b.take(key, now, rate(burst), 0)
				if ok {
					passed.Add(1)
				} else if int(held) < len(numbers) {
					numbers[held].Store(true)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != burst {
		t.Errorf("%d passed, of a rate of %d", passed.Load(), burst)
	}
	for i := range numbers {
		if !numbers[i].Load() {
			t.Fatalf("none was held back as number %d", i)
		}
	}
}

// A client that was limited, and asks again after its rate has fallen off, counts anew: the first
// that is held back is number 0, which is logged.
func TestBucketsForgetWhatTheyHeldBack(t *testing.T) {
	now := time.Now()
	b := newBuckets(now)
	key := b.key(network(1), 56, ofPrefix, 0)
	for round := range 2 {
		var numbers []uint32
		for range 5 {
			if held, ok := b.take(key, now, rate(2), 0); !ok {
				numbers = append(numbers, held)
			}
		}
		if !slices.Equal(numbers, []uint32{0, 1, 2}) {
			t.Errorf("round %d: held back as %v", round, numbers)
		}
		now = now.Add(time.Minute)
	}
}
