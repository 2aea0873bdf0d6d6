// Success rates and error budgets.

package watch

import (
	"slices"
	"time"
)

// bucket is what succeeded and failed in an hour.
type bucket struct {
	Hour      int64 // since 1970
	Good, Bad uint64
}

// series is the last month in buckets, the oldest first. Hours in which nothing was asked have
// none.
type series []bucket

// hourOf returns the number of an hour.
func hourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

// add counts successes and failures. Buckets of the future, of a clock that was wrong, are dropped.
func (s series) add(now time.Time, good, bad uint64) series {
	h := hourOf(now)
	for len(s) > 0 && s[len(s)-1].Hour > h {
		s = s[:len(s)-1]
	}
	if len(s) == 0 || s[len(s)-1].Hour != h {
		s = append(s, bucket{Hour: h})
	}
	last := &s[len(s)-1]
	last.Good, last.Bad = last.Good+good, last.Bad+bad
	return s[max(0, len(s)-maxBuckets):]
}

// Rate is how often something succeeded, and what it may still fail.
type Rate struct {
	Good, Bad uint64
	Objective float64 // in percent
}

// since returns the rate from a time on, at most of the whole window.
func (s series) since(from, now time.Time, objective float64) Rate {
	r := Rate{Objective: objective}
	least := max(hourOf(from), hourOf(now)-int64(maxBuckets)+1)
	for _, b := range s {
		if b.Hour >= least && b.Hour <= hourOf(now) {
			r.Good, r.Bad = r.Good+b.Good, r.Bad+b.Bad
		}
	}
	return r
}

// Success returns the part that succeeded: 1 if there was nothing.
func (r Rate) Success() float64 {
	if r.Good+r.Bad == 0 {
		return 1
	}
	return float64(r.Good) / float64(r.Good+r.Bad)
}

// Left returns the part of the error budget that is left: 1 if nothing failed, 0 if as much as the
// objective allows, negative if more.
func (r Rate) Left() float64 {
	if r.Bad == 0 {
		return 1
	}
	return 1 - 100*float64(r.Bad)/(float64(r.Good+r.Bad)*(100-r.Objective))
}

// valid reports whether buckets are such as add makes.
func (s series) valid() bool {
	return len(s) <= maxBuckets && slices.IsSortedFunc(s, func(a, b bucket) int {
		return int(min(1, max(-1, a.Hour-b.Hour)))
	})
}
