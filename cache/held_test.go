package cache

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// heap returns the live heap, in bytes.
func heap() int {
	var m runtime.MemStats
	for range 3 { // objects in pools are freed by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// ownName returns a name in memory of its own.
func ownName(format string, args ...any) wire.Name {
	return wire.MustParseName(fmt.Sprintf(format, args...))
}

// unpacked returns a value as the packed caches decode it, in memory of its own.
func unpacked[K comparable, V any](c memcache.Codec[K, V], k K, v V) V {
	out, ok := c.Parse(k, c.Append(nil, k, v))
	if !ok {
		panic("it cannot be read")
	}
	return out
}

// An entry is counted with the memory that it holds. A cache takes no more memory than its share,
// whatever peers and clients fill it with, and not much less, as that would waste the share.
func TestCountedIsHeld(t *testing.T) {
	const n = 4000
	long := strings.Repeat("long-label-number-", 3)
	signed := func(name wire.Name, t wire.Type, data, sigs int) *wire.RRset {
		s := &wire.RRset{Name: name, Type: t, Class: wire.ClassIN, TTL: 60, Security: wire.Secure}
		s.Data = s.Data.Append(make([]byte, data))
		s.Sigs = s.Sigs.Append(make([]byte, sigs))
		return s
	}
	failure := func(i, deep, detail int) *cause.Failure {
		f := &cause.Failure{Cause: cause.Timeout, Zone: fmt.Sprintf("zone%d.example.", i),
			Server: fmt.Sprintf("192.0.2.1:%d", 10000+i),
			Detail: strings.Repeat("x", detail) + fmt.Sprint(i)}
		for range deep {
			f = &cause.Failure{Cause: cause.KeyMissing, Zone: fmt.Sprintf("upper%d.example.", i),
				Detail: strings.Repeat("y", detail) + fmt.Sprint(i), Under: f}
		}
		return f
	}
	failures := func(deep, detail int) func() func() memcache.Stats {
		return func() func() memcache.Stats {
			s := ofSize(1 << 30)
			for i := range n {
				s.PutFailure(Key{Name: ownName("%s%d.example", long, i), Type: wire.TypeA},
					failure(i, deep, detail), Backoff{FailureTTL, FailureMaxTTL}, now)
			}
			return s.Failures.Stats
		}
	}
	answers := func(size, options int) func() func() memcache.Stats {
		return func() func() memcache.Stats {
			s := ofSize(1 << 30)
			for i := range n {
				name := ownName("%s%d.example", long, i)
				msg := append(make([]byte, wire.HeaderLen), name.Wire()...)
				a := NewAnswer(append(msg, make([]byte, size)...), name, []int{80, 90}, 0, 1)
				if options > 0 {
					a.Beside = &AnswerBeside{Options: make([]byte, options)}
				}
				s.Answers.Put(AnswerKey{Name: name, Type: wire.TypeA}, a)
			}
			return s.Answers.Stats
		}
	}
	front := func(put func(*Store, int)) func() func() memcache.Stats {
		return func() func() memcache.Stats {
			s := ofSize(1 << 30)
			for i := range n {
				put(s, i)
			}
			return func() memcache.Stats {
				return memcache.Stats{Bytes: s.RRsets.Front().Stats().Bytes +
					s.Negatives.Front().Stats().Bytes +
					s.Delegations.Front().Stats().Bytes}
			}
		}
	}
	for what, fill := range map[string]func() func() memcache.Stats{
		"failures":             failures(0, 20),
		"failures, long":       failures(0, 500),
		"failures, deep":       failures(6, 20),
		"failures, deep, long": failures(6, 500),
		"answers":              answers(40, 0),
		"answers, long":        answers(1000, 0),
		"answers with options": answers(40, 200),
		"sets": front(func(s *Store, i int) {
			k := Key{Name: ownName("%s%d.example", long, i), Type: wire.TypeA}
			s.RRsets.Front().Put(k, unpacked(rrsetCodec, k,
				RRset{Set: signed(k.Name, k.Type, 4, 100)}))
		}),
		"sets with proofs and a failure": front(func(s *Store, i int) {
			k := Key{Name: ownName("%s%d.example", long, i), Type: wire.TypeA}
			proof := signed(ownName("%sp%d.example", long, i), wire.TypeNSEC, 60, 100)
			beside := &Beside{Failure: failure(i, 2, 100), Proofs: []*wire.RRset{proof, proof}}
			set := RRset{Set: signed(k.Name, k.Type, 4, 100), Beside: beside}
			s.RRsets.Front().Put(k, unpacked(rrsetCodec, k, set))
		}),
		"denials": front(func(s *Store, i int) {
			k := Key{Name: ownName("%s%d.example", long, i), Type: wire.TypeA}
			s.Negatives.Front().Put(k,
				unpacked(negativeCodec, k, &Negative{Zone: zone,
					SOA: signed(zone, wire.TypeSOA, 60, 100)}))
		}),
		"denials with proofs and a failure": front(func(s *Store, i int) {
			k := Key{Name: ownName("%s%d.example", long, i), Type: wire.TypeA}
			proof := signed(ownName("%sp%d.example", long, i), wire.TypeNSEC, 60, 100)
			n := &Negative{Zone: ownName("%s%d.test", long, i), Failure: failure(i, 2, 100),
				SOA: signed(zone, wire.TypeSOA, 60, 100), Proofs: []*wire.RRset{proof, proof}}
			s.Negatives.Front().Put(k, unpacked(negativeCodec, k, n))
		}),
		"delegations": front(func(s *Store, i int) {
			zone := ownName("%s%d.example", long, i)
			d := &Delegation{Zone: zone}
			for j := range 4 {
				d.Servers = append(d.Servers, NameServer{Name: ownName("ns%d.%s%d.test", j, long,
					i),
					Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"),
						netip.MustParseAddr("2001:db8::1")}})
			}
			s.Delegations.Front().Put(ZoneKey{Name: zone},
				unpacked(delegationCodec, ZoneKey{Name: zone}, d))
		}),
		"zones with one span": func() func() memcache.Stats {
			s := ofSize(1 << 30)
			for i := range n {
				z := ownName("%s%d.example", long, i)
				s.Denials.Put(ZoneKey{Name: z}, []*wire.RRset{signed(z, wire.TypeSOA, 60, 100),
					nsec(z.String(), "b."+z.String())}, now)
			}
			return s.Denials.Stats
		},
		"spans of a zone": func() func() memcache.Stats {
			s := ofSize(1 << 30)
			for i := range n {
				s.Denials.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(),
					nsec(fmt.Sprintf("n%06d.example", i), fmt.Sprintf("n%06da.example", i))}, now)
			}
			return s.Denials.Stats
		},
		"spans with prepared answers": func() func() memcache.Stats {
			s := ofSize(1 << 30)
			for i := range n {
				proof := nsec(fmt.Sprintf("n%06d.example", i), fmt.Sprintf("n%06db.example", i))
				s.Denials.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), proof}, now)
				for v := range variants {
					prepare(s.Denials, ownName("n%06da.example", i), v, []*wire.RRset{proof},
						func(e wire.Name) *Answer {
							a := NewAnswer(append(append(make([]byte, wire.HeaderLen), e.Wire()...),
								make([]byte, 300)...), e, []int{40, 60}, 0, 1<<40)
							a.Beside = &AnswerBeside{Pointers: NewOffsets([]int{30, 50, 80})}
							return a
						})
				}
			}
			return s.Denials.Stats
		},
	} {
		before := heap()
		stats := fill()
		held := heap() - before - emptyStore(t)
		counted := stats().Bytes
		t.Logf("%-36s %6d counted, %6d held, %.2f", what, counted/n, held/n,
			float64(held)/float64(counted))
		if held > counted+counted/10 || held < counted/2 {
			t.Errorf("%s: %d octets an entry are counted, %d held", what, counted/n, held/n)
		}
	}
}

// emptyStore returns the memory of an empty store, in bytes.
func emptyStore(t *testing.T) int {
	t.Helper()
	before := heap()
	s := ofSize(1 << 30)
	n := heap() - before
	runtime.KeepAlive(s)
	return n
}
