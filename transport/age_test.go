package transport

import (
	"testing"
	"time"
)

// Ages follow the monotonic clock: setting the time of day does not change them.
func TestAgeDoesNotFollowTheTimeOfDay(t *testing.T) {
	now := time.Now()
	if got := age(now.Add(time.Second)) - age(now); got != int64(time.Second) {
		t.Errorf("a second is %d", got)
	}
	if age(now) != int64(now.Sub(started)) || age(now) > int64(time.Hour) {
		t.Errorf("an age is %d: a time of day", age(now))
	}
}
