package clock

import (
	"testing"
	"time"
)

// Between two stamps as much time has passed as the time of day says, or the uptime of the same
// boot if that is more. A time of day that is earlier, after another boot, tells nothing.
func TestStampKnowsHowMuchTimeHasPassed(t *testing.T) {
	then := Stamp{Day: day, Boot: "a", Uptime: time.Hour}
	for _, c := range []struct {
		what   string
		later  Stamp
		passed time.Duration
		known  bool
	}{
		{"the same boot", Stamp{Day: day.Add(time.Minute), Boot: "a",
			Uptime: time.Hour + time.Minute}, time.Minute, true},
		{"the clock was set back", Stamp{Day: day.Add(-time.Minute), Boot: "a",
			Uptime: time.Hour + time.Minute}, time.Minute, true},
		{"it was set forward", Stamp{Day: day.Add(time.Hour), Boot: "a",
			Uptime: time.Hour + time.Minute}, time.Hour, true},
		{"another boot", Stamp{Day: day.Add(time.Minute), Boot: "b"}, time.Minute, true},
		{"another boot, and a clock that is behind", Stamp{Day: day.Add(-time.Minute), Boot: "b",
			Uptime: 9 * time.Hour}, 0, false},
		{"no boot is known", Stamp{Day: day.Add(-time.Minute), Uptime: 9 * time.Hour}, 0, false},
	} {
		passed, known := c.later.Since(then)
		if known != c.known || known && passed != c.passed {
			t.Errorf("%s: %v, %v", c.what, passed, known)
		}
	}
}

// A stamp of the machine's clock is of this boot.
func TestStampOfTheMachine(t *testing.T) {
	a := StampOf(Default())
	if passed, ok := StampOf(Default()).Since(a); !ok || passed > time.Minute {
		t.Errorf("%v, %v", passed, ok)
	}
}
