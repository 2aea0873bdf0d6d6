// The two clocks: ages are counted by the store's clock, and signatures end by the time of day.

package cache

import "time"

// daytime tells how far the time of day is ahead of the clock that ages are counted in. An entry
// never outlives its signature as long as both clocks run alike. If the time of day is set forward,
// the signature ends earlier by the store's clock.
type daytime struct {
	ahead func() time.Duration // nil: the time of day is not followed
}

// left returns for how many seconds from now a signature is valid that ends at until (RFC 4034,
// section 3.1.5: serial arithmetic). There is no bound if until is 0.
func (d *daytime) left(until uint32, now int64) int64 {
	if until == 0 || d.ahead == nil {
		return 1 << 31
	}
	return int64(int32(until - uint32(now+int64(d.ahead()/time.Second))))
}

// bound returns when an entry ends: at expires, or when the signature does that it rests on.
func (d *daytime) bound(expires int64, until uint32, now int64) int64 {
	if until == 0 {
		return expires
	}
	return min(expires, now+d.left(until, now))
}

// FollowDay lets secure entries end with their signatures when the time of day is set forward:
// ahead returns how far it is ahead of the time that is passed in as now. Without it entries end by
// their TTL alone. It is called before the store is used.
func (s *Store) FollowDay(ahead func() time.Duration) { s.day.ahead = ahead }

// Past reports whether a signature that ends at until has ended at the time now.
func (s *Store) Past(until uint32, now time.Time) bool { return s.day.left(until, now.Unix()) <= 0 }

// covers reports whether the signatures of an answer are valid for at least as long as its TTLs.
func (d *daytime) covers(a *Answer, now int64) bool {
	return a.Until == 0 || d.left(a.Until, now) >= a.Stored+int64(a.Life)-now
}
