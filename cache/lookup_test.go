package cache

import (
	"testing"
	"time"
	"unsafe"

	"bailiwick/wire"
)

// An entry is fresh, then ending in the last tenth of its time, then stale until MaxStale has
// passed, then absent. It answers questions until it has ended.
func TestLookupTellsHowFarAnEntryIs(t *testing.T) {
	s := ofSize(16 << 20)
	k := AnswerKey{Name: wire.MustParseName("www.example"), Type: wire.TypeA}
	msg := append(make([]byte, wire.HeaderLen), k.Name.Wire()...)
	at := now.Unix()
	if a, state := s.LookupAnswer(k, at); a != nil || state != None {
		t.Errorf("before: %v, %v", a, state)
	}
	a := NewAnswer(append(msg, 0, 1, 0, 1), k.Name, nil, at, at+100)
	a.Fresh = 90
	s.Answers.Put(k, a)
	stale := int64(DefaultMaxStale / time.Second)
	for _, c := range []struct {
		after int64
		want  State
		good  bool
	}{{0, Fresh, true}, {89, Fresh, true}, {90, Ending, true}, {99, Ending, true},
		{100, Stale, false}, {100 + stale - 1, Stale, false}, {100 + stale, None, false}} {
		if got, state := s.LookupAnswer(k, at+c.after); got != a || state != c.want ||
			state.Good() != c.good {
			t.Errorf("after %d s: %v, state %d", c.after, got, state)
		}
	}
	k.Policy = 1
	if a, state := s.LookupAnswer(k, at); a != nil || state != None {
		t.Errorf("of another policy: %v, %v", a, state)
	}
}

// A prepared answer without its octets fits into one line of the processor's cache.
func TestAnswerFitsALine(t *testing.T) {
	if n := unsafe.Sizeof(Answer{}); n > 64 {
		t.Errorf("%d octets", n)
	}
}

// The same holds for sets and denials; in their last tenth they should be refreshed. If a signature
// ends before the TTL does, they end with it (RFC 4035, section 5.3.3).
func TestLookupTellsHowFarDataAre(t *testing.T) {
	s := ofSize(16 << 20)
	s.FollowDay(func() time.Duration { return 0 })
	k := Key{Name: wire.MustParseName("www.example"), Type: wire.TypeA}
	signed := Key{Name: wire.MustParseName("signed.example"), Type: wire.TypeA}
	set := &wire.RRset{Name: k.Name, Type: k.Type, Class: wire.ClassIN, TTL: 100}
	set.Data = set.Data.Append([]byte{192, 0, 2, 1})
	until := *set
	until.Name, until.Until = signed.Name, uint32(now.Unix()+50)
	s.PutRRset(k, RRset{Set: set}, now)
	s.PutRRset(signed, RRset{Set: &until}, now)
	denied := Key{Name: wire.MustParseName("no.example"), Type: wire.TypeA}
	s.PutNegative(denied, &Negative{}, 100, now)
	for _, c := range []struct {
		after          time.Duration
		plain, limited State
	}{{0, Fresh, Fresh}, {44 * time.Second, Fresh, Fresh}, {45 * time.Second, Fresh, Ending},
		{50 * time.Second, Fresh, Stale}, {89 * time.Second, Fresh, Stale},
		{90 * time.Second, Ending, Stale}, {100 * time.Second, Stale, Stale},
		{100*time.Second + DefaultMaxStale, None, None}} {
		at := now.Add(c.after)
		if _, state := s.LookupRRset(k, at); state != c.plain {
			t.Errorf("a set after %v: state %d", c.after, state)
		}
		if _, state := s.LookupRRset(signed, at); state != c.limited {
			t.Errorf("a signed set after %v: state %d", c.after, state)
		}
		if _, state := s.LookupNegative(denied, at); state != c.plain {
			t.Errorf("a denial after %v: state %d", c.after, state)
		}
	}
}

// Of a denial of the type and one of the name the one that has not ended is found; a denial of
// another type does not answer.
func TestLookupNegativeFindsTheDenialThatIsGood(t *testing.T) {
	s := ofSize(16 << 20)
	name := wire.MustParseName("no.example")
	s.PutNegative(Key{Name: name, Type: wire.TypeA}, &Negative{}, 10, now)
	s.PutNegative(Key{Name: name}, &Negative{NXDomain: true}, 100, now)
	s.PutNegative(Key{Name: wire.MustParseName("b.example")}, &Negative{}, 100, now)
	for _, c := range []struct {
		name     string
		t        wire.Type
		after    time.Duration
		nxdomain bool
		want     State
	}{
		{"no.example", wire.TypeA, 0, false, Fresh},
		{"no.example", wire.TypeA, 20 * time.Second, true, Fresh},
		{"no.example", wire.TypeMX, 0, true, Fresh},
		{"no.example", wire.TypeA, 200 * time.Second, false, Stale},
		{"b.example", wire.TypeA, 0, false, None},
	} {
		k := Key{Name: wire.MustParseName(c.name), Type: c.t}
		n, state := s.LookupNegative(k, now.Add(c.after))
		if state != c.want || n != nil && n.NXDomain != c.nxdomain {
			t.Errorf("%s %v after %v: %+v, state %d", c.name, c.t, c.after, n, state)
		}
	}
}
