// Recovery: finding out soon that a zone's servers are back, while clients get stale data.

package resolver

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// recoveries records when the servers of zones that do not reply may be asked again whether they
// are back.
type recoveries struct {
	mu    sync.Mutex
	zones *lru.Cache[wire.Name, recovery] // guarded by mu
}

// recovery is what is known of a zone.
type recovery struct {
	next time.Time // when its servers may be asked again
	back time.Time // when they replied again, by the time that fetches are measured in
}

func newRecoveries() *recoveries {
	zones, _ := lru.New[wire.Name, recovery](maxRecoveries) // fails for a size of 0 only
	return &recoveries{zones: zones}
}

// may reports whether the servers of a zone may be asked, and if so keeps them from being asked
// again before a pause has passed.
func (r *recoveries) may(zone wire.Name, now time.Time, pause time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	z, ok := r.zones.Get(zone)
	if ok && now.Before(z.next) {
		return false
	}
	r.zones.Add(zone, recovery{now.Add(pause), z.back})
	return true
}

// back notes that the servers of a zone are back, and keeps them from being asked for a pause: a
// name may fail for its own reasons.
func (r *recoveries) back(zone wire.Name, now time.Time, pause time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zones.Add(zone, recovery{now.Add(pause), time.Now()})
}

// outdated reports whether a failure is due to the silence of servers that have come back since the
// fetch began.
func (r *recoveries) outdated(f *cause.Failure, began time.Time) bool {
	if !silent(f.Cause) {
		return false
	}
	zone, err := wire.ParseName(f.Zone)
	r.mu.Lock()
	defer r.mu.Unlock()
	z, ok := r.zones.Peek(zone)
	return err == nil && ok && z.back.After(began)
}

// askWhetherBack asks the servers of a zone for its SOA, if a failure is due to their silence: one
// question every few seconds, for all names of the zone, while clients get stale data. When they
// reply, the failures of names for their silence are forgotten. So those names are fresh again
// seconds after the servers' return, although each was tried once in Stale.Retry meanwhile.
func (r *Resolver) askWhetherBack(f *cause.Failure, now time.Time) {
	zone, err := wire.ParseName(f.Zone)
	if err != nil || f.Zone == "" || !silent(f.Cause) ||
		!r.recoveries.may(zone, now, recoveryPause) {
		return
	}
	k := cache.Key{Name: zone, Type: wire.TypeSOA}
	_ = r.fetches.background(k, func(probe *fetch) { // if there are too many it is asked later
		late := time.AfterFunc(recoveryTime, probe.timeout)
		defer late.Stop()
		if _, failed := r.runOf(probe, 0, trail{sink: r.events}).lead(); failed == nil {
			r.back(f)
		}
	})
}

// back takes note that the servers of a zone reply that were silent when a failure happened.
func (r *Resolver) back(f *cause.Failure) {
	zone, err := wire.ParseName(f.Zone)
	if err != nil || !silent(f.Cause) {
		return
	}
	now := r.clock.Now()
	r.recoveries.back(zone, now, r.cfg.Stale.Retry)
	if r.connectivity.mayForgive(now.Unix()) {
		r.memory.forgetFailures(func(x *cause.Failure) bool {
			return x.Zone == f.Zone && silent(x.Cause)
		})
	}
}
