package cache

import (
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// A selection forgets what it selects and nothing else: by type, denials alone, or that data were
// bogus; what denies a name denies every type of it.
func TestFlushOnlyForgetsWhatIsSelected(t *testing.T) {
	now := time.Unix(1000, 0)
	name := func(s string) wire.Name {
		n, err := wire.ParseName(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a, b := name("a.example."), name("b.a.example.")
	fill := func() *Store {
		s := New(Default())
		for _, n := range []wire.Name{a, b} {
			for _, typ := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
				s.PutRRset(Key{Name: n, Type: typ}, RRset{Set: &wire.RRset{Name: n, Type: typ,
					Class: wire.ClassIN, TTL: 60}}, now)
			}
			s.PutNegative(Key{Name: n, Type: wire.TypeMX}, &Negative{Zone: a}, 60, now)
			s.PutNegative(Key{Name: n, Type: wire.TypeNone}, &Negative{NXDomain: true, Zone: a},
				60, now)
			s.PutFailure(Key{Name: n, Type: wire.TypeTXT},
				&cause.Failure{Cause: cause.SignatureExpired}, Backoff{}, now)
			s.PutFailure(Key{Name: n, Type: wire.TypeNS}, &cause.Failure{Cause: cause.UplinkDown},
				Backoff{}, now)
		}
		return s
	}
	left := func(s *Store) [3]int {
		return [3]int{s.RRsets.Stats().Entries + s.RRsets.Front().Stats().Entries,
			s.Negatives.Stats().Entries + s.Negatives.Front().Stats().Entries,
			s.Failures.Stats().Entries}
	}
	for _, c := range []struct {
		what string
		of   Selection
		n    int
		want [3]int
	}{
		{"one name's type A", Selection{Name: a, Type: wire.TypeA}, 2, [3]int{3, 3, 4}},
		{"type MX below", Selection{Name: a, Subtree: true, Type: wire.TypeMX}, 4,
			[3]int{4, 0, 4}},
		{"denials of a name", Selection{Name: b, Negative: true}, 2, [3]int{4, 2, 4}},
		{"all denials", Selection{Name: wire.Root, Subtree: true, Negative: true}, 4,
			[3]int{4, 0, 4}},
		{"what was bogus", Selection{Name: wire.Root, Subtree: true, Bogus: true}, 2,
			[3]int{4, 4, 2}},
		{"what was bogus at a name", Selection{Name: a, Bogus: true}, 1, [3]int{4, 4, 3}},
		{"another name", Selection{Name: name("example."), Type: wire.TypeA}, 0,
			[3]int{4, 4, 4}},
	} {
		s := fill()
		before := s.Flushes()
		if n := s.FlushOnly(c.of); n != c.n || left(s) != c.want {
			t.Errorf("%s: %d forgotten, %v left; want %d, %v", c.what, n, left(s), c.n, c.want)
		}
		if s.Flushes() == before {
			t.Errorf("%s: what was asked for before may be stored again", c.what)
		}
	}
}

// An answer that is made of what is forgotten meanwhile is forgotten too, whenever its maker stores
// it: else clients would get it until its TTL ends.
func TestFlushLeavesNoAnswerOfWhatItForgets(t *testing.T) {
	denied := wire.MustParseName("denied.example.")
	k, a := Key{Name: denied, Type: wire.TypeA}, AnswerKey{Name: denied, Type: wire.TypeA}
	msg := make([]byte, 300)
	for what, flush := range map[string]func(*Store){
		"Flush": func(s *Store) { s.Flush(denied, true) },
		"FlushOnly": func(s *Store) {
			s.FlushOnly(Selection{Name: denied, Negative: true})
		},
	} {
		s := New(Default())
		for range 2000 {
			s.PutNegative(k, &Negative{}, 100, now)
			flushed := make(chan struct{})
			go func() {
				defer close(flushed)
				flush(s)
			}()
			for ended := false; !ended; {
				select {
				case <-flushed:
					ended = true
				default:
				}
				flushes := s.Flushes()
				if _, state := s.LookupNegative(k, now); state != Fresh {
					continue
				}
				s.Answers.Put(a, NewAnswer(msg, denied, []int{280}, now.Unix(), now.Unix()+100))
				if s.Flushes() != flushes {
					s.Answers.Remove(a)
				}
			}
			if _, ok := s.Answers.Get(a); ok {
				t.Fatalf("%s: the answer is left", what)
			}
		}
	}
}

// Every set is visited, those in front too, and none of them is held up by the visitor.
func TestEachRRsetVisitsAll(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(Default())
	const sets = 3000
	for i := range sets {
		n, err := wire.ParseName(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) +
			string(rune('a'+i/676)) + ".example.")
		if err != nil {
			t.Fatal(err)
		}
		k := Key{Name: n, Type: wire.TypeA}
		s.PutRRset(k, RRset{Set: &wire.RRset{Name: n, Type: wire.TypeA, Class: wire.ClassIN,
			TTL: 60}}, now)
		if i%3 == 0 {
			for range 50 { // it is in front then, for as long as there is room
				s.RRsets.Get(k)
			}
		}
	}
	if s.RRsets.Front().Stats().Entries == 0 {
		t.Fatal("nothing is in front")
	}
	seen := map[Key]bool{}
	// Nothing is locked meanwhile.
	err := s.EachRRset(now, func(k Key, r RRset) error {
		if r.Set.Name != k.Name || r.Expires != 1060 {
			t.Fatalf("%v: %+v", k, r)
		}
		if seen[k] {
			t.Errorf("%v comes twice", k)
		}
		seen[k] = true
		s.RRsets.Remove(Key{Name: k.Name, Type: wire.TypeMX})
		return nil
	})
	if err != nil || len(seen) != sets {
		t.Errorf("%d of %d, %v", len(seen), sets, err)
	}
}
