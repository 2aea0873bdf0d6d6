// What is said of this machine's time of day.

package main

import (
	"context"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/resolver"
)

// clockInterval is how often the clock is looked at.
const clockInterval = time.Second

// stepped is by how much the time of day has to be set for what has failed to be tried again:
// signatures are judged with less than that to spare.
const stepped = time.Minute

// clockTexts are what people read of a clock that is wrong.
var clockTexts = map[resolver.ClockState]string{
	resolver.ClockUnset: "this machine's clock shows a time before this program was built; " +
		"signatures are judged at that time (clock.earliest)",
	resolver.ClockBehind: "by this machine's clock the root's signatures all begin in the future",
	resolver.ClockAhead:  "by this machine's clock the root's signatures have all expired",
}

// keepClock tells the log and /readyz what is known of the clock, at the start and whenever it
// changes, until ctx ends. When the time of day is set, what has failed is tried again.
func (r *running) keepClock(ctx context.Context) {
	said, ahead := resolver.ClockUnknown, r.clock.Ahead()
	for more := true; more; more = r.rest.Wait(ctx, clockInterval, nil) {
		res := r.now().resolver
		if now := r.clock.Now(); (r.clock.Ahead() - ahead).Abs() >= stepped {
			by := r.clock.Ahead() - ahead
			ahead = r.clock.Ahead()
			r.log.Warn("the time of day was set", "by", by.Round(time.Second).String(), "time",
				now.Add(ahead).UTC().Format(time.RFC3339))
			res.ClockSet()
		}
		if is := res.ClockState(); is != said {
			r.sayClock(said, is)
			said = is
		}
	}
}

// sayClock tells of a change in what is known of the clock.
func (r *running) sayClock(was, is resolver.ClockState) {
	r.console.Warn("clock", clockTexts[is])
	time := clock.Wall(r.clock).UTC().Format(time.RFC3339)
	switch {
	case is.Wrong():
		r.log.Warn("the clock is wrong", "state", is.String(), "detail", clockTexts[is], "time",
			time, "hint", "set the clock; clock.time_servers has names that resolve meanwhile")
	case was.Wrong():
		r.log.Info("the clock is right", "time", time)
	}
}
