// The two times: entries end by the one that ages are counted in, signatures by the time of day.

package cache

import "time"

// daytime tells how far the time of day is ahead of the time that ages are counted in. What a
// signature was valid for is never kept beyond its end, as long as both go on alike; where the
// time of day was set forward since, the end has come nearer.
type daytime struct {
	ahead func() time.Duration // nil: signatures are judged by another time than that of the day
}

// left is for how many seconds from now a signature is good that ends at until (RFC 4034, section
// 3.1.5: serial arithmetic); what it says is no bound if until is 0.
func (d *daytime) left(until uint32, now int64) int64 {
	if until == 0 || d.ahead == nil {
		return 1 << 31
	}
	return int64(int32(until - uint32(now+int64(d.ahead()/time.Second))))
}

// bound is when an entry ends that would at expires, and rests on a signature that does at until.
func (d *daytime) bound(expires int64, until uint32, now int64) int64 {
	if until == 0 {
		return expires
	}
	return min(expires, now+d.left(until, now))
}

// FollowDay lets what is secure end with its signatures where the time of day is set forward:
// ahead says how far that is ahead of the time that is passed in as now. Without it entries end
// by their TTL alone. It is called before the store is used.
func (s *Store) FollowDay(ahead func() time.Duration) { s.day.ahead = ahead }

// Past reports whether a signature that ends at until has ended at the time now.
func (s *Store) Past(until uint32, now time.Time) bool { return s.day.left(until, now.Unix()) <= 0 }

// covers reports whether the signatures that an answer rests on are valid for as long as its TTLs
// say.
func (d *daytime) covers(a *Answer, now int64) bool {
	return a.Until == 0 || d.left(a.Until, now) >= a.Stored+int64(a.Life)-now
}
