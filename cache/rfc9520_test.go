package cache

import (
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
