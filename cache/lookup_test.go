package cache

import (
	"testing"
	"time"
	"unsafe"

	"bailiwick/wire"
)

// An entry is fresh, then ending in the last part of its time, then stale as long as MaxStale, then
// nothing; what is good is what has not ended.
func TestLookupTellsHowFarAnEntryIs(t *testing.T) {
	s := New(16<<20, TTLLimits{})
	k := AnswerKey{Name: wire.MustParseName("www.example"), Type: wire.TypeA}
	msg := append(make([]byte, wire.HeaderLen), k.Name.Wire()...)
	at := now.Unix()
	if a, state := s.LookupAnswer(k, at); a != nil || state != None {
		t.Errorf("before: %v, %v", a, state)
	}
	a := NewAnswer(append(msg, 0, 1, 0, 1), k.Name, nil, at, at+100)
	a.Fresh = 90
	s.Answers.Put(k, a)
	stale := int64(MaxStale / time.Second)
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

// A line of the processor's cache holds a prepared answer, but for its octets.
func TestAnswerFitsALine(t *testing.T) {
	if n := unsafe.Sizeof(Answer{}); n > 64 {
		t.Errorf("%d octets", n)
	}
}
