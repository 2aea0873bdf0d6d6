package cache

import (
	"fmt"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// A failure that goes on keeps the time at which it began, as it is asked for after the fact. One
// for another cause begins anew, and so does one after the old has been over for a while.
func TestRFC9520FailureKeepsItsFirstTime(t *testing.T) {
	s := New(Default())
	k := Key{Name: wire.MustParseName("www.example"), Type: wire.TypeA}
	b := Backoff{FailureTTL, FailureMaxTTL}
	began := time.Unix(100_000, 0)
	for _, c := range []struct {
		after time.Duration
		cause cause.Cause
		first time.Duration
	}{
		{0, cause.Timeout, 0},
		{time.Minute, cause.Timeout, 0},
		{2 * time.Minute, cause.SignatureExpired, 2 * time.Minute},
		{3 * time.Minute, cause.SignatureExpired, 2 * time.Minute},
		{time.Hour, cause.SignatureExpired, time.Hour},
	} {
		s.PutFailure(k, &cause.Failure{Cause: c.cause}, b, began.Add(c.after))
		f, ok := s.LastFailure(k)
		if !ok || f.First != began.Add(c.first).Unix() || f.At != began.Add(c.after).Unix() {
			t.Errorf("after %s: %+v", c.after, f)
		}
	}
}

// TestRFC9520AMillionFailuresAreBounded: failures take no more than their share of the memory,
// however many names fail, and those of later names are the ones that are kept.
func TestRFC9520AMillionFailuresAreBounded(t *testing.T) {
	c := Default()
	s := New(c)
	now := time.Unix(100_000, 0)
	var last Key
	for i := range 1_000_000 {
		last = Key{Name: wire.MustParseName(fmt.Sprintf("n%d.example.", i)), Type: wire.TypeA}
		s.PutFailure(last, &cause.Failure{Cause: cause.Timeout, Zone: "example."},
			Backoff{FailureTTL, FailureMaxTTL}, now)
	}
	held := s.Failures.Stats()
	if most := share(c.Memory, shareFailures); held.Bytes > most || held.Entries == 1_000_000 {
		t.Errorf("%d failures in %d bytes, of %d", held.Entries, held.Bytes, most)
	}
	if _, ok := s.GetFailure(last, now); !ok {
		t.Error("the last failure is not remembered")
	}
}
