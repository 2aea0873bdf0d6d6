// Recovery: finding out soon that a zone's servers are back, while clients get stale data.

package resolver

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// recoveries has the zones whose servers are asked whether they are back, and those whose servers
// are.
type recoveries struct {
	mu      sync.Mutex
	watched map[wire.Name]time.Time           // when a client last got stale data; guarded by mu
	zones   *lru.Cache[wire.Name, returnTime] // guarded by mu
}

// returnTime is when the servers of a zone replied again.
type returnTime struct {
	at    time.Time // by the time that fetches are measured in
	clock time.Time // by the clock that failures are remembered by
	// failed reports whether they had failed for the zone's SOA before. If not, only their silence
	// is over: a name that they have an error for may have it for its own reasons.
	failed bool
}

func newRecoveries() *recoveries {
	zones, _ := lru.New[wire.Name, returnTime](maxRecoveries) // fails for a size of 0 only
	return &recoveries{watched: map[wire.Name]time.Time{}, zones: zones}
}

// begin reports whether somebody has to begin to ask the servers of a zone. They are not asked for
// a pause after their return, as a name may fail for its own reasons.
func (r *recoveries) begin(zone wire.Name, now time.Time, pause time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, watched := r.watched[zone]
	if z, ok := r.zones.Get(zone); !watched && ok && now.Before(z.clock.Add(pause)) {
		return false
	}
	if !watched && len(r.watched) >= maxWatchedZones {
		limit.WatchedZones.Met()
		return false
	}
	r.watched[zone] = now
	return !watched
}

// wanted reports whether a client got stale data of a zone since a time.
func (r *recoveries) wanted(zone wire.Name, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watched[zone].After(since)
}

// end takes note that the servers of a zone are not asked any more.
func (r *recoveries) end(zone wire.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watched, zone)
}

// back notes that the servers of a zone are back; failed is [returnTime.failed].
func (r *recoveries) back(zone wire.Name, now time.Time, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zones.Add(zone, returnTime{time.Now(), now, failed})
}

// of returns when the servers came back whose failure has led to another one.
func (r *recoveries) of(f *cause.Failure) (z returnTime, ok bool) {
	zone, why := failingZone(f)
	if why == cause.None {
		return z, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	z, ok = r.zones.Peek(zone)
	return z, ok && (z.failed || silent(why))
}

// outdated reports whether a failure is due to servers that have come back since the fetch began.
func (r *recoveries) outdated(f *cause.Failure, began time.Time) bool {
	z, ok := r.of(f)
	return ok && z.at.After(began)
}

// over reports whether a failure that happened in the second at is due to servers that have come
// back since. Thousands of names may have failed when a zone is back, so each failure is compared
// when it is looked up, and none is searched for.
func (r *recoveries) over(f *cause.Failure, at int64) bool {
	z, ok := r.of(f)
	return ok && z.clock.Unix() >= at
}

// failingZone returns the zone none of whose servers was of use, and why, if that has led to a
// failure: by itself, or because an address, a key or time was missing for that. Else the cause is
// None.
func failingZone(f *cause.Failure) (zone wire.Name, why cause.Cause) {
	for ; f != nil; f = f.Under {
		switch {
		case f.Zone == "":
		case silent(f.Cause), f.Cause == cause.ServerRefused, f.Cause == cause.ServerFailed,
			f.Cause == cause.Lame:
			if zone, err := wire.ParseName(f.Zone); err == nil {
				return zone, f.Cause
			}
		}
	}
	return zone, cause.None
}

// askWhetherBack has the servers of a zone be asked for its SOA, if a failure is theirs: one
// question at a time for all names of the zone, with pauses of recoveryPause at most, while clients
// get stale data of it. When they reply, the failures of its names are over. So these are fresh
// again within seconds of the servers' return, although each is tried once in Stale.Retry. Unbound,
// BIND and Knot Resolver have no such question: there a name is stale until its own pause ends.
func (r *Resolver) askWhetherBack(f *cause.Failure, now time.Time) {
	zone, why := failingZone(f)
	if why == cause.None || !r.memory.recoveries.begin(zone, now, r.cfg.Stale.Retry) {
		return
	}
	if !r.fetches.alone(guard.Fetch, func() { r.watchZone(zone) }) {
		r.memory.recoveries.end(zone)
	}
}

// watchZone asks the servers of a zone until they reply, or no client has wanted stale data for
// Stale.Retry.
func (r *Resolver) watchZone(zone wire.Name) {
	all := r.memory.recoveries
	defer all.end(zone)
	pause, failed := recoveryFirst, false
	for r.fetches.ctx.Err() == nil && all.wanted(zone, r.clock.Now().Add(-r.cfg.Stale.Retry)) {
		ctx, cancel := context.WithTimeout(r.fetches.ctx, recoveryTime)
		f := r.fresh(ctx, wire.Question{Name: zone, Type: wire.TypeSOA, Class: wire.ClassIN})
		cancel()
		if f == nil {
			all.back(zone, r.clock.Now(), failed)
			return
		}
		failed = true
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.fetches.ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, recoveryPause)
	}
}

// back takes note that the servers of a zone reply that had led to a failure.
func (r *Resolver) back(f *cause.Failure) {
	if zone, why := failingZone(f); why != cause.None {
		r.memory.recoveries.back(zone, r.clock.Now(), false)
	}
}
