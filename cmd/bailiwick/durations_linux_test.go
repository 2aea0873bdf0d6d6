package main

import (
	"testing"
	"time"
)

// Commands take each duration that the configuration takes (docs/configuration.md): days, weeks,
// and seconds without a unit.
func TestCommandsTakeDurationsOfTheConfiguration(t *testing.T) {
	s := reloadable(t, plain)
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "1w": 7 * 24 * time.Hour,
		"3600": time.Hour, "36h": 36 * time.Hour} {
		for command, field := range map[string]string{"nta add": "until", "maintenance add": "to"} {
			before := time.Now()
			r, err := s.ctl(command, "zone", "expired.faulty", "for", text)
			if err != nil {
				t.Errorf("%s %s: %v", command, text, err)
				continue
			}
			end, err := time.Parse(time.RFC3339, r.Fields[field].(string))
			if long := end.Sub(before); err != nil || (long-want).Abs() > time.Minute {
				t.Errorf("%s %s: it ends %v, %v", command, text, end, err)
			}
		}
	}
}
