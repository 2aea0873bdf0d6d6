package transport

import (
	"crypto/x509"
	"testing"
	"time"
)

// A certificate is told of a week before its end; one that lives for days only (as
// letsencrypt's of 160 hours do) in the last third of its life, and not always.
func TestEndsSoonIsAWeekOrAThird(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	for _, c := range []struct {
		lived, left time.Duration
		want        bool
	}{
		{80 * day, 8 * day, false}, {80 * day, 6 * day, true},
		{day, 5 * day, false}, {3 * day, 3 * day, false}, {5 * day, day, true},
		{80 * day, -day, true},
	} {
		one := &x509.Certificate{NotBefore: now.Add(-c.lived), NotAfter: now.Add(c.left)}
		if got := EndsSoon(one, now, 7*day); got != c.want {
			t.Errorf("after %v, with %v left: %v", c.lived, c.left, got)
		}
	}
}
