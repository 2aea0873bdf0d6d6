package cache

import (
	"testing"
	"time"

	"bailiwick/wire"
)

// A change of the bounds of TTLs removes entries that were stored under the old bounds. Bounds that
// are equal remove none.
func TestOtherTTLLimitsForgetWhatIsKept(t *testing.T) {
	s := New(1<<20, TTLLimits{})
	set := &wire.RRset{Name: wire.MustParseName("www.test"), Type: wire.TypeA,
		Class: wire.ClassIN, TTL: 3600}
	set.Data = set.Data.Append([]byte{192, 0, 2, 7})
	k := Key{Name: set.Name, Type: set.Type}
	s.RRsets.Put(k, RRset{Set: set, Expires: time.Now().Unix() + 3600})
	s.SetLimits(TTLLimits{Max: MaxTTL})
	if _, ok := s.RRsets.Get(k); !ok {
		t.Error("the same bounds, and the set is gone")
	}
	s.SetLimits(TTLLimits{Max: time.Minute})
	if _, ok := s.RRsets.Get(k); ok {
		t.Error("the set is kept for longer than a minute")
	}
}
