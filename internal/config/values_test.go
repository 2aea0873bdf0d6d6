package config

import (
	"testing"
	"time"
)

// A duration that is longer than can be counted is refused, and does not become another one.
func TestDurationsThatAreTooLong(t *testing.T) {
	for text, want := range map[string]time.Duration{"7": 7 * time.Second, "2d": 48 * time.Hour,
		"1w": 168 * time.Hour, "1h30m": 90 * time.Minute, "15250w": 15250 * 168 * time.Hour,
		"15251w": -1, "2000000000w": -1, "9999999999d": -1, "99999999999999999999": -1,
		"9223372037": -1, "-1d": -1, "1.5d": -1, "d": -1, "": -1} {
		if got, err := ParseDuration(text); err != nil && want != -1 || err == nil && got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}
