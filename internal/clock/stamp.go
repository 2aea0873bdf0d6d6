package clock

import "time"

// Stamp is a moment by all clocks that a later process may have as well.
type Stamp struct {
	Age    time.Time     // in which ages are counted; another process counts from elsewhere
	Day    time.Time     // the time of day
	Boot   string        // names the time since the machine was started; "" if unknown
	Uptime time.Duration // in that time
}

// StampOf returns the present moment.
func StampOf(c Clock) Stamp {
	s := Stamp{Age: c.Now(), Day: Wall(c), Boot: BootID()}
	var ok bool
	if s.Uptime, ok = uptime(); !ok {
		s.Boot = ""
	}
	return s
}

// Since returns how much time has passed since an earlier stamp, perhaps of another process: by the
// time of day, or by the machine's uptime if that says more. It is not known, and ok is false, if
// the time of day is earlier than it was then: it was set.
func (s Stamp) Since(earlier Stamp) (passed time.Duration, ok bool) {
	passed = s.Day.Sub(earlier.Day)
	if s.Boot != "" && s.Boot == earlier.Boot {
		if up := s.Uptime - earlier.Uptime; passed < 0 || up > passed {
			passed = up
		}
	}
	return passed, passed >= 0
}
