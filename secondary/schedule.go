// When a zone is checked, and until when its copy may be used: a pure value.
//
//	              load, success                      expire
//	nothing ------------------------> usable -----------------------> expired
//	  |  ^                             |  ^  |                          |  |
//	  +--+ failure: firstRetry,        |  |  | failure: retry           |  | failure: retry
//	       doubled up to lastRetry     |  +--+                          +--+
//	                                   | success: refresh, expire anew
//	                                   +--<--------- success ------------+
//
// NOTIFY and the operator's command bring the next check forward and change nothing else.

package secondary

import (
	"time"

	"bailiwick/wire"
)

// schedule is the state of a zone. All times are those that ages are counted in.
type schedule struct {
	has       bool // there is a copy, usable or expired
	timers    wire.SOA
	expires   time.Time
	confirmed time.Time // when a source had no newer zone
	checked   time.Time // when the last check began
	next      time.Time // when the next check is due
	failures  int       // in a row
}

// seconds returns a timer of a SOA record within bounds.
func seconds(n uint32, least, most time.Duration) time.Duration {
	return max(least, min(most, time.Duration(n)*time.Second))
}

// succeeded returns the state after a source has confirmed the copy, or given a new one. early is a
// number from 0 to 99: the next check comes up to a tenth earlier, so that not all servers that
// were started together ask together.
func (s schedule) succeeded(now time.Time, soa wire.SOA, early int) schedule {
	s.has, s.timers, s.confirmed, s.failures = true, soa, now, 0
	s.expires = now.Add(time.Duration(soa.Expire) * time.Second)
	refresh := seconds(soa.Refresh, minRefresh, maxWait)
	s.next = now.Add(refresh - refresh*time.Duration(early)/1000)
	return s
}

// loaded returns the state with a copy that was confirmed some time ago, as the disk has it. It is
// checked soon: not at once, so that not all servers that were started together ask together, and
// that names of primaries can be looked up then.
func (s schedule) loaded(now time.Time, soa wire.SOA, age time.Duration, early int) schedule {
	s = s.succeeded(now.Add(-age), soa, 0)
	s.next = now.Add(loadedPause - loadedPause*time.Duration(early)/200)
	return s
}

// failed returns the state after a check in which no source was of use.
func (s schedule) failed(now time.Time) schedule {
	s.failures++
	pause := min(lastRetry, firstRetry<<min(s.failures-1, 10))
	if s.has {
		pause = seconds(s.timers.Retry, minRetry, maxWait)
	}
	s.next = now.Add(pause)
	return s
}

// notified returns the state after a hint that there may be a newer zone.
func (s schedule) notified(now time.Time) schedule {
	soon := now
	if again := s.checked.Add(notifyPause); again.After(now) {
		soon = again
	}
	if soon.Before(s.next) {
		s.next = soon
	}
	return s
}

// usable reports whether the copy may be used (RFC 1034, section 4.3.5; RFC 8806, section 2).
func (s schedule) usable(now time.Time) bool { return s.has && now.Before(s.expires) }

// newer reports whether a serial is after another one (RFC 1982, section 3.2).
func newer(a, b uint32) bool { return int32(a-b) > 0 }
