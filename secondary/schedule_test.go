package secondary

import (
	"testing"
	"time"

	"bailiwick/wire"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The root's timers, and those that nobody means, lead to these times.
func TestSOATimersWithinBounds(t *testing.T) {
	for what, c := range map[string]struct {
		soa                    wire.SOA
		refresh, retry, expire time.Duration
	}{
		"the root's": {wire.SOA{Refresh: 1800, Retry: 900, Expire: 604800},
			30 * time.Minute, 15 * time.Minute, 7 * 24 * time.Hour},
		"too short": {wire.SOA{Refresh: 1, Retry: 0, Expire: 5},
			minRefresh, minRetry, 5 * time.Second},
		"much longer": {wire.SOA{Refresh: 1 << 31, Retry: 1 << 31, Expire: 1<<32 - 1},
			maxWait, maxWait, (1<<32 - 1) * time.Second},
	} {
		s := schedule{}.succeeded(day, c.soa, 0)
		if got := s.next.Sub(day); got != c.refresh {
			t.Errorf("%s: checked after %v", what, got)
		}
		if got := s.failed(day).next.Sub(day); got != c.retry {
			t.Errorf("%s: retried after %v", what, got)
		}
		if !s.usable(day.Add(c.expire-1)) || s.usable(day.Add(c.expire)) {
			t.Errorf("%s: expires %v", what, s.expires.Sub(day))
		}
	}
}

// Servers that were started together do not ask together, and none asks late.
func TestChecksAreSpread(t *testing.T) {
	soa := wire.SOA{Refresh: 1000, Expire: 10000}
	first, last := schedule{}.succeeded(day, soa, 99), schedule{}.succeeded(day, soa, 0)
	if d := last.next.Sub(first.next); d < 90*time.Second || d > 100*time.Second {
		t.Errorf("spread over %v", d)
	}
	first, last = schedule{}.loaded(day, soa, 0, 99), schedule{}.loaded(day, soa, 0, 0)
	if d := last.next.Sub(first.next); d < 4*time.Second || last.next.Sub(day) > loadedPause {
		t.Errorf("after a start: spread over %v", d)
	}
}

// Without a copy the pauses grow; with one they are those of the zone.
func TestPausesAfterFailures(t *testing.T) {
	s, now := schedule{}, day
	for i, want := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 600, 600} {
		s = s.failed(now)
		if got := s.next.Sub(now); got != want*time.Second {
			t.Errorf("failure %d: %v", i+1, got)
		}
		now = s.next
	}
}

// Serials are compared as a circle (RFC 1982, section 3.2).
func TestRFC1982SerialsGoRound(t *testing.T) {
	for _, c := range []struct {
		a, b uint32
		want bool
	}{{2, 1, true}, {1, 2, false}, {1, 1, false}, {0, 1<<32 - 1, true}, {1<<32 - 1, 0, false},
		{1 << 31, 1, true}} {
		if newer(c.a, c.b) != c.want {
			t.Errorf("%d after %d: %v", c.a, c.b, !c.want)
		}
	}
}
