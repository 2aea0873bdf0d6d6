// The earliest time by which signatures are judged.

package config

import (
	"fmt"
	"time"
)

// ClockBuild and clockNone are words for clock.earliest.
const (
	ClockBuild = "build"
	clockNone  = "none"
)

// earliest reads a time, or a word.
func earliest(s string) (string, error) {
	if s == ClockBuild || s == clockNone {
		return s, nil
	}
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return "", fmt.Errorf("%q is neither build, none nor a time such as 2026-01-31T00:00:00Z",
			s)
	}
	return s, nil
}
