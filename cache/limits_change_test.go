package cache

import (
	"testing"
	"time"

	"bailiwick/wire"
)

// A change of the bounds of TTLs removes entries that were stored under the old bounds. Bounds that
// are equal remove none.
func TestOtherTTLLimitsForgetWhatIsKept(t *testing.T) {
	s := ofSize(1 << 20)
	set := &wire.RRset{Name: wire.MustParseName("www.test"), Type: wire.TypeA,
		Class: wire.ClassIN, TTL: 3600}
	set.Data = set.Data.Append([]byte{192, 0, 2, 7})
	k := Key{Name: set.Name, Type: set.Type}
	s.RRsets.Put(k, RRset{Set: set, Expires: time.Now().Unix() + 3600})
	s.SetLimits(Default().TTLLimits)
	if _, ok := s.RRsets.Get(k); !ok {
		t.Error("the same bounds, and the set is gone")
	}
	s.SetLimits(TTLLimits{Max: time.Minute})
	if _, ok := s.RRsets.Get(k); ok {
		t.Error("the set is kept for longer than a minute")
	}
}

// A bound of 0 is a bound: entries with a TTL of 0 are not kept.
func TestTTLLimitOfZeroKeepsNothing(t *testing.T) {
	s := New(Config{Memory: MinMemory})
	if ttl := s.ClampTTL(3600, 0, time.Now()); ttl != 0 {
		t.Errorf("data are kept for %d seconds", ttl)
	}
	if ttl := s.ClampNegativeTTL(3600, 0, time.Now()); ttl != 0 {
		t.Errorf("denials are kept for %d seconds", ttl)
	}
}
