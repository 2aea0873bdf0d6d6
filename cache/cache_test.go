package cache

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func name(i int) wire.Name { return wire.MustParseName(fmt.Sprintf("n%d.example", i)) }

func set(n wire.Name, ttl uint32, octets int) *wire.RRset {
	s := &wire.RRset{Name: n, Type: wire.TypeTXT, Class: wire.ClassIN, TTL: ttl,
		Security: wire.Secure}
	s.Data = s.Data.Append(make([]byte, octets))
	return s
}

// total returns the memory of all caches by their own count.
func total(s *Store) int {
	return s.Answers.Stats().Bytes + s.RRsets.Stats().Bytes + s.Negatives.Stats().Bytes +
		s.Failures.Stats().Bytes + s.Delegations.Stats().Bytes + s.Denials.Stats().Bytes
}

// Ten times more is stored than fits. The memory never exceeds the configured figure, and the
// entries that are left are right.
func TestCacheMemoryIsNeverExceeded(t *testing.T) {
	const memory = 4 << 20
	s := ofSize(memory)
	for put := 0; put < 10*memory; {
		i := put
		n := name(i)
		s.PutRRset(Key{Name: n, Type: wire.TypeTXT}, RRset{Set: set(n, 300, 200)}, now)
		s.PutNegative(Key{Name: n, Type: wire.TypeA}, &Negative{Status: wire.Secure,
			SOA: set(n, 300, 60)}, 300, now)
		s.PutFailure(Key{Name: n, Type: wire.TypeMX}, &cause.Failure{Cause: cause.Timeout},
			Backoff{FailureTTL, FailureTTL}, now)
		s.Delegations.Put(ZoneKey{Name: n}, &Delegation{Zone: n, Servers: []NameServer{{Name: n}},
			Expires: now.Unix() + 300})
		s.Answers.Put(AnswerKey{Name: n, Type: wire.TypeTXT},
			NewAnswer(make([]byte, 300), n, []int{280}, now.Unix(), now.Unix()+300))
		s.Denials.Put(ZoneKey{Name: n}, []*wire.RRset{set(n, 300, 40)}, now)
		put += 2000
		if got := total(s); got > memory {
			t.Fatalf("%d octets after putting %d, the limit is %d", got, put, memory)
		}
	}
	if s.RRsets.Stats().Evictions == 0 || s.RRsets.Stats().Entries == 0 {
		t.Errorf("RRsets: %+v", s.RRsets.Stats())
	}
	found := 0
	for i := 0; i < 10*memory; i += 2000 {
		if r, state := s.LookupRRset(Key{Name: name(i), Type: wire.TypeTXT}, now); state.Good() {
			found++
			if r.Set.Name != name(i) {
				t.Fatalf("%v holds the set of %v", name(i), r.Set.Name)
			}
		}
	}
	if found != s.RRsets.Stats().Entries {
		t.Errorf("%d found, %d counted", found, s.RRsets.Stats().Entries)
	}
}

// The memory counted for an entry covers what the process really uses.
func TestOverhead(t *testing.T) {
	c := memcache.New(64<<20, Key.hash, rrsetSize)
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	for i := range 50000 {
		n := name(i)
		c.Put(Key{Name: n, Type: wire.TypeTXT}, RRset{Set: set(n, 300, 100)})
	}
	used, said := heap()-before, c.Stats().Bytes
	if c.Stats().Entries != 50000 {
		t.Fatalf("%d entries", c.Stats().Entries)
	}
	if used > said*5/4 {
		t.Errorf("50,000 entries use %d octets, accounted are %d", used, said)
	}
	runtime.KeepAlive(c)
}

func TestLargerThanAShardIsNotKept(t *testing.T) {
	c := memcache.New(1000, Key.hash, func(_ Key, n int) int { return n })
	k := Key{Name: name(1)}
	c.Put(k, 100)
	c.Put(k, 5000)
	if v, ok := c.Get(k); ok {
		t.Errorf("got %d; the old value must not outlive the new one", v)
	}
	if b := c.Stats().Bytes; b != 0 {
		t.Errorf("%d octets accounted for nothing", b)
	}
}

// ofSize returns a store with this memory, in bytes.
func ofSize(memory int) *Store {
	c := Default()
	c.Memory = memory
	return New(c)
}

func TestClamp(t *testing.T) {
	s := New(Config{MinMemory, TTLLimits{Min: 10 * time.Second, Max: time.Hour,
		MinNegative: 5 * time.Second, MaxNegative: time.Minute}, DefaultMaxStale})
	for in, want := range map[uint32]uint32{1: 10, 100: 100, 1 << 30: 3600} {
		if got := s.ClampTTL(in, 0, now); got != want {
			t.Errorf("TTL %d: got %d, want %d", in, got, want)
		}
	}
	for in, want := range map[uint32]uint32{1: 5, 30: 30, 1 << 30: 60} {
		if got := s.ClampNegativeTTL(in, 0, now); got != want {
			t.Errorf("negative TTL %d: got %d, want %d", in, got, want)
		}
	}
}

func TestFlush(t *testing.T) {
	s := ofSize(1 << 20)
	for _, n := range []string{"a.example", "b.a.example", "c.example"} {
		n := wire.MustParseName(n)
		s.PutRRset(Key{Name: n, Type: wire.TypeTXT}, RRset{Set: set(n, 10, 1)}, now)
	}
	if n := s.Flush(wire.MustParseName("a.example"), false); n != 1 {
		t.Errorf("flushed %d, want the name alone", n)
	}
	if n := s.Flush(wire.MustParseName("example"), true); n != 2 {
		t.Errorf("flushed %d, want the rest of the subtree", n)
	}
}

func TestClosest(t *testing.T) {
	s := ofSize(1 << 20)
	for n, end := range map[string]int64{".": 100, "example": 100, "a.example": 10} {
		s.Delegations.Put(ZoneKey{Name: wire.MustParseName(n)},
			&Delegation{Zone: wire.MustParseName(n),
				Expires: now.Unix() + end})
	}
	if d, _ := s.Closest(nil, wire.MustParseName("x.a.example"),
		now); d.Zone != wire.MustParseName("a.example") {
		t.Errorf("got %v", d.Zone)
	}
	if d, _ := s.Closest(nil, wire.MustParseName("x.a.example"),
		now.Add(20*time.Second)); d.Zone != wire.MustParseName("example") {
		t.Errorf("got %v, the deeper one has ended", d.Zone)
	}
}

func BenchmarkGet(b *testing.B) {
	s := ofSize(64 << 20)
	var keys []Key
	for i := range 10000 {
		n := name(i)
		keys = append(keys, Key{Name: n, Type: wire.TypeTXT})
		s.PutRRset(keys[i], RRset{Set: set(n, 300, 100)}, now)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			s.LookupRRset(keys[i%len(keys)], now)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	s := ofSize(16 << 20)
	var sets []*wire.RRset
	for i := range 10000 {
		sets = append(sets, set(name(i), 300, 100))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		x := sets[i%len(sets)]
		s.PutRRset(Key{Name: x.Name, Type: x.Type}, RRset{Set: x}, now)
		i++
	}
}
